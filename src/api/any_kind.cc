#include "api/any_kind.h"

#include <utility>

#include "api/custom/custom_kind.h"

namespace insula::api {

namespace {

const CustomObject& custom_object(const void* object) {
  return *static_cast<const CustomObject*>(object);
}

json::Value value_of(Cell cell) {
  return std::visit([](auto& content) { return json::Value(std::move(content)); }, cell);
}

}  // namespace

std::span<const Column> columns_of(const Kind& kind) {
  if (const CustomKind* custom = custom_kind(kind)) return custom->columns();
  return strategy_of(kind).columns();
}

std::vector<json::Value> cells_of(const Kind& kind, const void* object, WallTime now) {
  if (const CustomKind* custom = custom_kind(kind))
    return custom->cells(custom_object(object), now);
  std::vector<json::Value> out;
  for (Cell& cell : strategy_of(kind).cells(object, now))
    out.push_back(value_of(std::move(cell)));
  return out;
}

std::vector<std::string> warnings_of(const Kind& kind, const void* object) {
  if (const CustomKind* custom = custom_kind(kind)) return custom->warnings();
  const KindStrategy& strategy = strategy_of(kind);
  return strategy.warnings == nullptr ? std::vector<std::string>() : strategy.warnings(object);
}

std::int64_t grace_period_of(const Kind& kind,
                             const void* object,
                             std::optional<std::int64_t> requested) {
  if (custom_kind(kind) != nullptr) return 0;
  const KindStrategy& strategy = strategy_of(kind);
  return strategy.grace_period_seconds == nullptr
             ? 0
             : strategy.grace_period_seconds(object, requested);
}

bool allows_unconditional_update(const Kind& kind) {
  return custom_kind(kind) == nullptr && strategy_of(kind).unconditional_update;
}

bool creates_on_update(const Kind& kind) {
  return custom_kind(kind) == nullptr && strategy_of(kind.storage()).create_on_update;
}

bool returns_deleted(const Kind& kind) {
  return custom_kind(kind) == nullptr && strategy_of(kind).returns_deleted;
}

bool is_deleted_gracefully(const Kind& kind) {
  return custom_kind(kind) == nullptr && strategy_of(kind).grace_period_seconds != nullptr;
}

std::string list_kind_of(const Kind& kind) {
  const CustomKind* custom = custom_kind(kind);
  return custom != nullptr ? custom->list_kind() : std::string(kind.kind) + "List";
}

}  // namespace insula::api
