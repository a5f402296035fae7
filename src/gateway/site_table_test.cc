#include "gateway/site_table.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gateway/snapshot.h"

namespace insula::gateway {
namespace {

SiteRoute to(std::string service) {
  return {.backend = {.service_host = std::move(service)}};
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
  const SiteRoute* found = site.find(path);
  return found == nullptr ? "" : found->backend.service_host;
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
