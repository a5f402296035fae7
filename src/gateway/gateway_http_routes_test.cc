// HTTPRoutes: what becomes of requests that their rules are for.

#include <map>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/loop.h"
#include "gateway/request_mirror.h"
#include "gateway/testing/test_models.h"

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class GatewayHttpRoutesTest : public GatewayModelsTest {
 public:
  static RouteBackendConfig to(const std::string& address, int weight = 1) {
    RouteBackendConfig backend{.backend = at(address)};
    backend.backend.weight = weight;
    return backend;
  }

  /// A rule for all requests that goes to the small server.
  RuleConfig rule() {
    RuleConfig made{.name = "alpha/web/0"};
    made.matches.emplace_back();
    made.backends.push_back(to(small_.address()));
    return made;
  }

  /// Serves these rules at a host of alpha's, the first match of each.
  void start_rules(std::vector<RuleConfig> rules) {
    SiteConfig site{.host = "www.example.com", .tenant = "alpha", .paths = {}};
    for (std::size_t i = 0; i < rules.size(); ++i)
      site.matches.push_back({i, 0});
    config_.rules = std::move(rules);
    config_.sites = {std::move(site)};
    start_with({}, model_.address.text());
  }

  http::Response get(std::string target, http::Headers headers = {}) {
    headers.set("Host", "www.example.com:81");
    return send("GET", std::move(target), std::move(headers), "");
  }

  Model model_{loop_};
};

TEST_F(GatewayHttpRoutesTest, HeadersOfTheRequestAreChanged) {
  RuleConfig changed = rule();
  changed.request = {.set = {{"X-Set", "new"}}, .add = {{"X-Add", "more"}}, .remove = {"X-Gone"}};
  changed.backends[0].request = {.set = {{"X-Backend", "small"}}};
  start_rules({changed});
  EXPECT_EQ(get("/", {{"X-Set", "old"}, {"X-Add", "one"}, {"x-gone", "1"}, {"X-Kept", "1"}}).status,
            200);
  for (const char* line : {"X-Set: new\r\n", "X-Add: one\r\n", "X-Add: more\r\n",
                           "X-Backend: small\r\n", "X-Kept: 1\r\n", "Host: www.example.com:81\r\n"})
    EXPECT_THAT(small_.last, HasSubstr(line));
  EXPECT_THAT(small_.last, Not(HasSubstr("X-Set: old")));
  EXPECT_THAT(small_.last, Not(HasSubstr("x-gone")));
}

TEST_F(GatewayHttpRoutesTest, HeadersOfTheReplyAreChanged) {
  RuleConfig changed = rule();
  changed.reply = {.set = {{"X-Set", "new"}}, .add = {}, .remove = {"X-Gone"}};
  small_.headers = "X-Set: old\r\nX-Gone: 1\r\nX-Kept: 1\r\n";
  start_rules({changed});
  const auto response = get("/");
  EXPECT_EQ(response.headers.get("X-Set"), "new");
  EXPECT_EQ(response.headers.get("X-Kept"), "1");
  EXPECT_EQ(response.headers.get("X-Gone"), "");
}

TEST_F(GatewayHttpRoutesTest, HostAndPathAreRewritten) {
  RuleConfig changed = rule();
  changed.matches[0].path = "/shop";
  changed.rewrite = {.host = "inner.example.com", .path = PathChangeConfig{true, "/"}};
  start_rules({changed});
  EXPECT_EQ(get("/shop/cart?x=1").status, 200);
  EXPECT_THAT(small_.last, HasSubstr("GET /cart?x=1 HTTP/1.1\r\n"));
  EXPECT_THAT(small_.last, HasSubstr("Host: inner.example.com\r\n"));
  EXPECT_THAT(small_.last, HasSubstr("X-Forwarded-Host: www.example.com:81\r\n"));
  EXPECT_EQ(get("/shopping").status, 404);
}

TEST_F(GatewayHttpRoutesTest, ARedirectIsAnsweredHere) {
  RuleConfig moved = rule();
  moved.backends.clear();
  moved.redirect = {.scheme = "https", .host = "new.example.com", .status = 301};
  moved.reply = {.set = {{"X-Moved", "1"}}};
  start_rules({moved});
  const auto response = get("/a?b=1");
  EXPECT_EQ(response.status, 301);
  EXPECT_EQ(response.headers.get("Location"), "https://new.example.com/a?b=1");
  EXPECT_EQ(response.headers.get("X-Moved"), "1");
  EXPECT_EQ(small_.requests, 0);
}

