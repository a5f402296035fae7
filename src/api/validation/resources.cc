#include "api/validation/resources.h"

#include <fmt/format.h>

#include "api/resource_names.h"
#include "api/validation/names.h"

namespace insula::api {

namespace {

bool is_plain(std::string_view name) {
  return !name.contains('/');
}

void validate_huge_page_amount(std::string_view name,
                               const Quantity& amount,
                               const FieldPath& path,
                               FieldErrors& errors) {
  const auto page = Quantity::parse(name.substr(name.find('-') + 1));
  const bool whole = page && page->value() > 0 && amount.value() % page->value() == 0;
  if (!whole) {
    errors.invalid(path, amount.text(),
                   fmt::format("{} is not positive integer multiple of {}", amount.text(), name));
  }
}

void validate_list(const Resources& list, const FieldPath& path, FieldErrors& errors) {
  for (const auto& [name, amount] : list) {
    const FieldPath at = path.key(name);
    validate_container_resource_name(name, at, errors);
    validate_amount(name, amount, at, errors);
    if (is_huge_page_resource(name)) validate_huge_page_amount(name, amount, at, errors);
  }
}

}  // namespace

void validate_resource_name(std::string_view name, const FieldPath& path, FieldErrors& errors) {
  const Complaints complaints = check_qualified_name(name);
  errors.invalid_each(path, name, complaints);
  if (complaints.empty() && is_plain(name) && !is_standard_resource(name)) {
    errors.invalid(path, name, "must be a standard resource type or fully qualified");
  }
}

void validate_container_resource_name(std::string_view name,
                                      const FieldPath& path,
                                      FieldErrors& errors) {
  validate_resource_name(name, path, errors);
  if (is_plain(name)) {
    if (!is_standard_container_resource(name)) {
      errors.invalid(path, name, "must be a standard resource for containers");
    }
  } else if (!is_native_resource(name) && !is_extended_resource(name)) {
    errors.invalid(path, name, "doesn't follow extended resource name standard");
  }
}

void validate_quota_resource_name(std::string_view name,
                                  const FieldPath& path,
                                  FieldErrors& errors) {
  validate_resource_name(name, path, errors);
  if (is_plain(name) && !is_standard_quota_resource(name)) {
    errors.invalid(path, name, "must be a standard resource for quota");
  }
}

void validate_amount(std::string_view name,
                     const Quantity& amount,
                     const FieldPath& path,
                     FieldErrors& errors) {
  if (amount.is_negative()) errors.invalid(path, amount.text(), kNegative);
  if (is_integer_resource(name) && amount != Quantity::of(amount.value())) {
    errors.invalid(path, amount.text(), "must be an integer");
  }
}

void validate_requirements(const ResourceRequirements& resources,
                           const FieldPath& path,
                           FieldErrors& errors) {
  const FieldPath requests = path.child("requests");
  const FieldPath limits = path.child("limits");
  validate_list(resources.limits, limits, errors);
  validate_list(resources.requests, requests, errors);
  for (const auto& [name, request] : resources.requests) {
    const auto limit = resources.limits.find(name);
    if (limit == resources.limits.end()) {
      if (!is_overcommit_allowed(name)) {
        errors.required(limits, "Limit must be set for non overcommitable resources");
      }
    } else if (request != limit->second && !is_overcommit_allowed(name)) {
      errors.invalid(requests, request.text(),
                     fmt::format("must be equal to {} limit of {}", name, limit->second.text()));
    } else if (request > limit->second) {
      errors.invalid(
          requests, request.text(),
          fmt::format("must be less than or equal to {} limit of {}", name, limit->second.text()));
    }
  }
}

}  // namespace insula::api
