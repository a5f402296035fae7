#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "cel/expression.h"
#include "cel/type.h"

namespace insula::cel {

/// How large the values of a variable can be, and those in it.
struct Extent {
  Type::Kind kind = Type::Kind::kDyn;
  std::uint64_t most = 0;  // elements of a list or map, bytes of a text; 0 of anything else
  std::map<std::string, std::unique_ptr<const Extent>, std::less<>> fields = {};  // of an object
  std::unique_ptr<const Extent> element = {};  // of a list, or what a map has by its keys
};

/// What an expression costs at least in Kubernetes' units when each value is as large as can be.
/// Where Kubernetes' own estimate is greater, this one does not know what a function or a value
/// costs and counts nothing.
///
/// `variables` are those of the environment; null where nothing is known of one.
/// Requires: the expression is checked.
/// Spec: Kubernetes, "Resource use by validation functions"; cel-go, checker/cost.go.
[[nodiscard]] std::uint64_t estimated_cost(const Expression& expression,
                                           std::span<const Extent* const> variables);

/// The sum and the product, or the greatest number there is.
[[nodiscard]] std::uint64_t capped_sum(std::uint64_t a, std::uint64_t b);
[[nodiscard]] std::uint64_t capped_product(std::uint64_t a, std::uint64_t b);

}  // namespace insula::cel
