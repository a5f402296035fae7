#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr const char* kPath = "/api/v1/namespaces/a/configmaps";

struct Case {
  std::string query;
  int status;
  std::string text;
};

class RequestOptionsTest : public ::testing::Test {
 protected:
  RequestOptionsTest() {
    server.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
    for (const char* name : {"a", "b", "c", "d", "e"})
      server.send("POST", kPath, fmt::format(R"({{"metadata":{{"name":"{}"}}}})", name));
  }

  /// That requests with these queries are refused in these words, and about the options where those
  /// break rules.
  void expect_refused(const std::string& method,
                      const std::string& path,
                      std::string_view kind,
                      std::span<const Case> cases) {
    const std::string type =
        method == "PATCH" ? "application/merge-patch+json" : "application/json";
    const char join = path.find('?') == std::string::npos ? '?' : '&';
    for (const auto& [query, status, text] : cases) {
      const std::string body = method == "GET" || method == "DELETE" ? "" : "{";
      const auto answer = server.send(method, fmt::format("{}{}{}", path, join, query), body, type);
      EXPECT_EQ(answer.status, status) << query << answer.body;
      const json::Value refused = server.parsed(answer);
      EXPECT_THAT(std::string(refused["message"].text()), HasSubstr(text)) << query;
      if (status == 400) EXPECT_EQ(refused.find("details"), nullptr) << query;
      if (status != 422) continue;
      EXPECT_EQ(refused["message"].text(),
                fmt::format("{}.meta.k8s.io \"\" is invalid: {}", kind, text));
      const json::Value& details = refused["details"];
      EXPECT_EQ(details["kind"].text(), kind);
      EXPECT_EQ(details["group"].text(), "meta.k8s.io");
      EXPECT_EQ(details.find("name"), nullptr);
      const auto* causes = details["causes"].as_array();
      const json::Value& last = causes->back();
      EXPECT_THAT(text,
                  HasSubstr(fmt::format("{}: {}", last["field"].text(), last["message"].text())));
    }
  }

  std::size_t count() {
    return server.parsed(server.send("GET", kPath))["items"].as_array()->size();
  }

  TestServer server;
};

TEST_F(RequestOptionsTest, ListsSayWhatIsWrongWithTheirs) {
  const json::Value first = server.parsed(server.send("GET", std::string(kPath) + "?limit=2"));
  const std::string page(first["metadata"]["continue"].text());
  const Case cases[] = {
      {"resourceVersionMatch=Exact", 422,
       "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion "
       "is provided"},
      {"resourceVersionMatch=Newest&resourceVersion=1", 422,
       R"(resourceVersionMatch: Unsupported value: "Newest": supported values: "Exact", "NotOlderThan", "")"},
      {"resourceVersionMatch=Newest", 422,
       "[resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion "
       "is provided, resourceVersionMatch: Unsupported value: \"Newest\": supported values: "
       "\"Exact\", \"NotOlderThan\", \"\"]"},
      {"resourceVersionMatch=Exact&resourceVersion=0", 422,
       R"(resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0")"},
      {"resourceVersionMatch=NotOlderThan&resourceVersion=1&continue=" + page, 422,
       "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is "
       "provided"},
      {"sendInitialEvents=", 422,
       "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"},
      {"resourceVersion=1&continue=" + page, 400,
       "specifying resource version is not allowed when using continue"},
      {"resourceVersion=1&continue=x", 400,
       "invalid continue token: continue key is not valid: it is not of this list"},
      {"resourceVersion=x", 400,
       R"(invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax)"},
      {"resourceVersion=99999", 504, "Timeout: Too large resource version: 99999, current: "},
      {"limit=abc", 400, R"(strconv.ParseInt: parsing "abc": invalid syntax)"},
      {"limit=", 400, R"(strconv.ParseInt: parsing "": invalid syntax)"},
      {"limit=99999999999999999999", 400,
       R"(strconv.ParseInt: parsing "99999999999999999999": value out of range)"},
      {"timeoutSeconds=1.5", 400, R"(strconv.ParseInt: parsing "1.5": invalid syntax)"},
      {"watch=1&limit=abc", 400, R"(strconv.ParseInt: parsing "abc": invalid syntax)"},
      {"watch=&timeoutSeconds=abc", 400, R"(strconv.ParseInt: parsing "abc": invalid syntax)"},
  };
  expect_refused("GET", kPath, "ListOptions", cases);
}

