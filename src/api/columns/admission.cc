#include "api/columns/admission.h"

#include <string>

#include "api/columns/columns.h"

namespace insula::api {

namespace {

constexpr const char* kUnset = "<unset>";

constexpr Column kWebhookColumns[] = {
    kNameColumn,
    {"Webhooks", "integer", "", "Webhooks of the configuration."},
    kAgeColumn,
};

constexpr Column kPolicyColumns[] = {
    kNameColumn,
    {"Validations", "integer", "", "Expressions that must be true."},
    {"ParamKind", "string", "", "Kind of the policy's parameters."},
    kAgeColumn,
};

constexpr Column kBindingColumns[] = {
    kNameColumn,
    {"PolicyName", "string", "", "The policy that is in force."},
    {"ParamRef", "string", "", "The policy's parameters."},
    kAgeColumn,
};

template <class Configuration>
std::vector<Cell> webhook_cells(const Configuration& object, WallTime now) {
  return {
      object.metadata.name,
      static_cast<std::int64_t>(object.webhooks.size()),
      age(object.metadata.creation_timestamp, now),
  };
}

std::string reference_text(const Box<ParamRef>& params) {
  if (!params) return kUnset;
  if (!params->name.empty())
    return params->namespace_.empty() ? params->name : params->namespace_ + "/" + params->name;
  return params->selector ? selector_text(*params->selector) : kUnset;
}

}  // namespace

std::span<const Column> webhook_configuration_columns() {
  return kWebhookColumns;
}

std::vector<Cell> cells(const MutatingWebhookConfiguration& object, WallTime now) {
  return webhook_cells(object, now);
}

std::vector<Cell> cells(const ValidatingWebhookConfiguration& object, WallTime now) {
  return webhook_cells(object, now);
}

std::span<const Column> validating_admission_policy_columns() {
  return kPolicyColumns;
}

std::vector<Cell> cells(const ValidatingAdmissionPolicy& object, WallTime now) {
  const auto& kind = object.spec.param_kind;
  return {
      object.metadata.name,
      static_cast<std::int64_t>(object.spec.validations.size()),
      kind ? kind->api_version + "/" + kind->kind : std::string(kUnset),
      age(object.metadata.creation_timestamp, now),
  };
}

std::span<const Column> validating_admission_policy_binding_columns() {
  return kBindingColumns;
}

std::vector<Cell> cells(const ValidatingAdmissionPolicyBinding& object, WallTime now) {
  return {
      object.metadata.name,
      object.spec.policy_name,
      reference_text(object.spec.param_ref),
      age(object.metadata.creation_timestamp, now),
  };
}

}  // namespace insula::api
