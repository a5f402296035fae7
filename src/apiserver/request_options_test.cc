#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

constexpr const char* kPath = "/api/v1/namespaces/a/configmaps";

class RequestOptionsTest : public ::testing::Test {
 protected:
  RequestOptionsTest() {
    server.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
    for (const char* name : {"a", "b", "c", "d", "e"})
      server.send("POST", kPath, fmt::format(R"({{"metadata":{{"name":"{}"}}}})", name));
  }

  std::size_t count() {
    return server.parsed(server.send("GET", kPath))["items"].as_array()->size();
  }

  TestServer server;
};

TEST_F(RequestOptionsTest, ListsSayWhatIsWrongWithTheirs) {
  const json::Value first = server.parsed(server.send("GET", std::string(kPath) + "?limit=2"));
  const std::string page(first["metadata"]["continue"].text());

  struct Case {
    std::string query;
    int status;
    std::string text;
  };

  const Case cases[] = {
      {"resourceVersionMatch=Exact", 422,
       "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion "
       "is provided"},
      {"resourceVersionMatch=Newest&resourceVersion=1", 422,
       R"(resourceVersionMatch: Unsupported value: \"Newest\": supported values: \"Exact\", \"NotOlderThan\", \"\")"},
      {"resourceVersionMatch=Exact&resourceVersion=0", 422,
       R"(resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\")"},
      {"resourceVersionMatch=NotOlderThan&resourceVersion=1&continue=" + page, 422,
       "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is "
       "provided"},
      {"sendInitialEvents=true", 422,
       "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"},
      {"resourceVersion=1&continue=" + page, 400,
       "specifying resource version is not allowed when using continue"},
      {"resourceVersion=x", 400, "resourceVersion: Invalid value"},
      {"resourceVersion=99999", 504, "Too large resource version: 99999, current: "},
  };
  for (const auto& [query, status, text] : cases) {
    const auto answer = server.send("GET", fmt::format("{}?{}", kPath, query));
    EXPECT_EQ(answer.status, status) << query << answer.body;
    EXPECT_THAT(answer.body, HasSubstr(text)) << query;
    if (status == 422) EXPECT_THAT(answer.body, HasSubstr("ListOptions.meta.k8s.io")) << query;
  }
}

TEST_F(RequestOptionsTest, AReadIsNotOlderThanItAsks) {
  const std::string one = std::string(kPath) + "/a?resourceVersion=";
  EXPECT_EQ(server.send("GET", one + "0").status, 200);
  EXPECT_EQ(server.send("GET", one + "1").status, 200);
  EXPECT_EQ(server.send("GET", one + "x").status, 400);
  EXPECT_EQ(server.send("GET", one + "99999").status, 504);
}

TEST_F(RequestOptionsTest, DeletionsSayWhatIsWrongWithTheirs) {
  const std::string one = std::string(kPath) + "/a";
  const auto dry = server.send("DELETE", one, R"({"dryRun":["bad"]})");
  EXPECT_EQ(dry.status, 422);
  EXPECT_THAT(dry.body,
              HasSubstr(R"(dryRun: Unsupported value: \"bad\": supported values: \"All\")"));
  const auto both =
      server.send("DELETE", one, R"({"propagationPolicy":"Orphan","orphanDependents":true})");
  EXPECT_EQ(both.status, 422);
  EXPECT_THAT(both.body, HasSubstr("orphanDependents and deletionPropagation cannot be both set"));
  EXPECT_EQ(count(), 5U);
}

TEST_F(RequestOptionsTest, ACollectionIsDeletedPageByPage) {
  const std::string two = std::string(kPath) + "?limit=2";
  const json::Value first = server.parsed(server.send("DELETE", two));
  EXPECT_EQ(first["items"].as_array()->size(), 2U);
  EXPECT_EQ(first["metadata"]["remainingItemCount"].as_int64(), 3);
  EXPECT_EQ(count(), 3U);
  // The page after the next.
  const json::Value seen = server.parsed(server.send("GET", two));
  const std::string rest(seen["metadata"]["continue"].text());
  server.send("DELETE", fmt::format("{}&continue={}", two, rest));
  const auto left = server.parsed(server.send("GET", kPath));
  EXPECT_EQ(left["items"].as_array()->size(), 2U);
  EXPECT_EQ((*left["items"].as_array())[0]["metadata"]["name"].text(), "c");
  EXPECT_EQ(server.send("DELETE", std::string(kPath) + "?resourceVersion=99999").status, 504);
  server.send("DELETE", kPath);
  EXPECT_EQ(count(), 0U);
}

TEST_F(RequestOptionsTest, AnEvictionIsOfThePodOfItsUrl) {
  const std::string pods = "/api/v1/namespaces/a/pods";
  server.send("POST", pods,
              R"({"metadata":{"name":"x"},"spec":{"containers":[{"name":"c","image":"i"}]}})");
  const auto other = server.send("POST", pods + "/x/eviction", R"({"metadata":{"name":"y"}})");
  EXPECT_EQ(other.status, 400);
  EXPECT_THAT(other.body, HasSubstr("name in URL does not match name in Eviction object: y"));
  EXPECT_EQ(server.send("GET", pods + "/x").status, 200);
  EXPECT_EQ(server.send("POST", pods + "/x/eviction", R"({"metadata":{"name":"x"}})").status, 201);
}

}  // namespace
}  // namespace insula::apiserver