TEST_F(RequestOptionsTest, ListsTakeNumbersAndWordsAsKubernetesDoes) {
  for (const char* query : {"limit=-1", "limit=%2B1", "timeoutSeconds=-1", "watch=0", "watch=FALSE",
                            "limit=1&limit=abc", "allowWatchBookmarks=foo"}) {
    const auto answer = server.send("GET", fmt::format("{}?{}", kPath, query));
    EXPECT_EQ(answer.status, 200) << query << answer.body;
    EXPECT_THAT(answer.body, HasSubstr("ConfigMapList")) << query;
  }
  const auto none = server.parsed(server.send("GET", std::string(kPath) + "?limit=-1"));
  EXPECT_EQ(none["items"].as_array()->size(), 5U);
  const auto watched = server.send("GET", std::string(kPath) + "?watch=&timeoutSeconds=-1");
  EXPECT_THAT(watched.body, HasSubstr(R"("type":"ADDED")"));
}

TEST_F(RequestOptionsTest, RequestsSayHowLongTheyMayTake) {
  for (const char* path : {kPath, "/version", "/nope", "/api/v1/nope"}) {
    const auto answer = server.send("GET", fmt::format("{}?timeout=abc", path));
    EXPECT_EQ(answer.status, 400) << path;
    EXPECT_EQ(server.parsed(answer)["message"].text(),
              R"(invalid timeout specified in the request URL - time: invalid duration "abc")");
  }
  EXPECT_EQ(server.send("POST", fmt::format("{}?timeout=1", kPath), "{}").status, 400);
  for (const char* fine : {"", "0s", "-1s", "10s", "70m"}) {
    const auto answer = server.send("GET", fmt::format("{}?timeout={}", kPath, fine));
    EXPECT_EQ(answer.status, 200) << fine << answer.body;
  }
  const auto watched = fmt::format("{}?watch=1&timeoutSeconds=-1&timeout=abc", kPath);
  EXPECT_EQ(server.send("GET", watched).status, 200);
}

TEST_F(RequestOptionsTest, WatchesSayWhatIsWrongWithTheirs) {
  const Case cases[] = {
      {"resourceVersionMatch=foo", 422,
       "[resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless "
       "sendInitialEvents is provided, resourceVersionMatch: Unsupported value: \"foo\": supported "
       "values: \"NotOlderThan\"]"},
      {"sendInitialEvents=true", 422,
       "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch "
       "to NotOlderThan"},
      {"sendInitialEvents=false&resourceVersionMatch=Exact", 422,
       "[resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch "
       "to NotOlderThan, resourceVersionMatch: Unsupported value: \"Exact\": supported values: "
       "\"NotOlderThan\"]"},
      {"continue=abc", 422,
       "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is "
       "provided"},
  };
  expect_refused("GET", std::string(kPath) + "?watch=1", "ListOptions", cases);
}

TEST_F(RequestOptionsTest, WritesSayWhatIsWrongWithTheirs) {
  const std::string long_name(129, 'b');
  const Case cases[] = {
      {"dryRun=foo&dryRun=All", 422,
       R"(dryRun: Unsupported value: ["foo","All"]: supported values: "All")"},
      {"dryRun=", 422, R"(dryRun: Unsupported value: [""]: supported values: "All")"},
      {"fieldValidation=x%22y", 422,
       R"(fieldValidation: Unsupported value: "x\"y": supported values: "", "Ignore", "Strict", "Warn")"},
      {"fieldManager=" + long_name, 422, "fieldManager: Too long: may not be more than 128 bytes"},
      {"fieldManager=a%c2%a0b", 422,
       R"(fieldManager: Invalid value: "a\u00a0b": invalid character U+00A0 (at position 1))"},
      {"dryRun=foo&fieldValidation=bar&fieldManager=%01", 422,
       R"([fieldManager: Invalid value: "\x01": invalid character U+0001 (at position 0), )"
       R"(dryRun: Unsupported value: ["foo"]: supported values: "All", )"
       R"(fieldValidation: Unsupported value: "bar": supported values: "", "Ignore", "Strict", "Warn"])"},
  };
  const std::string one = std::string(kPath) + "/a";
  expect_refused("POST", kPath, "CreateOptions", cases);
  expect_refused("PUT", one, "UpdateOptions", cases);
  expect_refused("PATCH", one, "PatchOptions", cases);
  const Case review[] = {
      {"dryRun=foo", 422, R"(dryRun: Unsupported value: ["foo"]: supported values: "All")"}};
  expect_refused("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "CreateOptions",
                 review);
}

