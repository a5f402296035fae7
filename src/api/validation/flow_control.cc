#include "api/validation/flow_control.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "api/flow_control.h"
#include "api/validation/names.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

using namespace std::string_view_literals;

constexpr std::int32_t kPrecedenceMax = 10'000;
constexpr std::int32_t kQueuesMax = 10'000'000;
constexpr std::int32_t kPercentMax = 100;
constexpr const char* kOldZeroShares =
    "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares";

constexpr std::array kVerbs = {"create"sv, "delete"sv, "deletecollection"sv, "get"sv,  "list"sv,
                               "patch"sv,  "proxy"sv,  "update"sv,           "watch"sv};

bool has_wildcard(const std::vector<std::string>& words) {
  return std::ranges::find(words, "*") != words.end();
}

/// `*` stands alone. `others`: what the other words are.
void validate_wildcard(const std::vector<std::string>& words,
                       const FieldPath& path,
                       std::string_view others,
                       FieldErrors& errors) {
  if (words.size() > 1 && has_wildcard(words)) {
    errors.invalid(path, shown_list(words),
                   fmt::format("if '*' is present, must not specify other {}", others));
  }
}

void validate_verbs(const std::vector<std::string>& verbs,
                    const FieldPath& path,
                    FieldErrors& errors) {
  const auto is_known = [](const std::string& verb) {
    return std::ranges::find(kVerbs, verb) != kVerbs.end();
  };
  if (verbs.empty()) {
    errors.required(path, "verbs must contain at least one value");
  } else if (has_wildcard(verbs)) {
    validate_wildcard(verbs, path, "verbs", errors);
  } else if (!std::ranges::all_of(verbs, is_known)) {
    errors.not_supported(path, shown_list(verbs), {kVerbs.begin(), kVerbs.end()});
  }
}

std::string_view path_complaint(std::string_view url) {
  if (url.empty()) return "must not be empty";
  if (url == "/") return {};
  if (!url.starts_with('/')) return "must start with slash";
  if (url.contains(' ')) return "must not contain white-space";
  if (url.contains("//")) return "must not contain double slash";
  const auto wildcards = std::ranges::count(url, '*');
  if (wildcards > 1 || (wildcards == 1 && !url.ends_with("/*")))
    return "wildcard can only do suffix matching";
  return {};
}

void validate_non_resource_rule(const NonResourcePolicyRule& rule,
                                const FieldPath& path,
                                FieldErrors& errors) {
  validate_verbs(rule.verbs, path.child("verbs"), errors);
  const FieldPath urls = path.child("nonResourceURLs");
  if (rule.non_resource_urls.empty()) {
    errors.required(urls, "nonResourceURLs must contain at least one value");
  } else if (has_wildcard(rule.non_resource_urls)) {
    validate_wildcard(rule.non_resource_urls, urls, "non-resource URLs", errors);
  } else {
    for (std::size_t i = 0; i < rule.non_resource_urls.size(); ++i) {
      const std::string& url = rule.non_resource_urls[i];
      if (const std::string_view complaint = path_complaint(url); !complaint.empty())
        errors.invalid(urls.index(i), url, complaint);
    }
  }
}

void validate_namespaces(const ResourcePolicyRule& rule,
                         const FieldPath& path,
                         FieldErrors& errors) {
  if (rule.namespaces.empty() && !rule.cluster_scope) {
    errors.required(
        path, "resource rules that are not cluster scoped must supply at least one namespace");
  } else if (has_wildcard(rule.namespaces)) {
    validate_wildcard(rule.namespaces, path, "namespaces", errors);
  } else {
    for (std::size_t i = 0; i < rule.namespaces.size(); ++i) {
      for (const std::string& complaint : check_dns1123_label(rule.namespaces[i])) {
        errors.invalid(path.index(i), rule.namespaces[i],
                       "each member of this list must be '*' or a DNS-1123 label; " + complaint);
      }
    }
  }
}

