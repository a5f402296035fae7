#include "apiserver/patch.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"
#include "json/write.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

constexpr const char* kMaps = "/api/v1/namespaces/a/configmaps";

class PatchAnswersTest : public ::testing::Test {
 protected:
  PatchAnswersTest() {
    server.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
    server.send("POST", kMaps, R"({"metadata":{"name":"m"},"data":{"k":"1"}})");
  }

  TestServer server;
};

TEST_F(PatchAnswersTest, SaysOfAPatchWhoseResultCannotBeReadWhatItIs) {
  const std::string url = std::string(kMaps) + "/m";
  const auto refused = [&](const char* type, std::string body) {
    return server.parsed(server.send("PATCH", url, std::move(body), type));
  };
  const json::Value strategic =
      refused("application/strategic-merge-patch+json", R"({"data":{"k":3,"a":null}})");
  EXPECT_EQ(strategic["code"].as_int64(), 422);
  EXPECT_EQ(json::write(strategic["details"]),
            R"({"causes":[{"reason":"FieldValueInvalid","message":"Invalid value: )"
            R"(\"map[data:map[a:<nil> k:3]]\": json: cannot unmarshal number into Go struct )"
            R"(field ConfigMap.data of type string","field":"patch"}]})");
  const json::Value merged = refused("application/merge-patch+json", R"({"data":{"k":3}})");
  EXPECT_EQ(merged["code"].as_int64(), 422);
  EXPECT_THAT(std::string(merged["message"].text()),
              ::testing::AllOf(HasSubstr(R"( "" is invalid: patch: Invalid value: "{\")"),
                               HasSubstr(R"(\"data\":{\"k\":3})")));
  EXPECT_EQ(refused("application/merge-patch+json", "[]")["message"].text(),
            "error decoding patch: json: cannot unmarshal array into Go value of type "
            "map[string]interface {}");
  // An object that breaks rules is told of as ever.
  EXPECT_EQ(
      refused("application/merge-patch+json", R"({"data":{"a b":"3"}})")["details"]["kind"].text(),
      "ConfigMap");
}

TEST_F(PatchAnswersTest, SaysOfAJsonPatchThatDoesNotApplyNoMore) {
  for (const char* patch :
       {R"([{"op":"test","path":"/data/k","value":"2"}])", R"([{"op":"remove","path":"/data/x"}])",
        R"([{"op":"odd","path":"/data/x"}])", R"([{"op":"add","path":"data"}])"}) {
    const auto answer = server.parsed(
        server.send("PATCH", std::string(kMaps) + "/m", patch, "application/json-patch+json"));
    EXPECT_EQ(answer["code"].as_int64(), 422) << patch;
    EXPECT_EQ(answer["message"].text(),
              "the server rejected our request due to an error in our request");
    EXPECT_EQ(json::write(answer["details"]), "{}");
  }
  EXPECT_EQ(server
                .send("PATCH", std::string(kMaps) + "/m", R"({"op":"test"})",
                      "application/json-patch+json")
                .status,
            400);
}

}  // namespace
}  // namespace insula::apiserver
