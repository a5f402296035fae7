#include "apiserver/service_account_admission.h"

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"
#include "json/write.h"

namespace insula::apiserver {
namespace {

using ::testing::MatchesRegex;

class ServiceAccountAdmission : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
    server_.send("POST", "/api/v1/namespaces/a/serviceaccounts",
                 R"({"metadata":{"name":"shy"},"automountServiceAccountToken":false})");
  }

  /// The spec of a pod made of this one.
  json::Value made(const std::string& name, const std::string& spec) {
    const auto answer =
        server_.send("POST", "/api/v1/namespaces/a/pods",
                     fmt::format(R"({{"metadata":{{"name":"{}"}},"spec":{{{}}}}})", name, spec));
    EXPECT_EQ(answer.status, 201) << answer.body;
    return TestServer::parsed(answer)["spec"];
  }

  static const json::Value& item(const json::Value& list, std::size_t at = 0) {
    return list.as_array()->at(at);
  }

  TestServer server_;
};

constexpr const char* kPlain = R"("containers":[{"name":"c","image":"i"}])";

TEST_F(ServiceAccountAdmission, MountsWhatKubernetesMounts) {
  const json::Value spec = made(
      "p",
      R"("initContainers":[{"name":"i","image":"i"}],"containers":[{"name":"c","image":"i"}])");
  const json::Value& volume = item(spec["volumes"]);
  const std::string name(volume["name"].text());
  EXPECT_THAT(name, MatchesRegex("kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}"));
  EXPECT_EQ(
      json::write(volume["projected"]),
      R"({"sources":[{"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}},)"
      R"({"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt","path":"ca.crt"}]}},)"
      R"({"downwardAPI":{"items":[{"path":"namespace","fieldRef":{"apiVersion":"v1",)"
      R"("fieldPath":"metadata.namespace"}}]}}],"defaultMode":420})");
  for (const char* containers : {"initContainers", "containers"}) {
    EXPECT_EQ(
        json::write(item(item(spec[containers])["volumeMounts"])),
        fmt::format(R"({{"name":"{}","readOnly":true,"mountPath":"{}"}})", name, kTokenMountPath));
  }
}

TEST_F(ServiceAccountAdmission, LeavesPodsAloneThatWantNone) {
  EXPECT_EQ(made("a", std::string(kPlain) + R"(,"automountServiceAccountToken":false)")["volumes"],
            json::Value());
  EXPECT_EQ(made("b", std::string(kPlain) + R"(,"serviceAccountName":"shy")")["volumes"],
            json::Value());
  // The pod's word counts before the account's.
  EXPECT_NE(made("c", std::string(kPlain) + R"(,"serviceAccountName":"shy",)"
                                            R"("automountServiceAccountToken":true)")["volumes"],
            json::Value());
}

TEST_F(ServiceAccountAdmission, KeepsWhatAContainerMountsThere) {
  const json::Value spec =
      made("p", fmt::format(R"("containers":[{{"name":"c","image":"i","volumeMounts":)"
                            R"([{{"name":"own","mountPath":"{}"}}]}}],)"
                            R"("volumes":[{{"name":"own","emptyDir":{{}}}}])",
                            kTokenMountPath));
  EXPECT_EQ(spec["volumes"].as_array()->size(), 1U);
  EXPECT_EQ(item(spec["containers"])["volumeMounts"].as_array()->size(), 1U);
}

TEST_F(ServiceAccountAdmission, UsesAVolumeThatAPodBringsAlong) {
  const json::Value spec =
      made("p", std::string(kPlain) + R"(,"volumes":[{"name":"kube-api-access-mine","projected":)"
                                      R"({"sources":[]}}])");
  EXPECT_EQ(spec["volumes"].as_array()->size(), 1U);
  EXPECT_EQ(item(item(spec["containers"])["volumeMounts"])["name"].text(), "kube-api-access-mine");
}

}  // namespace
}  // namespace insula::apiserver
