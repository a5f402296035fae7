#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/error.h"
#include "cel/budget.h"
#include "cel/function.h"
#include "cel/lookup.h"
#include "cel/value.h"

/// How implementations take what their overload's signature promises.
namespace insula::cel::library {

using Arguments = std::span<const Value>;

inline std::int64_t int_of(const Value& value) {
  return *value.as<std::int64_t>();
}

inline std::uint64_t uint_of(const Value& value) {
  return *value.as<std::uint64_t>();
}

inline double double_of(const Value& value) {
  return *value.as<double>();
}

inline const List& list_of(const Value& value) {
  return **value.as<Value::ListPtr>();
}

inline Timestamp time_of(const Value& value) {
  return *value.as<Timestamp>();
}

inline Duration duration_of(const Value& value) {
  return *value.as<Duration>();
}

inline std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

/// Charges for looking through or making a text.
inline Result<> charge_bytes(Budget& budget, std::size_t bytes) {
  return budget.charge(bytes / 10 + 1);
}

/// Adds one implementation in both styles: `name(a, b)` and `a.name(b)`.
inline void add_both(FunctionTable& table, const std::string& name, const Overload& overload) {
  table.add(name, overload);
  table.add_member(name, overload);
}

}  // namespace insula::cel::library
