#include "api/columns/columns.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"
#include "api/versions/versions.h"

namespace insula::api {

namespace {

const Event& event(const void* object) {
  return *static_cast<const Event*>(object);
}

const EventV1& event_v1(const void* object) {
  return *static_cast<const EventV1*>(object);
}

constexpr SelectableField kFields[] = {
    {"involvedObject.kind", [](const void* object) { return event(object).involved_object.kind; }},
    {"involvedObject.namespace",
     [](const void* object) { return event(object).involved_object.namespace_; }},
    {"involvedObject.name", [](const void* object) { return event(object).involved_object.name; }},
    {"involvedObject.uid", [](const void* object) { return event(object).involved_object.uid; }},
    {"involvedObject.apiVersion",
     [](const void* object) { return event(object).involved_object.api_version; }},
    {"involvedObject.resourceVersion",
     [](const void* object) { return event(object).involved_object.resource_version; }},
    {"involvedObject.fieldPath",
     [](const void* object) { return event(object).involved_object.field_path; }},
    {"reason", [](const void* object) { return event(object).reason; }},
    {"reportingComponent", [](const void* object) { return event(object).reporting_component; }},
    {"source",
     [](const void* object) {
       const Event& it = event(object);
       return it.source.component.empty() ? it.reporting_component : it.source.component;
     }},
    {"type", [](const void* object) { return event(object).type; }},
};

constexpr KindStrategy kStrategy{
    .kind = kind_of<Event>,
    .validate = erased::check<Event, validate>,
    .columns = event_columns,
    .cells = erased::row<Event, cells>,
    .selectable_fields = kFields,
    .create_on_update = true,
};

/// An Event of events.k8s.io is shown, and selected by its fields, as the one that is stored.
Event stored(const void* object) {
  Event event;
  store(*static_cast<const EventV1*>(object), event);
  return event;
}

constexpr SelectableField kFieldsV1[] = {
    {"regarding.kind", [](const void* object) { return event_v1(object).regarding.kind; }},
    {"regarding.namespace",
     [](const void* object) { return event_v1(object).regarding.namespace_; }},
    {"regarding.name", [](const void* object) { return event_v1(object).regarding.name; }},
    {"regarding.uid", [](const void* object) { return event_v1(object).regarding.uid; }},
    {"regarding.apiVersion",
     [](const void* object) { return event_v1(object).regarding.api_version; }},
    {"regarding.resourceVersion",
     [](const void* object) { return event_v1(object).regarding.resource_version; }},
    {"regarding.fieldPath",
     [](const void* object) { return event_v1(object).regarding.field_path; }},
    {"reason", [](const void* object) { return event_v1(object).reason; }},
    {"reportingController",
     [](const void* object) { return event_v1(object).reporting_controller; }},
    {"type", [](const void* object) { return event_v1(object).type; }},
};

constexpr KindStrategy kStrategyV1{
    .kind = kind_of<EventV1>,
    .columns = event_columns,
    .cells = [](const void* object, WallTime now) { return cells(stored(object), now); },
    .selectable_fields = kFieldsV1,
    .create_on_update = true,
};

}  // namespace

const KindStrategy& event_strategy() {
  return kStrategy;
}

const KindStrategy& event_v1_strategy() {
  return kStrategyV1;
}

}  // namespace insula::api
