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

constexpr Column kMutatingPolicyColumns[] = {
    kNameColumn,
    {"Mutations", "integer", "", "Changes that the policy makes."},
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
    return (params->namespace_.empty() ? "*" : params->namespace_) + "/" + params->name;
  return params->selector ? selector_text(*params->selector) : kUnset;
}

/// `rules` is how many of them the policy has.
template <class Policy>
std::vector<Cell> policy_cells(const Policy& object, std::size_t rules, WallTime now) {
  const auto& kind = object.spec.param_kind;
  return {
      object.metadata.name,
      static_cast<std::int64_t>(rules),
      kind ? kind->api_version + "/" + kind->kind : std::string(kUnset),
      age(object.metadata.creation_timestamp, now),
  };
}

template <class Binding>
std::vector<Cell> binding_cells(const Binding& object, WallTime now) {
  return {
      object.metadata.name,
      object.spec.policy_name,
      reference_text(object.spec.param_ref),
      age(object.metadata.creation_timestamp, now),
  };
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
  return policy_cells(object, object.spec.validations.size(), now);
}

std::span<const Column> validating_admission_policy_binding_columns() {
  return kBindingColumns;
}

std::vector<Cell> cells(const ValidatingAdmissionPolicyBinding& object, WallTime now) {
  return binding_cells(object, now);
}

std::span<const Column> mutating_admission_policy_columns() {
  return kMutatingPolicyColumns;
}

std::vector<Cell> cells(const MutatingAdmissionPolicy& object, WallTime now) {
  return policy_cells(object, object.spec.mutations.size(), now);
}

std::span<const Column> mutating_admission_policy_binding_columns() {
  return kBindingColumns;
}

std::vector<Cell> cells(const MutatingAdmissionPolicyBinding& object, WallTime now) {
  return binding_cells(object, now);
}

}  // namespace insula::api
