#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gen/networking_v1_addresses.h"
#include "api/test_objects.h"

namespace insula::api {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string address(const std::string& parent) {
  return "apiVersion: networking.k8s.io/v1\nkind: IPAddress\nmetadata: {name: 10.0.0.1}\nspec: {" +
         parent + "}";
}

std::string range(const std::string& list) {
  return "apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nspec: {cidrs: [" + list + "]}";
}

TEST(IPAddress, HasTheOneFormOfItsKindAsItsName) {
  const auto named = [](const std::string& name) {
    return wrong("apiVersion: networking.k8s.io/v1\nkind: IPAddress\nmetadata: {name: '" + name +
                 "'}\nspec: {parentRef: {resource: services, name: s}}");
  };
  EXPECT_THAT(named("255.255.255.255"), IsEmpty());
  EXPECT_THAT(named("fe80::42:1dff:fe84:f9e2"), IsEmpty());
  EXPECT_THAT(named("fe80:0::1"),
              ElementsAre("metadata.name: Invalid value: \"fe80:0::1\": must be in canonical form "
                          "(\"fe80::1\")"));
  EXPECT_THAT(named("10.0.0"), testing::SizeIs(1));
}

TEST(IPAddress, KeepsItsParent) {
  const std::string service = "parentRef: {resource: services, namespace: n, name: s}";
  EXPECT_THAT(wrong(address(service)), IsEmpty());
  EXPECT_THAT(wrong(address("")), ElementsAre("spec.parentRef: Required value"));
  EXPECT_THAT(wrong(address("parentRef: {resource: '', name: a/b}")),
              ElementsAre("spec.parentRef.resource: Required value",
                          "spec.parentRef.name: Invalid value: \"a/b\": may not contain '/'"));
  EXPECT_THAT(
      wrong_change(address(service), address("parentRef: {resource: services, name: s}")),
      ElementsAre("spec.parentRef: Invalid value: {\"parentRef\":{\"resource\":\"services\","
                  "\"name\":\"s\"}}: field is immutable"));
}

TEST(ServiceCIDR, HoldsOneRangeOfEachFamily) {
  EXPECT_THAT(wrong(range("10.0.0.0/24")), IsEmpty());
  EXPECT_THAT(wrong(range("10.0.0.0/24, 'fd00::/112'")), IsEmpty());
  EXPECT_THAT(wrong(range("")),
              ElementsAre("spec.cidrs: Required value: at least one CIDR required"));
  EXPECT_THAT(wrong(range("10.0.0.0/24, 10.1.0.0/24")),
              ElementsAre("spec.cidrs: Invalid value: [\"10.0.0.0/24\",\"10.1.0.0/24\"]: may "
                          "specify no more than one IP for each IP family, i.e 192.168.0.0/24 and "
                          "2001:db8::/64"));
  EXPECT_THAT(wrong(range("10.0.0.0")),
              ElementsAre("spec.cidrs[0]: Invalid value: \"10.0.0.0\": must be a valid CIDR value, "
                          "(e.g. 10.9.8.0/24 or 2001:db8::/64)"));
}

TEST(ServiceCIDR, MayOnlyGainTheOtherFamily) {
  EXPECT_THAT(wrong_change(range("10.0.0.0/24"), range("10.0.0.0/24, 'fd00::/112'")), IsEmpty());
  EXPECT_THAT(wrong_change(range("10.0.0.0/24"), range("10.1.0.0/24")),
              ElementsAre("spec.cidrs[0]: Invalid value: \"10.1.0.0/24\": field is immutable"));
}

}  // namespace
}  // namespace insula::api
