#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cel/budget.h"
#include "cel/expression.h"
#include "cel/value.h"

namespace insula::cel {

/// One evaluation of a checked expression: its variables and what it may still cost.
///
/// Spec: cel-spec langdef.md, "Evaluation", "Logical Operators", "Macros". An error is passed on
/// but where a logical operator or `all` and `exists` are decided without it.
class Evaluator {
 public:
  /// `slots` begins with the variables' values and has as many as the checker asked for.
  Evaluator(std::vector<Value> slots, Budget& budget) : slots_(std::move(slots)), budget_(budget) {}

  [[nodiscard]] Result<Value> evaluate(const Expression& expression);

 private:
  Result<Value> value_of(const Literal& literal);
  Result<Value> value_of(const Identifier& identifier);
  Result<Value> value_of(const Select& select);
  Result<Value> value_of(const Call& call);
  Result<Value> value_of(const Logical& logical);
  Result<Value> value_of(const Conditional& conditional);
  Result<Value> value_of(const ListLiteral& list);
  Result<Value> value_of(const MapLiteral& map);
  Result<Value> value_of(const ObjectLiteral& object);
  Result<Value> value_of(const Comprehension& node);

  /// nullopt for one written `?x` that has no content.
  Result<std::optional<Value>> part_of(const Expression& part, bool optional);
  Result<bool> truth_of(const Expression& expression);
  Result<Value> quantified(const Comprehension& node, const class Range& range);
  Result<Value> exists_one(const Comprehension& node, const class Range& range);
  Result<Value> collected(const Comprehension& node, const class Range& range);
  Result<Value> sorted(const Comprehension& node, const Value& value, const class Range& range);
  /// The entries of all maps that the steps are, in one.
  Result<Value> merged(const Comprehension& node, const class Range& range);
  Result<Value> of_optional(const Comprehension& node, const Value& value);
  Result<> bind(const Comprehension& node, const class Range& range, std::size_t i);

  std::vector<Value> slots_;
  Budget& budget_;
};

}  // namespace insula::cel
