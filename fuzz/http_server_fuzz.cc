#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "async/loop.h"
#include "base/check.h"
#include "http/server.h"
#include "http/websocket.h"
#include "net/stream.h"

namespace {

using namespace insula;

/// Sends a body back, or WebSocket messages.
class Echo final : public http::Handler {
 public:
  Task<> handle(http::Exchange& exchange) override {
    if (exchange.request().headers.contains("Upgrade")) {
      auto socket = co_await http::websocket::accept(exchange, {});
      while (socket) {
        const auto message = co_await (*socket)->read();
        if (!message || !*message || !co_await (*socket)->write_binary((*message)->data)) co_return;
      }
      co_return;
    }
    auto body = co_await exchange.body(1000);
    http::Response response =
        http::make_response(body ? 200 : 400, "text/plain", body ? *std::move(body) : "");
    (void)co_await exchange.respond(std::move(response));
  }
};

Task<> converse(http::Server& server, std::string_view text, std::size_t piece) {
  auto pair = net::stream_pair(Loop::current());
  auto& [client, accepted] = *pair;
  server.serve(std::move(accepted));
  while (!text.empty() && co_await client->write(text.substr(0, piece))) {
    text.remove_prefix(std::min(piece, text.size()));
    co_await yield();
  }
  client->shutdown_write();
  std::array<char, 4096> buffer;
  for (;;) {
    const auto size = co_await client->read(buffer);
    if (!size || *size == 0) break;
  }
}

}  // namespace

/// Whatever a client sends before it closes, the server ends the connection and counts it out.
extern "C" int LLVMFuzzerTestOneInput(
    const std::uint8_t* data,
    std::size_t size) {  // NOLINT(readability-identifier-naming): libFuzzer's name
  if (size == 0) return 0;
  static Loop loop;
  Echo echo;
  http::Server server(echo, {});
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  // Long conversations come in few pieces.
  run_until_complete(loop, converse(server, text, data[0] % 64u + 1 + text.size() / 64));
  INSULA_CHECK(server.counters().connections_accepted == 1);
  return 0;
}