TEST_F(RequestOptionsTest, PatchesMayForceOnlyWhatTheyApply) {
  const std::string one = std::string(kPath) + "/a";
  const Case merge[] = {
      {"force=false", 422, "force: Forbidden: may not be specified for non-apply patch"}};
  expect_refused("PATCH", one, "PatchOptions", merge);
  const std::string body =
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"v"}})";
  const auto nobody =
      server.send("PATCH", one + "?dryRun=foo", body, "application/apply-patch+yaml");
  EXPECT_EQ(nobody.status, 422);
  EXPECT_EQ(server.parsed(nobody)["message"].text(),
            "PatchOptions.meta.k8s.io \"\" is invalid: [fieldManager: Required value: is required "
            "for apply patch, dryRun: Unsupported value: [\"foo\"]: supported values: \"All\"]");
  const auto forced =
      server.send("PATCH", one + "?fieldManager=m&force=abc", body, "application/apply-patch+yaml");
  EXPECT_EQ(forced.status, 200) << forced.body;
}

TEST_F(RequestOptionsTest, AFieldManagerThatIsNoUtf8IsWrittenAsOne) {
  const auto made = server.send("POST", std::string(kPath) + "?fieldManager=a%ff",
                                R"({"metadata":{"name":"z"},"data":{"k":"v"}})");
  EXPECT_EQ(made.status, 201);
  EXPECT_THAT(made.body, HasSubstr("\"manager\":\"a\ufffd\""));
}

TEST_F(RequestOptionsTest, AReadIsNotOlderThanItAsks) {
  const std::string one = std::string(kPath) + "/a?resourceVersion=";
  EXPECT_EQ(server.send("GET", one + "0").status, 200);
  EXPECT_EQ(server.send("GET", one + "1").status, 200);
  EXPECT_EQ(server.send("GET", one + "x").status, 400);
  EXPECT_EQ(server.send("GET", one + "99999").status, 504);
}

TEST_F(RequestOptionsTest, DeletionsSayWhatIsWrongWithTheirs) {
  const Case cases[] = {
      {"dryRun=foo", 422, R"(dryRun: Unsupported value: ["foo"]: supported values: "All")"},
      {"propagationPolicy=", 422,
       R"(propagationPolicy: Unsupported value: "": supported values: "Foreground", "Background", "Orphan", "nil")"},
      {"propagationPolicy=Orphan&orphanDependents=abc", 422,
       R"(propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set)"},
      {"propagationPolicy=foo&dryRun=foo", 422,
       "[propagationPolicy: Unsupported value: \"foo\": supported values: \"Foreground\", "
       "\"Background\", \"Orphan\", \"nil\", dryRun: Unsupported value: [\"foo\"]: supported "
       "values: \"All\"]"},
      {"gracePeriodSeconds=abc", 400, R"(strconv.ParseInt: parsing "abc": invalid syntax)"},
  };
  const std::string one = std::string(kPath) + "/a";
  expect_refused("DELETE", one, "DeleteOptions", cases);
  expect_refused("DELETE", kPath, "DeleteOptions", cases);
  const Case of_list[] = {
      {"sendInitialEvents=true&dryRun=foo", 422,
       "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"},
      {"limit=abc&dryRun=foo", 400, R"(strconv.ParseInt: parsing "abc": invalid syntax)"}};
  expect_refused("DELETE", kPath, "ListOptions", of_list);
  for (const char* body :
       {R"({"dryRun":["bad"]})", R"({"propagationPolicy":"Orphan","orphanDependents":true})"})
    EXPECT_EQ(server.send("DELETE", one, body).status, 422) << body;
  for (const char* body : {R"({"kind":"Pod","apiVersion":"v1"})", R"({"dryRun":"All"})", "[]", " "})
    EXPECT_EQ(server.send("DELETE", one, body).status, 400) << body;
  EXPECT_EQ(count(), 5U);
}

