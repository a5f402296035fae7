#pragma once

#include <vector>

#include "base/error.h"
#include "cel/budget.h"
#include "cel/type.h"
#include "cel/value.h"

namespace insula::cel::library {

/// The elements of `list` in the order of their `keys`; equal ones stay as they are.
/// Requires: as many keys as elements.
/// Errors: kInvalid when the keys have different types or such as have no order.
[[nodiscard]] Result<Value> sorted_by(const List& list, const List& keys, Budget& budget);

/// The types whose values have an order.
[[nodiscard]] const std::vector<TypePtr>& sortable_types();

}  // namespace insula::cel::library
