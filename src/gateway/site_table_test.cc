#include "gateway/site_table.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gateway/snapshot.h"

namespace insula::gateway {
namespace {

Site::RoutePtr to(std::string service) {
  SiteRoute route;
  route.backends.push_back({.backend = {.service_host = std::move(service)}});
  return std::make_shared<const SiteRoute>(std::move(route));
}

void add_to(Site& site, const MatchConfig& match, std::string name) {
  auto conditions = SiteConditions::make(match);
  ASSERT_TRUE(conditions) << conditions.error().message();
  site.add(std::make_shared<const SiteConditions>(*std::move(conditions)), to(std::move(name)));
}

std::string name_of(const std::optional<SiteMatch>& match) {
  return match ? match->route->backends[0].backend.service_host : "";
}

/// Which of the routes, each named as it is written, answers the path; empty: none. `=` before a
/// path says that it is exact.
std::string answers(const std::vector<std::string>& routes, std::string_view path) {
  const Tenant owner;
  Site site(owner);
  for (const std::string& route : routes) {
    const bool exact = route.starts_with('=');
    site.add(route.substr(exact ? 1 : 0), exact, to(route));
  }
  return name_of(site.find({.method = "GET", .path = path, .query = {}}));
}

TEST(Site, ComparesPathsAsKubernetesDoes) {
  struct Row {
    std::vector<std::string> routes;
    std::string path;
    std::string answers;
  };

  // The table of the documentation of Ingress, "Examples" of path types, and some more.
  const std::vector<Row> rows = {
      {{"/"}, "/any/path", "/"},
      {{"=/foo"}, "/foo", "=/foo"},
      {{"=/foo"}, "/bar", ""},
      {{"=/foo"}, "/foo/", ""},
      {{"=/foo/"}, "/foo", ""},
      {{"/foo"}, "/foo", "/foo"},
      {{"/foo"}, "/foo/", "/foo"},
      {{"/foo/"}, "/foo", "/foo/"},
      {{"/foo/"}, "/foo/", "/foo/"},
      {{"/aaa/bb"}, "/aaa/bbb", ""},
      {{"/aaa/bbb"}, "/aaa/bbb", "/aaa/bbb"},
      {{"/aaa/bbb/"}, "/aaa/bbb", "/aaa/bbb/"},
      {{"/aaa/bbb"}, "/aaa/bbb/", "/aaa/bbb"},
      {{"/aaa/bbb"}, "/aaa/bbb/ccc", "/aaa/bbb"},
      {{"/aaa/bbb"}, "/aaa/bbbxyz", ""},
      {{"/", "/aaa"}, "/aaa/ccc", "/aaa"},
      {{"/", "/aaa", "/aaa/bbb"}, "/aaa/bbb", "/aaa/bbb"},
      {{"/", "/aaa", "/aaa/bbb"}, "/ccc", "/"},
      {{"/aaa"}, "/ccc", ""},
      {{"/foo", "=/foo"}, "/foo", "=/foo"},
      {{"=/foo", "/foo"}, "/foo/x", "/foo"},
      {{"/a/b/c", "/a"}, "/a/b/d", "/a"},
      {{"/a", "/a/"}, "/a", "/a"},
      {{"=/a", "/"}, "/A", "/"},
      {{"/a"}, "//a", ""},
  };
  for (const Row& row : rows)
    EXPECT_EQ(answers(row.routes, row.path), row.answers) << row.path;
}

/// A head with these fields, which live as long as the literals.
http::RequestHead head_of(std::initializer_list<http::Field> fields) {
  http::RequestHead head;
  for (const http::Field& field : fields)
    head.table[head.field_count++] = field;
  return head;
}

TEST(Site, OfMatchesForOnePathTheFirstThatFitsCounts) {
  const Tenant owner;
  Site site(owner);
  const auto add = [&](const MatchConfig& match, std::string name) {
    add_to(site, match, std::move(name));
  };
  add({.path = "/a", .method = "POST"}, "post");
  add({.path = "/a", .headers = {{"X-Team", "blue"}}}, "blue");
  add({.path = "/a", .headers = {{"x-team", "gr.*", true}}}, "pattern");
  add({.path = "/a", .parameters = {{"v", "1 2"}}}, "parameter");
  add({.path = "/a/b", .method = "PUT"}, "put");
  site.add("/", false, to("all"));
  const auto find = [&](std::string_view method, std::string_view path, std::string_view query,
                        std::string_view team) {
    const http::RequestHead head = head_of({{"X-TEAM", team}, {"Accept", "x"}});
    return name_of(site.find({.method = method, .path = path, .query = query, .head = &head}));
  };
  EXPECT_EQ(find("POST", "/a/x", "", "blue"), "post");
  EXPECT_EQ(find("GET", "/a/x", "", "blue"), "blue");
  EXPECT_EQ(find("GET", "/a", "", "green"), "pattern");
  EXPECT_EQ(find("GET", "/a", "u=2&v=1%202", ""), "parameter");
  EXPECT_EQ(find("GET", "/a", "v=1", ""), "all");
  EXPECT_EQ(find("PUT", "/a/b/c", "", ""), "put");
  // A longer prefix whose conditions do not hold leaves the request to shorter ones.
  EXPECT_EQ(find("POST", "/a/b/c", "", ""), "post");
  EXPECT_EQ(find("GET", "/b", "", "blue"), "all");
}

TEST(Site, ARepeatedHeaderIsOneValue) {
  const Tenant owner;
  Site site(owner);
  add_to(site, {.headers = {{"a", "1,2"}}}, "both");
  const http::RequestHead head = head_of({{"a", "1"}, {"A", "2"}});
  EXPECT_EQ(name_of(site.find({.method = "GET", .path = "/", .query = {}, .head = &head})), "both");
}

TEST(Site, ExpressionsAreBetweenExactPathsAndPrefixes) {
  const Tenant owner;
  Site site(owner);
  add_to(site, {.kind = PathKind::kPattern, .path = "/v[0-9]+/.*"}, "pattern");
  add_to(site, {.path = "/v1/longer/prefix"}, "prefix");
  add_to(site, {.kind = PathKind::kExact, .path = "/v1/a"}, "exact");
  EXPECT_FALSE(SiteConditions::make({.kind = PathKind::kPattern, .path = "("}));
  const auto find = [&](std::string_view path) {
    return name_of(site.find({.method = "GET", .path = path, .query = {}}));
  };
  EXPECT_EQ(find("/v1/a"), "exact");
  EXPECT_EQ(find("/v1/longer/prefix"), "pattern");
  // It must fit the whole path.
  EXPECT_EQ(find("/x/v1/longer"), "");
  EXPECT_EQ(find("/v/longer"), "");
  const std::string longest = "/v1/" + std::string(api::RoutePattern::kTextBytesMax - 4, 'a');
  EXPECT_EQ(find(longest), "pattern");
  EXPECT_EQ(find(longest + "a"), "");
}

TEST(ChangedPath, ReplacesAllOrThePrefix) {
  struct Row {
    std::string path;
    std::string prefix;
    std::string replacement;
    std::string result;
  };

  // The table of the documentation of the Gateway API, ReplacePrefixMatch, and some more.
  const std::vector<Row> rows = {
      {"/foo/bar", "/foo", "/xyz", "/xyz/bar"},
      {"/foo/bar", "/foo", "/xyz/", "/xyz/bar"},
      {"/foo", "/foo", "/xyz", "/xyz"},
      {"/foo/", "/foo", "/xyz", "/xyz/"},
      {"/foo/bar", "/foo", "", "/bar"},
      {"/foo/", "/foo", "", "/"},
      {"/foo", "/foo", "", "/"},
      {"/foo/", "/foo", "/", "/"},
      {"/foo", "/foo", "/", "/"},
      {"/foo/bar", "/foo", "/", "/bar"},
      {"/foo", "", "/xyz", "/xyz/foo"},
      {"/", "", "/xyz", "/xyz/"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(changed_path({true, row.replacement}, row.path, row.prefix.size()), row.result)
        << row.path << " " << row.replacement;
  EXPECT_EQ(changed_path({false, "/all"}, "/foo/bar", 4), "/all");
  EXPECT_EQ(changed_path({false, ""}, "/foo/bar", 4), "/");
}

TEST(LocationOf, LeavesOutThePortThatTheSchemeHas) {
  const RedirectedRequest request{
      .scheme = "http", .host = "a.com", .path = "/x/y", .query = "q=1", .prefix_bytes = 2};
  EXPECT_EQ(location_of({.port = 8080}, request), "http://a.com:8080/x/y?q=1");
  EXPECT_EQ(location_of({.scheme = "https"}, request), "https://a.com/x/y?q=1");
  EXPECT_EQ(location_of({.scheme = "https", .port = 443}, request), "https://a.com/x/y?q=1");
  EXPECT_EQ(location_of({.scheme = "https", .port = 80}, request), "https://a.com:80/x/y?q=1");
  EXPECT_EQ(
      location_of({.host = "b.com", .path = PathChangeConfig{true, "/z"}, .port = 80}, request),
      "http://b.com/z/y?q=1");
}

TEST(HeaderEdits, TheLaterTakeAwayWhatTheFirstPutIn) {
  const HeaderEdits edits({.set = {{"A", "1"}, {"B", "1"}}, .add = {{"C", "1"}}, .remove = {"D"}},
                          {.set = {{"b", "2"}}, .add = {{"C", "2"}}, .remove = {"a"}});
  EXPECT_EQ(edits.lines(), "C: 1\r\nb: 2\r\nC: 2\r\n");
  for (const char* name : {"a", "B", "d"})
    EXPECT_TRUE(edits.takes_away(name)) << name;
  EXPECT_FALSE(edits.takes_away("c"));
}

TEST(SiteRoute, WeightsAreSharesOfTheRequests) {
  SiteRoute route;
  for (const int weight : {1, 0, 3}) {
    route.backends.push_back({.backend = {.service_host = std::to_string(weight)}});
    route.backends.back().backend.weight = weight;
  }
  EXPECT_EQ(route.choose(0.0)->backend.service_host, "1");
  EXPECT_EQ(route.choose(0.24)->backend.service_host, "1");
  EXPECT_EQ(route.choose(0.26)->backend.service_host, "3");
  EXPECT_EQ(route.choose(0.999)->backend.service_host, "3");
  route.backends.resize(2);
  route.backends[0].backend.weight = 0;
  EXPECT_EQ(route.choose(0.5), nullptr);
}

TEST(ByHost, AWildcardMayBeForSeveralLabels) {
  ByHost<int> hosts;
  hosts.add("*.example.com", 1);
  hosts.add("**.example.com", 2);
  hosts.add("*.b.example.com", 3);
  const auto find = [&](std::string_view host) {
    const int* found = hosts.find(HostName(host));
    return found == nullptr ? 0 : *found;
  };
  EXPECT_EQ(find("a.example.com"), 1);
  EXPECT_EQ(find("a.b.example.com"), 3);
  EXPECT_EQ(find("a.c.example.com"), 2);
  EXPECT_EQ(find("z.a.b.example.com"), 2);
  EXPECT_EQ(find("example.com"), 0);
  EXPECT_EQ(find("a.b.example.org"), 0);
}

TEST(ByHost, PrefersTheHostThenItsWildcardThenWhatIsForEveryHost) {
  ByHost<int> hosts;
  EXPECT_TRUE(hosts.empty());
  hosts.add("*.example.com", 1);
  hosts.add("www.example.com", 2);
  hosts.add("www.example.com", 3);
  const auto find = [&](std::string_view host) {
    const int* found = hosts.find(HostName(host));
    return found == nullptr ? 0 : *found;
  };
  EXPECT_EQ(find("www.example.com"), 2);
  EXPECT_EQ(find("shop.example.com"), 1);
  EXPECT_EQ(find("WWW.Example.COM.:8443"), 2);
  EXPECT_EQ(find("a.shop.example.com"), 0);
  EXPECT_EQ(find("example.com"), 0);
  EXPECT_EQ(find(".example.com"), 0);
  EXPECT_EQ(find("[::1]:80"), 0);
  EXPECT_EQ(find(std::string(300, 'a') + ".example.com"), 0);
  hosts.add("", 4);
  EXPECT_EQ(find("example.com"), 4);
  EXPECT_EQ(find("www.example.com"), 2);
}

}  // namespace
}  // namespace insula::gateway
