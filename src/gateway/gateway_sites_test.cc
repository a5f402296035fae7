// Hosts that are not the gateway's own: which requests go where, and what passes on the way.

#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/testing/test_models.h"
#include "http/scan.h"

namespace insula::gateway {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class GatewaySitesTest : public GatewayModelsTest {
 public:
  static PathConfig path(std::string path, const std::string& address, bool exact = false) {
    return {.path = std::move(path), .exact = exact, .access = {}, .backend = at(address)};
  }

  /// Serves these sites, and for alpha's own paths a model.
  void start_sites(std::vector<SiteConfig> sites) {
    config_.sites = std::move(sites);
    start_with({}, model_.address.text());
  }

  http::Response get(const std::string& host, std::string target, http::Headers headers = {}) {
    return send_as("GET", host, std::move(target), std::move(headers));
  }

  http::Response send_as(std::string method,
                         const std::string& host,
                         std::string target,
                         http::Headers headers,
                         std::string body = {}) {
    headers.set("Host", host);
    return send(std::move(method), std::move(target), std::move(headers), body);
  }

  Model model_{loop_};
};

TEST_F(GatewaySitesTest, HostAndPathDecideWhoIsAsked) {
  start_sites(
      {{"www.example.com", "alpha", {path("/", small_.address()), path("/api", large_.address())}},
       {"*.example.com", "beta", {path("/only", large_.address(), true)}}});
  EXPECT_EQ(get("www.example.com", "/api/v2?q=1").status, 200);
  EXPECT_EQ(large_.requests, 1);
  EXPECT_THAT(large_.last, HasSubstr("GET /api/v2?q=1 HTTP/1.1\r\n"));
  EXPECT_EQ(get("WWW.example.com:8080", "/apis").status, 200);
  EXPECT_EQ(small_.requests, 1);
  EXPECT_EQ(get("shop.example.com", "/only").status, 200);
  EXPECT_EQ(large_.requests, 2);
  const auto nowhere = get("shop.example.com", "/only/more");
  EXPECT_EQ(nowhere.status, 404);
  EXPECT_THAT(nowhere.body, HasSubstr(R"("code":"no_route")"));
  EXPECT_THAT(get("example.org", "/api").body, HasSubstr("the path must be /TENANT/v1/"));
}

TEST_F(GatewaySitesTest, AServerSeesTheRequestAsItCameAndWhoItIsFrom) {
  start_sites({{"www.example.com", "alpha", {path("/", small_.address())}}});
  const auto response = send_as("POST", "www.example.com:81", "/form",
                                {{"Authorization", "Basic dTpw"},
                                 {"Cookie", "session=1"},
                                 {"Accept-Encoding", "br"},
                                 {"X-Forwarded-For", "6.6.6.6"},
                                 {"X-Insula-Tenant", "beta"}},
                                "a=b");
  EXPECT_EQ(response.status, 200);
  for (const char* line :
       {"Host: www.example.com:81\r\n", "Authorization: Basic dTpw\r\n", "Cookie: session=1\r\n",
        "Accept-Encoding: br\r\n", "X-Forwarded-For: 127.0.0.1\r\n", "X-Forwarded-Proto: http\r\n",
        "X-Forwarded-Host: www.example.com:81\r\n", "Content-Length: 3\r\n", "\r\n\r\na=b"}) {
    EXPECT_THAT(small_.last, HasSubstr(line));
  }
  EXPECT_THAT(small_.last, Not(HasSubstr("6.6.6.6")));
  EXPECT_THAT(small_.last, Not(HasSubstr("X-Insula")));
}

TEST_F(GatewaySitesTest, NothingOfItIsBilledOrLimited) {
  config_.tenants[0].limits.requests_per_hour = 0;
  // What is served there has no price.
  config_.tenants[0].limits.budget.spend_per_day = 1;
  start_sites({{"www.example.com", "alpha", {path("/", small_.address())}}});
  EXPECT_EQ(get("www.example.com", "/").status, 200);
  EXPECT_EQ(usage().requests, 0);
  EXPECT_TRUE(records().empty());
}

TEST_F(GatewaySitesTest, ThePathsOfThePlatformAreItsOwnOnEveryHost) {
  start_sites({{"llm.example.com", "beta", {path("/", small_.address())}}});
  const auto key = bearer(key_of("alphaalpha"));
  EXPECT_EQ(
      send_as("POST", "llm.example.com", "/alpha/v1/chat/completions", key, std::string(kChat))
          .status,
      200);
  EXPECT_EQ(
      send_as("POST", "llm.example.com", "/v1/chat/completions", key, std::string(kChat)).status,
      200);
  EXPECT_EQ(get("llm.example.com", "/alpha/v1/models").status, 401);
  EXPECT_EQ(small_.requests, 0);
  // What is nobody's credential is the site's business.
  EXPECT_EQ(get("llm.example.com", "/v1/users", bearer("other")).status, 200);
  EXPECT_EQ(get("llm.example.com", "/nobody/v1/users").status, 200);
  EXPECT_EQ(small_.requests, 2);
}

TEST_F(GatewaySitesTest, AHostThatIsTheGatewaysOwnIsNoWildcards) {
  start_sites(
      {{"*.example.com", "beta", {path("/", small_.address())}}, {"gw.example.com", "", {}}});
  EXPECT_EQ(get("gw.example.com", "/anything").status, 404);
  EXPECT_EQ(small_.requests, 0);
}

TEST_F(GatewaySitesTest, ARouteMayBeForTheTenantsCallersOnly) {
  PathConfig closed = path("/", small_.address());
  closed.access = RouteAccess::kTenant;
  PathConfig broken = path("/broken", small_.address());
  broken.access = RouteAccess::kNobody;
  start_sites({{"www.example.com", "alpha", {closed, broken}}});
  EXPECT_EQ(get("www.example.com", "/").status, 401);
  EXPECT_EQ(get("www.example.com", "/", bearer(key_of("betabetabe"))).status, 403);
  EXPECT_EQ(get("www.example.com", "/broken", bearer(key_of("alphaalpha"))).status, 403);
  EXPECT_EQ(small_.requests, 0);
  http::Headers headers = bearer(key_of("alphaalpha"));
  headers.set("Cookie", "session=1");
  EXPECT_EQ(get("www.example.com", "/", headers).status, 200);
  EXPECT_THAT(small_.last, Not(HasSubstr("Authorization")));
  EXPECT_THAT(small_.last, HasSubstr("Cookie: session=1"));
}

TEST_F(GatewaySitesTest, AKeyForTheTenantsRouteIsNotTakenInTheUrl) {
  PathConfig closed = path("/closed", small_.address());
  closed.access = RouteAccess::kTenant;
  start_sites({{"www.example.com", "alpha", {closed, path("/", small_.address())}}});
  const std::string key = key_of("alphaalpha");
  EXPECT_EQ(get("www.example.com", "/closed?key=" + key, bearer(key)).status, 400);
  EXPECT_EQ(small_.requests, 0);
  EXPECT_EQ(get("www.example.com", "/open?key=" + key).status, 200);
}

TEST_F(GatewaySitesTest, RepliesHaveADate) {
  start_sites({{"www.example.com", "alpha", {path("/a", small_.address())}}});
  for (const char* target : {"/a", "/none"}) {
    const auto reply = get("www.example.com", target);
    EXPECT_THAT(std::string(reply.headers.get("date")), ContainsRegex("[0-9]+:[0-9]+:[0-9]+ GMT$"))
        << target;
  }
  small_.headers = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
  const auto reply = get("www.example.com", "/a");
  EXPECT_EQ(reply.headers.get("date"), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(std::ranges::count_if(
                reply.headers,
                [](const auto& field) { return http::equals_ignoring_case(field.name, "date"); }),
            1)
      << "the server's own";
}

TEST_F(GatewaySitesTest, OnlyWhatMayBeDoneTwiceIsSentTwice) {
  PathConfig both = path("/", broken_.address());
  both.backend.endpoints = {broken_.address(), broken_.address()};
  Canned other(loop_, 503);
  both.backend.endpoints.back() = other.address();
  start_sites({{"www.example.com", "alpha", {both}}});
  EXPECT_EQ(send_as("POST", "www.example.com", "/", {}, "x").status, 503);
  EXPECT_EQ(broken_.requests + other.requests, 1);
  EXPECT_EQ(get("www.example.com", "/").status, 503);
  EXPECT_EQ(broken_.requests + other.requests, 3);
}

TEST_F(GatewaySitesTest, WithoutEndpointsItSaysSo) {
  start_sites({{"www.example.com", "alpha", {path("/", "")}}});
  const auto response = get("www.example.com", "/");
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body, HasSubstr("no_ready_endpoint"));
}

TEST_F(GatewaySitesTest, APathThatServersReadDifferentlyIsRefused) {
  start_sites({{"www.example.com", "alpha", {path("/", small_.address())}}});
  EXPECT_EQ(get("www.example.com", "/a/../b").status, 400);
  EXPECT_EQ(get("www.example.com", "/a/%2e%2e/b").status, 400);
  EXPECT_EQ(small_.requests, 0);
}

TEST_F(GatewaySitesTest, SitesSurviveARestart) {
  PathConfig closed = path("/api", small_.address(), true);
  closed.access = RouteAccess::kTenant;
  config_.sites = {{"*.example.com", "alpha", {closed, path("/", large_.address())}}};
  config_.certificates = {{"alpha/cert", {"www.example.com"}, "chain", "key"}};
  const auto read = config_from_json(to_json(config_));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->sites, config_.sites);
  EXPECT_EQ(read->certificates, config_.certificates);
}

