#include "api/any_kind.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "api/custom/custom_kind.h"
#include "api/reference_grants.h"
#include "api/validation/metadata.h"

namespace insula::api {

namespace {

constexpr std::string_view kTenantGroup = "insula.dev";

const CustomObject& custom_object(const void* object) {
  return *static_cast<const CustomObject*>(object);
}

/// Of a custom kind, or of one that is on other clusters.
bool is_custom_somewhere(const Kind& kind) {
  return custom_kind(kind) != nullptr || kind.group == kGatewayGroup || kind.group == kTenantGroup;
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

bool has_custom_metadata(const Kind& kind) {
  return is_custom_somewhere(kind) || kind.group == "apiextensions.k8s.io";
}

std::vector<std::string> warnings_of(const Kind& kind, const void* object, const void* old) {
  std::vector<std::string> texts;
  if (const CustomKind* custom = custom_kind(kind)) {
    texts = custom->warnings();
  } else if (const KindStrategy& strategy = strategy_of(kind); strategy.warnings != nullptr) {
    texts = strategy.warnings(object);
  }
  if (!is_custom_somewhere(kind)) return texts;
  std::ranges::move(
      finalizer_warnings(kind.metadata(object), old == nullptr ? nullptr : &kind.metadata(old)),
      std::back_inserter(texts));
  return texts;
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
