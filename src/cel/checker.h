#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cel/expression.h"
#include "cel/function.h"
#include "cel/source.h"
#include "cel/type.h"

namespace insula::cel {

/// What an expression can refer to.
struct Environment {
  const FunctionTable& functions;
  /// Names and types; their values are given to an evaluation in this order.
  std::vector<std::pair<std::string, TypePtr>> variables;
  /// The type of that name, if expressions may make objects of it; else null.
  std::function<TypePtr(std::string_view)> constructible = {};
};

/// What a checker found out about an expression.
struct Checked {
  TypePtr type;
  std::vector<Issue> issues;
  std::size_t slots = 0;   // that an evaluation needs, the variables' included
  std::vector<bool> used;  // which of the variables it refers to
};

/// Resolves names and overloads within `expression` and finds its type. After an issue the rest is
/// checked on, with a type that goes with everything.
/// Spec: cel-spec langdef.md, "Name Resolution", "Gradual Type Checking".
[[nodiscard]] Checked check(Expression& expression, const Environment& environment);

}  // namespace insula::cel
