#include "apiserver/output.h"

#include <utility>

#include <fmt/format.h>

#include "api/any_kind.h"
#include "api/codec.h"
#include "api/gen/meta_v1.h"
#include "json/write.h"

namespace insula::apiserver {

namespace {

std::string partial_metadata(const api::Kind& kind,
                             const store::EntryPtr& entry,
                             const OutputOptions& options) {
  std::string out = fmt::format(R"({{"kind":"PartialObjectMetadata","apiVersion":"{}","metadata":)",
                                options.meta_version);
  const ConstObject object = object_of(kind, *entry);
  api::encode_json(api::type_of<api::ObjectMeta>(), &kind.metadata(object.get()), out);
  out += '}';
  return out;
}

void append_cells(const api::Kind& kind, const void* object, WallTime now, std::string& out) {
  out += '[';
  bool first = true;
  for (const json::Value& cell : api::cells_of(kind, object, now)) {
    if (!std::exchange(first, false)) out += ',';
    json::append(out, cell);
  }
  out += ']';
}

void append_row(const api::Kind& kind,
                const store::EntryPtr& entry,
                const OutputOptions& options,
                std::string& out) {
  out += R"({"cells":)";
  append_cells(kind, object_of(kind, *entry).get(), options.now, out);
  switch (options.include) {
    case IncludeObject::kMetadata:
      out += R"(,"object":)" + partial_metadata(kind, entry, options);
      break;
    case IncludeObject::kObject:
      out += R"(,"object":)" + entry->value;
      break;
    case IncludeObject::kNone:
      break;
  }
  out += '}';
}

std::string column_definitions(const api::Kind& kind) {
  std::string out = "[";
  for (const api::Column& column : api::columns_of(kind)) {
    if (out.size() > 1) out += ',';
    out += R"({"name":)";
    json::append_string(out, column.name);
    out += R"(,"type":)";
    json::append_string(out, column.type);
    out += R"(,"format":)";
    json::append_string(out, column.format);
    out += R"(,"description":)";
    json::append_string(out, column.description);
    out += fmt::format(R"(,"priority":{}}})", column.priority);
  }
  return out + "]";
}

void append_list_metadata(const ObjectList& list, std::string& out) {
  out += fmt::format(R"("metadata":{{"resourceVersion":"{}")", list.revision);
  if (!list.continue_token.empty()) {
    out += R"(,"continue":)";
    json::append_string(out, list.continue_token);
  }
  if (list.remaining) out += fmt::format(R"(,"remainingItemCount":{})", *list.remaining);
  out += '}';
}

std::string table(const api::Kind& kind, const ObjectList& list, const OutputOptions& options) {
  std::string out = fmt::format(R"({{"kind":"Table","apiVersion":"{}",)", options.meta_version);
  append_list_metadata(list, out);
  out += R"(,"columnDefinitions":)" + column_definitions(kind) + R"(,"rows":[)";
  bool first = true;
  for (const store::EntryPtr& entry : list.entries) {
    if (!std::exchange(first, false)) out += ',';
    append_row(kind, entry, options, out);
  }
  return out + "]}";
}

std::string one_row_table(const api::Kind& kind,
                          const store::EntryPtr& entry,
                          const OutputOptions& options) {
  ObjectList list;
  list.revision = entry->revision;
  list.entries.push_back(entry);
  return table(kind, list, options);
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

std::string event_line(std::string_view type, std::string_view object) {
  return fmt::format(R"({{"type":"{}","object":{}}})"
                     "\n",
                     type, object);
}

}  // namespace

std::string object_output(const api::Kind& kind,
                          const store::EntryPtr& entry,
                          const OutputOptions& options) {
  switch (options.form) {
    case OutputForm::kObject:
      return entry->value;
    case OutputForm::kTable:
      return one_row_table(kind, entry, options);
    case OutputForm::kMetadata:
      return partial_metadata(kind, entry, options);
  }
  return {};
}

std::string list_output(const api::Kind& kind,
                        const ObjectList& list,
                        const OutputOptions& options) {
  if (options.form == OutputForm::kTable) return table(kind, list, options);
  const bool whole = options.form == OutputForm::kObject;
  std::size_t bytes = 256;
  for (const store::EntryPtr& entry : list.entries)
    bytes += entry->value.size() + 1;
  std::string out;
  out.reserve(bytes);
  out += whole ? fmt::format(R"({{"kind":"{}","apiVersion":"{}",)", api::list_kind_of(kind),
                             kind.api_version())
               : fmt::format(R"({{"kind":"PartialObjectMetadataList","apiVersion":"{}",)",
                             options.meta_version);
  append_list_metadata(list, out);
  out += R"(,"items":[)";
  bool first = true;
  for (const store::EntryPtr& entry : list.entries) {
    if (!std::exchange(first, false)) out += ',';
    out += whole ? entry->value : partial_metadata(kind, entry, options);
  }
  out += "]}\n";
  return out;
}

std::string event_output(const api::Kind& kind,
                         const ObjectEvent& event,
                         const OutputOptions& options) {
  if (options.form == OutputForm::kObject)
    return event_line(event_name(event.type), event.entry->value);
  return event_line(event_name(event.type), object_output(kind, event.entry, options));
}

std::string bookmark_output(const api::Kind& kind,
                            store::Revision revision,
                            bool initial_events_end,
                            const OutputOptions& options) {
  if (options.form == OutputForm::kTable) {
    return event_line(
        "BOOKMARK",
        fmt::format(R"({{"kind":"Table","apiVersion":"{}","metadata":{{"resourceVersion":)"
                    R"("{}"}},"columnDefinitions":[],"rows":[]}})",
                    options.meta_version, revision));
  }
  const bool partial = options.form == OutputForm::kMetadata;
  const std::string_view end =
      initial_events_end ? R"(,"annotations":{"k8s.io/initial-events-end":"true"})" : "";
  return event_line(
      "BOOKMARK",
      fmt::format(R"({{"kind":"{}","apiVersion":"{}","metadata":{{"resourceVersion":"{}"{}}}}})",
                  partial ? std::string_view("PartialObjectMetadata") : kind.kind,
                  partial ? std::string(options.meta_version) : kind.api_version(), revision, end));
}

std::string error_event_output(std::string_view status) {
  return event_line("ERROR", status);
}

}  // namespace insula::apiserver
