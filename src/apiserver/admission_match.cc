#include "apiserver/admission_match.h"

#include <algorithm>
#include <string_view>

#include "api/gen/core_v1.h"
#include "api/validation/metadata.h"
#include "apiserver/object.h"

namespace insula::apiserver {

namespace {

bool is_in(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::any_of(
      words, [word](const std::string& each) { return each == "*" || each == word; });
}

/// `pods`, `pods/status`, `*`, `*/scale`, `*/*`.
bool names(std::string_view text, std::string_view plural, std::string_view subresource) {
  const std::size_t slash = text.find('/');
  const std::string_view resource = text.substr(0, slash);
  const std::string_view sub =
      slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
  return (resource == "*" || resource == plural) && (sub == "*" || sub == subresource);
}

bool fits(const api::NamedRuleWithOperations& named,
          const AdmissionRequest& request,
          const api::Kind& version) {
  const api::RuleWithOperations& rule = named.rule_with_operations;
  const auto& resource_names = named.resource_names;
  if (!resource_names.empty() &&
      std::ranges::find(resource_names, request.name) == resource_names.end())
    return false;
  const std::string scope = rule.rule.scope.value_or("*");
  if (scope != "*" && (scope == "Namespaced") != version.namespaced) return false;
  return is_in(rule.operations, text_of(request.operation)) &&
         is_in(rule.rule.api_groups, version.group) &&
         is_in(rule.rule.api_versions, version.version) &&
         std::ranges::any_of(rule.rule.resources, [&](const std::string& text) {
           return names(text, version.plural, request.subresource);
         });
}

bool any_fits(const std::vector<api::NamedRuleWithOperations>& rules,
              const AdmissionRequest& request,
              const api::Kind& version) {
  return std::ranges::any_of(rules, [&](const auto& rule) { return fits(rule, request, version); });
}

/// The version of the resource that one of the rules is about: the one asked for, if possible.
/// `others` are the kinds to look for other versions in; null when only that one will do.
const api::Kind* find_version(const std::vector<api::NamedRuleWithOperations>& rules,
                              const AdmissionRequest& request,
                              api::KindCatalog* others) {
  if (any_fits(rules, request, request.requested)) return &request.requested;
  if (others == nullptr) return nullptr;
  if (any_fits(rules, request, request.resource)) return &request.resource;
  for (const api::Kind* kind : others->served()) {
    if (&kind->storage() == &request.resource.storage() && any_fits(rules, request, *kind))
      return kind;
  }
  return nullptr;
}

bool fits_namespace(const api::LabelSelector& selector,
                    const store::Transaction& transaction,
                    const AdmissionRequest& request) {
  if (api::is_empty(selector)) return true;
  const api::Kind& namespaces = api::kind_of<api::Namespace>();
  if (&request.resource == &namespaces) {
    const AdmissionObject& object = request.object.is_null() ? request.old : request.object;
    return api::matches(selector, object.labels());
  }
  if (!request.resource.namespaced) return true;
  const store::EntryPtr entry = transaction.find(store_key(namespaces, "", request.name_space));
  // Without its namespace nothing is written there.
  return entry && api::matches(selector, object_of<api::Namespace>(*entry)->metadata.labels);
}

bool fits_object(const api::LabelSelector& selector, const AdmissionRequest& request) {
  if (api::is_empty(selector)) return true;
  const auto fits = [&](const AdmissionObject& object) {
    return !object.is_null() && api::matches(selector, object.labels());
  };
  return fits(request.object) || fits(request.old);
}

}  // namespace

bool is_admitted(const api::Kind& resource) {
  return resource.group != kAdmissionGroup;
}

AdmissionMatch AdmissionMatch::of(const api::MatchResources& match) {
  return {.rules = match.resource_rules.empty() ? nullptr : &match.resource_rules,
          .excluded = &match.exclude_resource_rules,
          .namespaces = match.namespace_selector ? &*match.namespace_selector : nullptr,
          .objects = match.object_selector ? &*match.object_selector : nullptr,
          .equivalent = match.match_policy.value_or("Equivalent") != "Exact"};
}

const api::Kind* AdmissionMatch::find(const store::Transaction& transaction,
                                      const AdmissionRequest& request,
                                      api::KindCatalog& kinds) const {
  api::KindCatalog* others = equivalent ? &kinds : nullptr;
  const api::Kind* version =
      rules == nullptr ? &request.requested : find_version(*rules, request, others);
  if (version == nullptr) return nullptr;
  if (excluded != nullptr && find_version(*excluded, request, others) != nullptr) return nullptr;
  if (objects != nullptr && !fits_object(*objects, request)) return nullptr;
  if (namespaces != nullptr && !fits_namespace(*namespaces, transaction, request)) return nullptr;
  return version;
}

}  // namespace insula::apiserver
