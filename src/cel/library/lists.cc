#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cel/library/arguments.h"
#include "cel/library/library.h"
#include "cel/library/sorting.h"

namespace insula::cel::library {
namespace {

TypePtr list_type() {
  return Type::list(Type::parameter("A"));
}

std::vector<Value> elements_of(const List& list) {
  std::vector<Value> out;
  out.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i)
    out.push_back(list.at(i));
  return out;
}

Result<Value> slice(Arguments a, Budget& budget) {
  const List& list = list_of(a[0]);
  const std::int64_t begin = int_of(a[1]);
  const std::int64_t end = int_of(a[2]);
  const auto refused = [&](const std::string& why) {
    return invalid(fmt::format("cannot slice({}, {}), {}", begin, end, why));
  };
  if (begin < 0 || end < 0) return refused("negative indexes not supported");
  if (begin > end) return refused("start index must be less than or equal to end index");
  if (std::cmp_less(list.size(), end))
    return refused(fmt::format("list is length {}", list.size()));
  INSULA_TRY_VOID(budget.charge(static_cast<std::uint64_t>(end - begin)));
  std::vector<Value> out;
  for (std::int64_t i = begin; i < end; ++i)
    out.push_back(list.at(static_cast<std::size_t>(i)));
  return Value::list(std::move(out));
}

/// The elements of `list`, and instead of those that are lists theirs, so many levels down.
// NOLINTNEXTLINE(misc-no-recursion): as deep as the value, which is bounded
Result<> flatten(const List& list, std::int64_t levels, std::vector<Value>& out, Budget& budget) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    INSULA_TRY_VOID(budget.charge(1));
    Value element = list.at(i);
    if (levels > 0 && element.kind() == Type::Kind::kList) {
      INSULA_TRY_VOID(flatten(list_of(element), levels - 1, out, budget));
    } else {
      out.push_back(std::move(element));
    }
  }
  return {};
}

Result<Value> flattened(const List& list, std::int64_t levels, Budget& budget) {
  if (levels < 0) return invalid("level must be non-negative");
  std::vector<Value> out;
  INSULA_TRY_VOID(flatten(list, levels, out, budget));
  return Value::list(std::move(out));
}

Result<Value> reverse(Arguments a, Budget& budget) {
  INSULA_TRY_VOID(budget.charge(list_of(a[0]).size()));
  std::vector<Value> out = elements_of(list_of(a[0]));
  std::ranges::reverse(out);
  return Value::list(std::move(out));
}

Result<Value> distinct(Arguments a, Budget& budget) {
  const List& list = list_of(a[0]);
  std::vector<Value> out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Value element = list.at(i);
    bool seen = false;
    for (std::size_t j = 0; j < out.size() && !seen; ++j) {
      INSULA_TRY_VOID(budget.charge(element.weight(out[j].weight(budget.left() + 1))));
      seen = element.equals(out[j]);
    }
    INSULA_TRY_VOID(budget.charge(1));
    if (!seen) out.push_back(std::move(element));
  }
  return Value::list(std::move(out));
}

Result<Value> range(Arguments a, Budget& budget) {
  std::vector<Value> out;
  const std::int64_t end = int_of(a[0]);
  if (end > 0) {
    INSULA_TRY_VOID(budget.charge(static_cast<std::uint64_t>(end)));
    out.reserve(static_cast<std::size_t>(end));
  }
  for (std::int64_t i = 0; i < end; ++i)
    out.push_back(Value::integer(i));
  return Value::list(std::move(out));
}

/// Without the optionals that have no content.
Result<Value> unwrapped(Arguments a, Budget& budget) {
  const List& list = list_of(a[0]);
  INSULA_TRY_VOID(budget.charge(list.size()));
  std::vector<Value> out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Value element = list.at(i);
    const auto* optional = element.as<Value::Optional>();
    if (optional == nullptr) return no_such_overload();
    if (optional->content != nullptr) out.push_back(*optional->content);
  }
  return Value::list(std::move(out));
}

void add_ends(FunctionTable& table) {
  for (const bool last : {false, true}) {
    table.add_member(last ? "last" : "first",
                     {{list_type()},
                      Type::optional(Type::parameter("A")),
                      [last](Arguments a, Budget&) -> Result<Value> {
                        const List& list = list_of(a[0]);
                        if (list.size() == 0) return Value::none();
                        return Value::optional(list.at(last ? list.size() - 1 : 0));
                      }});
  }
}

}  // namespace

Result<Value> sorted_by(const List& list, const List& keys, Budget& budget) {
  const std::vector<Value> by = elements_of(keys);
  std::uint64_t rounds = 1;
  for (std::size_t n = by.size(); n > 1; n /= 2)
    ++rounds;
  // What a sort can need is charged before it begins: it cannot be stopped.
  for (const Value& key : by) {
    if (key.kind() != by[0].kind()) return invalid("list elements must have the same type");
    INSULA_TRY_VOID(budget.charge(key.weight(budget.left() + 1) * rounds));
  }
  if (!by.empty() && !by[0].compare(by[0])) return invalid("list elements must be comparable");
  std::vector<std::size_t> places(by.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  // What is no number has no order and comes last.
  const auto numbers = std::ranges::partition(
      places, [&](std::size_t place) { return by[place].equals(by[place]); });
  std::ranges::sort(places.begin(), numbers.begin(), [&](std::size_t a, std::size_t b) {
    const auto order = *by[a].compare(by[b]);
    return order == std::partial_ordering::equivalent ? a < b : order < 0;
  });
  std::vector<Value> out;
  out.reserve(places.size());
  for (const std::size_t place : places)
    out.push_back(list.at(place));
  return Value::list(std::move(out));
}

const std::vector<TypePtr>& sortable_types() {
  static const std::vector<TypePtr> types = {Type::integer(), Type::uint(),     Type::real(),
                                             Type::boolean(), Type::duration(), Type::timestamp(),
                                             Type::string(),  Type::bytes()};
  return types;
}

void add_lists(FunctionTable& table) {
  const TypePtr list = list_type();
  table.add_member("slice", {{list, Type::integer(), Type::integer()}, list, slice});
  table.add_member("reverse", {{list}, list, reverse});
  table.add_member("distinct", {{list}, list, distinct});
  table.add_member("flatten", {{Type::list(list)}, list, [](Arguments a, Budget& budget) {
                                 return flattened(list_of(a[0]), 1, budget);
                               }});
  table.add_member("flatten", {{Type::list(Type::dyn()), Type::integer()},
                               Type::list(Type::dyn()),
                               [](Arguments a, Budget& budget) {
                                 return flattened(list_of(a[0]), int_of(a[1]), budget);
                               }});
  for (const TypePtr& type : sortable_types()) {
    table.add_member("sort",
                     {{Type::list(type)}, Type::list(type), [](Arguments a, Budget& budget) {
                        return sorted_by(list_of(a[0]), list_of(a[0]), budget);
                      }});
  }
  table.add("lists.range", {{Type::integer()}, Type::list(Type::integer()), range});
  const Overload unwrap{{Type::list(Type::optional(Type::parameter("A")))}, list, unwrapped};
  table.add("optional.unwrap", unwrap);
  table.add_member("unwrapOpt", unwrap);
  add_ends(table);
}

}  // namespace insula::cel::library
