#include "api/ingress_hosts.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

/// Namespaces `a` and `b` of tenants of these names, `default` of nobody, and the platform's class.
class IngressHosts : public ::testing::Test {
 protected:
  IngressHosts() {
    for (const char* tenant : {"a", "b"})
      add_namespace(tenant, tenant);
    add_namespace("default", "");
    auto one = std::make_shared<IngressClass>();
    one->metadata.name = "insula";
    one->spec.controller = kIngressController;
    one->metadata.annotations[kDefaultClassAnnotation] = "true";
    objects_.classes.push_back(one);
    class_ = one;
  }

  void add_namespace(const std::string& name, const std::string& tenant) {
    auto made = std::make_shared<Namespace>();
    made->metadata.name = name;
    made->metadata.labels["insula.dev/tenant"] = "a";  // which says nothing
    if (!tenant.empty()) {
      OwnerReference& owner = made->metadata.owner_references.emplace_back();
      owner.api_version = "insula.dev/v1alpha1";
      owner.kind = "Tenant";
      owner.name = tenant;
      owner.controller = true;
    }
    objects_.namespaces.push_back(made);
  }

  /// `second`: when it was made.
  Ingress& add(const std::string& name_space,
               const std::string& name,
               std::int64_t second,
               const std::vector<std::string>& hosts) {
    auto made = std::make_shared<Ingress>();
    made->metadata.namespace_ = name_space;
    made->metadata.name = name;
    made->metadata.creation_timestamp.seconds = second;
    for (const std::string& host : hosts)
      made->spec.rules.emplace_back().host = host;
    objects_.ingresses.push_back(made);
    return *made;
  }

  /// `tenant: host` for each host that somebody has, and what the others are told.
  std::vector<std::string> decided() {
    std::vector<std::string> all;
    for (const AdmittedIngress& one : admit_ingresses(objects_)) {
      for (const std::string& host : one.hosts)
        all.push_back(one.ingress->metadata.name + ": " + host);
      for (const HostRefusal& refusal : one.refused)
        all.push_back(one.ingress->metadata.name + ": " + refusal.host + " " + refusal.reason);
    }
    return all;
  }

  IngressObjects objects_;
  std::shared_ptr<IngressClass> class_;
};

TEST_F(IngressHosts, TheOldestAskerGetsAHost) {
  add("b", "young", 20, {"www.example.com", "b.example.com"});
  add("a", "old", 10, {"www.example.com"});
  EXPECT_THAT(decided(), ElementsAre("old: www.example.com", "young: b.example.com",
                                     "young: www.example.com HostTaken"));
}

TEST_F(IngressHosts, OneTenantsIngressesShareTheirHosts) {
  add("a", "one", 10, {"www.example.com"});
  add("a", "two", 20, {"www.example.com"});
  EXPECT_THAT(decided(), ElementsAre("one: www.example.com", "two: www.example.com"));
}

TEST_F(IngressHosts, AnOlderIngressThatIsChangedTakesNothingFromWhoHasIt) {
  add("a", "old", 10, {"www.example.com"});
  add("b", "young", 20, {"www.example.com"});
  objects_.held = {{"www.example.com", "b"}};
  EXPECT_THAT(decided(), ElementsAre("old: www.example.com HostTaken", "young: www.example.com"));
  objects_.ingresses.pop_back();
  EXPECT_THAT(decided(), ElementsAre("old: www.example.com"));
}

TEST_F(IngressHosts, AWildcardHasWhatIsBelowItButWhatOthersHadBefore) {
  add("a", "wild", 20, {"*.example.com"});
  add("b", "before", 10, {"shop.example.com"});
  add("b", "after", 30, {"pay.example.com", "pay.eu.example.com", "example.com"});
  add("a", "own", 40, {"own.example.com"});
  EXPECT_THAT(decided(), ElementsAre("before: shop.example.com", "wild: *.example.com",
                                     "after: example.com", "after: pay.eu.example.com HostTaken",
                                     "after: pay.example.com HostTaken", "own: own.example.com"));
}

TEST_F(IngressHosts, OnlyThePlatformHasRulesForAllHosts) {
  add("a", "tenants", 10, {""});
  add("default", "platforms", 20, {""});
  Ingress& fallback = add("a", "default-backend", 30, {});
  fallback.spec.default_backend.emplace();
  EXPECT_THAT(decided(), ElementsAre("tenants:  HostRequired",
                                     "platforms: ", "default-backend:  HostRequired"));
}

