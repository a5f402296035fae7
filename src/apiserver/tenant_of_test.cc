#include "apiserver/tenant_of.h"

#include <gtest/gtest.h>

#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

constexpr const char* kOwned = R"({"metadata":{"name":"t-jobs","ownerReferences":[
  {"apiVersion":"insula.dev/v1alpha1","kind":"Tenant","name":"t","uid":"u","controller":true}]}})";
// Who has only a label of the tenant's is none of it.
constexpr const char* kFree = R"({"metadata":{"name":"free","labels":{"insula.dev/tenant":"t"}}})";

TEST(TenantOfCaller, IsTheGroupOrWhoHasTheServiceAccountsNamespace) {
  TestServer server;
  for (const char* name_space : {kOwned, kFree})
    ASSERT_EQ(server.send("POST", "/api/v1/namespaces", name_space).status, 201);
  const auto tenant_of = [&](User caller) {
    return tenant_of_caller(caller, server.registry->store());
  };
  EXPECT_EQ(tenant_of({"ann", {"system:authenticated", "insula:tenant:t"}}), "t");
  EXPECT_EQ(tenant_of({"ann", {"system:authenticated"}}), "");
  EXPECT_EQ(tenant_of({"system:serviceaccount:t-jobs:default", {}}), "t");
  EXPECT_EQ(tenant_of({"system:serviceaccount:free:default", {}}), "");
  EXPECT_EQ(tenant_of({"system:serviceaccount:gone:default", {}}), "");
}

}  // namespace
}  // namespace insula::apiserver
