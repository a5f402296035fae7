#include "cel/lookup.h"

#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace insula::cel {
namespace {

/// The index that a number is, if it is a whole one.
std::optional<std::int64_t> index_of(const Value& key) {
  if (const auto* value = key.as<std::int64_t>()) return *value;
  if (const auto* value = key.as<std::uint64_t>();
      value != nullptr && std::in_range<std::int64_t>(*value)) {
    return static_cast<std::int64_t>(*value);
  }
  if (const auto* value = key.as<double>();
      value != nullptr && *value == std::floor(*value) && std::abs(*value) < 9e15) {
    return static_cast<std::int64_t>(*value);
  }
  return std::nullopt;
}

/// The element; nothing when there is none, an error when there cannot be one.
Result<std::optional<Value>> element(const Value& container, const Value& key) {
  if (const auto* map = container.as<Value::MapPtr>()) return (*map)->find(key);
  const auto* list = container.as<Value::ListPtr>();
  if (list == nullptr) return no_such_overload();
  const auto index = index_of(key);
  if (!index) return no_such_overload();
  if (std::cmp_less(*index, 0) || std::cmp_greater_equal(*index, (*list)->size()))
    return std::nullopt;
  return (*list)->at(static_cast<std::size_t>(*index));
}

}  // namespace

Result<Value> at(const Value& container, const Value& key) {
  INSULA_TRY(std::optional<Value> found, element(container, key));
  if (found) return *std::move(found);
  if (container.as<Value::MapPtr>() != nullptr) return no_such_key(key);
  return fail(ErrorCode::kInvalid, fmt::format("index out of bounds: {}", shown(key)));
}

Result<Value> optional_at(const Value& container, const Value& key) {
  INSULA_TRY(std::optional<Value> found, element(container, key));
  return found ? Value::optional(*std::move(found)) : Value::none();
}

Result<Value> truth_value(const Result<bool>& truth) {
  if (!truth) return std::unexpected(truth.error());
  return Value::boolean(*truth);
}

std::unexpected<Error> no_such_overload() {
  return fail(ErrorCode::kInvalid, "no such overload");
}

std::unexpected<Error> no_such_key(const Value& key) {
  return fail(ErrorCode::kInvalid, fmt::format("no such key: {}", shown(key)));
}

std::string shown(const Value& value) {
  switch (value.kind()) {
    case Type::Kind::kNull:
      return "null";
    case Type::Kind::kBool:
      return value.is_true() ? "true" : "false";
    case Type::Kind::kInt:
      return std::to_string(*value.as<std::int64_t>());
    case Type::Kind::kUint:
      return std::to_string(*value.as<std::uint64_t>());
    case Type::Kind::kDouble:
      return fmt::format("{}", *value.as<double>());
    case Type::Kind::kString:
      return value.text();
    case Type::Kind::kTimestamp:
      return value.as<Timestamp>()->text();
    case Type::Kind::kDuration:
      return value.as<Duration>()->text();
    default:
      return value.type_name();
  }
}

}  // namespace insula::cel
