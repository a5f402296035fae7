#include "apiserver/field_ownership.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"
#include "json/write.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kMaps = "/api/v1/namespaces/a/configmaps";
constexpr const char* kMergeType = "application/merge-patch+json";
const std::string kMap = std::string(kMaps) + "/m";

class OwnershipTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
  }

  json::Value get(const std::string& path) { return server_.parsed(server_.send("GET", path)); }

  http::Response patch(const std::string& path, const std::string& manager, std::string body) {
    return server_.send("PATCH", path + "?fieldManager=" + manager, std::move(body), kMergeType);
  }

  std::vector<json::Value> managers(const std::string& path) {
    const json::Value object = get(path);
    const json::Value& entries = object["metadata"]["managedFields"];
    return entries.is_array() ? *entries.as_array() : std::vector<json::Value>();
  }

  std::string fields(const std::string& path, std::string_view manager) {
    for (const json::Value& entry : managers(path)) {
      if (entry["manager"].text() == manager) return json::write(entry["fieldsV1"]);
    }
    return {};
  }

  TestServer server_;
};

TEST_F(OwnershipTest, WhoCreatesAnObjectOwnsWhatItSays) {
  server_.send("POST", std::string(kMaps) + "?fieldManager=one",
               R"({"metadata":{"name":"m","labels":{"x":"y"}},"data":{"k":"1"}})");
  ASSERT_EQ(managers(kMap).size(), 1U);
  const json::Value entry = managers(kMap)[0];
  EXPECT_EQ(entry["manager"].text(), "one");
  EXPECT_EQ(entry["operation"].text(), "Update");
  EXPECT_EQ(entry["apiVersion"].text(), "v1");
  EXPECT_EQ(json::write(entry["fieldsV1"]),
            R"({"f:data":{".":{},"f:k":{}},"f:metadata":{"f:labels":{".":{},"f:x":{}}}})");
}

TEST_F(OwnershipTest, TheManagerIsTheUserAgentUpToASlash) {
  auto request = server_.request("POST", kMaps, R"({"metadata":{"name":"m"},"data":{"k":"1"}})");
  request.headers.set("User-Agent", "tool/v1.2 (linux)");
  server_.send(std::move(request));
  EXPECT_EQ(managers(kMap)[0]["manager"].text(), "tool");
}

TEST_F(OwnershipTest, TheDefaultsOfAPodAreItsCreatorsButNotWhatAdmissionAdds) {
  server_.send("POST", "/api/v1/namespaces/a/serviceaccounts",
               R"({"metadata":{"name":"default"}})");
  const auto made = server_.send(
      "POST", "/api/v1/namespaces/a/pods?fieldManager=one",
      R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i:1","env":[{"name":"e","value":"v"}]}]}})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string owned = fields("/api/v1/namespaces/a/pods/p", "one");
  EXPECT_THAT(
      owned,
      HasSubstr(
          R"("f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:env":{".":{},"k:{\"name\":\"e\"}":{".":{},"f:name":{},"f:value":{}}},"f:image":{})"));
  EXPECT_THAT(owned, HasSubstr(R"("f:restartPolicy":{})"));
  EXPECT_THAT(owned, Not(HasSubstr("f:serviceAccountName")));
  EXPECT_THAT(owned, Not(HasSubstr("f:status")));
}

TEST_F(OwnershipTest, AChangeMovesItsFieldsToItsManager) {
  server_.send("POST", std::string(kMaps) + "?fieldManager=one",
               R"({"metadata":{"name":"m"},"data":{"k":"1","l":"1"}})");
  patch(kMap, "two", R"({"data":{"k":"2"}})");
  EXPECT_EQ(fields(kMap, "one"), R"({"f:data":{".":{},"f:l":{}}})");
  EXPECT_EQ(fields(kMap, "two"), R"({"f:data":{"f:k":{}}})");
  patch(kMap, "three", R"({"data":{"k":null}})");
  EXPECT_EQ(fields(kMap, "two"), "");
  EXPECT_EQ(fields(kMap, "three"), "");
}

TEST_F(OwnershipTest, AWriteThatChangesNothingIsNone) {
  server_.send("POST", kMaps, R"({"metadata":{"name":"m"},"data":{"k":"1"}})");
  const json::Value before = get(kMap);
  patch(kMap, "two", R"({"data":{"k":"1"}})");
  EXPECT_EQ(get(kMap), before);
  server_.send("PUT", kMap + "?fieldManager=two", R"({"metadata":{"name":"m"},"data":{"k":"1"}})");
  EXPECT_EQ(get(kMap), before);
}

TEST_F(OwnershipTest, StatusHasManagersOfItsOwn) {
  server_.send("POST", "/api/v1/namespaces/a/services?fieldManager=one",
               R"({"metadata":{"name":"s"},"spec":{"ports":[{"port":80}]}})");
  const std::string path = "/api/v1/namespaces/a/services/s";
  patch(path + "/status", "two", R"({"status":{"loadBalancer":{"ingress":[{"ip":"10.0.0.1"}]}}})");
  ASSERT_EQ(managers(path).size(), 2U);
  EXPECT_EQ(managers(path)[1]["subresource"].text(), "status");
  EXPECT_EQ(fields(path, "two"), R"({"f:status":{"f:loadBalancer":{"f:ingress":{}}}})");
  EXPECT_THAT(
      fields(path, "one"),
      HasSubstr(
          R"("f:ports":{".":{},"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{},"f:protocol":{},"f:targetPort":{}}})"));
  EXPECT_THAT(fields(path, "one"), Not(HasSubstr("f:clusterIP")));
}

TEST_F(OwnershipTest, AScaleIsItsManagersThroughTheSubresource) {
  server_.send(
      "POST", "/apis/apps/v1/namespaces/a/deployments?fieldManager=one",
      R"({"metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"x":"y"}},"template":{"metadata":{"labels":{"x":"y"}},
                   "spec":{"containers":[{"name":"c","image":"i"}]}}}})");
  const std::string path = "/apis/apps/v1/namespaces/a/deployments/d";
  patch(path + "/scale", "two", R"({"spec":{"replicas":4}})");
  EXPECT_EQ(fields(path, "two"), R"({"f:spec":{"f:replicas":{}}})");
  EXPECT_EQ(managers(path)[1]["subresource"].text(), "scale");
}