void validate_resource_rule(const ResourcePolicyRule& rule,
                            const FieldPath& path,
                            FieldErrors& errors) {
  validate_verbs(rule.verbs, path.child("verbs"), errors);
  if (rule.api_groups.empty())
    errors.required(path.child("apiGroups"), "resource rules must supply at least one api group");
  validate_wildcard(rule.api_groups, path.child("apiGroups"), "api groups", errors);
  if (rule.resources.empty())
    errors.required(path.child("resources"), "resource rules must supply at least one resource");
  validate_wildcard(rule.resources, path.child("resources"), "resources", errors);
  validate_namespaces(rule, path.child("namespaces"), errors);
}

void validate_service_account(const Box<ServiceAccountSubject>& account,
                              const FieldPath& path,
                              FieldErrors& errors) {
  if (!account) {
    errors.required(path, "serviceAccount is required when subject kind is 'ServiceAccount'");
    return;
  }
  if (account->name.empty()) {
    errors.required(path.child("name"));
  } else if (account->name != "*") {
    errors.invalid_each(path.child("name"), account->name, check_dns1123_subdomain(account->name));
  }
  if (account->namespace_.empty()) {
    errors.required(path.child("namespace"), "must specify namespace for service account");
  } else {
    errors.invalid_each(path.child("namespace"), account->namespace_,
                        check_dns1123_label(account->namespace_));
  }
}

/// What a subject of this kind must and may not have.
void validate_subject(const FlowSubject& subject, const FieldPath& path, FieldErrors& errors) {
  const auto validate_name = [&](const auto& named, const char* member) {
    const FieldPath at = path.child(member);
    if (!named) {
      errors.required(
          at, fmt::format("{} is required when subject kind is '{}'", member, subject.kind));
    } else if (named->name.empty()) {
      errors.required(at.child("name"));
    }
  };
  if (subject.kind == "ServiceAccount") {
    validate_service_account(subject.service_account, path.child("serviceAccount"), errors);
  } else if (subject.kind == "User") {
    validate_name(subject.user, "user");
  } else if (subject.kind == "Group") {
    validate_name(subject.group, "group");
  } else {
    errors.not_supported(path.child("kind"), subject.kind, {"Group", "ServiceAccount", "User"});
    return;
  }
  const auto forbid = [&](bool present, const char* member, const char* kind) {
    if (!present || subject.kind == kind) return;
    errors.forbidden(path.child(member),
                     fmt::format("{} is forbidden when subject kind is not '{}'", member, kind));
  };
  forbid(subject.service_account.has_value(), "serviceAccount", "ServiceAccount");
  forbid(subject.user.has_value(), "user", "User");
  forbid(subject.group.has_value(), "group", "Group");
}

void validate_rules(const PolicyRulesWithSubjects& rules,
                    const FieldPath& path,
                    FieldErrors& errors) {
  if (rules.subjects.empty())
    errors.required(path.child("subjects"), "subjects must contain at least one value");
  for (std::size_t i = 0; i < rules.subjects.size(); ++i)
    validate_subject(rules.subjects[i], path.child("subjects").index(i), errors);
  if (rules.resource_rules.empty() && rules.non_resource_rules.empty()) {
    errors.required(path, "at least one of resourceRules and nonResourceRules has to be non-empty");
  }
  for (std::size_t i = 0; i < rules.resource_rules.size(); ++i)
    validate_resource_rule(rules.resource_rules[i], path.child("resourceRules").index(i), errors);
  for (std::size_t i = 0; i < rules.non_resource_rules.size(); ++i) {
    validate_non_resource_rule(rules.non_resource_rules[i], path.child("nonResourceRules").index(i),
                               errors);
  }
}

