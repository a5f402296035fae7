#include "apiserver/table_output.h"

#include <utility>

#include <fmt/format.h>

#include "api/any_kind.h"
#include "apiserver/object.h"
#include "json/write.h"

namespace insula::apiserver {

namespace {

void append_cells(const api::Kind& kind, const void* object, WallTime now, std::string& out) {
  out += '[';
  bool first = true;
  for (const json::Value& cell : api::cells_of(kind, object, now)) {
    if (!std::exchange(first, false)) out += ',';
    json::append(out, cell);
  }
  out += ']';
}

}  // namespace

std::string table_row(const api::Kind& kind,
                      const store::EntryPtr& entry,
                      const OutputOptions& options) {
  std::string out = R"({"cells":)";
  append_cells(kind, object_of(kind, *entry).get(), options.now, out);
  switch (options.include) {
    case IncludeObject::kMetadata:
      out += R"(,"object":)" + metadata_output(kind, entry, options);
      break;
    case IncludeObject::kObject:
      out += R"(,"object":)" + entry->value;
      break;
    case IncludeObject::kNone:
      break;
  }
  return out += '}';
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

}  // namespace insula::apiserver
