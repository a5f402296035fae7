#include "api/tenant.h"

#include <gtest/gtest.h>

namespace insula::api {
namespace {

OwnerReference owner(const char* api_version, const char* kind, std::optional<bool> controller) {
  OwnerReference reference;
  reference.api_version = api_version;
  reference.kind = kind;
  reference.name = "t";
  reference.controller = controller;
  return reference;
}

std::string_view owner_of(const OwnerReference& reference) {
  ObjectMeta metadata;
  metadata.owner_references = {reference};
  return owning_tenant(metadata).empty() ? "" : "t";
}

TEST(Tenant, OnlyTheControllingTenantOwnsANamespace) {
  EXPECT_EQ(owner_of(owner("insula.dev/v1alpha1", "Tenant", true)), "t");
  EXPECT_EQ(owner_of(owner("insula.dev/v1alpha1", "Tenant", false)), "");
  EXPECT_EQ(owner_of(owner("insula.dev/v1alpha1", "Tenant", std::nullopt)), "");
  EXPECT_EQ(owner_of(owner("example.com/v1", "Tenant", true)), "");
  EXPECT_EQ(owner_of(owner("insula.dev/v1alpha1", "Team", true)), "");
  EXPECT_EQ(owning_tenant({}), "");
}

TEST(Tenant, AnAmountIsADecimalNumberOfBillionths) {
  EXPECT_EQ(parse_amount("12.50"), 12'500'000'000);
  EXPECT_EQ(parse_amount("0"), 0);
  EXPECT_EQ(parse_amount("0.000000001"), 1);
  EXPECT_EQ(parse_amount("1000000000"), kBudgetUnitsMax * 1'000'000'000);
  for (const char* wrong : {"", ".", ".5", "5.", "-1", "+1", "1e3", "1,5", "0.0000000001",
                            "1000000000.1", "99999999999", " 1"})
    EXPECT_EQ(parse_amount(wrong), std::nullopt) << wrong;
}

TEST(Tenant, ANamespaceIsItsOwnOrNone) {
  Tenant tenant;
  tenant.metadata.name = "a";
  EXPECT_EQ(namespace_in(tenant, ""), "a");
  EXPECT_EQ(namespace_in(tenant, "a"), "a");
  EXPECT_EQ(namespace_in(tenant, "b"), std::nullopt);
  tenant.spec.namespaces = {"a-prod", "a-test"};
  EXPECT_EQ(namespace_in(tenant, ""), "a-prod");
  EXPECT_EQ(namespace_in(tenant, "a-test"), "a-test");
  EXPECT_EQ(namespace_in(tenant, "a"), std::nullopt);
}

}  // namespace
}  // namespace insula::api
