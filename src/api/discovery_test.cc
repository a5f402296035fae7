#include "api/discovery.h"

#include <gtest/gtest.h>

#include "json/parse.h"
#include "json/write.h"

namespace insula::api {
namespace {

using json::Value;

Value read(const std::optional<std::string>& text) {
  if (!text) return {};
  return json::parse(*text).value_or(Value("no JSON"));
}

/// The element of a list whose member `key` is `name`, or null.
const Value* element(const Value& list, std::string_view key, std::string_view name) {
  if (list.as_array() == nullptr) return nullptr;
  for (const Value& item : *list.as_array()) {
    if (item[key].text() == name) return &item;
  }
  return nullptr;
}

TEST(Discovery, NamesGroupsAndVersions) {
  EXPECT_EQ(core_versions(),
            R"({"kind":"APIVersions","versions":["v1"],"serverAddressByClientCIDRs":[]})");
  const Value groups = read(group_list());
  const Value* apps = element(groups["groups"], "name", "apps");
  ASSERT_NE(apps, nullptr);
  EXPECT_EQ((*apps)["preferredVersion"]["groupVersion"].text(), "apps/v1");
  EXPECT_EQ(element(groups["groups"], "name", ""), nullptr);
  EXPECT_EQ(read(group_document("apps"))["name"].text(), "apps");
  EXPECT_EQ(group_document("nope"), std::nullopt);
  EXPECT_EQ(group_document(""), std::nullopt);
}

TEST(Discovery, ListsResourcesWithTheirSubresources) {
  const Value core = read(resource_list("", "v1"));
  EXPECT_EQ(core["groupVersion"].text(), "v1");
  const Value* pods = element(core["resources"], "name", "pods");
  ASSERT_NE(pods, nullptr);
  EXPECT_EQ(
      json::write(*pods),
      R"({"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["create","delete","deletecollection","get",)"
      R"("list","patch","update","watch"],"shortNames":["po"],"categories":["all"]})");
  // kubectl drain looks for this one to evict instead of delete.
  const Value* eviction = element(core["resources"], "name", "pods/eviction");
  ASSERT_NE(eviction, nullptr);
  EXPECT_EQ(
      json::write(*eviction),
      R"({"name":"pods/eviction","singularName":"","namespaced":true,"group":"policy","version":"v1","kind":"Eviction","verbs":["create"]})");
  EXPECT_EQ(resource_list("apps", "v2"), std::nullopt);
}

TEST(Discovery, AggregatesEverythingInTwoDocuments) {
  const Value core = read(aggregated_discovery(DiscoveryRoot::kApi));
  EXPECT_EQ(core["apiVersion"].text(), "apidiscovery.k8s.io/v2");
  ASSERT_EQ(core["items"].as_array()->size(), 1U);
  const Value& version = (*(*core["items"].as_array())[0]["versions"].as_array())[0];
  const Value* namespaces = element(version["resources"], "resource", "namespaces");
  ASSERT_NE(namespaces, nullptr);
  EXPECT_EQ((*namespaces)["scope"].text(), "Cluster");
  EXPECT_EQ((*element((*namespaces)["subresources"], "subresource", "finalize"))["verbs"],
            Value(json::Array{"update"}));

  const Value groups = read(aggregated_discovery(DiscoveryRoot::kApis));
  std::size_t resources = 0;
  for (const Value& group : *groups["items"].as_array()) {
    for (const Value& each : *group["versions"].as_array())
      resources += each["resources"].as_array()->size();
  }
  std::size_t expected = 0;
  for (const Kind* kind : kinds())
    expected += kind->group.empty() ? 0 : 1;
  EXPECT_EQ(resources, expected);
}

}  // namespace
}  // namespace insula::api