TEST_F(OwnershipTest, AnEmptyEntryForgetsAllOwners) {
  server_.send("POST", kMaps, R"({"metadata":{"name":"m"},"data":{"k":"1"}})");
  patch(kMap, "one", R"({"metadata":{"managedFields":[]}})");
  EXPECT_EQ(managers(kMap).size(), 1U);
  patch(kMap, "one", R"({"metadata":{"managedFields":[{}]}})");
  EXPECT_TRUE(managers(kMap).empty());
  patch(kMap, "one", R"({"data":{"k":"2"}})");
  EXPECT_TRUE(managers(kMap).empty());
}

TEST_F(OwnershipTest, OwnersCanBeEditedButNotThroughAStatus) {
  server_.send("POST", "/api/v1/namespaces/a/services?fieldManager=one",
               R"({"metadata":{"name":"s"},"spec":{"ports":[{"port":80}]}})");
  const std::string path = "/api/v1/namespaces/a/services/s";
  constexpr const char* kEdit =
      R"({"metadata":{"managedFields":[{"manager":"other","operation":"Apply","apiVersion":"v1",
          "fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:type":{}}}}]}})";
  patch(path + "/status", "two", kEdit);
  EXPECT_EQ(fields(path, "other"), "");
  patch(path, "two", kEdit);
  EXPECT_EQ(fields(path, "other"), R"({"f:spec":{"f:type":{}}})");
  EXPECT_EQ(fields(path, "one"), "");
}

TEST_F(OwnershipTest, OwnersThatCannotBeReadAreNotTaken) {
  server_.send("POST", kMaps, R"({"metadata":{"name":"m"},"data":{"k":"1"}})");
  const json::Value before = get(kMap);
  for (const char* bad :
       {R"([{"manager":"x","operation":"Steal","fieldsType":"FieldsV1","fieldsV1":{}}])",
        R"([{"manager":"x","operation":"Update","fieldsType":"FieldsV2","fieldsV1":{}}])",
        R"([{"manager":"x","operation":"Update","fieldsType":"FieldsV1","fieldsV1":{"f:x":1}}])"}) {
    const auto done =
        patch(kMap, "two", std::string(R"({"metadata":{"managedFields":)") + bad + "}}");
    EXPECT_EQ(done.status, 200) << done.body;
    EXPECT_EQ(get(kMap), before) << bad;
  }
}

TEST_F(OwnershipTest, TheOldestOfManyUpdatersBecomeOne) {
  server_.send("POST", std::string(kMaps) + "?fieldManager=m00",
               R"({"metadata":{"name":"m"},"data":{"k00":"1"}})");
  for (int i = 1; i < 14; ++i)
    patch(kMap, fmt::format("m{:02}", i), fmt::format(R"({{"data":{{"k{:02}":"1"}}}})", i));
  EXPECT_EQ(managers(kMap).size(), 10U);
  EXPECT_THAT(fields(kMap, "ancient-changes"), HasSubstr(R"("f:k00":{})"));
  EXPECT_EQ(fields(kMap, "m13"), R"({"f:data":{"f:k13":{}}})");
}

TEST_F(OwnershipTest, AVariableThatIsThereTwiceIsOwnedWhole) {
  const auto made = server_.send(
      "POST", "/api/v1/namespaces/a/podtemplates?fieldManager=one",
      R"({"metadata":{"name":"t"},"template":{"spec":{"containers":[{"name":"c","image":"i",
          "env":[{"name":"e","value":"1"},{"name":"e","value":"2"}]}]}}})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_THAT(fields("/api/v1/namespaces/a/podtemplates/t", "one"),
              HasSubstr(R"("f:env":{".":{},"k:{\"name\":\"e\"}":{}})"));
}

}  // namespace
}  // namespace insula::apiserver
