#include "apiserver/output.h"

#include <utility>

#include <fmt/format.h>

#include "api/any_kind.h"
#include "api/codec.h"
#include "api/gen/meta_v1.h"
#include "json/write.h"

namespace insula::apiserver {

namespace {

constexpr std::size_t kPieceBytes = std::size_t{128} << 10;
/// Objects of a piece of which something is made: rows, metadata.
constexpr std::size_t kMadeItems = 50;

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

std::string one_row_table(const api::Kind& kind,
                          const store::EntryPtr& entry,
                          const OutputOptions& options) {
  ObjectList list;
  list.revision = entry->revision;
  list.entries.push_back(entry);
  return ListOutput(kind, list, options).next();
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

std::string ListOutput::head() const {
  std::string out;
  switch (options_.form) {
    case OutputForm::kObject:
      out = fmt::format(R"({{"kind":"{}","apiVersion":"{}",)", api::list_kind_of(kind_),
                        kind_.api_version());
      break;
    case OutputForm::kTable:
      out = fmt::format(R"({{"kind":"Table","apiVersion":"{}",)", options_.meta_version);
      break;
    case OutputForm::kMetadata:
      out = fmt::format(R"({{"kind":"PartialObjectMetadataList","apiVersion":"{}",)",
                        options_.meta_version);
      break;
  }
  append_list_metadata(list_, out);
  if (options_.form == OutputForm::kTable)
    return out + R"(,"columnDefinitions":)" + column_definitions(kind_) + R"(,"rows":[)";
  return out + R"(,"items":[)";
}

void ListOutput::append_item(const store::EntryPtr& entry, std::string& out) const {
  switch (options_.form) {
    case OutputForm::kObject:
      out += entry->value;
      break;
    case OutputForm::kTable:
      append_row(kind_, entry, options_, out);
      break;
    case OutputForm::kMetadata:
      out += partial_metadata(kind_, entry, options_);
      break;
  }
}

/// Objects lie anywhere in memory: copying one takes less time than waiting for its first bytes.
void ListOutput::fetch_ahead() const {
  constexpr std::size_t kEntryAhead = 8;
  constexpr std::size_t kValueAhead = 4;
  const auto& entries = list_.entries;
  if (position_ + kEntryAhead < entries.size())
    __builtin_prefetch(entries[position_ + kEntryAhead].get());
  if (position_ + kValueAhead < entries.size())
    __builtin_prefetch(entries[position_ + kValueAhead]->value.data());
}

std::string ListOutput::next() {
  if (has_ended_) return {};
  std::string out;
  // What is not sent as it is stored costs more than its bytes.
  const bool stored = options_.form == OutputForm::kObject;
  const std::size_t items_max = stored ? SIZE_MAX : kMadeItems;
  if (stored && list_.entries.size() > kMadeItems) out.reserve(kPieceBytes + kPieceBytes / 8);
  if (!std::exchange(has_begun_, true)) out += head();
  for (std::size_t items = 0;
       position_ < list_.entries.size() && items < items_max && out.size() < kPieceBytes; ++items) {
    fetch_ahead();
    if (position_ > 0) out += ',';
    append_item(list_.entries[position_++], out);
  }
  if (position_ < list_.entries.size()) return out;
  has_ended_ = true;
  return out + (options_.form == OutputForm::kTable ? "]}" : "]}\n");
}

std::string list_output(const api::Kind& kind,
                        const ObjectList& list,
                        const OutputOptions& options) {
  ListOutput output(kind, list, options);
  std::string out = output.next();
  for (std::string piece = output.next(); !piece.empty(); piece = output.next())
    out += piece;
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
