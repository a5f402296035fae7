#include "api/expression_functions.h"

#include <compare>
#include <cstdint>

#include "api/expression_formats.h"
#include "api/quantity.h"
#include "cel/library/arguments.h"
#include "cel/library/held.h"

namespace insula::api {
namespace {

using cel::Budget;
using cel::FunctionTable;
using cel::Type;
using cel::TypePtr;
using cel::Value;
using cel::library::Arguments;

using HeldQuantity = cel::library::Held<Quantity, "kubernetes.Quantity">;

/// The operand of a sum: a quantity or a whole number.
Quantity operand(const Value& value) {
  const auto* whole = value.as<std::int64_t>();
  return whole == nullptr ? HeldQuantity::in(value)
                          : Quantity::of(*whole, Quantity::Format::kDecimalExponent);
}

bool is_integer(const Quantity& quantity) {
  return Quantity::of(quantity.value()) == quantity;
}

/// A function of quantities, all of which cost a step.
template <class Function>
cel::Implementation of_quantities(Function function) {
  return [function](Arguments a, Budget& budget) -> Result<Value> {
    INSULA_TRY_VOID(budget.charge(1));
    return function(a);
  };
}

void add_readers(FunctionTable& table) {
  const TypePtr& type = HeldQuantity::own_type();
  table.add("quantity", {{Type::string()}, type, [](Arguments a, Budget& budget) -> Result<Value> {
                           INSULA_TRY_VOID(cel::library::charge_bytes(budget, a[0].text().size()));
                           INSULA_TRY(const Quantity quantity, Quantity::parse(a[0].text()));
                           return HeldQuantity::make(quantity);
                         }});
  table.add("isQuantity",
            {{Type::string()}, Type::boolean(), [](Arguments a, Budget& budget) -> Result<Value> {
               INSULA_TRY_VOID(cel::library::charge_bytes(budget, a[0].text().size()));
               return Value::boolean(Quantity::parse(a[0].text()).has_value());
             }});
}

void add_numbers(FunctionTable& table) {
  const TypePtr& type = HeldQuantity::own_type();
  table.add_member("isInteger", {{type}, Type::boolean(), of_quantities([](Arguments a) {
                                   return Value::boolean(is_integer(HeldQuantity::in(a[0])));
                                 })});
  table.add_member("asInteger",
                   {{type}, Type::integer(), of_quantities([](Arguments a) -> Result<Value> {
                      if (!is_integer(HeldQuantity::in(a[0])))
                        return cel::library::invalid("cannot convert value to integer");
                      return Value::integer(HeldQuantity::in(a[0]).value());
                    })});
  table.add_member("asApproximateFloat", {{type}, Type::real(), of_quantities([](Arguments a) {
                                            return Value::real(HeldQuantity::in(a[0]).as_double());
                                          })});
  table.add("sign", {{type}, Type::integer(), of_quantities([](Arguments a) {
                       const Quantity& quantity = HeldQuantity::in(a[0]);
                       if (quantity.is_zero()) return Value::integer(0);
                       return Value::integer(quantity.is_negative() ? -1 : 1);
                     })});
}

void add_sums(FunctionTable& table) {
  const TypePtr& type = HeldQuantity::own_type();
  for (const TypePtr& other : {type, Type::integer()}) {
    table.add_member("add", {{type, other}, type, of_quantities([](Arguments a) {
                               return HeldQuantity::make(HeldQuantity::in(a[0]) + operand(a[1]));
                             })});
    table.add_member("sub", {{type, other}, type, of_quantities([](Arguments a) {
                               return HeldQuantity::make(HeldQuantity::in(a[0]) - operand(a[1]));
                             })});
  }
}

void add_comparisons(FunctionTable& table) {
  const TypePtr& type = HeldQuantity::own_type();
  table.add_member("isGreaterThan",
                   {{type, type}, Type::boolean(), of_quantities([](Arguments a) {
                      return Value::boolean(HeldQuantity::in(a[0]) > HeldQuantity::in(a[1]));
                    })});
  table.add_member("isLessThan",
                   {{type, type}, Type::boolean(), of_quantities([](Arguments a) {
                      return Value::boolean(HeldQuantity::in(a[0]) < HeldQuantity::in(a[1]));
                    })});
  table.add_member("compareTo", {{type, type}, Type::integer(), of_quantities([](Arguments a) {
                                   const auto order =
                                       HeldQuantity::in(a[0]) <=> HeldQuantity::in(a[1]);
                                   return Value::integer(order < 0 ? -1 : order > 0 ? 1 : 0);
                                 })});
}

}  // namespace

const cel::FunctionTable& expression_functions() {
  static const FunctionTable functions = [] {
    FunctionTable table = cel::standard_functions();
    add_readers(table);
    add_numbers(table);
    add_sums(table);
    add_comparisons(table);
    add_formats(table);
    return table;
  }();
  return functions;
}

}  // namespace insula::api
