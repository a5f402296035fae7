#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "api/resource_names.h"
#include "api/validation/kinds.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/resources.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

constexpr std::array<std::string_view, 7> kScopes = {
    "Terminating",           "NotTerminating", "BestEffort",
    "NotBestEffort",         "PriorityClass",  "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
};

bool is_pod_compute(std::string_view name) {
  return name == "cpu" || name == "memory" || name == "requests.cpu" || name == "requests.memory" ||
         name == "limits.cpu" || name == "limits.memory";
}

bool is_scope_valid_for(std::string_view scope, std::string_view resource) {
  if (scope == "BestEffort") return resource == "pods";
  if (scope == "VolumeAttributesClass") {
    return resource == "persistentvolumeclaims" || resource == "requests.storage";
  }
  return resource == "pods" || is_pod_compute(resource);
}

void validate_amounts(const Resources& amounts, const FieldPath& path, FieldErrors& errors) {
  for (const auto& [name, amount] : amounts) {
    validate_quota_resource_name(name, path.key(name), errors);
    validate_amount(name, amount, path.key(name), errors);
  }
}

/// The rules that hold for a list of scopes, however it is written.
void validate_scopes(const std::vector<std::string>& scopes,
                     const Resources& hard,
                     const FieldPath& path,
                     FieldErrors& errors) {
  const ShownValue value = shown_list(scopes);
  const auto has = [&](std::string_view scope) {
    return std::ranges::find(scopes, scope) != scopes.end();
  };
  for (const std::string& scope : scopes) {
    if (std::ranges::find(kScopes, scope) == kScopes.end()) {
      errors.invalid(path, value, "unsupported scope");
      continue;
    }
    for (const auto& [name, amount] : hard) {
      if (is_standard_quota_resource(name) && !is_scope_valid_for(scope, name)) {
        errors.invalid(path, value, "unsupported scope applied to resource");
      }
    }
  }
  if ((has("BestEffort") && has("NotBestEffort")) ||
      (has("Terminating") && has("NotTerminating"))) {
    errors.invalid(path, value, "conflicting scopes");
  }
}

