#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_custom_resources.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

constexpr const char* kMustBeSpecified =
    "metadata.resourceVersion: Invalid value: 0: must be specified for an update";

class UnconditionalUpdateTest : public CustomResourcesTest {
 protected:
  /// Writes back what is there, with this in place of its resourceVersion.
  http::Response rewrite(const std::string& path, const json::Value& version) {
    json::Value object = server.parsed(server.send("GET", path));
    json::Object& metadata = *object["metadata"].as_object();
    metadata.erase("resourceVersion");
    if (!version.is_null()) metadata.set("resourceVersion", version);
    return server.send("PUT", path, json::write(object));
  }
};

TEST_F(UnconditionalUpdateTest, IsRefusedForKindsWhoseWritersMustHaveSeenThem) {
  const std::string leases = "/apis/coordination.k8s.io/v1/namespaces/a/leases";
  ASSERT_EQ(post(leases, R"({"metadata":{"name":"x"}})").status, 201);
  const auto refused = rewrite(leases + "/x", {});
  EXPECT_EQ(refused.status, 422);
  const json::Value status = server.parsed(refused);
  EXPECT_EQ(status["message"].text(),
            std::string(R"(leases.coordination.k8s.io "x" is invalid: )") + kMustBeSpecified);
  EXPECT_EQ((*status["details"]["causes"].as_array())[0]["field"].text(),
            "metadata.resourceVersion");
  EXPECT_EQ(rewrite(leases + "/x", "0").status, 422);
  // A change of what is there has its version.
  EXPECT_EQ(patch(leases + "/x", R"({"metadata":{"labels":{"a":"b"}}})").status, 200);
  EXPECT_EQ(patch(leases + "/x", R"({"metadata":{"resourceVersion":null}})").status, 422);

  EXPECT_EQ(rewrite(std::string(kDefinitions) + "/widgets.example.com", {}).status, 422);
}

TEST_F(UnconditionalUpdateTest, IsRefusedForCustomObjects) {
  ASSERT_EQ(make("x", R"({"size":1})").status, 201);
  const std::string path = std::string(kWidgets) + "/x";
  EXPECT_THAT(rewrite(path, {}).body, HasSubstr(kMustBeSpecified));
  EXPECT_THAT(server
                  .send("PUT", path + "/status",
                        R"({"apiVersion":"example.com/v1",)"
                        R"("kind":"Widget","metadata":{"name":"x"}})")
                  .body,
              HasSubstr(kMustBeSpecified));
  const auto scaled = server.send(
      "PUT", path + "/scale",
      R"({"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"x","namespace":"a"},)"
      R"("spec":{"replicas":2}})");
  EXPECT_EQ(scaled.status, 200) << scaled.body;
}

TEST_F(UnconditionalUpdateTest, IsTakenForTheOthers) {
  const std::string maps = "/api/v1/namespaces/a/configmaps";
  ASSERT_EQ(post(maps, R"({"metadata":{"name":"x"}})").status, 201);
  EXPECT_EQ(rewrite(maps + "/x", {}).status, 200);
  EXPECT_EQ(rewrite(maps + "/x", "0").status, 200);
}

}  // namespace
}  // namespace insula::apiserver
