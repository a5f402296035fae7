#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string_view>

#include "base/check.h"
#include "http/http2_session.h"

namespace {

using namespace insula;

/// Answers every request with what its body was, in pieces.
class Echo final : public http::Http2Handler {
 public:
  struct Stream final : http::Http2StreamHandler {
    http::Http2Session* session = nullptr;
    http::StreamId id = 0;
    std::size_t unsent = 0;
    bool ended = false;
    bool closed = false;

    void on_body(std::string_view piece) override {
      INSULA_CHECK(!closed && !ended);
      unsent += piece.size();
      session->take(id, piece.size());
      session->resume(id);
    }

    void on_body_end() override {
      INSULA_CHECK(!closed && !ended);
      ended = true;
      session->resume(id);
    }

    http::Http2Piece read(std::span<char> into) override {
      INSULA_CHECK(!closed);
      const std::size_t size = std::min({into.size(), unsent, std::size_t{100}});
      std::fill_n(into.begin(), size, 'x');
      unsent -= size;
      return {.bytes = size, .last = ended && unsent == 0};
    }

    void on_close() override {
      INSULA_CHECK(!closed);
      closed = true;
    }
  };

  http::Http2StreamHandler* on_request(http::StreamId id,
                                       http::Http2Head head,
                                       bool ended) override {
    http::RequestHead made;
    const http::Refusal refusal = head.fill(made);
    if (streams_.size() > 200) return nullptr;
    streams_.emplace_back();
    Stream& stream = streams_.back();
    stream.session = session;
    stream.id = id;
    stream.ended = ended;
    const bool good = refusal == http::Refusal::kNone;
    const std::array<http::Http2Field, 2> fields{
        {{":status", good ? "200" : "400"}, {"x-target", good ? made.target : ""}}};
    session->respond(id, fields, true);
    return &stream;
  }

  http::Http2Session* session = nullptr;

 private:
  std::list<Stream> streams_;
};

}  // namespace

/// Frames after a client's preface, cut into pieces of the first byte's size.
extern "C" int LLVMFuzzerTestOneInput(
    const std::uint8_t* data,
    std::size_t size) {  // NOLINT(readability-identifier-naming): libFuzzer's name
  if (size < 2) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t piece = std::size_t{data[0]} + 1;
  Echo echo;
  http::Http2Session session(echo);
  echo.session = &session;
  bool good = session.receive("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").has_value();
  while (good && !bytes.empty()) {
    good = session.receive(bytes.substr(0, piece)).has_value();
    bytes.remove_prefix(std::min(piece, bytes.size()));
    for (int i = 0; i < 1000 && !session.output().empty(); ++i) {
    }
  }
  while (!session.output().empty()) {
  }
  return 0;
}