void validate_scope_selector(const ScopeSelector& selector,
                             const FieldPath& path,
                             FieldErrors& errors) {
  for (const ScopedResourceSelectorRequirement& rule : selector.match_expressions) {
    const std::string& op = rule.operator_;
    const bool takes_values =
        rule.scope_name == "PriorityClass" || rule.scope_name == "VolumeAttributesClass";
    if (!takes_values && op != "Exists") {
      errors.invalid(
          path.child("operator"), op,
          "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, "
          "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
          "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity");
    }
    if (op == "In" || op == "NotIn") {
      if (rule.values.empty()) {
        errors.required(
            path.child("values"),
            "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
      }
    } else if (op == "Exists" || op == "DoesNotExist") {
      if (!rule.values.empty()) {
        errors.invalid(
            path.child("values"), shown_list(rule.values),
            "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
      }
    } else {
      errors.invalid(path.child("operator"), op, "not a valid selector operator");
    }
  }
}

const Quantity* find(const Resources& amounts, const std::string& name) {
  const auto found = amounts.find(name);
  return found == amounts.end() ? nullptr : &found->second;
}

/// That min <= defaultRequest <= default <= max, as far as each is given.
void validate_order(const LimitRangeItem& item,
                    const std::string& name,
                    const FieldPath& path,
                    FieldErrors& errors) {
  const Quantity* const min = find(item.min, name);
  const Quantity* const max = find(item.max, name);
  const Quantity* const limit = find(item.default_, name);
  const Quantity* const request = find(item.default_request, name);
  const auto ordered = [&](const Quantity* low, const Quantity* high, const Quantity* shown_value,
                           std::string_view field, std::string_view text) {
    if (low == nullptr || high == nullptr || *low <= *high) return;
    errors.invalid(path.child(field).key(name), shown_value->text(),
                   fmt::format(fmt::runtime(text), low->text(), high->text()));
  };
  ordered(min, max, min, "min", "min value {} is greater than max value {}");
  ordered(min, request, request, "defaultRequest",
          "min value {} is greater than default request value {}");
  ordered(request, max, request, "defaultRequest",
          "default request value {} is greater than max value {}");
  ordered(request, limit, request, "defaultRequest",
          "default request value {} is greater than default limit value {}");
  ordered(min, limit, min, "default", "min value {} is greater than default value {}");
  ordered(limit, max, max, "default", "default value {} is greater than max value {}");
  if (!is_overcommit_allowed(name) && limit != nullptr && request != nullptr &&
      *limit != *request) {
    errors.invalid(path.child("defaultRequest").key(name), request->text(),
                   fmt::format("default value {} must equal to defaultRequest value {} in {}",
                               limit->text(), request->text(), name));
  }
  const Quantity* const ratio = find(item.max_limit_request_ratio, name);
  if (ratio == nullptr) return;
  const FieldPath ratio_path = path.child("maxLimitRequestRatio").key(name);
  if (*ratio < Quantity::of(1)) {
    errors.invalid(ratio_path, ratio->text(),
                   fmt::format("ratio {} is less than 1", ratio->text()));
  }
  if (min != nullptr && max != nullptr && !min->is_zero() &&
      ratio->as_double() > max->as_double() / min->as_double()) {
    errors.invalid(ratio_path, ratio->text(),
                   fmt::format("ratio {} is greater than max/min = {:f}", ratio->text(),
                               max->as_double() / min->as_double()));
  }
}

void validate_item(const LimitRangeItem& item, const FieldPath& path, FieldErrors& errors) {
  std::set<std::string> names;
  const auto check_names = [&](const Resources& amounts, std::string_view field) {
    for (const auto& [name, amount] : amounts) {
      names.insert(name);
      if (item.type == "Pod" || item.type == "Container") {
        validate_container_resource_name(name, path.child(field).key(name), errors);
      } else {
        validate_resource_name(name, path.child(field).key(name), errors);
      }
    }
  };
  check_names(item.max, "max");
  check_names(item.min, "min");
  if (item.type == "Pod") {
    constexpr std::string_view kNotForPods = "may not be specified when `type` is 'Pod'";
    if (!item.default_.empty()) errors.forbidden(path.child("default"), kNotForPods);
    if (!item.default_request.empty()) errors.forbidden(path.child("defaultRequest"), kNotForPods);
  } else {
    check_names(item.default_, "default");
    check_names(item.default_request, "defaultRequest");
  }
  if (item.type == "PersistentVolumeClaim" && !item.min.contains("storage") &&
      !item.max.contains("storage")) {
    errors.required(
        path.child("limits"),
        "either minimum or maximum storage value is required, but neither was provided");
  }
  check_names(item.max_limit_request_ratio, "maxLimitRequestRatio");
  for (const std::string& name : names)
    validate_order(item, name, path, errors);
}

}  // namespace

void validate(const ResourceQuota& object, FieldErrors& errors) {
  const ResourceQuotaSpec& spec = object.spec;
  validate_amounts(spec.hard, FieldPath("spec.hard"), errors);
  validate_scopes(spec.scopes, spec.hard, FieldPath("spec.scopes"), errors);
  if (spec.scope_selector) {
    const FieldPath path("spec.scopeSelector.matchExpressions");
    std::vector<std::string> scopes;
    for (const auto& rule : spec.scope_selector->match_expressions)
      scopes.push_back(rule.scope_name);
    validate_scopes(scopes, spec.hard, path, errors);
    validate_scope_selector(*spec.scope_selector, path, errors);
  }
}

void validate_update(const ResourceQuota& object,
                     const ResourceQuota& old,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource == "status") {
    validate_amounts(object.status.hard, FieldPath("status.hard"), errors);
    validate_amounts(object.status.used, FieldPath("status.used"), errors);
    return;
  }
  const std::set<std::string> now(object.spec.scopes.begin(), object.spec.scopes.end());
  const std::set<std::string> before(old.spec.scopes.begin(), old.spec.scopes.end());
  if (now != before) {
    errors.invalid(FieldPath("spec.scopes"), shown_list(object.spec.scopes), kFieldImmutable);
  }
}

void validate(const LimitRange& object, FieldErrors& errors) {
  const FieldPath path("spec.limits");
  std::set<std::string_view> types;
  for (std::size_t i = 0; i < object.spec.limits.size(); ++i) {
    const LimitRangeItem& item = object.spec.limits[i];
    const FieldPath at = path.index(i);
    const Complaints complaints = check_qualified_name(item.type);
    errors.invalid_each(at.child("type"), item.type, complaints);
    if (complaints.empty() && !item.type.contains('/') && item.type != "Pod" &&
        item.type != "Container" && item.type != "PersistentVolumeClaim") {
      errors.invalid(at.child("type"), item.type,
                     "must be a standard limit type or fully qualified");
    }
    if (!types.insert(item.type).second) errors.duplicate(at.child("type"), item.type);
    validate_item(item, at, errors);
  }
}

}  // namespace insula::api