TEST_F(GatewaySitesTest, ARouteMayHaveTheBoundsOfItsTenant) {
  config_.tenants[0].edge.bounds = {.body_bytes = 4, .header_bytes = 1024};
  PathConfig bounded = path("/bounded", small_.address());
  bounded.edge.bounds = true;
  start_sites({{"www.example.com", "alpha", {bounded, path("/", small_.address())}}});
  EXPECT_EQ(send_as("POST", "www.example.com", "/bounded", {}, "1234").status, 200);
  EXPECT_EQ(send_as("POST", "www.example.com", "/bounded", {}, "12345").status, 413);
  const http::Headers large = {{"X-Large", std::string(1100, 'x')}};
  EXPECT_EQ(get("www.example.com", "/bounded", large).status, 431);
  EXPECT_EQ(get("www.example.com", "/free", large).status, 200);
  EXPECT_EQ(send_as("POST", "www.example.com", "/free", {}, "12345").status, 200);
}

TEST_F(GatewaySitesTest, ARouteMayBeForThePagesOfItsTenant) {
  config_.tenants[0].edge.cors = {.allow_origins = {"https://app.example.com"}};
  small_.headers = "Access-Control-Allow-Origin: *\r\n";
  PathConfig shared = path("/shared", small_.address());
  shared.edge.cors = true;
  shared.access = RouteAccess::kTenant;
  start_sites({{"www.example.com", "alpha", {shared, path("/", small_.address())}}});
  const http::Headers preflight = {{"Origin", "https://app.example.com"},
                                   {"Access-Control-Request-Method", "GET"}};
  const auto allowed = send_as("OPTIONS", "www.example.com", "/shared", preflight);
  EXPECT_EQ(allowed.status, 204);
  EXPECT_EQ(allowed.headers.get("Access-Control-Allow-Origin"), "https://app.example.com");
  EXPECT_EQ(small_.requests, 0);
  http::Headers foreign = preflight;
  foreign.set("Origin", "https://other.example.com");
  EXPECT_EQ(send_as("OPTIONS", "www.example.com", "/shared", foreign).status, 403);
  // Pages can read that a credential is missing.
  const auto refused = get("www.example.com", "/shared", {{"Origin", "https://app.example.com"}});
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.headers.get("Access-Control-Allow-Origin"), "https://app.example.com");
  http::Headers known = bearer(key_of("alphaalpha"));
  known.set("Origin", "https://app.example.com");
  EXPECT_EQ(get("www.example.com", "/shared", known).headers.get("Access-Control-Allow-Origin"),
            "https://app.example.com");
  // What is not the tenant's to say is the server's.
  EXPECT_EQ(send_as("OPTIONS", "www.example.com", "/own", foreign).status, 200);
  EXPECT_EQ(get("www.example.com", "/own", foreign).headers.get("Access-Control-Allow-Origin"),
            "*");
}

}  // namespace
}  // namespace insula::gateway
