#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "cel/library/arguments.h"
#include "cel/library/library.h"

namespace insula::cel::library {
namespace {

constexpr const char* kIntOverflow = "integer overflow";
constexpr const char* kUintOverflow = "unsigned integer overflow";
constexpr std::int64_t kIntMin = std::numeric_limits<std::int64_t>::min();

/// An operator of two integers whose builtin says whether the result fits.
template <class Overflows>
Overload checked_int(Overflows overflows) {
  return {{Type::integer(), Type::integer()},
          Type::integer(),
          [=](Arguments a, Budget&) -> Result<Value> {
            std::int64_t result = 0;
            if (overflows(int_of(a[0]), int_of(a[1]), &result)) return invalid(kIntOverflow);
            return Value::integer(result);
          }};
}

template <class Overflows>
Overload checked_uint(Overflows overflows) {
  return {{Type::uint(), Type::uint()}, Type::uint(), [=](Arguments a, Budget&) -> Result<Value> {
            std::uint64_t result = 0;
            if (overflows(uint_of(a[0]), uint_of(a[1]), &result)) return invalid(kUintOverflow);
            return Value::uint(result);
          }};
}

template <class Operator>
Overload of_doubles(Operator apply) {
  return {{Type::real(), Type::real()}, Type::real(), [=](Arguments a, Budget&) -> Result<Value> {
            return Value::real(apply(double_of(a[0]), double_of(a[1])));
          }};
}

Result<Value> timestamp(std::optional<Timestamp> time) {
  if (!time) return invalid("timestamp overflow");
  return Value::timestamp(*time);
}

Result<Value> duration(std::optional<Duration> length) {
  if (!length) return invalid("duration overflow");
  return Value::duration(*length);
}

std::optional<Duration> sum(Duration a, Duration b) {
  Duration length;
  if (__builtin_add_overflow(a.nanos, b.nanos, &length.nanos)) return std::nullopt;
  return length;
}

std::optional<Duration> difference(Duration a, Duration b) {
  Duration length;
  if (__builtin_sub_overflow(a.nanos, b.nanos, &length.nanos)) return std::nullopt;
  return length;
}

std::optional<Duration> negated(Duration length) {
  return difference(Duration{}, length);
}

Result<Value> concatenated_lists(Arguments a, Budget& budget) {
  const List& left = list_of(a[0]);
  const List& right = list_of(a[1]);
  INSULA_TRY_VOID(budget.charge(left.size() + right.size()));
  std::vector<Value> elements;
  elements.reserve(left.size() + right.size());
  for (std::size_t i = 0; i < left.size(); ++i)
    elements.push_back(left.at(i));
  for (std::size_t i = 0; i < right.size(); ++i)
    elements.push_back(right.at(i));
  return Value::list(std::move(elements));
}

void add_sums(FunctionTable& table) {
  table.add("_+_", checked_int([](std::int64_t a, std::int64_t b, std::int64_t* result) {
              return __builtin_add_overflow(a, b, result);
            }));
  table.add("_+_", checked_uint([](std::uint64_t a, std::uint64_t b, std::uint64_t* result) {
              return __builtin_add_overflow(a, b, result);
            }));
  table.add("_+_", of_doubles([](double a, double b) { return a + b; }));
  for (const TypePtr& type : {Type::string(), Type::bytes()}) {
    table.add("_+_",
              {{type, type}, type, [](Arguments a, Budget& budget) -> Result<Value> {
                 INSULA_TRY_VOID(charge_bytes(budget, a[0].text().size() + a[1].text().size()));
                 std::string text = a[0].text() + a[1].text();
                 return a[0].kind() == Type::Kind::kBytes ? Value::bytes(std::move(text))
                                                          : Value::string(std::move(text));
               }});
  }
  const TypePtr list = Type::list(Type::parameter("A"));
  table.add("_+_", {{list, list}, list, concatenated_lists});
  table.add("_+_",
            {{Type::timestamp(), Type::duration()}, Type::timestamp(), [](Arguments a, Budget&) {
               return timestamp(time_of(a[0]).plus(duration_of(a[1])));
             }});
  table.add("_+_",
            {{Type::duration(), Type::timestamp()}, Type::timestamp(), [](Arguments a, Budget&) {
               return timestamp(time_of(a[1]).plus(duration_of(a[0])));
             }});
  table.add("_+_",
            {{Type::duration(), Type::duration()}, Type::duration(), [](Arguments a, Budget&) {
               return duration(sum(duration_of(a[0]), duration_of(a[1])));
             }});
}

void add_differences(FunctionTable& table) {
  table.add("_-_", checked_int([](std::int64_t a, std::int64_t b, std::int64_t* result) {
              return __builtin_sub_overflow(a, b, result);
            }));
  table.add("_-_", checked_uint([](std::uint64_t a, std::uint64_t b, std::uint64_t* result) {
              return __builtin_sub_overflow(a, b, result);
            }));
  table.add("_-_", of_doubles([](double a, double b) { return a - b; }));
  table.add("_-_",
            {{Type::timestamp(), Type::timestamp()}, Type::duration(), [](Arguments a, Budget&) {
               return duration(time_of(a[0]).minus(time_of(a[1])));
             }});
  table.add("_-_", {{Type::timestamp(), Type::duration()},
                    Type::timestamp(),
                    [](Arguments a, Budget&) -> Result<Value> {
                      const auto back = negated(duration_of(a[1]));
                      return timestamp(back ? time_of(a[0]).plus(*back) : std::nullopt);
                    }});
  table.add("_-_",
            {{Type::duration(), Type::duration()}, Type::duration(), [](Arguments a, Budget&) {
               return duration(difference(duration_of(a[0]), duration_of(a[1])));
             }});
  table.add("-_", {{Type::integer()}, Type::integer(), [](Arguments a, Budget&) -> Result<Value> {
                     if (int_of(a[0]) == kIntMin) return invalid(kIntOverflow);
                     return Value::integer(-int_of(a[0]));
                   }});
  table.add("-_", {{Type::real()}, Type::real(), [](Arguments a, Budget&) -> Result<Value> {
                     return Value::real(-double_of(a[0]));
                   }});
}

void add_quotients(FunctionTable& table) {
  table.add("_/_", {{Type::integer(), Type::integer()},
                    Type::integer(),
                    [](Arguments a, Budget&) -> Result<Value> {
                      if (int_of(a[1]) == 0) return invalid("division by zero");
                      if (int_of(a[0]) == kIntMin && int_of(a[1]) == -1)
                        return invalid(kIntOverflow);
                      return Value::integer(int_of(a[0]) / int_of(a[1]));
                    }});
  table.add("_/_",
            {{Type::uint(), Type::uint()}, Type::uint(), [](Arguments a, Budget&) -> Result<Value> {
               if (uint_of(a[1]) == 0) return invalid("division by zero");
               return Value::uint(uint_of(a[0]) / uint_of(a[1]));
             }});
  table.add("_/_", of_doubles([](double a, double b) { return a / b; }));
  table.add("_%_", {{Type::integer(), Type::integer()},
                    Type::integer(),
                    [](Arguments a, Budget&) -> Result<Value> {
                      if (int_of(a[1]) == 0) return invalid("modulus by zero");
                      if (int_of(a[0]) == kIntMin && int_of(a[1]) == -1)
                        return invalid(kIntOverflow);
                      return Value::integer(int_of(a[0]) % int_of(a[1]));
                    }});
  table.add("_%_",
            {{Type::uint(), Type::uint()}, Type::uint(), [](Arguments a, Budget&) -> Result<Value> {
               if (uint_of(a[1]) == 0) return invalid("modulus by zero");
               return Value::uint(uint_of(a[0]) % uint_of(a[1]));
             }});
}

}  // namespace

void add_arithmetic(FunctionTable& table) {
  add_sums(table);
  add_differences(table);
  table.add("_*_", checked_int([](std::int64_t a, std::int64_t b, std::int64_t* result) {
              return __builtin_mul_overflow(a, b, result);
            }));
  table.add("_*_", checked_uint([](std::uint64_t a, std::uint64_t b, std::uint64_t* result) {
              return __builtin_mul_overflow(a, b, result);
            }));
  table.add("_*_", of_doubles([](double a, double b) { return a * b; }));
  add_quotients(table);
}

}  // namespace insula::cel::library
