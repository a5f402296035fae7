#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "http/client.h"
#include "http/server.h"
#include "http/test_service.h"
#include "testing/certificate.h"

namespace insula::http {
namespace {

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() {
    const auto server = testing::make_certificate({.common_name = "server"});
    const auto client = testing::make_certificate({.common_name = "alice"});
    server_options_.tls = net::TlsContext::server({.certificate_chain = server.pem,
                                                   .private_key = server.key,
                                                   .client_ca = client.pem,
                                                   .alpn = {}})
                              .value();
    client_options_.tls = net::TlsContext::client({.ca = server.pem,
                                                   .certificate_chain = client.pem,
                                                   .private_key = client.key,
                                                   .alpn = {}})
                              .value();
  }

  ServerOptions server_options_;
  ClientOptions client_options_;
};

/// Says who the client is.
class WhoAmI final : public Handler {
 public:
  Task<> handle(Exchange& exchange) override {
    Response response = make_response(200, "text/plain", exchange.stream().tls()->common_name);
    (void)co_await exchange.respond(std::move(response));
  }
};

Request request_of(std::string method, std::string target, std::string body = {}) {
  Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.body = std::move(body);
  return request;
}

Task<> converse(TestServer& test, Client& client, Origin origin) {
  const std::string large(900'000, 'x');
  auto echoed = co_await client.send(origin, request_of("POST", "/echo", large), soon());
  EXPECT_EQ(echoed.value().body, large);
  auto streamed = co_await client.send(origin, request_of("GET", "/stream"), soon());
  EXPECT_EQ(streamed.value().body, "helloworld");
  auto big = co_await client.send(origin, request_of("GET", "/big"), soon());
  EXPECT_EQ(big.value().body.size(), 3'000'000u);
  EXPECT_EQ(client.counters().connections_opened, 1u);
  co_await test.server.drain(soon());
  EXPECT_EQ(test.server.counters().connections_open, 0u);
}

TEST_F(TlsTest, CarriesLargeBodiesAndStreamsOverOneConnectionAndDrains) {
  Loop loop;
  TestServer test(loop, server_options_);
  Client client(client_options_);
  Origin origin{test.address, test.address.text(), true};
  run_until_complete(loop, converse(test, client, origin));
}

Task<> ask_who(Client& client, Origin origin) {
  auto response = co_await client.send(origin, Request{}, soon());
  EXPECT_EQ(response.value().body, "alice");
}

TEST_F(TlsTest, TellsTheHandlerWhoTheClientIs) {
  Loop loop;
  WhoAmI handler;
  Server server(handler, server_options_);
  auto listener = net::Listener::bind(loop, net::Address::parse("127.0.0.1:0").value());
  const Origin origin{(*listener)->address(), "127.0.0.1", true};
  server.serve(*std::move(listener));
  Client client(client_options_);
  run_until_complete(loop, ask_who(client, origin));
}

Task<> speak_plainly(TestServer& test) {
  EXPECT_EQ(co_await talk(test.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "");
  while (test.server.counters().handshakes_failed == 0)
    co_await yield();
}

TEST_F(TlsTest, CountsAHandshakeThatFailed) {
  Loop loop;
  TestServer test(loop, server_options_);
  run_until_complete(loop, speak_plainly(test));
  EXPECT_EQ(test.server.counters().requests, 0u);
}

TEST_F(TlsTest, NeedsTlsSettingsForAnHttpsOrigin) {
  Loop loop;
  TestServer test(loop, server_options_);
  Client client({});
  Origin origin{test.address, "127.0.0.1", true};
  const auto ask = [](Client& asker, Origin where) -> Task<> {
    auto response = co_await asker.send(where, Request{}, soon());
    EXPECT_EQ(response.error().code(), ErrorCode::kInvalid);
  };
  run_until_complete(loop, ask(client, origin));
}

Task<> over_a_socket_file(Client& client, Origin origin) {
  for (int i = 0; i < 2; ++i) {
    auto response = co_await client.send(origin, request_of("POST", "/echo", "hi"), soon());
    EXPECT_EQ(response.value().body, "hi");
  }
}

TEST(UnixSocket, CarriesHttp) {
  Loop loop;
  TestService service;
  Server server(service, {});
  std::string folder = std::filesystem::temp_directory_path() / "insula-http-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const auto address = net::Address::parse("unix:" + folder + "/http.sock").value();
  server.serve(net::Listener::bind(loop, address).value());
  Client client({});
  run_until_complete(loop, over_a_socket_file(client, Origin::parse(address.text()).value()));
  EXPECT_EQ(client.counters().connections_reused, 1u);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace insula::http
