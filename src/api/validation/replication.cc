#include "api/validation/kinds.h"
#include "api/validation/metadata.h"
#include "api/validation/pod.h"
#include "api/validation/shown.h"
#include "api/validation/workload.h"
#include "json/parse.h"

namespace insula::api {

namespace {

bool is_json_object(const std::string& text) {
  const auto value = json::parse(text);
  return value && value->is_object();
}

}  // namespace

void validate(const ReplicationController& object, FieldErrors& errors) {
  const ReplicationControllerSpec& spec = object.spec;
  const FieldPath path("spec");
  not_negative(spec.min_ready_seconds, path.child("minReadySeconds"), errors);
  if (spec.selector.empty()) errors.required(path.child("selector"));
  not_negative(spec.replicas.value_or(0), path.child("replicas"), errors);
  const FieldPath template_path = path.child("template");
  if (!spec.template_) {
    errors.required(template_path);
    return;
  }
  const auto& labels = spec.template_->metadata.labels;
  if (!matches(LabelSelector{.match_labels = spec.selector, .match_expressions = {}}, labels)) {
    errors.invalid(template_path.child("metadata").child("labels"), shown_map(labels),
                   "`selector` does not match template `labels`");
  }
  validate_pod_template(*spec.template_, template_path, errors);
  validate_lasting_pods(spec.template_->spec, "ReplicationController", errors);
}

void validate_update(const ReplicationController& object,
                     const ReplicationController&,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource != "status") return;
  constexpr std::string_view kMoreThanAll = "cannot be greater than status.replicas";
  const ReplicationControllerStatus& status = object.status;
  const FieldPath path("status");
  const auto part = [&](std::int32_t value, std::string_view field) {
    not_negative(value, path.child(field), errors);
    if (value > status.replicas) errors.invalid(path.child(field), value, kMoreThanAll);
  };
  not_negative(status.replicas, path.child("replicas"), errors);
  part(status.fully_labeled_replicas, "fullyLabeledReplicas");
  part(status.ready_replicas, "readyReplicas");
  part(status.available_replicas, "availableReplicas");
  not_negative(status.observed_generation, path.child("observedGeneration"), errors);
  if (status.available_replicas > status.ready_replicas) {
    errors.invalid(path.child("availableReplicas"), status.available_replicas,
                   "cannot be greater than readyReplicas");
  }
}

void validate(const PodTemplate& object, FieldErrors& errors) {
  validate_pod_template(object.template_, FieldPath("template"), errors);
}

void validate(const ControllerRevision& object, FieldErrors& errors) {
  not_negative(object.revision, FieldPath("revision"), errors);
}

void validate_create(const ControllerRevision& object, FieldErrors& errors) {
  const FieldPath path("data");
  if (object.data.empty() || object.data.text == "null") {
    errors.required(path, "data is mandatory");
  } else if (!is_json_object(object.data.text)) {
    errors.required(path, "data must be a valid JSON object");
  }
}

void validate_update(const ControllerRevision& object,
                     const ControllerRevision& old,
                     std::string_view,
                     FieldErrors& errors) {
  if (!(object.data == old.data))
    errors.invalid(FieldPath("data"), ShownValue::json(object.data.text), kFieldImmutable);
}

}  // namespace insula::api
