#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cel/budget.h"
#include "cel/checker.h"
#include "cel/cost.h"
#include "cel/expression.h"
#include "cel/value.h"

namespace insula::cel {

/// An expression that was read and checked, ready to be evaluated any number of times.
///
/// Lifetime: the function table of its environment outlives it.
/// Threads: deeply const.
class Program {
 public:
  /// Errors: kInvalid with every issue found, as issues_text() shows them.
  [[nodiscard]] static Result<Program> compile(std::string_view source,
                                               const Environment& environment);

  [[nodiscard]] const TypePtr& type() const { return type_; }

  /// Whether the expression refers to the i-th variable of its environment.
  [[nodiscard]] bool uses(std::size_t variable) const { return used_[variable]; }

  /// See cost.h. `variables` are those of the environment, null where nothing is known.
  [[nodiscard]] std::uint64_t estimated_cost(std::span<const Extent* const> variables) const;

  /// The value for these variables, which are given in the environment's order.
  /// Errors: kInvalid for what CEL calls an error (`no such key: x`), kTooManyRequests when the
  /// budget is used up.
  [[nodiscard]] Result<Value> evaluate(std::span<const Value> variables, Budget& budget) const;

 private:
  Program(ExpressionPtr root, Checked checked);

  std::shared_ptr<const Expression> root_;
  TypePtr type_;
  std::size_t slots_;
  std::vector<bool> used_;
};

}  // namespace insula::cel
