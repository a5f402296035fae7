#include "apiserver/proxy_head.h"

#include <gtest/gtest.h>

namespace insula::apiserver {
namespace {

std::string head_of(const http::Request& request, std::optional<std::uint64_t> body_length = 0) {
  return forwarded_head(
      request,
      {.target = "/a?b", .uri = "/proxy/a", .client = "192.0.2.7", .body_length = body_length});
}

http::Request with(http::Headers headers) {
  http::Request request;
  request.headers = std::move(headers);
  return request;
}

TEST(ProxyHead, LeavesOutWhatSpeaksOfTheClientsConnection) {
  EXPECT_EQ(head_of(with({{"Host", "h"},
                          {"Connection", "close, X-One, host"},
                          {"X-One", "1"},
                          {"x-two", "2"},
                          {"Keep-Alive", "timeout=1"},
                          {"TE", "trailers"},
                          {"Upgrade", "h2c"},
                          {"Content-Length", "7"},
                          {"Expect", "100-continue"}})),
            "GET /a?b HTTP/1.1\r\nHost: h\r\nx-two: 2\r\nX-Forwarded-Uri: /proxy/a\r\n"
            "X-Forwarded-For: 192.0.2.7\r\nConnection: close\r\n\r\n");
}

TEST(ProxyHead, SaysHowTheBodyComes) {
  http::Request request = with({});
  EXPECT_FALSE(head_of(request).contains("Content-Length"));
  EXPECT_TRUE(head_of(request, 5).contains("Content-Length: 5\r\n"));
  EXPECT_TRUE(head_of(request, std::nullopt).contains("Transfer-Encoding: chunked\r\n"));
  request.method = "POST";
  EXPECT_TRUE(head_of(request).contains("Content-Length: 0\r\n"));
}

TEST(ProxyHead, AsksForTheProtocolThatTheClientWants) {
  const http::Request request =
      with({{"Connection", "keep-alive, Upgrade"}, {"Upgrade", "websocket"}});
  EXPECT_TRUE(asks_for_upgrade(request));
  const std::string head = head_of(request);
  EXPECT_TRUE(head.contains("Connection: Upgrade\r\nUpgrade: websocket\r\n")) << head;
  EXPECT_FALSE(asks_for_upgrade(with({{"Upgrade", "websocket"}})));
  EXPECT_FALSE(asks_for_upgrade(with({{"Connection", "Upgrade"}})));
}

TEST(ProxyHead, PagesAreAskedForInAFormThatCanBeRead) {
  EXPECT_TRUE(head_of(with({{"Accept", "*/*"}, {"Accept-Encoding", "gzip"}})).contains("gzip"));
  EXPECT_FALSE(
      head_of(with({{"Accept", "text/html,*/*"}, {"Accept-Encoding", "gzip"}})).contains("gzip"));
}

TEST(ProxyHead, OfAnAnswerOnlyWhatIsTheClientsComesBack) {
  const http::Headers back = returned_headers({{"Connection", "X-One"},
                                               {"X-One", "1"},
                                               {"X-Two", "2"},
                                               {"Transfer-Encoding", "chunked"},
                                               {"access-control-allow-origin", "*"},
                                               {"Audit-Id", "of the pod"},
                                               {"Set-Cookie", "a=b"}});
  EXPECT_EQ(back, http::Headers({{"X-Two", "2"}, {"Set-Cookie", "a=b"}}));
}

}  // namespace
}  // namespace insula::apiserver
