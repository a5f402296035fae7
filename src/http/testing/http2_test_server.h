#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/http2_session.h"
#include "http/testing/http2_test_client.h"

namespace insula::http {

// Types and flags of frames, and codes of errors. Spec: RFC 9113 sections 6 and 7.
inline constexpr int kData = 0;
inline constexpr int kHeaders = 1;
inline constexpr int kPriority = 2;
inline constexpr int kRstStream = 3;
inline constexpr int kSettings = 4;
inline constexpr int kPushPromise = 5;
inline constexpr int kPing = 6;
inline constexpr int kGoaway = 7;
inline constexpr int kWindowUpdate = 8;
inline constexpr int kContinuation = 9;
inline constexpr int kEndStream = 1;
inline constexpr int kAck = 1;
inline constexpr int kEndHeaders = 4;
inline constexpr int kPadded = 8;
inline constexpr int kHasPriority = 32;
inline constexpr std::uint32_t kProtocolError = 1;
inline constexpr std::uint32_t kFlowControlError = 3;
inline constexpr std::uint32_t kStreamClosed = 5;
inline constexpr std::uint32_t kFrameSizeError = 6;
inline constexpr std::uint32_t kRefused = 7;
inline constexpr std::uint32_t kCancel = 8;
inline constexpr std::uint32_t kCompressionError = 9;
inline constexpr std::uint32_t kCalm = 11;

/// A server that notes what it is asked and answers what it is told.
class Http2TestServer final : public Http2Handler {
 public:
  struct Stream final : Http2StreamHandler {
    StreamId id = 0;
    Http2Head head;
    bool ended = false;
    bool closed = false;
    std::string body;
    std::size_t untaken = 0;
    std::string reply;
    bool last = false;

    void on_body(std::string_view piece) override {
      body.append(piece);
      untaken += piece.size();
    }

    void on_body_end() override { ended = true; }

    Http2Piece read(std::span<char> into) override {
      const std::size_t size = std::min(into.size(), reply.size());
      std::ranges::copy_n(reply.begin(), static_cast<std::ptrdiff_t>(size), into.begin());
      reply.erase(0, size);
      return {.bytes = size, .last = last && reply.empty()};
    }

    void on_close() override { closed = true; }
  };

  Http2StreamHandler* on_request(StreamId id, Http2Head head, bool ended) override {
    if (refuses) return nullptr;
    auto stream = std::make_unique<Stream>();
    stream->id = id;
    stream->head = std::move(head);
    stream->ended = ended;
    streams.push_back(std::move(stream));
    return streams.back().get();
  }

  bool refuses = false;
  std::vector<std::unique_ptr<Stream>> streams;
};

/// What a session says, frame by frame.
class Http2Frames {
 public:
  struct Frame {
    int type = 0;
    int flags = 0;
    StreamId id = 0;
    std::string_view payload;

    /// A number in the payload.
    [[nodiscard]] std::uint32_t number(std::size_t at) const { return read(payload, at, 4); }
  };

  /// Requires: `bytes` outlives it.
  explicit Http2Frames(std::string_view bytes) {
    constexpr std::size_t kHead = 9;
    while (bytes.size() >= kHead) {
      const std::size_t size = read(bytes, 0, 3);
      frames_.push_back({.type = bytes[3],
                         .flags = bytes[4],
                         .id = static_cast<StreamId>(read(bytes, 5, 4)),
                         .payload = bytes.substr(kHead, size)});
      bytes.remove_prefix(std::min(bytes.size(), kHead + size));
    }
  }

  [[nodiscard]] std::size_t count(int type) const {
    return static_cast<std::size_t>(std::ranges::count(frames_, type, &Frame::type));
  }

  /// The error code of the GOAWAY; 0 when there is none.
  [[nodiscard]] std::uint32_t goaway() const {
    const auto found = std::ranges::find(frames_, kGoaway, &Frame::type);
    return found == frames_.end() ? 0 : found->number(4);
  }

  /// The error code of a stream's RST_STREAM; 0 when there is none.
  [[nodiscard]] std::uint32_t reset(StreamId id) const {
    for (const Frame& frame : frames_) {
      if (frame.type == kRstStream && frame.id == id) return frame.number(0);
    }
    return 0;
  }

 private:
  static std::uint32_t read(std::string_view bytes, std::size_t at, std::size_t size) {
    std::uint32_t value = 0;
    for (const char c : bytes.substr(at, size))
      value = value << 8U | static_cast<unsigned char>(c);
    return value;
  }

  std::vector<Frame> frames_;
};

/// A session whose client writes raw frames.
class RawHttp2 {
 public:
  explicit RawHttp2(const Http2Limits& limits = {}) : session(server, limits) {
    greeted_ = session.receive(http2_hello());
  }

  /// The session's word on frames after the client's hello.
  Result<> feed(std::string_view frames) { return greeted_ ? session.receive(frames) : greeted_; }

  /// All that it has to say.
  std::string drain() {
    std::string all;
    for (auto out = session.output(); !out.empty(); out = session.output())
      all.append(out);
    return all;
  }

  Http2TestServer server;
  Http2Session session;

 private:
  Result<> greeted_;
};

/// A block of fields, none of them indexed.
[[nodiscard]] inline std::string http2_block(const Http2TestClient::Fields& fields) {
  std::string block;
  for (const auto& [name, value] : fields)
    block += http2_literal(name, value);
  return block;
}

/// Four bytes in network order.
[[nodiscard]] inline std::string http2_number(std::uint32_t number) {
  std::string bytes;
  for (const unsigned shift : {24U, 16U, 8U, 0U})
    bytes += static_cast<char>(number >> shift);
  return bytes;
}

/// One setting of a SETTINGS frame.
[[nodiscard]] inline std::string http2_setting(int id, std::uint32_t value) {
  return std::string{'\0', static_cast<char>(id)} + http2_number(value);
}

}  // namespace insula::http
