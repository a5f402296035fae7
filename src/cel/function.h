#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cel/budget.h"
#include "cel/type.h"
#include "cel/value.h"

namespace insula::cel {

/// What a function does. The arguments have the kinds that its overload declares.
/// Errors: kInvalid, which the expression may survive (`||`), and kTooManyRequests when the budget
/// is used up, which it may not.
using Implementation = std::function<Result<Value>(std::span<const Value>, Budget&)>;

/// One signature of a function.
struct Overload {
  std::vector<TypePtr> parameters;
  TypePtr result;
  Implementation implementation;
};

/// The functions that expressions can call, by name and style.
///
/// Lifetime: outlives the programs compiled with it. Threads: const after it was filled.
class FunctionTable {
 public:
  using Overloads = std::vector<Overload>;

  /// `name(a, b)`; an operator is one, too (`_+_`), and so is `optional.of(a)`.
  void add(std::string name, Overload overload);
  /// `a.name(b)`; the receiver is the first parameter.
  void add_member(std::string name, Overload overload);

  /// nullptr when there is none.
  [[nodiscard]] const Overloads* find(std::string_view name) const;
  [[nodiscard]] const Overloads* find_member(std::string_view name) const;

 private:
  std::map<std::string, Overloads, std::less<>> functions_;
  std::map<std::string, Overloads, std::less<>> members_;
};

/// Everything that library/ offers: the standard definitions of the specification, and of the
/// libraries that Kubernetes adds those for strings, lists, regular expressions, sets, addresses,
/// semantic versions and optional values. See README.md for what is missing.
[[nodiscard]] const FunctionTable& standard_functions();

}  // namespace insula::cel
