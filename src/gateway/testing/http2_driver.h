#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "async/deadline.h"
#include "async/task.h"
#include "base/error.h"
#include "http/testing/http2_test_client.h"
#include "net/stream.h"

namespace insula::gateway {

/// An HTTP/2 client of tests over a connection of the test's loop.
class Http2Driver {
 public:
  explicit Http2Driver(std::unique_ptr<net::Stream> stream,
                       const http::Http2TestClient::Options& options = {})
      : client(options), stream_(std::move(stream)) {}

  /// Sends and receives until `done()`; false when the connection ends before, or in 20 s.
  template <class F>
  Task<bool> until(F done) {
    while (!done()) {
      const std::string out = client.output();
      if (!out.empty() && !co_await stream_->write(out)) co_return false;
      if (done()) break;
      std::array<char, std::size_t{16} * 1024> buffer{};
      const auto got = co_await with_deadline(Loop::current().now() + std::chrono::seconds(20),
                                              read(*stream_, buffer));
      closed_ = got ? *got == 0 : got.error().code() != ErrorCode::kTimeout;
      if (closed_ || !got || !client.receive({buffer.data(), *got})) co_return false;
    }
    co_return true;
  }

  /// Until the reply to `id` has come as a whole, or the stream was reset.
  Task<bool> finish(http::StreamId id) {
    co_return co_await until([this, id] { return client.reply(id).closed.has_value(); });
  }

  /// Sends what there is to send.
  Task<bool> flush() {
    const std::string out = client.output();
    co_return out.empty() || (co_await stream_->write(out)).has_value();
  }

  /// The gateway has ended the connection; what came is read before.
  Task<bool> ended() {
    co_await until([] { return false; });
    co_return closed_;
  }

  [[nodiscard]] net::Stream& stream() { return *stream_; }

  void close() { stream_.reset(); }

  http::Http2TestClient client;

 private:
  static Task<Result<std::size_t>> read(net::Stream& stream, std::span<char> buffer) {
    co_return co_await stream.read(buffer);
  }

  std::unique_ptr<net::Stream> stream_;
  bool closed_ = false;
};

}  // namespace insula::gateway
