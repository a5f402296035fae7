#pragma once

#include "base/error.h"
#include "cel/value.h"

namespace insula::cel {

/// `container[key]`. Errors: kInvalid: no such key, an index out of bounds, or neither list nor
/// map.
[[nodiscard]] Result<Value> at(const Value& container, const Value& key);
/// `container[?key]`: none where at() fails for want of an element.
[[nodiscard]] Result<Value> optional_at(const Value& container, const Value& key);

/// The value that a truth is, or the error in its place.
[[nodiscard]] Result<Value> truth_value(const Result<bool>& truth);

/// What evaluations fail with when the types at hand do not do.
[[nodiscard]] std::unexpected<Error> no_such_overload();
[[nodiscard]] std::unexpected<Error> no_such_key(const Value& key);

/// A value as messages show it: a scalar as it is written, others by their type.
[[nodiscard]] std::string shown(const Value& value);

}  // namespace insula::cel
