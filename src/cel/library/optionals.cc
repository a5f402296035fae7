#include "cel/library/arguments.h"
#include "cel/library/library.h"

namespace insula::cel::library {
namespace {

/// Whether a value is its type's default: zero, empty, null.
bool is_zero(const Value& value) {
  switch (value.kind()) {
    case Type::Kind::kNull:
      return true;
    case Type::Kind::kBool:
      return !value.is_true();
    case Type::Kind::kInt:
      return int_of(value) == 0;
    case Type::Kind::kUint:
      return uint_of(value) == 0;
    case Type::Kind::kDouble:
      return double_of(value) == 0;
    case Type::Kind::kString:
    case Type::Kind::kBytes:
      return value.text().empty();
    case Type::Kind::kDuration:
      return duration_of(value) == Duration{};
    case Type::Kind::kTimestamp:
      return time_of(value) == Timestamp{};
    case Type::Kind::kList:
      return list_of(value).size() == 0;
    case Type::Kind::kMap:
      return (*value.as<Value::MapPtr>())->size() == 0;
    case Type::Kind::kOptional:
      return value.as<Value::Optional>()->content == nullptr;
    default:
      return false;
  }
}

const Value* content(const Value& optional) {
  return optional.as<Value::Optional>()->content.get();
}

}  // namespace

void add_optionals(FunctionTable& table) {
  const TypePtr any = Type::parameter("A");
  const TypePtr optional = Type::optional(any);
  table.add("optional.of", {{any}, optional, [](Arguments a, Budget&) -> Result<Value> {
                              return Value::optional(a[0]);
                            }});
  table.add("optional.none", {{},
                              Type::optional(Type::unknown()),
                              [](Arguments, Budget&) -> Result<Value> { return Value::none(); }});
  table.add("optional.ofNonZeroValue", {{any}, optional, [](Arguments a, Budget&) -> Result<Value> {
                                          return is_zero(a[0]) ? Value::none()
                                                               : Value::optional(a[0]);
                                        }});
  table.add_member("hasValue",
                   {{optional}, Type::boolean(), [](Arguments a, Budget&) -> Result<Value> {
                      return Value::boolean(content(a[0]) != nullptr);
                    }});
  table.add_member("value", {{optional}, any, [](Arguments a, Budget&) -> Result<Value> {
                               if (content(a[0]) == nullptr) {
                                 return invalid("optional.none() dereference");
                               }
                               return *content(a[0]);
                             }});
  table.add_member("or",
                   {{optional, optional}, optional, [](Arguments a, Budget&) -> Result<Value> {
                      return content(a[0]) == nullptr ? a[1] : a[0];
                    }});
  table.add_member("orValue", {{optional, any}, any, [](Arguments a, Budget&) -> Result<Value> {
                                 return content(a[0]) == nullptr ? a[1] : *content(a[0]);
                               }});
}

}  // namespace insula::cel::library
