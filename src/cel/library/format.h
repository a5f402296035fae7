#pragma once

#include <string_view>

#include "base/error.h"
#include "cel/budget.h"
#include "cel/value.h"

namespace insula::cel::library {

/// `'%s has %d'.format([a, b])`: %s of anything, %d, %b, %o, %x, %X of integers (%x of texts and
/// bytes, too), %f and %e of numbers with a precision (`%.3f`), and %%.
/// Errors: kInvalid: an argument too few or too many or of a type that the clause does not take, an
/// unknown clause.
/// Spec: the strings extension of cel-go, version 2.
[[nodiscard]] Result<Value> formatted(std::string_view pattern,
                                      const List& arguments,
                                      Budget& budget);

}  // namespace insula::cel::library