void validate_precedence(const FlowSchema& object, const FieldPath& path, FieldErrors& errors) {
  const std::int32_t precedence = object.spec.matching_precedence;
  if (precedence <= 0) errors.invalid(path, precedence, "must be a positive value");
  if (precedence > kPrecedenceMax) {
    errors.invalid(path, precedence, fmt::format("must not be greater than {}", kPrecedenceMax));
  }
  if (precedence == 1 && object.metadata.name != kExempt) {
    errors.invalid(path, precedence,
                   "only the schema named 'exempt' may have matchingPrecedence 1");
  }
}

template <class Condition>
void validate_condition_types(const std::vector<Condition>& conditions, FieldErrors& errors) {
  std::set<std::string_view> types;
  const FieldPath path("status.conditions");
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    const FieldPath at = path.index(i).child("type");
    if (!types.insert(conditions[i].type).second) errors.duplicate(at, conditions[i].type);
    if (conditions[i].type.empty()) errors.required(at);
  }
}

template <class T>
const T* named(const std::vector<T>& objects, const std::string& name) {
  const auto it =
      std::ranges::find_if(objects, [&](const T& object) { return object.metadata.name == name; });
  return it == objects.end() ? nullptr : &*it;
}

void validate_queuing(const QueuingConfiguration& queuing,
                      const FieldPath& path,
                      FieldErrors& errors) {
  if (queuing.queue_length_limit <= 0)
    errors.invalid(path.child("queueLengthLimit"), queuing.queue_length_limit, "must be positive");
  if (queuing.queues <= 0) {
    errors.invalid(path.child("queues"), queuing.queues, "must be positive");
  } else if (queuing.queues > kQueuesMax) {
    errors.invalid(path.child("queues"), queuing.queues,
                   fmt::format("must not be greater than {}", kQueuesMax));
  }
  const FieldPath hand = path.child("handSize");
  if (queuing.hand_size <= 0) {
    errors.invalid(hand, queuing.hand_size, "must be positive");
  } else if (queuing.hand_size > queuing.queues) {
    errors.invalid(hand, queuing.hand_size,
                   fmt::format("should not be greater than queues ({})", queuing.queues));
  } else if (shuffle_bits(static_cast<std::size_t>(queuing.queues),
                          static_cast<std::size_t>(queuing.hand_size)) > kShuffleBitsMax) {
    errors.invalid(
        hand, queuing.hand_size,
        fmt::format("required entropy bits of deckSize {} and handSize {} should not be greater "
                    "than {}",
                    queuing.queues, queuing.hand_size, kShuffleBitsMax));
  }
}

void validate_limit_response(const LimitResponse& response,
                             const FieldPath& path,
                             FieldErrors& errors) {
  const FieldPath queuing = path.child("queuing");
  if (response.type == "Reject") {
    if (response.queuing)
      errors.forbidden(queuing, "must be nil if limited.limitResponse.type is not Limited");
  } else if (response.type == "Queue") {
    if (!response.queuing) {
      errors.required(queuing, "must not be empty if limited.limitResponse.type is Limited");
    } else {
      validate_queuing(*response.queuing, queuing, errors);
    }
  } else {
    errors.not_supported(path.child("type"), response.type, {"Queue", "Reject"});
  }
}

/// The members that limited and exempt levels have in common.
template <class Level>
void validate_shares(const Level& level, const FieldPath& path, FieldErrors& errors) {
  if (const std::int32_t shares = level.nominal_concurrency_shares.value_or(0); shares < 0) {
    errors.invalid(path.child("nominalConcurrencyShares"), shares,
                   "must be a non-negative integer");
  }
  const std::int32_t lendable = level.lendable_percent.value_or(0);
  if (lendable < 0 || lendable > kPercentMax)
    errors.invalid(path.child("lendablePercent"), lendable, "must be between 0 and 100, inclusive");
}

void validate_limited(const LimitedPriorityLevelConfiguration& limited,
                      const FieldPath& path,
                      FieldErrors& errors) {
  validate_shares(limited, path, errors);
  validate_limit_response(limited.limit_response, path.child("limitResponse"), errors);
  if (const std::int32_t borrowing = limited.borrowing_limit_percent.value_or(0); borrowing < 0) {
    errors.invalid(path.child("borrowingLimitPercent"), borrowing,
                   "if specified, must be a non-negative integer");
  }
}

