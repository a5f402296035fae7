#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cel/function.h"
#include "cel/value.h"

namespace insula::cel {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct Literal {
  Value value;
};

/// A variable, or the name of a type.
struct Identifier {
  std::string name;
  /// Where its value is (checker): a slot of the evaluation, or a constant.
  std::size_t slot = 0;
  std::optional<Value> constant;
};

/// `operand.field`, `operand.?field`, and `has(operand.field)`.
struct Select {
  enum class Form : std::uint8_t { kField, kOptional, kHas };

  ExpressionPtr operand;
  std::string field;
  Form form = Form::kField;
};

/// A function or operator; operators have the names of the specification (`_+_`).
struct Call {
  std::string function;
  /// The receiver of a call in member style is the first of them.
  std::vector<ExpressionPtr> arguments;
  bool member = false;
  /// Those that the types of the arguments allow (checker). Lifetime: the function table's.
  std::vector<const Overload*> overloads;
};

/// `a && b`, `a || b`: an error of one side does not matter when the other side decides.
struct Logical {
  ExpressionPtr left;
  ExpressionPtr right;
  bool decides;  // the side that is this decides: true of ||, false of &&
};

struct Conditional {
  ExpressionPtr condition;
  ExpressionPtr yes;
  ExpressionPtr no;
};

/// `optional` of lists and maps: which are written `?x`, and are there if that has a content.
struct ListLiteral {
  std::vector<ExpressionPtr> elements;
  std::vector<bool> optional;
};

struct MapLiteral {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
  std::vector<bool> optional;
};

/// `Name.of.a.type{field: value, ?other: value}`.
struct ObjectLiteral {
  struct Field {
    std::string name;
    ExpressionPtr value;
    bool optional = false;
    std::size_t offset = 0;
  };

  std::string name;
  std::vector<Field> fields;
  TypePtr type;  // (checker)
};

/// A macro that evaluates `step` for each element of `range`, or for the content of an optional.
struct Comprehension {
  enum class Macro : std::uint8_t {
    kAll,
    kExists,
    kExistsOne,
    kMap,
    kFilter,
    kTransformMap,
    kTransformMapEntry,
    kSortBy,
    kOptMap,
    kOptFlatMap,
  };

  Macro macro;
  ExpressionPtr range;
  /// One variable: the element, or a map's key. Two: the index or key, and the element or value.
  std::vector<std::string> variables;
  /// kMap, kTransformMap, kTransformMapEntry: which elements are taken; null for all.
  ExpressionPtr filter;
  ExpressionPtr step;
  std::size_t slot = 0;  // of the first variable (checker)
};

/// A node of the tree that a parser makes and a checker resolves.
struct Expression {
  using Form = std::variant<Literal,
                            Identifier,
                            Select,
                            Call,
                            Logical,
                            Conditional,
                            ListLiteral,
                            MapLiteral,
                            ObjectLiteral,
                            Comprehension>;

  Form form;
  std::size_t offset;     // of its operator or first byte in the source
  std::size_t depth = 1;  // levels of the tree below and with it
};

/// Calls `visit` with each child that there is, from left to right.
template <class F>
void for_each_child(const Expression::Form& form, const F& visit) {
  const auto one = [&](const ExpressionPtr& child) {
    if (child) visit(*child);
  };
  if (const auto* select = std::get_if<Select>(&form)) {
    one(select->operand);
  } else if (const auto* call = std::get_if<Call>(&form)) {
    for (const ExpressionPtr& argument : call->arguments)
      one(argument);
  } else if (const auto* logical = std::get_if<Logical>(&form)) {
    one(logical->left);
    one(logical->right);
  } else if (const auto* conditional = std::get_if<Conditional>(&form)) {
    one(conditional->condition);
    one(conditional->yes);
    one(conditional->no);
  } else if (const auto* list = std::get_if<ListLiteral>(&form)) {
    for (const ExpressionPtr& element : list->elements)
      one(element);
  } else if (const auto* map = std::get_if<MapLiteral>(&form)) {
    for (const auto& [key, value] : map->entries) {
      one(key);
      one(value);
    }
  } else if (const auto* object = std::get_if<ObjectLiteral>(&form)) {
    for (const ObjectLiteral::Field& field : object->fields)
      one(field.value);
  } else if (const auto* comprehension = std::get_if<Comprehension>(&form)) {
    one(comprehension->range);
    one(comprehension->filter);
    one(comprehension->step);
  }
}

/// `a.b.c` when the expression is nothing but names, else empty.
[[nodiscard]] inline std::string dotted_name(const Expression& expression) {
  if (const auto* identifier = std::get_if<Identifier>(&expression.form)) return identifier->name;
  const auto* select = std::get_if<Select>(&expression.form);
  if (select == nullptr || select->form != Select::Form::kField) return {};
  const std::string operand = dotted_name(*select->operand);
  return operand.empty() ? operand : operand + "." + select->field;
}

}  // namespace insula::cel
