#include <algorithm>
#include <cctype>
#include <set>

#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/shown.h"
#include "api/validation/storage.h"

namespace insula::api {

namespace {

constexpr std::size_t kParametersMax = 512;
constexpr std::size_t kParameterBytesMax = 256 << 10;

/// What a term of topologies says, for telling it from others: values by key.
using Term = std::map<std::string, std::set<std::string>>;

Term validate_term(const TopologySelectorTerm& term, const FieldPath& path, FieldErrors& errors) {
  Term out;
  const FieldPath at = path.child("matchLabelExpressions");
  for (std::size_t i = 0; i < term.match_label_expressions.size(); ++i) {
    const auto& [key, values] = term.match_label_expressions[i];
    const FieldPath one = at.index(i);
    std::set<std::string> seen;
    if (values.empty()) errors.required(one.child("values"));
    for (std::size_t j = 0; j < values.size(); ++j) {
      if (!seen.insert(values[j]).second) errors.duplicate(one.child("values").index(j), values[j]);
    }
    errors.invalid_each(one.child("key"), key, check_qualified_name(key));
    if (!out.emplace(key, std::move(seen)).second) errors.duplicate(one.child("key"), key);
  }
  return out;
}

void validate_topologies(const std::vector<TopologySelectorTerm>& terms, FieldErrors& errors) {
  const FieldPath path("allowedTopologies");
  std::vector<Term> seen;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    Term term = validate_term(terms[i], path.index(i), errors);
    if (std::ranges::find(seen, term) != seen.end())
      errors.duplicate(path.index(i).child("matchLabelExpressions"), "");
    seen.push_back(std::move(term));
  }
}

void validate_parameters(const std::map<std::string, std::string>& parameters,
                         FieldErrors& errors) {
  const FieldPath path("parameters");
  if (parameters.size() > kParametersMax) {
    errors.too_long(path, kParametersMax);
    return;
  }
  std::size_t bytes = 0;
  for (const auto& [key, value] : parameters) {
    if (key.empty()) errors.invalid(path, key, "field can not be empty.");
    bytes += key.size() + value.size();
  }
  if (bytes > kParameterBytesMax) errors.too_long(path, kParameterBytesMax);
}

void validate_provisioner(const std::string& name, const FieldPath& path, FieldErrors& errors) {
  if (name.empty()) {
    errors.required(path);
    return;
  }
  std::string lower = name;
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  errors.invalid_each(path, lower, check_qualified_name(lower));
}

}  // namespace

void validate(const StorageClass& object, FieldErrors& errors) {
  validate_provisioner(object.provisioner, FieldPath("provisioner"), errors);
  validate_parameters(object.parameters, errors);
  const std::string policy = object.reclaim_policy.value_or("");
  if (!policy.empty() && policy != "Delete" && policy != "Retain")
    errors.not_supported(FieldPath("reclaimPolicy"), policy, {"Delete", "Retain"});
  const std::string mode = object.volume_binding_mode.value_or("");
  if (mode != "Immediate" && mode != "WaitForFirstConsumer") {
    errors.not_supported(FieldPath("volumeBindingMode"), mode,
                         {"Immediate", "WaitForFirstConsumer"});
  }
  validate_topologies(object.allowed_topologies, errors);
}

void validate_update(const StorageClass& object,
                     const StorageClass& old,
                     std::string_view,
                     FieldErrors& errors) {
  if (object.parameters != old.parameters)
    errors.invalid(FieldPath("parameters"), shown_map(object.parameters), kFieldImmutable);
  if (object.provisioner != old.provisioner)
    errors.invalid(FieldPath("provisioner"), object.provisioner, kFieldImmutable);
  if (object.reclaim_policy != old.reclaim_policy) {
    errors.invalid(FieldPath("reclaimPolicy"), object.reclaim_policy.value_or(""), kFieldImmutable);
  }
  if (object.volume_binding_mode != old.volume_binding_mode) {
    errors.invalid(FieldPath("volumeBindingMode"), object.volume_binding_mode.value_or(""),
                   kFieldImmutable);
  }
}

void validate(const CSIStorageCapacity& object, FieldErrors& errors) {
  if (object.node_topology)
    validate_label_selector(*object.node_topology, FieldPath("nodeTopology"), errors);
  errors.invalid_each(FieldPath("storageClassName"), object.storage_class_name,
                      check_dns1123_subdomain(object.storage_class_name));
  if (object.capacity && object.capacity->is_negative()) {
    errors.invalid(FieldPath("capacity"), object.capacity->text(),
                   "must be greater than or equal to 0");
  }
}

void validate_update(const CSIStorageCapacity& object,
                     const CSIStorageCapacity& old,
                     std::string_view,
                     FieldErrors& errors) {
  if (!(object.node_topology == old.node_topology)) {
    errors.invalid(FieldPath("nodeTopology"),
                   object.node_topology ? shown(*object.node_topology) : ShownValue::json("null"),
                   kFieldImmutable);
  }
  if (object.storage_class_name != old.storage_class_name)
    errors.invalid(FieldPath("storageClassName"), object.storage_class_name, kFieldImmutable);
}

void validate(const VolumeAttributesClass& object, FieldErrors& errors) {
  validate_provisioner(object.driver_name, FieldPath("driverName"), errors);
  if (object.parameters.empty())
    errors.required(FieldPath("parameters"), "must contain at least one key/value pair");
  validate_parameters(object.parameters, errors);
}

void validate_update(const VolumeAttributesClass& object,
                     const VolumeAttributesClass& old,
                     std::string_view,
                     FieldErrors& errors) {
  if (object.driver_name != old.driver_name)
    errors.forbidden(FieldPath("driverName"), "updates to driverName are forbidden.");
  if (object.parameters != old.parameters)
    errors.forbidden(FieldPath("parameters"), "updates to parameters are forbidden.");
}

}  // namespace insula::api
