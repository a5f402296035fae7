#include <array>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kMaps = "/api/v1/namespaces/a/configmaps";

/// Reads the lines of one watch.
class WatchReader {
 public:
  WatchReader(TestServer& server, const std::string& target, const char* accept = nullptr)
      : server_(server) {
    auto request = server.request("GET", target);
    if (accept != nullptr) request.headers.set("Accept", accept);
    stream_ = *server.run(server.client.open(server.origin, request, server.deadline()));
  }

  [[nodiscard]] int status() const { return stream_->status(); }

  json::Value next() {
    std::size_t end = 0;
    while ((end = text_.find('\n')) == std::string::npos) {
      std::array<char, 4096> buffer{};
      const auto read = server_.run(stream_->read(buffer, server_.deadline()));
      INSULA_CHECK(read && *read > 0, "the watch ended");
      text_.append(buffer.data(), *read);
    }
    const std::string line = text_.substr(0, end);
    text_.erase(0, end + 1);
    return *json::parse(line);
  }

  [[nodiscard]] bool at_end() {
    std::array<char, 64> buffer{};
    const auto read = server_.run(stream_->read(buffer, server_.deadline()));
    return read && *read == 0;
  }

 private:
  TestServer& server_;
  std::unique_ptr<http::ResponseStream> stream_;
  std::string text_;
};

class WatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
  }

  json::Value put(const std::string& name,
                  const std::string& labels = "{}",
                  const std::string& value = "1") {
    const std::string body = fmt::format(
        R"({{"metadata":{{"name":"{}","labels":{}}},"data":{{"k":"{}"}}}})", name, labels, value);
    auto answer = server.send("POST", kMaps, body);
    if (answer.status == 409) answer = server.send("PUT", std::string(kMaps) + "/" + name, body);
    return server.parsed(answer);
  }

  std::string version() {
    return std::string(
        server.parsed(server.send("GET", kMaps))["metadata"]["resourceVersion"].text());
  }

  static std::string show(const json::Value& event) {
    return std::string(event["type"].text()) + " " +
           std::string(event["object"]["metadata"]["name"].text());
  }

  TestServer server;
};

TEST_F(WatchTest, DeliversChangesAfterAVersion) {
  put("x");
  const std::string since = version();
  put("y");
  WatchReader watch(server, fmt::format("{}?watch=true&resourceVersion={}", kMaps, since));
  EXPECT_EQ(show(watch.next()), "ADDED y");
  put("x", "{}", "2");
  EXPECT_EQ(show(watch.next()), "MODIFIED x");
  server.send("DELETE", std::string(kMaps) + "/y");
  const json::Value gone = watch.next();
  EXPECT_EQ(show(gone), "DELETED y");
  EXPECT_EQ(gone["object"]["metadata"]["resourceVersion"].text(), version());
  EXPECT_EQ(gone["object"]["metadata"].find("deletionTimestamp"), nullptr);
}

TEST_F(WatchTest, BeginsWithWhatIsThereWithoutAVersion) {
  put("x");
  WatchReader watch(server, fmt::format("{}?watch=true", kMaps));
  EXPECT_EQ(show(watch.next()), "ADDED x");
}

TEST_F(WatchTest, MarksTheEndOfTheInitialEvents) {
  put("x");
  WatchReader watch(
      server, fmt::format("{}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&"
                          "allowWatchBookmarks=true",
                          kMaps));
  EXPECT_EQ(show(watch.next()), "ADDED x");
  const json::Value bookmark = watch.next();
  EXPECT_EQ(bookmark["type"].text(), "BOOKMARK");
  EXPECT_EQ(bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"].text(),
            "true");
  EXPECT_EQ(bookmark["object"]["metadata"]["resourceVersion"].text(), version());
}