TEST_F(IngressHosts, NamesOfThePlatformAreNobodys) {
  add("a", "a", 10, {"localhost", "x.svc", "x.cluster.local", "gw.example.com"});
  objects_.held = {{"gw.example.com", std::string(kNobodysHost)}};
  EXPECT_THAT(decided(), ElementsAre("a: gw.example.com HostReserved", "a: localhost HostReserved",
                                     "a: x.cluster.local HostReserved", "a: x.svc HostReserved"));
}

TEST_F(IngressHosts, ATenantHasSoManyHostsAndKeepsThem) {
  std::vector<std::string> hosts;
  for (std::size_t i = 0; i <= kHostsOfTenantMax; ++i)
    hosts.push_back("h" + std::to_string(i) + ".example.com");
  add("b", "b", 10, hosts);
  add("a", "a", 20, {"a.example.com"});
  objects_.held = {{"h99.example.com", "b"}};
  const auto admitted = admit_ingresses(objects_);
  EXPECT_EQ(admitted[0].hosts.size(), kHostsOfTenantMax);
  ASSERT_EQ(admitted[0].refused.size(), 1U);
  EXPECT_EQ(admitted[0].refused[0].reason, "TooManyHosts");
  EXPECT_TRUE(admitted[0].has("h99.example.com"));
  EXPECT_TRUE(admitted[1].has("a.example.com"));
}

TEST_F(IngressHosts, TheClassDecidesWhetherAnIngressIsServed) {
  add("a", "default-class", 1, {"1.example.com"});
  add("a", "named", 2, {"2.example.com"}).spec.ingress_class_name = "insula";
  add("a", "other", 3, {"3.example.com"}).spec.ingress_class_name = "nginx";
  add("a", "annotated", 4, {"4.example.com"}).metadata.annotations[kOldClassAnnotation] = "insula";
  add("a", "elsewhere", 5, {"5.example.com"}).metadata.annotations[kOldClassAnnotation] = "nginx";
  add("a", "ending", 6, {"6.example.com"}).metadata.deletion_timestamp = Time{1};
  add("gone", "homeless", 7, {"7.example.com"});
  EXPECT_THAT(decided(), ElementsAre("default-class: 1.example.com", "named: 2.example.com",
                                     "annotated: 4.example.com"));
  class_->metadata.annotations.clear();
  EXPECT_THAT(decided(), ElementsAre("named: 2.example.com", "annotated: 4.example.com"));
}

TEST_F(IngressHosts, WhoHasWhatIsRememberedInAConfigMap) {
  add("a", "a", 10, {"*.example.com", "www.example.com"});
  const HostHolders holders = holders_of(admit_ingresses(objects_));
  EXPECT_THAT(holders,
              UnorderedElementsAre(Pair("*.example.com", "a"), Pair("www.example.com", "a")));
  const ConfigMap record = record_of(holders);
  EXPECT_THAT(record.data,
              UnorderedElementsAre(Pair("_.example.com", "a"), Pair("www.example.com", "a")));
  EXPECT_EQ(holders_in(record), holders);
  EXPECT_THAT(holders_in({}), IsEmpty());
}

TEST(DefaultClass, IsTheNewestAndThenTheFirstByName) {
  std::vector<std::shared_ptr<const IngressClass>> classes;
  EXPECT_EQ(default_class(classes), nullptr);
  const auto add = [&](const char* name, std::int64_t second, const char* is_default) {
    auto one = std::make_shared<IngressClass>();
    one->metadata.name = name;
    one->metadata.creation_timestamp.seconds = second;
    if (is_default != nullptr) one->metadata.annotations[kDefaultClassAnnotation] = is_default;
    classes.push_back(one);
    const IngressClass* chosen = default_class(classes);
    return chosen == nullptr ? std::string() : chosen->metadata.name;
  };
  EXPECT_EQ(add("no", 1, nullptr), "");
  EXPECT_EQ(add("neither", 1, "false"), "");
  EXPECT_EQ(add("c", 5, "true"), "c");
  EXPECT_EQ(add("older", 4, "true"), "c");
  EXPECT_EQ(add("b", 5, "true"), "b");
  EXPECT_EQ(add("d", 5, "true"), "b");
  EXPECT_EQ(add("newer", 6, "true"), "newer");
}

}  // namespace
}  // namespace insula::api