TEST_F(GatewayHttpRoutesTest, ARedirectKeepsWhatItDoesNotSay) {
  RuleConfig moved = rule();
  moved.backends.clear();
  moved.redirect = {.path = PathChangeConfig{false, "/new"}, .port = 8080};
  start_rules({moved});
  const auto response = get("/a?b=1");
  EXPECT_EQ(response.status, 302);
  EXPECT_EQ(response.headers.get("Location"), "http://www.example.com:8080/new?b=1");
}

TEST_F(GatewayHttpRoutesTest, BackendsShareTheRequestsByWeight) {
  RuleConfig both = rule();
  both.backends = {to(small_.address(), 1), to(large_.address(), 3), to(broken_.address(), 0)};
  start_rules({both});
  for (int i = 0; i < 400; ++i)
    ASSERT_EQ(get("/").status, 200);
  EXPECT_EQ(broken_.requests, 0);
  EXPECT_EQ(small_.requests + large_.requests, 400);
  EXPECT_GT(small_.requests, 60);
  EXPECT_LT(small_.requests, 140);
}

TEST_F(GatewayHttpRoutesTest, TheShareOfABackendThatCannotBeAskedIsRefused) {
  RuleConfig both = rule();
  both.backends.push_back(to("", 1));
  both.backends.back().problem = "a backend of the route cannot be asked (BackendNotFound)";
  start_rules({both});
  std::map<int, int> statuses;
  for (int i = 0; i < 100; ++i)
    ++statuses[get("/").status];
  EXPECT_EQ(statuses[200] + statuses[500], 100);
  EXPECT_GT(statuses[200], 20);
  EXPECT_GT(statuses[500], 20);
}

TEST_F(GatewayHttpRoutesTest, WithoutABackendItIs500AndWithoutAnEndpoint503) {
  RuleConfig none = rule();
  none.matches[0].path = "/none";
  none.backends.clear();
  RuleConfig empty = rule();
  empty.backends = {to("")};
  start_rules({none, empty});
  const auto refused = get("/none");
  EXPECT_EQ(refused.status, 500);
  EXPECT_THAT(refused.body, HasSubstr("no_backend"));
  EXPECT_EQ(get("/").status, 503);
}

TEST_F(GatewayHttpRoutesTest, ARuleMayBeForTheTenantsCallersOnly) {
  RuleConfig closed = rule();
  closed.access = RouteAccess::kTenant;
  start_rules({closed});
  EXPECT_EQ(get("/").status, 401);
  EXPECT_EQ(get("/", bearer(key_of("alphaalpha"))).status, 200);
  EXPECT_THAT(small_.last, Not(HasSubstr("Authorization")));
}

TEST_F(GatewayHttpRoutesTest, ARequestTakesNoLongerThanItsRouteAllows) {
  RuleConfig short_lived = rule();
  short_lived.request_time = std::chrono::milliseconds(50);
  RuleConfig of_backend = rule();
  of_backend.matches[0].path = "/backend";
  of_backend.backend_time = std::chrono::milliseconds(50);
  start_rules({of_backend, short_lived});
  small_.hold();
  EXPECT_EQ(get("/").status, 504);
  EXPECT_EQ(get("/backend").status, 504);
  small_.go_on();
  // What its routes did not wait for says nothing about the endpoint.
  EXPECT_EQ(get("/").status, 200);
  EXPECT_EQ(get("/backend").status, 200);
}

TEST_F(GatewayHttpRoutesTest, MethodAndHeadersDecide) {
  RuleConfig posts = rule();
  posts.matches[0].method = "POST";
  posts.backends = {to(large_.address())};
  RuleConfig canary = rule();
  canary.matches[0].headers = {{"x-canary", "1"}};
  canary.backends = {to(large_.address())};
  start_rules({posts, canary, rule()});
  EXPECT_EQ(get("/").status, 200);
  EXPECT_EQ(small_.requests, 1);
  EXPECT_EQ(get("/", {{"X-Canary", "1"}}).status, 200);
  EXPECT_EQ(send("POST", "/", {{"Host", "www.example.com"}}, "x").status, 200);
  EXPECT_EQ(large_.requests, 2);
}

TEST_F(GatewayHttpRoutesTest, RulesSurviveARestart) {
  RuleConfig all = rule();
  all.access = RouteAccess::kTenant;
  all.matches[0] = {.kind = PathKind::kPattern,
                    .path = "/a.*",
                    .method = "GET",
                    .headers = {{"a", "b", true}},
                    .parameters = {{"c", "d"}}};
  all.request = {.set = {{"A", "1"}}, .add = {{"B", "2"}}, .remove = {"C"}};
  all.reply = {.set = {}, .add = {{"D", "3"}}, .remove = {}};
  all.redirect = {.scheme = "https", .host = "h", .path = PathChangeConfig{true, "/p"}, .port = 1};
  all.rewrite = {.host = "w", .path = PathChangeConfig{false, "/q"}};
  all.backends[0].problem = "why";
  all.backends[0].rewrite = RewriteConfig{.host = "v"};
  all.request_time = std::chrono::milliseconds(1500);
  all.backend_time = std::chrono::milliseconds(20);
  config_.rules = {all};
  config_.sites = {{.host = "a", .tenant = "alpha", .paths = {}, .matches = {{0, 0}}}};
  const auto read = config_from_json(to_json(config_));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->rules, config_.rules);
  EXPECT_EQ(read->sites, config_.sites);
}