TEST_F(WatchTest, SendsWhatIsThereInPieces) {
  for (const char* name : {"a", "b", "c"})
    put(name, "{}", std::string(700'000, 'x'));
  WatchReader watch(
      server, fmt::format("{}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&"
                          "allowWatchBookmarks=true",
                          kMaps));
  for (const char* shown : {"ADDED a", "ADDED b", "ADDED c"})
    EXPECT_EQ(show(watch.next()), shown);
  EXPECT_EQ(watch.next()["type"].text(), "BOOKMARK");
  put("d");
  EXPECT_EQ(show(watch.next()), "ADDED d");
}

TEST_F(WatchTest, ReportsAnObjectThatLeavesTheSelectorAsDeleted) {
  put("x", R"({"app":"web"})");
  WatchReader watch(server, fmt::format("{}?watch=true&labelSelector=app%3Dweb&resourceVersion={}",
                                        kMaps, version()));
  put("x", R"({"app":"db"})", "2");
  const json::Value gone = watch.next();
  EXPECT_EQ(show(gone), "DELETED x");
  EXPECT_EQ(gone["object"]["metadata"]["labels"]["app"].text(), "web");
  EXPECT_EQ(gone["object"]["data"]["k"].text(), "1");
  EXPECT_EQ(gone["object"]["metadata"]["resourceVersion"].text(), version());
  put("x", R"({"app":"web"})");
  EXPECT_EQ(show(watch.next()), "ADDED x");
}

TEST_F(WatchTest, WatchesOneObjectByItsName) {
  put("x");
  WatchReader watch(
      server, fmt::format("{}?watch=true&fieldSelector=metadata.name%3Dy&resourceVersion={}", kMaps,
                          version()));
  put("x", "{}", "2");
  put("y");
  EXPECT_EQ(show(watch.next()), "ADDED y");
}

TEST_F(WatchTest, AnswersExpiredForAVersionThatIsCompacted) {
  // The first version of a store that was restarted with nothing left of its history.
  server.disk->floor = 1'000'000;
  server.disk->reserved = 1'000'000;
  const store::StoreOptions options;
  auto later = *store::Store::open(std::make_unique<store::MemoryJournal>(server.disk), options);
  Registry registry(*later, server.loop.clock(), server.random);
  const auto watch = registry.watch({api::find_kind("", "v1", "configmaps"), "a", "", ""}, {}, 5);
  ASSERT_FALSE(watch);
  EXPECT_EQ(watch.error().code(), ErrorCode::kExpired);
  EXPECT_EQ(watch.error().message(), "too old resource version: 5 (1000000)");
}

TEST_F(WatchTest, DoesNotBeginWithWhatIsOlderThanTheClientHasSeen) {
  const auto answer = server.send(
      "GET", fmt::format("{}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&"
                         "resourceVersionMatch=NotOlderThan&resourceVersion=1000000",
                         kMaps));
  EXPECT_EQ(answer.status, 504);
  EXPECT_THAT(answer.body, HasSubstr("Timeout: Too large resource version: 1000000, current: "));
  EXPECT_THAT(answer.body, HasSubstr(R"("details":{"causes":[{"reason":"ResourceVersionTooLarge",)"
                                     R"("message":"Too large resource version"}],)"
                                     R"("retryAfterSeconds":1})"));
}

TEST_F(WatchTest, BeginsNowWhenItIsToldNotToSendWhatIsThere) {
  put("x");
  WatchReader watch(
      server, fmt::format("{}?watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan",
                          kMaps));
  put("y");
  EXPECT_EQ(show(watch.next()), "ADDED y");
}

TEST_F(WatchTest, BeginsByItsOldPathsToo) {
  put("x");
  put("y");
  const std::string old = "/api/v1/watch/namespaces/a/configmaps";
  const std::string brief = "?timeoutSeconds=-1";
  EXPECT_THAT(server.send("GET", old + brief).body,
              AllOf(HasSubstr("\"name\":\"x\""), HasSubstr("\"name\":\"y\"")));
  EXPECT_THAT(server.send("GET", "/api/v1/watch/configmaps" + brief).body,
              HasSubstr("\"name\":\"x\""));
  EXPECT_THAT(server.send("GET", "/api/v1/watch/namespaces/a" + brief).body,
              HasSubstr(R"("kind":"Namespace")"));
  const std::string one = server.send("GET", old + "/x" + brief).body;
  EXPECT_THAT(one, HasSubstr("\"name\":\"x\""));
  EXPECT_THAT(one, Not(HasSubstr("\"name\":\"y\"")));
  EXPECT_EQ(server.send("GET", old + "/none" + brief).body, "");
  WatchReader watch(server, old + "/y?resourceVersion=" + version());
  put("z");
  server.send("DELETE", "/api/v1/namespaces/a/configmaps/y");
  EXPECT_EQ(show(watch.next()), "DELETED y");
}

TEST_F(WatchTest, OldPathsTakeNothingElse) {
  const std::string old = "/api/v1/watch/namespaces/a/configmaps";
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "HEAD"})
    EXPECT_EQ(server.send(method, old).status, 405) << method;
  EXPECT_EQ(server.send("GET", "/api/v1/watch/configmaps/x").status, 404);
  EXPECT_EQ(server.send("GET", "/api/v1/watch/namespaces/a/pods/x/log").status, 404);
  EXPECT_EQ(server.send("GET", "/api/v1/watch/namespaces/a/pods/x/proxy/").status, 404);
  EXPECT_EQ(server.send("GET", "/api/v1/watch").status, 404);
  EXPECT_EQ(server.send("GET", "/api/v1/watch/namespaces/a/bindings").status, 405);
  const auto other = server.send("GET", old + "/x?fieldSelector=metadata.name%3Dy");
  EXPECT_EQ(other.status, 400);
  EXPECT_THAT(other.body, HasSubstr("fieldSelector metadata.name doesn't match requested name"));
}

TEST_F(WatchTest, EndsAtItsTimeout) {
  WatchReader watch(
      server, fmt::format("{}?watch=true&timeoutSeconds=1&resourceVersion={}", kMaps, version()));
  EXPECT_TRUE(watch.at_end());
}

TEST_F(WatchTest, SendsTableRowsToWhoAsksForThem) {
  put("x");
  WatchReader watch(server, fmt::format("{}?watch=true", kMaps),
                    "application/json;as=Table;v=v1;g=meta.k8s.io");
  const json::Value first = watch.next();
  EXPECT_EQ(first["type"].text(), "ADDED");
  EXPECT_EQ(first["object"]["kind"].text(), "Table");
  EXPECT_TRUE(first["object"]["columnDefinitions"].is_array());
  put("x", "{}", "2");
  const json::Value second = watch.next();
  EXPECT_EQ(second["object"]["rows"].as_array()->size(), 1U);
  EXPECT_TRUE(second["object"]["columnDefinitions"].is_null());
}

}  // namespace
}  // namespace insula::apiserver
