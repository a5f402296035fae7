#include "api/rbac.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "api/field_errors.h"
#include "api/validation/metadata.h"

namespace insula::api {

namespace {

using Words = std::vector<std::string>;

bool has(const Words& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

bool has_or_all(const Words& words, std::string_view word) {
  return std::ranges::any_of(words, [word](const std::string& w) { return w == "*" || w == word; });
}

/// Whether an entry of a rule names this resource, with its subresource if it has one.
bool names_resource(const Words& entries, std::string_view resource, std::string_view subresource) {
  return std::ranges::any_of(entries, [&](std::string_view entry) {
    if (entry == "*") return true;
    if (subresource.empty()) return entry == resource;
    const std::size_t slash = entry.find('/');
    if (slash == std::string_view::npos || entry.substr(slash + 1) != subresource) return false;
    return entry.substr(0, slash) == "*" || entry.substr(0, slash) == resource;
  });
}

bool names_path(const Words& entries, std::string_view path) {
  return std::ranges::any_of(entries, [path](std::string_view entry) {
    if (entry == path) return true;
    if (!entry.ends_with('*')) return false;
    return path.starts_with(entry.substr(0, entry.find_last_not_of('*') + 1));
  });
}

/// Whether `held` is about a resource that a rule spells so: `*` only if it says `*` itself.
bool covers_resource(const PolicyRule& held, const std::string& group, const std::string& entry) {
  if (!has_or_all(held.api_groups, group)) return false;
  const std::size_t slash = entry.find('/');
  if (slash == std::string::npos) return has_or_all(held.resources, entry);
  return names_resource(held.resources, std::string_view(entry).substr(0, slash),
                        std::string_view(entry).substr(slash + 1));
}

using Rules = std::vector<const PolicyRule*>;

/// The verbs that none of `held` has.
Words missing_verbs(const Rules& held, const Words& verbs) {
  Words missing;
  for (const std::string& verb : verbs) {
    if (std::ranges::none_of(held,
                             [&](const PolicyRule* rule) { return has_or_all(rule->verbs, verb); }))
      missing.push_back(verb);
  }
  return missing;
}

/// Collects what is missing, and counts what was compared.
class Comparison {
 public:
  explicit Comparison(std::span<const PolicyRule* const> held) : held_(held) {}

  [[nodiscard]] bool compare(const PolicyRule& wanted) {
    const std::size_t names = std::max<std::size_t>(wanted.resource_names.size(), 1);
    // Each factor by itself is bounded by the size of a request, so nothing overflows.
    compared_ += std::max<std::size_t>(wanted.verbs.size(), 1) * wanted.non_resource_urls.size();
    if (compared_ > kComparedRightsMax) return false;
    for (const std::string& url : wanted.non_resource_urls)
      compare_path(wanted, url);
    for (const std::string& group : wanted.api_groups) {
      for (const std::string& resource : wanted.resources) {
        compared_ += std::max<std::size_t>(wanted.verbs.size(), 1) * names;
        if (compared_ > kComparedRightsMax) return false;
        compare_resource(wanted, group, resource);
      }
    }
    return true;
  }

  [[nodiscard]] std::vector<PolicyRule> take() { return std::move(missing_); }

 private:
  void compare_path(const PolicyRule& wanted, const std::string& url) {
    Rules about;
    std::ranges::copy_if(held_, std::back_inserter(about), [&](const PolicyRule* rule) {
      return names_path(rule->non_resource_urls, url);
    });
    PolicyRule missing;
    missing.verbs = missing_verbs(about, wanted.verbs);
    if (missing.verbs.empty()) return;
    missing.non_resource_urls = {url};
    missing_.push_back(std::move(missing));
  }

  void compare_resource(const PolicyRule& wanted,
                        const std::string& group,
                        const std::string& resource) {
    Rules about;
    std::ranges::copy_if(held_, std::back_inserter(about), [&](const PolicyRule* rule) {
      return covers_resource(*rule, group, resource);
    });
    PolicyRule missing;
    missing.api_groups = {group};
    missing.resources = {resource};
    if (wanted.resource_names.empty()) {
      std::erase_if(about, [](const PolicyRule* rule) { return !rule->resource_names.empty(); });
      missing.verbs = missing_verbs(about, wanted.verbs);
      if (!missing.verbs.empty()) missing_.push_back(std::move(missing));
      return;
    }
    for (const std::string& name : wanted.resource_names) {
      Rules named;
      std::ranges::copy_if(about, std::back_inserter(named), [&](const PolicyRule* rule) {
        return rule->resource_names.empty() || has(rule->resource_names, name);
      });
      missing.verbs = missing_verbs(named, wanted.verbs);
      missing.resource_names = {name};
      if (!missing.verbs.empty()) missing_.push_back(missing);
    }
  }

  std::span<const PolicyRule* const> held_;
  std::size_t compared_ = 0;
  std::vector<PolicyRule> missing_;
};

}  // namespace

bool allows(const PolicyRule& rule, const ResourceAccess& access) {
  return has_or_all(rule.verbs, access.verb) && has_or_all(rule.api_groups, access.group) &&
         names_resource(rule.resources, access.resource, access.subresource) &&
         (rule.resource_names.empty() || has(rule.resource_names, access.name));
}

bool allows_path(const PolicyRule& rule, std::string_view verb, std::string_view path) {
  return has_or_all(rule.verbs, verb) && names_path(rule.non_resource_urls, path);
}

Result<std::vector<PolicyRule>> uncovered(std::span<const PolicyRule* const> held,
                                          std::span<const PolicyRule> wanted) {
  Comparison comparison(held);
  for (const PolicyRule& rule : wanted) {
    if (!comparison.compare(rule)) {
      return fail(ErrorCode::kForbidden,
                  fmt::format("the rules grant more than {} single rights, which is more than can "
                              "be compared with the rights of the user",
                              kComparedRightsMax));
    }
  }
  return comparison.take();
}

std::string rule_text(const PolicyRule& rule) {
  Words parts;
  const auto add = [&parts](const char* name, const Words& words) {
    if (words.empty()) return;
    Words quoted;
    for (const std::string& word : words)
      quoted.push_back(ShownValue(word).text());
    parts.push_back(fmt::format("{}:[{}]", name, fmt::join(quoted, " ")));
  };
  add("APIGroups", rule.api_groups);
  add("Resources", rule.resources);
  add("NonResourceURLs", rule.non_resource_urls);
  add("ResourceNames", rule.resource_names);
  add("Verbs", rule.verbs);
  return fmt::format("{{{}}}", fmt::join(parts, ", "));
}

std::vector<PolicyRule> aggregated_rules(const ClusterRole& role,
                                         std::span<const std::shared_ptr<const ClusterRole>> all) {
  std::vector<PolicyRule> rules;
  for (const LabelSelector& selector : role.aggregation_rule->cluster_role_selectors) {
    std::vector<const ClusterRole*> chosen;
    for (const auto& other : all) {
      if (other->metadata.name != role.metadata.name && matches(selector, other->metadata.labels))
        chosen.push_back(other.get());
    }
    std::ranges::sort(chosen, {}, [](const ClusterRole* r) { return r->metadata.name; });
    for (const ClusterRole* other : chosen) {
      for (const PolicyRule& rule : other->rules) {
        if (std::ranges::find(rules, rule) == rules.end()) rules.push_back(rule);
      }
    }
  }
  return rules;
}

}  // namespace insula::api
