#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "cel/library/arguments.h"
#include "cel/library/library.h"
#include "cel/source.h"

namespace insula::cel::library {
namespace {

const TypePtr& element_type() {
  static const TypePtr type = Type::parameter("A");
  return type;
}

TypePtr list_type() {
  return Type::list(element_type());
}

/// Whether a list has an element equal to the value, which is charged for.
Result<bool> contains(const List& list, const Value& value, Budget& budget) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Value element = list.at(i);
    INSULA_TRY_VOID(budget.charge(value.weight(element.weight(budget.left() + 1))));
    if (element.equals(value)) return true;
  }
  return false;
}

Result<bool> contains_all(const List& list, const List& wanted, Budget& budget) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    INSULA_TRY(const bool found, contains(list, wanted.at(i), budget));
    if (!found) return false;
  }
  return true;
}

Result<Value> size(Arguments a, Budget& budget) {
  if (const auto* list = a[0].as<Value::ListPtr>()) {
    return Value::integer(static_cast<std::int64_t>((*list)->size()));
  }
  if (const auto* map = a[0].as<Value::MapPtr>()) {
    return Value::integer(static_cast<std::int64_t>((*map)->size()));
  }
  const std::string& text = a[0].text();
  if (a[0].kind() == Type::Kind::kBytes)
    return Value::integer(static_cast<std::int64_t>(text.size()));
  INSULA_TRY_VOID(charge_bytes(budget, text.size()));
  return Value::integer(static_cast<std::int64_t>(character_count(text)));
}

void add_indexing(FunctionTable& table) {
  const TypePtr value = Type::parameter("B");
  const TypePtr map = Type::map(element_type(), value);
  const Implementation index = [](Arguments a, Budget&) { return at(a[0], a[1]); };
  table.add("_[_]", {{list_type(), Type::integer()}, element_type(), index});
  table.add("_[_]", {{map, element_type()}, value, index});
  const Implementation maybe = [](Arguments a, Budget&) -> Result<Value> {
    const auto* optional = a[0].as<Value::Optional>();
    if (optional == nullptr) return optional_at(a[0], a[1]);
    if (optional->content == nullptr) return Value::none();
    return optional_at(*optional->content, a[1]);
  };
  for (const char* name : {"_[?_]", "_[_]"}) {
    table.add(
        name,
        {{Type::optional(list_type()), Type::integer()}, Type::optional(element_type()), maybe});
    table.add(name, {{Type::optional(map), element_type()}, Type::optional(value), maybe});
  }
  table.add("_[?_]", {{list_type(), Type::integer()}, Type::optional(element_type()), maybe});
  table.add("_[?_]", {{map, element_type()}, Type::optional(value), maybe});

  table.add("@in", {{element_type(), list_type()},
                    Type::boolean(),
                    [](Arguments a, Budget& budget) -> Result<Value> {
                      return truth_value(contains(list_of(a[1]), a[0], budget));
                    }});
  table.add("@in",
            {{element_type(), map}, Type::boolean(), [](Arguments a, Budget&) -> Result<Value> {
               return Value::boolean((*a[1].as<Value::MapPtr>())->find(a[0]).has_value());
             }});
}

/// The first or the last place of a value in a list; -1 when it is not there.
Result<Value> place(const List& list, const Value& value, bool last, Budget& budget) {
  std::int64_t found = -1;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Value element = list.at(i);
    INSULA_TRY_VOID(budget.charge(value.weight(element.weight(budget.left() + 1))));
    if (!element.equals(value)) continue;
    found = static_cast<std::int64_t>(i);
    if (!last) break;
  }
  return Value::integer(found);
}

Result<Value> extreme(const List& list, bool greatest, Budget& budget) {
  if (list.size() == 0) {
    return invalid(greatest ? "max called on empty list" : "min called on empty list");
  }
  Value best = list.at(0);
  for (std::size_t i = 1; i < list.size(); ++i) {
    INSULA_TRY_VOID(budget.charge(1));
    Value element = list.at(i);
    const auto order = element.compare(best);
    if (!order) return no_such_overload();
    if (greatest ? *order > 0 : *order < 0) best = std::move(element);
  }
  return best;
}

