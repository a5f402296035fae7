#include "apiserver/output.h"

#include <utility>

#include <fmt/format.h>

#include "api/codec.h"
#include "api/gen/meta_v1.h"
#include "apiserver/list_output.h"
#include "apiserver/object.h"
#include "apiserver/output_format.h"
#include "base/check.h"

namespace insula::apiserver {

namespace {

std::string one_row_table(const api::Kind& kind,
                          const store::EntryPtr& entry,
                          OutputOptions options) {
  options.format = BodyFormat::kJson;
  ObjectList list;
  list.revision = entry->revision;
  list.entries.push_back(entry);
  return list_output(kind, list, options);
}

std::string_view event_name(ObjectEvent::Type type) {
  switch (type) {
    case ObjectEvent::Type::kAdded:
      return "ADDED";
    case ObjectEvent::Type::kModified:
      return "MODIFIED";
    case ObjectEvent::Type::kDeleted:
      return "DELETED";
  }
  return "";
}

/// What this server writes itself has every form that was negotiated.
std::string event_of(BodyFormat format, std::string_view type, std::string json) {
  const auto object = in_format(format, std::move(json));
  INSULA_CHECK(object, object ? "" : object.error().message());
  return watch_event(format, type, *object);
}

}  // namespace

std::string metadata_output(const api::Kind& kind,
                            const store::EntryPtr& entry,
                            const OutputOptions& options) {
  std::string out = fmt::format(R"({{"kind":"PartialObjectMetadata","apiVersion":"{}","metadata":)",
                                options.meta_version);
  const ConstObject object = object_of(kind, *entry);
  api::encode_json(api::type_of<api::ObjectMeta>(), &kind.metadata(object.get()), out);
  out += '}';
  return out;
}

std::string object_output(const api::Kind& kind,
                          const store::EntryPtr& entry,
                          const OutputOptions& options) {
  switch (options.form) {
    case OutputForm::kObject:
      return entry->value;
    case OutputForm::kTable:
      return one_row_table(kind, entry, options);
    case OutputForm::kMetadata:
      return metadata_output(kind, entry, options);
  }
  return {};
}

std::string event_output(const api::Kind& kind,
                         const ObjectEvent& event,
                         const OutputOptions& options) {
  const std::string_view name = event_name(event.type);
  if (options.form != OutputForm::kObject)
    return event_of(options.format, name, object_output(kind, event.entry, options));
  if (options.format == BodyFormat::kJson)
    return watch_event(options.format, name, event.entry->value);
  return watch_event(options.format, name,
                     encode_protobuf(kind, object_of(kind, *event.entry).get()));
}

std::string bookmark_output(const api::Kind& kind,
                            store::Revision revision,
                            bool initial_events_end,
                            const OutputOptions& options) {
  if (options.form == OutputForm::kTable) {
    return event_of(
        options.format, "BOOKMARK",
        fmt::format(R"({{"kind":"Table","apiVersion":"{}","metadata":{{"resourceVersion":)"
                    R"("{}"}},"columnDefinitions":[],"rows":[]}})",
                    options.meta_version, revision));
  }
  const bool partial = options.form == OutputForm::kMetadata;
  const std::string_view end =
      initial_events_end ? R"(,"annotations":{"k8s.io/initial-events-end":"true"})" : "";
  return event_of(
      options.format, "BOOKMARK",
      fmt::format(R"({{"kind":"{}","apiVersion":"{}","metadata":{{"resourceVersion":"{}"{}}}}})",
                  partial ? std::string_view("PartialObjectMetadata") : kind.kind,
                  partial ? std::string(options.meta_version) : kind.api_version(), revision, end));
}

std::string error_event_output(std::string_view status, BodyFormat format) {
  return event_of(format, "ERROR", std::string(status));
}

}  // namespace insula::apiserver
