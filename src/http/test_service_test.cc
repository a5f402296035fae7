#include "http/test_service.h"

#include <array>
#include <variant>

#include <gtest/gtest.h>

#include "async/deadline.h"

namespace insula::http {

Deadline soon() {
  return Loop::current().now() + std::chrono::seconds(20);
}

Task<> TestService::handle(Exchange& exchange) {
  ++calls;
  last_method = exchange.request().method;
  const std::string_view path = exchange.request().path();
  if (path == "/echo") co_return co_await echo(exchange);
  if (path == "/stream" || path == "/length" || path == "/half")
    co_return co_await stream(exchange);
  if (path == "/hold" || path == "/wait") co_return co_await hold(exchange);
  if (path == "/silent") co_return;
  Response response =
      make_response(path == "/empty" ? 204 : 200, "text/plain", path == "/empty" ? "" : "hello");
  if (path == "/close") response.headers.add("Connection", "close");
  if (path == "/big") response.body.assign(3'000'000, 'x');
  (void)co_await exchange.respond(std::move(response));
}

Task<> TestService::echo(Exchange& exchange) {
  auto body = co_await exchange.body(1'000'000);
  if (!body) {
    body_error = body.error().message();
    Response refusal = make_response(http_status(body.error().code()), "text/plain", body_error);
    (void)co_await exchange.respond(std::move(refusal));
    co_return;
  }
  Response response = make_response(200, "text/plain", *std::move(body));
  (void)co_await exchange.respond(std::move(response));
}

Task<> TestService::stream(Exchange& exchange) {
  Headers headers{{"X-Kind", "stream"}};
  const std::string path(exchange.request().path());
  if (path == "/length") headers.add("Content-Length", "10");
  EXPECT_TRUE(co_await exchange.start(200, std::move(headers)));
  EXPECT_TRUE(co_await exchange.write("hello"));
  if (path == "/half") co_return;
  EXPECT_TRUE(co_await exchange.write(""));
  EXPECT_TRUE(co_await exchange.write("world"));
  EXPECT_TRUE(co_await exchange.finish());
}

Task<> TestService::hold(Exchange& exchange) {
  waiting.set();
  if (exchange.request().path() == "/wait") {
    co_await exchange.client_gone();
    client_left.set();
    co_return;
  }
  co_await release.wait();
  Response response = make_response(200, "text/plain", "held");
  (void)co_await exchange.respond(std::move(response));
}

TestServer::TestServer(Loop& loop, ServerOptions options) : server(service, std::move(options)) {
  auto listener = net::Listener::bind(loop, net::Address::parse("127.0.0.1:0").value());
  address = (*listener)->address();
  server.serve(*std::move(listener));
}

Task<std::string> talk(net::Address address, std::string text) {
  auto stream = co_await net::dial(address, soon());
  std::string received;
  if (!stream) co_return received;
  EXPECT_TRUE(co_await (*stream)->write(text));
  std::array<char, 4096> buffer;
  for (;;) {
    const auto size = co_await (*stream)->read(buffer);
    if (!size || *size == 0) co_return received;
    received.append(buffer.data(), *size);
  }
}

}  // namespace insula::http
