#include "cel/program.h"

#include <utility>

#include "base/check.h"
#include "cel/evaluator.h"
#include "cel/parser.h"

namespace insula::cel {

Program::Program(ExpressionPtr root, Checked checked)
    : root_(std::move(root)),
      type_(std::move(checked.type)),
      slots_(checked.slots),
      used_(std::move(checked.used)) {}

Result<Program> Program::compile(std::string_view source, const Environment& environment) {
  auto root = parse(source);
  if (!root) return fail(ErrorCode::kInvalid, issues_text(source, {root.error()}));
  Checked checked = check(**root, environment);
  if (!checked.issues.empty()) {
    return fail(ErrorCode::kInvalid, issues_text(source, checked.issues));
  }
  return Program(*std::move(root), std::move(checked));
}

std::uint64_t Program::estimated_cost(std::span<const Extent* const> variables) const {
  return cel::estimated_cost(*root_, variables);
}

Result<Value> Program::evaluate(std::span<const Value> variables, Budget& budget) const {
  INSULA_CHECK(variables.size() == used_.size(), "a value for each variable of the environment");
  std::vector<Value> slots(variables.begin(), variables.end());
  slots.resize(slots_);
  return Evaluator(std::move(slots), budget).evaluate(*root_);
}

}  // namespace insula::cel
