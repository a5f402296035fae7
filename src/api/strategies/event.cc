#include "api/columns/columns.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

const Event& event(const void* object) {
  return *static_cast<const Event*>(object);
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
};

}  // namespace

const KindStrategy& event_strategy() {
  return kStrategy;
}

}  // namespace insula::api
