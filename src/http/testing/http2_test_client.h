#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/http2_session.h"

namespace insula::http {

/// The client's half of an HTTP/2 connection for tests, without I/O.
class Http2TestClient {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  /// What has come for one stream.
  struct Reply {
    int status = 0;
    Fields fields;
    std::string body;
    bool ended = false;  // as a whole
    /// Why the stream was closed, once it is.
    std::optional<std::uint32_t> closed;
    bool continued = false;  // 100 Continue came first

    [[nodiscard]] std::string_view field(std::string_view name) const;
  };

  struct Options {
    std::uint32_t stream_window = 65'535;
    /// Whether what is read makes room for more.
    bool reads = true;
  };

  Http2TestClient() : Http2TestClient(Options{}) {}

  explicit Http2TestClient(const Options& options);
  Http2TestClient(const Http2TestClient&) = delete;
  Http2TestClient& operator=(const Http2TestClient&) = delete;
  ~Http2TestClient();

  /// Begins a request; with a body, if it is given one. `open`: more of the body follows by send().
  StreamId submit(const Fields& fields, std::string body = {}, bool open = false);

  void send(StreamId id, std::string_view piece, bool last);
  void reset(StreamId id, std::uint32_t code = 8);

  /// What it has to say.
  [[nodiscard]] std::string output();

  /// Takes what the server says. False when that breaks the protocol.
  bool receive(std::string_view bytes);

  [[nodiscard]] const Reply& reply(StreamId id) { return streams_[id].reply; }

  /// Error code of the last GOAWAY.
  [[nodiscard]] std::optional<std::uint32_t> goaway() const { return goaway_; }

  /// Bytes of the request's body that the server's window has not let pass.
  [[nodiscard]] std::size_t unsent(StreamId id) { return streams_[id].unsent.size(); }

 private:
  struct Callbacks;

  struct Stream {
    std::string unsent;
    bool last = false;
    Reply reply;
  };

  void* session_ = nullptr;  // nghttp2_session
  bool reads_;
  std::map<StreamId, Stream> streams_;
  std::optional<std::uint32_t> goaway_;
};

/// A frame as it is on the wire. Spec: RFC 9113 section 4.1.
[[nodiscard]] std::string http2_frame(int type, int flags, StreamId id, std::string_view payload);

/// An integer as HPACK writes it into the last `prefix_bits` of a byte, whose others are of
/// `first`, and what follows. Spec: RFC 7541 section 5.1.
[[nodiscard]] std::string http2_integer(std::size_t value,
                                        unsigned prefix_bits,
                                        unsigned first = 0);

/// A field as HPACK writes one that it does not index. Spec: RFC 7541 section 6.2.2.
[[nodiscard]] std::string http2_literal(std::string_view name, std::string_view value);

/// What every client begins with, and no settings of its own.
[[nodiscard]] std::string http2_hello();

/// The fields of a POST to `path`, before others.
[[nodiscard]] Http2TestClient::Fields http2_post(std::string path,
                                                 Http2TestClient::Fields more = {});

}  // namespace insula::http