TEST_F(RequestOptionsTest, DeletionsReadTheQueryWhereThereIsNoBody) {
  const std::string one = std::string(kPath) + "/a";
  EXPECT_EQ(server.send("DELETE", one + "?uid=other").status, 409);
  EXPECT_EQ(server.send("DELETE", one + "?resourceVersion=1").status, 409);
  EXPECT_EQ(server.send("DELETE", one + "?dryRun=All").status, 200);
  EXPECT_EQ(server.send("DELETE", one + "?dryRun=All", "{}").status, 200);
  EXPECT_EQ(count(), 5U);
  EXPECT_EQ(
      server.send("DELETE", one + "?propagationPolicy=foo&gracePeriodSeconds=abc", "{}").status,
      200);
  EXPECT_EQ(server.send("DELETE", std::string(kPath) + "/b?orphanDependents=1").status, 200);
  const json::Value b = server.parsed(server.send("GET", std::string(kPath) + "/b"));
  EXPECT_EQ((*b["metadata"]["finalizers"].as_array())[0].text(), "orphan");
  const std::string potential = "ignoreStoreReadErrorWithClusterBreakingPotential";
  EXPECT_EQ(server.send("DELETE", fmt::format("{}/c?{}=true&dryRun=All", kPath, potential)).status,
            200);
  EXPECT_EQ(
      server.send("DELETE", std::string(kPath) + "/c", fmt::format(R"({{"{}":true}})", potential))
          .status,
      200);
}

TEST_F(RequestOptionsTest, AConnectionIsNotTried) {
  for (const char* path : {"exec?command=a&dryRun=All", "proxy?dryRun="}) {
    const auto answer = server.send("POST", fmt::format("/api/v1/namespaces/a/pods/x/{}", path));
    EXPECT_EQ(answer.status, 400) << path;
    EXPECT_EQ(server.parsed(answer)["message"].text(), "dryRun is not supported") << path;
  }
}

TEST_F(RequestOptionsTest, LogsSayWhatIsWrongWithTheirs) {
  const Case cases[] = {
      {"sinceSeconds=1&sinceTime=", 422,
       "[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"},
      {"tailLines=-1&limitBytes=0&sinceSeconds=0", 422,
       "[tailLines: Invalid value: -1: must be greater than or equal to 0, limitBytes: Invalid "
       "value: 0: must be greater than 0, sinceSeconds: Invalid value: 0: must be greater than 0]"},
      {"stream=All", 422, "stream: Forbidden: may not be specified"},
      {"tailLines=abc", 400, R"(strconv.ParseInt: parsing "abc": invalid syntax)"},
      {"sinceTime=2020-01-01", 400,
       R"(parsing time "2020-01-01" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T")"},
  };
  for (const auto& [query, status, text] : cases) {
    const auto answer =
        server.send("GET", fmt::format("/api/v1/namespaces/a/pods/x/log?{}", query));
    EXPECT_EQ(answer.status, status) << query << answer.body;
    const json::Value body = server.parsed(answer);
    EXPECT_THAT(std::string(body["message"].text()), EndsWith(text)) << query;
    if (status != 422) continue;
    EXPECT_EQ(body["details"]["kind"].text(), "PodLogOptions") << query;
    EXPECT_EQ(body["details"]["name"].text(), "x") << query;
    EXPECT_EQ(body["details"].find("group"), nullptr) << query;
  }
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
  const Case cases[] = {
      {"dryRun=foo", 422, R"(dryRun: Unsupported value: ["foo"]: supported values: "All")"}};
  expect_refused("POST", pods + "/x/eviction", "CreateOptions", cases);
  const auto policy =
      server.send("POST", pods + "/x/eviction",
                  R"({"metadata":{"name":"x"},"deleteOptions":{"propagationPolicy":"foo"}})");
  EXPECT_EQ(policy.status, 422);
  EXPECT_EQ(server.parsed(policy)["details"]["kind"].text(), "DeleteOptions");
  EXPECT_EQ(other.status, 400);
  EXPECT_THAT(other.body, HasSubstr("name in URL does not match name in Eviction object"));
  EXPECT_EQ(server.send("GET", pods + "/x").status, 200);
  EXPECT_EQ(server.send("POST", pods + "/x/eviction", R"({"metadata":{"name":"x"}})").status, 201);
}

}  // namespace
}  // namespace insula::apiserver
