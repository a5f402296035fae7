#include "api/versions/versions.h"

namespace insula::api {

// The same fields under other names.

void show(const Event& stored, EventV1& object) {
  object.metadata = stored.metadata;
  object.event_time = stored.event_time;
  if (stored.series) {
    object.series.emplace(EventSeriesV1{.count = stored.series->count,
                                        .last_observed_time = stored.series->last_observed_time});
  }
  object.reporting_controller = stored.reporting_component;
  object.reporting_instance = stored.reporting_instance;
  object.action = stored.action;
  object.reason = stored.reason;
  object.regarding = stored.involved_object;
  object.related = stored.related;
  object.note = stored.message;
  object.type = stored.type;
  object.deprecated_source = stored.source;
  object.deprecated_first_timestamp = stored.first_timestamp;
  object.deprecated_last_timestamp = stored.last_timestamp;
  object.deprecated_count = stored.count;
}

void store(const EventV1& object, Event& stored) {
  stored.metadata = object.metadata;
  stored.event_time = object.event_time;
  stored.series.reset();
  if (object.series) {
    stored.series.emplace(EventSeries{.count = object.series->count,
                                      .last_observed_time = object.series->last_observed_time});
  }
  stored.reporting_component = object.reporting_controller;
  stored.reporting_instance = object.reporting_instance;
  stored.action = object.action;
  stored.reason = object.reason;
  stored.involved_object = object.regarding;
  stored.related = object.related;
  stored.message = object.note;
  stored.type = object.type;
  stored.source = object.deprecated_source;
  stored.first_timestamp = object.deprecated_first_timestamp;
  stored.last_timestamp = object.deprecated_last_timestamp;
  stored.count = object.deprecated_count;
}

}  // namespace insula::api
