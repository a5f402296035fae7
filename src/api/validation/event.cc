#include "api/validation/event.h"

#include <cstddef>
#include <string>

#include <fmt/format.h>

#include "api/validation/kinds.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::api {

namespace {

constexpr std::size_t kNoteMax = 1024;
constexpr std::size_t kWordMax = 128;

void validate_namespace(const Event& object, FieldErrors& errors) {
  const std::string& about = object.involved_object.namespace_;
  const std::string& own = object.metadata.namespace_;
  // What belongs to no namespace is reported in "default", and by newer clients in "kube-system".
  const bool of_system = own == "kube-system" && !object.event_time.is_zero();
  const bool fits =
      about.empty() ? own == "default" || of_system : about == own || !object.event_time.is_zero();
  if (!fits)
    errors.invalid(FieldPath("involvedObject.namespace"), about, "does not match event.namespace");
}

void validate_word(const std::string& value, std::string_view field, FieldErrors& errors) {
  if (value.empty()) {
    errors.required(FieldPath(field));
  } else if (value.size() > kWordMax) {
    errors.invalid(FieldPath(field), "", fmt::format("can have at most {} characters", kWordMax));
  }
}

/// `controller`: what the version calls who reports.
void validate_event(const Event& object, std::string_view controller, FieldErrors& errors) {
  validate_namespace(object, errors);
  // Older clients leave it out, and no more is asked of them.
  if (object.event_time.is_zero()) return;
  if (object.reporting_component.empty()) errors.required(FieldPath(controller));
  errors.invalid_each(FieldPath(controller), object.reporting_component,
                      check_qualified_name(object.reporting_component));
  validate_word(object.reporting_instance, "reportingInstance", errors);
  validate_word(object.action, "action", errors);
  validate_word(object.reason, "reason", errors);
  if (object.message.size() > kNoteMax)
    errors.invalid(FieldPath("message"), "",
                   fmt::format("can have at most {} characters", kNoteMax));
}

void validate_series(const Event& object, FieldErrors& errors) {
  if (!object.series) return;
  if (object.series->count < 2)
    errors.invalid(FieldPath("series.count"), "", "should be at least 2");
  if (object.series->last_observed_time.is_zero())
    errors.required(FieldPath("series.lastObservedTime"));
}

// Kubernetes shows its inner form of these, whose members have other names than in JSON.
ShownValue shown_reference(const ObjectReference& it) {
  return ShownValue::json(json::write(json::Object{{"Kind", it.kind},
                                                   {"Namespace", it.namespace_},
                                                   {"Name", it.name},
                                                   {"UID", it.uid},
                                                   {"APIVersion", it.api_version},
                                                   {"ResourceVersion", it.resource_version},
                                                   {"FieldPath", it.field_path}}));
}

ShownValue shown_source(const EventSource& it) {
  return ShownValue::json(
      json::write(json::Object{{"Component", it.component}, {"Host", it.host}}));
}

template <class T>
ShownValue shown_time(const T& time) {
  return time.is_zero() ? ShownValue::json("null") : ShownValue(time.text());
}

}  // namespace

void validate(const Event& object, FieldErrors& errors) {
  validate_event(object, "reportingComponent", errors);
}

void validate_new_api(const Event& object, FieldErrors& errors) {
  validate_event(object, "reportingController", errors);
}

void validate_create_new_api(const Event& object, FieldErrors& errors) {
  constexpr std::string_view kUnset = "needs to be unset";
  validate_series(object, errors);
  if (object.event_time.is_zero()) errors.required(FieldPath("eventTime"));
  if (object.type != "Normal" && object.type != "Warning")
    errors.invalid(FieldPath("type"), "", "has invalid value: " + object.type);
  if (!object.first_timestamp.is_zero()) errors.invalid(FieldPath("firstTimestamp"), "", kUnset);
  if (!object.last_timestamp.is_zero()) errors.invalid(FieldPath("lastTimestamp"), "", kUnset);
  if (object.count != 0) errors.invalid(FieldPath("count"), "", kUnset);
  if (!object.source.component.empty() || !object.source.host.empty())
    errors.invalid(FieldPath("source"), "", kUnset);
}

void validate_update_new_api(const Event& object,
                             const Event& old,
                             std::string_view,
                             FieldErrors& errors) {
  if (object.series != old.series) validate_series(object, errors);
  const auto fixed = [&](std::string_view field, bool same, const ShownValue& value) {
    if (!same) errors.invalid(FieldPath(field), value, kFieldImmutable);
  };
  fixed("involvedObject", object.involved_object == old.involved_object,
        shown_reference(object.involved_object));
  fixed("reason", object.reason == old.reason, object.reason);
  fixed("message", object.message == old.message, object.message);
  fixed("source", object.source == old.source, shown_source(object.source));
  fixed("firstTimestamp", object.first_timestamp == old.first_timestamp,
        shown_time(object.first_timestamp));
  fixed("lastTimestamp", object.last_timestamp == old.last_timestamp,
        shown_time(object.last_timestamp));
  fixed("count", object.count == old.count, object.count);
  fixed("type", object.type == old.type, object.type);
  fixed("eventTime", object.event_time == old.event_time, shown_time(object.event_time));
  fixed("action", object.action == old.action, object.action);
  fixed("related", object.related == old.related,
        object.related ? shown_reference(*object.related) : ShownValue::json("null"));
  fixed("reportingController", object.reporting_component == old.reporting_component,
        object.reporting_component);
  fixed("reportingInstance", object.reporting_instance == old.reporting_instance,
        object.reporting_instance);
}

}  // namespace insula::api
