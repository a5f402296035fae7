#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

constexpr const char* kBindings = "/api/v1/namespaces/a/bindings";

class BindingsTest : public ::testing::Test {
 protected:
  BindingsTest() {
    server_.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
    server_.send("POST", "/api/v1/namespaces/a/pods",
                 R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}})");
  }

  http::Response bind(const std::string& metadata, const std::string& query = "") {
    return server_.send(
        "POST", kBindings + query,
        fmt::format(R"({{"metadata":{},"target":{{"kind":"Node","name":"n"}}}})", metadata));
  }

  std::string message(const http::Response& answer) {
    return std::string(server_.parsed(answer)["message"].text());
  }

  std::string node_of_pod() {
    const auto pod = server_.parsed(server_.send("GET", "/api/v1/namespaces/a/pods/p"));
    return std::string(pod["spec"]["nodeName"].text());
  }

  TestServer server_;
};

TEST_F(BindingsTest, PlaceThePodThatTheyName) {
  EXPECT_EQ(bind(R"({"name":"p"})", "?dryRun=All").status, 201);
  EXPECT_EQ(node_of_pod(), "");
  const auto done = bind(R"({"name":"p","namespace":"a"})");
  EXPECT_EQ(done.status, 201);
  EXPECT_EQ(done.body,
            R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","code":201})");
  EXPECT_EQ(node_of_pod(), "n");
  const auto again = bind(R"({"name":"p"})");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(message(again),
            "Operation cannot be fulfilled on pods/binding \"p\": pod p is already "
            "assigned to node \"n\"");
}

TEST_F(BindingsTest, AreRefusedAsWhatTheyAreAbout) {
  const auto none = bind(R"({"name":"none"})");
  EXPECT_EQ(none.status, 404);
  EXPECT_THAT(none.body, HasSubstr(R"("details":{"name":"none","kind":"pods"})"));
  for (const char* nameless : {"{}", R"({"generateName":"p"})"}) {
    const auto refused = bind(nameless);
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(message(refused), "Name parameter required.");
  }
  const auto elsewhere = bind(R"({"name":"p","namespace":"b"})");
  EXPECT_EQ(elsewhere.status, 400);
  EXPECT_EQ(message(elsewhere),
            "the namespace of the provided object does not match the namespace sent on the "
            "request");
  EXPECT_EQ(bind(R"({"name":"p"})", "?dryRun=some").status, 422);
  // Before it is seen whether there is such a pod.
  const auto placeless =
      server_.send("POST", kBindings, R"({"metadata":{"name":"none"},"target":{"kind":"Pod"}})");
  EXPECT_EQ(placeless.status, 422);
  EXPECT_EQ(message(placeless),
            "Binding \"none\" is invalid: [target.kind: Unsupported value: \"Pod\": supported "
            "values: \"Node\", \"<empty>\", target.name: Required value]");
  const auto other = server_.send("POST", "/api/v1/namespaces/a/pods/p/binding",
                                  R"({"metadata":{"name":"q"},"target":{"name":"n"}})");
  EXPECT_EQ(other.status, 400);
  EXPECT_EQ(message(other), "name in URL does not match name in Binding object");
  EXPECT_EQ(node_of_pod(), "");
  EXPECT_EQ(server_.send("POST", "/api/v1/bindings", R"({"metadata":{"name":"p"}})").status, 404);
  for (const char* method : {"GET", "PUT", "PATCH", "DELETE"})
    EXPECT_EQ(server_.send(method, kBindings).status, 405) << method;
}

TEST_F(BindingsTest, AreCreatedByThoseWithARightToThem) {
  const auto as_alice = [&] {
    http::Request request = server_.request(
        "POST", kBindings, R"({"metadata":{"name":"p"},"target":{"kind":"Node","name":"n"}})");
    request.headers.set("Impersonate-User", "alice");
    return server_.send(std::move(request));
  };
  const auto refused = as_alice();
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(message(refused),
            "bindings is forbidden: User \"alice\" cannot create resource \"bindings\" in API "
            "group \"\" in the namespace \"a\"");
  server_.allow("alice", "a", R"({"apiGroups":[""],"resources":["bindings"],"verbs":["create"]})");
  EXPECT_EQ(as_alice().status, 201);
  EXPECT_EQ(node_of_pod(), "n");
}

TEST_F(BindingsTest, AreInDiscovery) {
  EXPECT_THAT(server_.send("GET", "/api/v1").body,
              HasSubstr(R"({"name":"bindings","singularName":"binding","namespaced":true,)"
                        R"("kind":"Binding","verbs":["create"]})"));
  EXPECT_THAT(server_.send("GET", "/openapi/v3/api/v1").body,
              HasSubstr(R"("/api/v1/namespaces/{namespace}/bindings")"));
}

}  // namespace
}  // namespace insula::apiserver