void validate_level_spec(const PriorityLevelConfiguration& object, FieldErrors& errors) {
  const PriorityLevelConfigurationSpec& spec = object.spec;
  const FieldPath path("spec");
  if ((object.metadata.name == kExempt) != (spec.type == "Exempt")) {
    errors.invalid(path.child("type"), spec.type,
                   "must be 'Exempt' if and only if `name` is 'exempt'");
  }
  if (spec.type == "Exempt") {
    if (spec.limited)
      errors.forbidden(path.child("limited"), "must be nil if the type is not Limited");
    if (spec.exempt) validate_shares(*spec.exempt, path.child("exempt"), errors);
  } else if (spec.type == "Limited") {
    if (spec.exempt) errors.forbidden(path.child("exempt"), "must be nil if the type is Limited");
    if (!spec.limited) {
      errors.required(path.child("limited"), "must not be empty when type is Limited");
    } else {
      validate_limited(*spec.limited, path.child("limited"), errors);
    }
  } else {
    errors.not_supported(path.child("type"), spec.type, {"Exempt", "Limited"});
  }
}

/// What a mandatory level sets aside may be changed, nothing else.
void validate_mandatory(const PriorityLevelConfiguration& object, FieldErrors& errors) {
  const auto* fixed = named(mandatory_priority_levels(), object.metadata.name);
  if (fixed == nullptr) return;
  const bool is_exempt = object.metadata.name == kExempt;
  PriorityLevelConfigurationSpec compared = object.spec;
  if (is_exempt) compared.exempt = fixed->spec.exempt;
  if (compared == fixed->spec) return;
  errors.invalid(FieldPath("spec"), shown(object.spec),
                 fmt::format("spec of '{}' {}must equal the fixed value", object.metadata.name,
                             is_exempt ? "except the 'spec.exempt' field " : ""));
}

}  // namespace

void validate(const FlowSchema& object, FieldErrors& errors) {
  const FlowSchemaSpec& spec = object.spec;
  const FieldPath path("spec");
  validate_precedence(object, path.child("matchingPrecedence"), errors);
  if (spec.distinguisher_method && spec.distinguisher_method->type != "ByUser" &&
      spec.distinguisher_method->type != "ByNamespace") {
    errors.not_supported(path.child("distinguisherMethod").child("type"),
                         shown(*spec.distinguisher_method), {"ByNamespace", "ByUser"});
  }
  const FieldPath level = path.child("priorityLevelConfiguration").child("name");
  const std::string& level_name = spec.priority_level_configuration.name;
  if (level_name.empty()) {
    errors.required(level, "must reference a priority level");
  } else {
    errors.invalid_each(level, level_name, check_dns1123_subdomain(level_name));
  }
  for (std::size_t i = 0; i < spec.rules.size(); ++i)
    validate_rules(spec.rules[i], path.child("rules").index(i), errors);
  const auto* fixed = named(mandatory_flow_schemas(), object.metadata.name);
  if (fixed != nullptr && !(spec == fixed->spec)) {
    errors.invalid(path, shown(spec),
                   fmt::format("spec of '{}' must equal the fixed value", object.metadata.name));
  }
  validate_condition_types(object.status.conditions, errors);
}

void validate(const PriorityLevelConfiguration& object, FieldErrors& errors) {
  if (object.metadata.annotations.contains(kOldZeroShares)) {
    errors.forbidden(FieldPath("metadata.annotations"),
                     fmt::format("annotation '{}' is forbidden", kOldZeroShares));
  }
  validate_level_spec(object, errors);
  validate_mandatory(object, errors);
  validate_condition_types(object.status.conditions, errors);
}

}  // namespace insula::api