Result<Value> is_sorted(Arguments a, Budget& budget) {
  const List& list = list_of(a[0]);
  for (std::size_t i = 1; i < list.size(); ++i) {
    INSULA_TRY_VOID(budget.charge(1));
    const auto order = list.at(i - 1).compare(list.at(i));
    if (!order) return no_such_overload();
    if (*order > 0) return Value::boolean(false);
  }
  return Value::boolean(true);
}

/// The sum by the operator of the elements' type; `zero` of an empty list.
Result<Value> sum(const List& list, const Value& zero, Budget& budget) {
  const FunctionTable::Overloads& plus = *standard_functions().find("_+_");
  Value total = zero;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Value element = list.at(i);
    const Overload* fitting = nullptr;
    for (const Overload& overload : plus) {
      if (overload.parameters[0]->is(element.kind()) && overload.parameters[1]->is(total.kind()))
        fitting = &overload;
    }
    if (fitting == nullptr) return no_such_overload();
    const Value pair[] = {element, total};
    INSULA_TRY_VOID(budget.charge(1));
    INSULA_TRY(total, fitting->implementation(pair, budget));
  }
  return total;
}

void add_searches(FunctionTable& table) {
  const std::pair<TypePtr, Value> zeros[] = {{Type::integer(), Value::integer(0)},
                                             {Type::uint(), Value::uint(0)},
                                             {Type::real(), Value::real(0)},
                                             {Type::duration(), Value::duration({})}};
  for (const auto& [type, zero] : zeros) {
    table.add_member("sum", {{Type::list(type)}, type, [zero](Arguments a, Budget& budget) {
                               return sum(list_of(a[0]), zero, budget);
                             }});
  }
  table.add_member("isSorted", {{list_type()}, Type::boolean(), is_sorted});
  for (const bool greatest : {false, true}) {
    table.add_member(greatest ? "max" : "min",
                     {{list_type()}, element_type(), [greatest](Arguments a, Budget& budget) {
                        return extreme(list_of(a[0]), greatest, budget);
                      }});
  }
  for (const bool last : {false, true}) {
    table.add_member(
        last ? "lastIndexOf" : "indexOf",
        {{list_type(), element_type()}, Type::integer(), [last](Arguments a, Budget& budget) {
           return place(list_of(a[0]), a[1], last, budget);
         }});
  }
}

void add_sets(FunctionTable& table) {
  table.add("sets.contains",
            {{list_type(), list_type()},
             Type::boolean(),
             [](Arguments a, Budget& budget) -> Result<Value> {
               return truth_value(contains_all(list_of(a[0]), list_of(a[1]), budget));
             }});
  table.add("sets.equivalent",
            {{list_type(), list_type()},
             Type::boolean(),
             [](Arguments a, Budget& budget) -> Result<Value> {
               INSULA_TRY(const bool left, contains_all(list_of(a[0]), list_of(a[1]), budget));
               if (!left) return Value::boolean(false);
               return truth_value(contains_all(list_of(a[1]), list_of(a[0]), budget));
             }});
  table.add("sets.intersects",
            {{list_type(), list_type()},
             Type::boolean(),
             [](Arguments a, Budget& budget) -> Result<Value> {
               for (std::size_t i = 0; i < list_of(a[0]).size(); ++i) {
                 INSULA_TRY(const bool found, contains(list_of(a[1]), list_of(a[0]).at(i), budget));
                 if (found) return Value::boolean(true);
               }
               return Value::boolean(false);
             }});
}

}  // namespace

void add_collections(FunctionTable& table) {
  add_indexing(table);
  for (const TypePtr& type : {Type::string(), Type::bytes(), list_type(),
                              Type::map(element_type(), Type::parameter("B"))}) {
    add_both(table, "size", {{type}, Type::integer(), size});
  }
  add_searches(table);
  add_sets(table);
}

}  // namespace insula::cel::library
