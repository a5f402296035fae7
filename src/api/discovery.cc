#include "api/discovery.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>
#include <vector>

#include "api/subresources.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::api {
namespace {

using json::Array;
using json::Object;
using json::Value;

/// Groups, or versions of a group, in the order they appear first.
template <class Filter, class Key>
std::vector<std::string_view> distinct(KindList served, Filter filter, Key key) {
  std::vector<std::string_view> found;
  for (const Kind* kind : served) {
    if (filter(*kind) && std::ranges::find(found, key(*kind)) == found.end())
      found.push_back(key(*kind));
  }
  return found;
}

std::vector<std::string_view> groups_of(KindList served) {
  return distinct(
      served, [](const Kind& kind) { return !kind.group.empty(); },
      [](const Kind& kind) { return kind.group; });
}

/// Takes a number off the front; 0 when there is none.
int take_number(std::string_view& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc() ? number : 0;
}

/// How a version ranks: stage, its number, and that of the stage (`v2beta1` is 2, 2, 1). What is no
/// version of Kubernetes' form comes last.
/// Spec: Kubernetes, "Versions in CustomResourceDefinitions", version priority.
std::tuple<int, int, int> rank_of(std::string_view version) {
  constexpr std::tuple<int, int, int> kNone{0, 0, 0};
  if (!version.starts_with('v')) return kNone;
  version.remove_prefix(1);
  const int major = take_number(version);
  if (major == 0) return kNone;
  if (version.empty()) return {3, major, 0};
  const bool beta = version.starts_with("beta");
  if (!beta && !version.starts_with("alpha")) return kNone;
  version.remove_prefix(beta ? 4 : 5);
  const int minor = take_number(version);
  if (minor == 0 || !version.empty()) return kNone;
  return {beta ? 2 : 1, major, minor};
}

/// The first is the preferred one: the highest of those that are the most stable.
std::vector<std::string_view> versions_of(KindList served, std::string_view group) {
  auto versions = distinct(
      served, [group](const Kind& kind) { return kind.group == group; },
      [](const Kind& kind) { return kind.version; });
  std::ranges::sort(versions, [](std::string_view a, std::string_view b) {
    const auto rank_a = rank_of(a);
    const auto rank_b = rank_of(b);
    return rank_a == rank_b ? a < b : rank_a > rank_b;
  });
  return versions;
}

Array texts(std::span<const std::string_view> items) {
  Array out;
  for (const auto item : items)
    out.emplace_back(item);
  return out;
}

Value group_version(std::string_view group, std::string_view version) {
  return Object{{"groupVersion", std::string(group) + "/" + std::string(version)},
                {"version", version}};
}

Value group_value(std::string_view group, const std::vector<std::string_view>& versions) {
  Array all;
  for (const auto version : versions)
    all.push_back(group_version(group, version));
  return Object{{"name", group},
                {"versions", std::move(all)},
                {"preferredVersion", group_version(group, versions.front())}};
}

Value legacy_resource(const Kind& kind) {
  Value out = Object{{"name", kind.plural},
                     {"singularName", kind.singular},
                     {"namespaced", kind.namespaced},
                     {"kind", kind.kind},
                     {"verbs", texts(kind.verbs)}};
  if (!kind.short_names.empty()) out["shortNames"] = texts(kind.short_names);
  if (!kind.categories.empty()) out["categories"] = texts(kind.categories);
  return out;
}

Value legacy_subresource(const Kind& kind, const Subresource& sub) {
  Value out = Object{{"name", std::string(kind.plural) + "/" + std::string(sub.name)},
                     {"singularName", ""},
                     {"namespaced", kind.namespaced}};
  if (sub.group != kind.group || sub.version != kind.version) {
    if (!sub.group.empty()) out["group"] = sub.group;
    out["version"] = sub.version;
  }
  out["kind"] = sub.kind;
  out["verbs"] = texts(sub.verbs);
  return out;
}

Value response_kind(std::string_view group, std::string_view version, std::string_view kind) {
  return Object{{"group", group}, {"version", version}, {"kind", kind}};
}

Value aggregated_resource(const Kind& kind) {
  Value out = Object{{"resource", kind.plural},
                     {"responseKind", response_kind(kind.group, kind.version, kind.kind)},
                     {"scope", kind.namespaced ? "Namespaced" : "Cluster"},
                     {"singularResource", kind.singular},
                     {"verbs", texts(kind.verbs)}};
  if (!kind.short_names.empty()) out["shortNames"] = texts(kind.short_names);
  if (!kind.categories.empty()) out["categories"] = texts(kind.categories);
  Array subresources;
  for (const auto name : kind.subresources) {
    const Subresource sub = subresource_of(kind, name);
    subresources.emplace_back(
        Object{{"subresource", sub.name},
               {"responseKind", response_kind(sub.group, sub.version, sub.kind)},
               {"verbs", texts(sub.verbs)}});
  }
  if (!subresources.empty()) out["subresources"] = std::move(subresources);
  return out;
}

Value aggregated_group(KindList served, std::string_view group) {
  Array versions;
  for (const auto version : versions_of(served, group)) {
    Array resources;
    for (const Kind* kind : served) {
      if (kind->group == group && kind->version == version)
        resources.push_back(aggregated_resource(*kind));
    }
    versions.emplace_back(Object{
        {"version", version}, {"resources", std::move(resources)}, {"freshness", "Current"}});
  }
  Value metadata = group.empty() ? Value(Object()) : Value(Object{{"name", group}});
  return Object{{"metadata", std::move(metadata)}, {"versions", std::move(versions)}};
}

}  // namespace

std::string core_versions(KindList served) {
  return json::write(Object{{"kind", "APIVersions"},
                            {"versions", texts(versions_of(served, {}))},
                            {"serverAddressByClientCIDRs", Array()}});
}

std::string group_list(KindList served) {
  Array groups;
  for (const auto group : groups_of(served))
    groups.push_back(group_value(group, versions_of(served, group)));
  return json::write(
      Object{{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}});
}

std::optional<std::string> group_document(std::string_view group, KindList served) {
  const auto versions = versions_of(served, group);
  if (group.empty() || versions.empty()) return std::nullopt;
  Value document = Object{{"kind", "APIGroup"}, {"apiVersion", "v1"}};
  for (auto& [key, value] : *group_value(group, versions).as_object())
    document[key] = std::move(value);
  return json::write(document);
}

std::optional<std::string> resource_list(std::string_view group,
                                         std::string_view version,
                                         KindList served) {
  Array resources;
  std::string api_version;
  for (const Kind* kind : served) {
    if (kind->group != group || kind->version != version) continue;
    api_version = kind->api_version();
    resources.push_back(legacy_resource(*kind));
    for (const auto name : kind->subresources)
      resources.push_back(legacy_subresource(*kind, subresource_of(*kind, name)));
  }
  if (resources.empty()) return std::nullopt;
  return json::write(Object{{"kind", "APIResourceList"},
                            {"apiVersion", "v1"},
                            {"groupVersion", api_version},
                            {"resources", std::move(resources)}});
}

std::string aggregated_discovery(DiscoveryRoot root, KindList served) {
  Array items;
  if (root == DiscoveryRoot::kApi) {
    items.push_back(aggregated_group(served, {}));
  } else {
    for (const auto group : groups_of(served))
      items.push_back(aggregated_group(served, group));
  }
  return json::write(Object{{"kind", "APIGroupDiscoveryList"},
                            {"apiVersion", "apidiscovery.k8s.io/v2"},
                            {"metadata", Object()},
                            {"items", std::move(items)}});
}

}  // namespace insula::api
