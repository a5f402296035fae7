#include <compare>
#include <string>

#include "cel/library/arguments.h"
#include "cel/library/library.h"

namespace insula::cel::library {
namespace {

/// Comparing two lists, maps or texts costs up to the smaller of both.
Result<> charge_comparison(Arguments a, Budget& budget) {
  const std::size_t left = a[0].weight(budget.left());
  return budget.charge(a[1].weight(left));
}

using Accepts = bool (*)(std::partial_ordering);

void add_order(FunctionTable& table, const std::string& name, Accepts accepts) {
  const Implementation compare = [=](Arguments a, Budget& budget) -> Result<Value> {
    INSULA_TRY_VOID(charge_comparison(a, budget));
    const auto order = a[0].compare(a[1]);
    if (!order) return no_such_overload();
    return Value::boolean(accepts(*order));
  };
  for (const TypePtr& type :
       {Type::boolean(), Type::string(), Type::bytes(), Type::timestamp(), Type::duration()}) {
    table.add(name, {{type, type}, Type::boolean(), compare});
  }
  for (const TypePtr& left : {Type::integer(), Type::uint(), Type::real()}) {
    for (const TypePtr& right : {Type::integer(), Type::uint(), Type::real()}) {
      table.add(name, {{left, right}, Type::boolean(), compare});
    }
  }
}

}  // namespace

void add_comparisons(FunctionTable& table) {
  const TypePtr any = Type::parameter("A");
  table.add("_==_", {{any, any}, Type::boolean(), [](Arguments a, Budget& budget) -> Result<Value> {
                       INSULA_TRY_VOID(charge_comparison(a, budget));
                       return Value::boolean(a[0].equals(a[1]));
                     }});
  table.add("_!=_", {{any, any}, Type::boolean(), [](Arguments a, Budget& budget) -> Result<Value> {
                       INSULA_TRY_VOID(charge_comparison(a, budget));
                       return Value::boolean(!a[0].equals(a[1]));
                     }});
  add_order(table, "_<_", [](std::partial_ordering order) { return order < 0; });
  add_order(table, "_<=_", [](std::partial_ordering order) { return order <= 0; });
  add_order(table, "_>_", [](std::partial_ordering order) { return order > 0; });
  add_order(table, "_>=_", [](std::partial_ordering order) { return order >= 0; });
  table.add("!_", {{Type::boolean()}, Type::boolean(), [](Arguments a, Budget&) -> Result<Value> {
                     return Value::boolean(!a[0].is_true());
                   }});
}

}  // namespace insula::cel::library
