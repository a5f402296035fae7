#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/number.h"
#include "cel/library/arguments.h"
#include "cel/library/library.h"
#include "cel/source.h"

namespace insula::cel::library {
namespace {

/// A number as Go's strconv reads it, which allows a plus.
template <class T>
std::optional<T> number_in(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  return parse_whole<T>(text);
}

std::unexpected<Error> unconvertible(const Value& value, std::string_view type) {
  return invalid(fmt::format("type conversion error from '{}' to '{}'", value.type_name(), type));
}

/// A conversion from one type, in the form that adds itself.
void add(FunctionTable& table,
         const char* name,
         const TypePtr& from,
         const TypePtr& to,
         Result<Value> (*convert)(const Value&)) {
  table.add(name, {{from}, to, [convert](Arguments a, Budget& budget) -> Result<Value> {
                     INSULA_TRY_VOID(budget.charge(a[0].weight(budget.left() + 1)));
                     return convert(a[0]);
                   }});
}

Result<Value> same(const Value& value) {
  return value;
}

void add_int(FunctionTable& table) {
  const TypePtr to = Type::integer();
  add(table, "int", to, to, same);
  add(table, "int", Type::uint(), to, [](const Value& value) -> Result<Value> {
    if (!std::in_range<std::int64_t>(uint_of(value))) return invalid("integer overflow");
    return Value::integer(static_cast<std::int64_t>(uint_of(value)));
  });
  add(table, "int", Type::real(), to, [](const Value& value) -> Result<Value> {
    // The ends of int64 themselves are refused: doubles near them are no exact integers.
    constexpr double kBound = 9223372036854775808.0;
    const double number = double_of(value);
    if (!(number > -kBound && number < kBound)) return invalid("integer overflow");
    return Value::integer(static_cast<std::int64_t>(number));
  });
  add(table, "int", Type::string(), to, [](const Value& value) -> Result<Value> {
    const auto number = number_in<std::int64_t>(value.text());
    if (!number) return unconvertible(value, "int");
    return Value::integer(*number);
  });
  add(table, "int", Type::timestamp(), to,
      [](const Value& value) -> Result<Value> { return Value::integer(time_of(value).seconds); });
}

void add_uint(FunctionTable& table) {
  const TypePtr to = Type::uint();
  add(table, "uint", to, to, same);
  add(table, "uint", Type::integer(), to, [](const Value& value) -> Result<Value> {
    if (int_of(value) < 0) return invalid("unsigned integer overflow");
    return Value::uint(static_cast<std::uint64_t>(int_of(value)));
  });
  add(table, "uint", Type::real(), to, [](const Value& value) -> Result<Value> {
    const double number = double_of(value);
    if (!(number >= 0.0 && number < 18446744073709551616.0)) {
      return invalid("unsigned integer overflow");
    }
    return Value::uint(static_cast<std::uint64_t>(number));
  });
  add(table, "uint", Type::string(), to, [](const Value& value) -> Result<Value> {
    const auto number = parse_whole<std::uint64_t>(value.text());
    if (!number) return unconvertible(value, "uint");
    return Value::uint(*number);
  });
}

void add_double(FunctionTable& table) {
  const TypePtr to = Type::real();
  add(table, "double", to, to, same);
  add(table, "double", Type::integer(), to, [](const Value& value) -> Result<Value> {
    return Value::real(static_cast<double>(int_of(value)));
  });
  add(table, "double", Type::uint(), to, [](const Value& value) -> Result<Value> {
    return Value::real(static_cast<double>(uint_of(value)));
  });
  add(table, "double", Type::string(), to, [](const Value& value) -> Result<Value> {
    const auto number = number_in<double>(value.text());
    if (!number) return unconvertible(value, "double");
    return Value::real(*number);
  });
}

void add_text(FunctionTable& table) {
  const TypePtr to = Type::string();
  for (const TypePtr& from : {to, Type::boolean(), Type::integer(), Type::uint(), Type::real(),
                              Type::timestamp(), Type::duration()}) {
    add(table, "string", from, to,
        [](const Value& value) -> Result<Value> { return Value::string(shown(value)); });
  }
  add(table, "string", Type::bytes(), to, [](const Value& value) -> Result<Value> {
    std::string_view rest = value.text();
    while (const std::size_t length = character_length(rest))
      rest.remove_prefix(length);
    if (!rest.empty()) return invalid("invalid UTF-8 in bytes, cannot convert to string");
    return Value::string(value.text());
  });
  add(table, "bytes", Type::bytes(), Type::bytes(), same);
  add(table, "bytes", to, Type::bytes(),
      [](const Value& value) -> Result<Value> { return Value::bytes(value.text()); });
}

void add_bool(FunctionTable& table) {
  add(table, "bool", Type::boolean(), Type::boolean(), same);
  add(table, "bool", Type::string(), Type::boolean(), [](const Value& value) -> Result<Value> {
    const std::string& text = value.text();
    for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) {
      if (text == yes) return Value::boolean(true);
    }
    for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) {
      if (text == no) return Value::boolean(false);
    }
    return unconvertible(value, "bool");
  });
}

void add_time(FunctionTable& table) {
  add(table, "timestamp", Type::timestamp(), Type::timestamp(), same);
  add(table, "timestamp", Type::integer(), Type::timestamp(),
      [](const Value& value) -> Result<Value> {
        const Timestamp time{.seconds = int_of(value)};
        if (!time.is_valid()) return invalid("timestamp overflow");
        return Value::timestamp(time);
      });
  add(table, "timestamp", Type::string(), Type::timestamp(),
      [](const Value& value) -> Result<Value> {
        const auto time = Timestamp::parse(value.text());
        if (!time) return unconvertible(value, "google.protobuf.Timestamp");
        return Value::timestamp(*time);
      });
  add(table, "duration", Type::duration(), Type::duration(), same);
  add(table, "duration", Type::string(), Type::duration(), [](const Value& value) -> Result<Value> {
    const auto length = Duration::parse(value.text());
    if (!length) return unconvertible(value, "google.protobuf.Duration");
    return Value::duration(*length);
  });
}

/// What `type(x)` gives is equal to the type that an expression names: both have its name.
TypePtr type_named(const Value& value) {
  switch (value.kind()) {
    case Type::Kind::kBool:
      return Type::boolean();
    case Type::Kind::kInt:
      return Type::integer();
    case Type::Kind::kUint:
      return Type::uint();
    case Type::Kind::kDouble:
      return Type::real();
    case Type::Kind::kString:
      return Type::string();
    case Type::Kind::kBytes:
      return Type::bytes();
    case Type::Kind::kType:
      return Type::type();
    default:
      return Type::opaque(value.type_name());
  }
}

}  // namespace

void add_conversions(FunctionTable& table) {
  add_int(table);
  add_uint(table);
  add_double(table);
  add_text(table);
  add_bool(table);
  add_time(table);
  table.add("dyn", {{Type::dyn()}, Type::dyn(), [](Arguments a, Budget&) -> Result<Value> {
                      return a[0];
                    }});
  table.add("type", {{Type::dyn()}, Type::type(), [](Arguments a, Budget&) -> Result<Value> {
                       return Value::type(type_named(a[0]));
                     }});
}

}  // namespace insula::cel::library
