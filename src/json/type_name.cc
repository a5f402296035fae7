#include "json/type_name.h"

#include <utility>

namespace insula::json {

std::string_view type_name(const Value& value) {
  switch (value.type()) {
    case Value::Type::kNull:
      return "null";
    case Value::Type::kBool:
      return "bool";
    case Value::Type::kInt64:
    case Value::Type::kUint64:
    case Value::Type::kDouble:
      return "number";
    case Value::Type::kString:
      return "string";
    case Value::Type::kArray:
      return "array";
    case Value::Type::kObject:
      return "object";
  }
  std::unreachable();
}

}  // namespace insula::json
