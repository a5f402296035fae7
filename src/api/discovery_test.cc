#include "api/discovery.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

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

/// Rows of a table with a head, as maps from column to cell; empty without the file.
std::vector<std::map<std::string, std::string>> rows_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::map<std::string, std::string>> rows;
  std::vector<std::string> head;
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> cells;
    std::istringstream text(line + "\t");
    for (std::string cell; std::getline(text, cell, '\t');)
      cells.push_back(cell);
    if (head.empty()) {
      head = cells;
      continue;
    }
    std::map<std::string, std::string>& row = rows.emplace_back();
    for (std::size_t i = 0; i < head.size() && i < cells.size(); ++i)
      row[head[i]] = cells[i];
  }
  return rows;
}

std::string joined(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words)
    text.append(text.empty() ? "" : ",").append(word);
  return text;
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

TEST(Discovery, AnnouncesEachKindAsKubernetesDoes) {
  const char* const set = std::getenv("INSULA_SHARED");
  const std::filesystem::path shared = set != nullptr
                                           ? std::filesystem::path(set)
                                           : std::filesystem::path(INSULA_SOURCE_DIR) / "../shared";
  const auto rows = rows_of(shared / "fixtures/resources.tsv");
  if (rows.empty()) GTEST_SKIP() << "no table of Kubernetes' resources in " << shared;
  int compared = 0;
  for (const Kind* kind : kinds()) {
    for (const auto& row : rows) {
      if (row.at("group_version") != kind->api_version()) continue;
      const std::string& resource = row.at("resource");
      if (resource == kind->plural) {
        ++compared;
        EXPECT_EQ(row.at("singular"), kind->singular);
        EXPECT_EQ(row.at("kind"), kind->kind);
        EXPECT_EQ(row.at("scope") == "Namespaced", kind->namespaced) << resource;
        EXPECT_EQ(row.at("short_names"), joined(kind->short_names)) << resource;
        EXPECT_EQ(row.at("categories"), joined(kind->categories)) << resource;
        EXPECT_EQ(row.at("verbs"), joined(kind->verbs)) << resource;
      }
      const bool status = resource == std::string(kind->plural) + "/status";
      const bool scale = resource == std::string(kind->plural) + "/scale";
      if (status) EXPECT_TRUE(kind->has_subresource("status")) << resource;
      if (scale) EXPECT_TRUE(kind->has_subresource("scale")) << resource;
    }
  }
  EXPECT_GE(compared, 38);
}

}  // namespace
}  // namespace insula::api
