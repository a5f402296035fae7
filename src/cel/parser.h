#pragma once

#include <cstddef>
#include <expected>
#include <string_view>

#include "cel/expression.h"
#include "cel/source.h"

namespace insula::cel {

/// Deepest tree that is read; keeps what walks over it off the end of the stack.
inline constexpr std::size_t kExpressionDepthMax = 250;

/// Reads an expression; macros (`has`, `all`, `map` ...) become nodes of their own.
/// Errors: the first thing that is no CEL, a macro whose arguments are wrong, one that is too long
/// or nested too deeply.
/// Spec: cel-spec langdef.md, "Syntax", "Macros"; the macros of two variables and of optional
/// values are those of Kubernetes.
[[nodiscard]] std::expected<ExpressionPtr, Issue> parse(std::string_view source);

}  // namespace insula::cel