/// A rule whose requests are copied to the large server.
class GatewayMirrorTest : public GatewayHttpRoutesTest {
 public:
  RuleConfig mirrored(std::int64_t numerator = 1, std::int64_t denominator = 1) {
    RuleConfig made = rule();
    made.mirrors.push_back({at(large_.address()), numerator, denominator});
    return made;
  }

  std::uint64_t count(const char* result) {
    return registry_
        .counter("insula_gateway_mirrored_requests_total", "",
                 {{"tenant", "alpha"}, {"result", result}})
        .value();
  }

  /// Once so many copies came to that.
  Task<bool> counted(const char* result, std::uint64_t times) {
    while (count(result) < times)
      co_await yield();
    co_return true;
  }

  http::Response post(const std::string& body, http::Headers headers = {}) {
    headers.set("Host", "www.example.com");
    return send("POST", "/a?b=1", std::move(headers), body);
  }
};

TEST_F(GatewayMirrorTest, ACopyHasTheBodyAndNoCredentials) {
  RuleConfig changed = mirrored();
  changed.request = {.set = {{"X-Set", "new"}}};
  changed.rewrite = {.host = "inner.example.com", .path = PathChangeConfig{false, "/inner"}};
  start_rules({changed});
  const auto reply = post(R"({"a":1})", {{"Authorization", "Bearer secret"},
                                         {"Cookie", "session=secret"},
                                         {"X-API-Key", "secret"},
                                         {"X-Kept", "1"}});
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(wait(counted("answered", 1)));
  EXPECT_TRUE(large_.last.starts_with("POST /a?b=1 HTTP/1.1\r\n")) << large_.last;
  EXPECT_TRUE(large_.last.ends_with("\r\n\r\n{\"a\":1}")) << large_.last;
  for (const char* line : {"Host: www.example.com\r\n", "X-Kept: 1\r\n", "Connection: close\r\n",
                           "Content-Length: 7\r\n", "X-Forwarded-For: 127.0.0.1\r\n"})
    EXPECT_THAT(large_.last, HasSubstr(line));
  EXPECT_THAT(large_.last, Not(HasSubstr("secret")));
  EXPECT_THAT(small_.last, HasSubstr("Bearer secret"));
  EXPECT_EQ(usage().requests, 0);
}

TEST_F(GatewayMirrorTest, ACopyThatFailsOrWaitsIsNothingToTheClient) {
  start_rules({mirrored()});
  large_.answer_with(500);
  EXPECT_EQ(post("x").status, 200);
  EXPECT_TRUE(wait(counted("failed", 1)));
  large_.answer_with(0);
  EXPECT_EQ(post("x").status, 200);
  EXPECT_TRUE(wait(counted("failed", 2)));
  large_.hold();
  EXPECT_EQ(post("x").status, 200);
  EXPECT_EQ(post("x").status, 200);
  large_.answer_with(200);
  large_.go_on();
  EXPECT_TRUE(wait(counted("answered", 2)));
  config_.rules[0].mirrors[0].backend = at("");
  apply();
  EXPECT_EQ(post("x").status, 200);
  EXPECT_EQ(count("failed"), 3U);
}

TEST_F(GatewayMirrorTest, APartOfTheRequestsIsCopied) {
  RuleConfig part = mirrored(1, 4);
  part.mirrors.push_back({at(broken_.address()), 0, 100});
  start_rules({part});
  for (int i = 0; i < 40; ++i)
    EXPECT_EQ(post("x").status, 200);
  EXPECT_TRUE(wait(counted("answered", 9)));
  EXPECT_LE(large_.requests, 11);
  EXPECT_EQ(broken_.requests, 0);
}

TEST_F(GatewayMirrorTest, WhatIsTooMuchIsLeftOut) {
  start_rules({mirrored()});
  EXPECT_EQ(post(std::string(RequestMirror::kBodyBytesMax + 1, 'x')).status, 200);
  EXPECT_EQ(count("left_out"), 1U);
  // Refused by the gateway: nobody gets it.
  config_.rules[0].access = RouteAccess::kTenant;
  apply();
  EXPECT_EQ(post("x").status, 401);
  EXPECT_EQ(large_.requests, 0);
}

}  // namespace
}  // namespace insula::gateway
