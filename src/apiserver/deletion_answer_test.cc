#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

class DeletionAnswerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(server.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})").status,
              201);
  }

  /// What a deletion of the object just made answers.
  json::Value answer(const std::string& collection, const std::string& rest) {
    const auto made = server.send("POST", collection, R"({"metadata":{"name":"x"})" + rest + "}");
    EXPECT_EQ(made.status, 201) << made.body;
    const auto gone = server.send("DELETE", collection + "/x");
    EXPECT_EQ(gone.status, 200) << gone.body;
    EXPECT_EQ(server.send("GET", collection + "/x").status, 404) << collection;
    return server.parsed(gone);
  }

  TestServer server;
};

TEST_F(DeletionAnswerTest, IsTheObjectWhereKubernetesHasItSo) {
  const std::string core = "/api/v1/namespaces/a/";
  const std::string container = R"("spec":{"containers":[{"name":"c","image":"i"}]})";
  const std::pair<std::string, std::string> objects[] = {
      {core + "pods", "," + container},
      {core + "podtemplates", R"(,"template":{)" + container + "}"},
      {core + "services", R"(,"spec":{"ports":[{"port":80}]})"},
      {core + "serviceaccounts", ""},
      {core + "resourcequotas", ""},
      {core + "persistentvolumeclaims",
       R"(,"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}})"},
      {"/apis/storage.k8s.io/v1/storageclasses", R"(,"provisioner":"p")"},
      {"/apis/storage.k8s.io/v1/csidrivers", R"(,"spec":{})"}};
  for (const auto& [collection, rest] : objects) {
    const json::Value object = answer(collection, rest);
    EXPECT_NE(object["kind"].text(), "Status") << collection;
    EXPECT_EQ(object["metadata"]["name"].text(), "x") << collection;
    // A pod has time to end, if none is left of it.
    EXPECT_EQ(object["metadata"].find("deletionTimestamp") != nullptr,
              object["kind"].text() == "Pod")
        << collection;
  }
}

TEST_F(DeletionAnswerTest, IsAStatusElsewhere) {
  const json::Value status = answer("/api/v1/namespaces/a/configmaps", "");
  EXPECT_EQ(status["kind"].text(), "Status");
  EXPECT_EQ(status["status"].text(), "Success");
  EXPECT_EQ(status["details"]["kind"].text(), "configmaps");
}

}  // namespace
}  // namespace insula::apiserver
