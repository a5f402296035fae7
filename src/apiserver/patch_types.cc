#include "apiserver/patch_types.h"

#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "api/codec.h"
#include "api/expression_functions.h"
#include "cel/time.h"
#include "json/pointer.h"

namespace insula::apiserver {

namespace {

using cel::Type;
using cel::TypePtr;
using cel::Value;

constexpr std::string_view kObject = "Object";
constexpr std::string_view kJsonPatch = "JSONPatch";
/// Levels that a value may have as JSON: fewer than a document, of which it becomes a part.
constexpr std::size_t kDepthMax = json::kDepthMax / 2;
/// Bytes that one expression may make: parts of a value are shared, in JSON they are copies.
constexpr std::size_t kBytesMax = std::size_t{4} << 20U;
/// What a value takes beside its text.
constexpr std::size_t kValueBytes = 16;

std::unexpected<Error> no_json(std::string_view what) {
  return fail(ErrorCode::kInvalid, fmt::format("{} is nothing in JSON", what));
}

/// A value as JSON. An object's type must be that of its place: `path`, which begins with the type
/// of the outermost one; empty outside of objects.
class JsonMaker {
 public:
  Result<json::Value> make(const Value& value, const std::string& path, std::size_t depth) {
    if (depth > kDepthMax) return no_json("what is nested so deep");
    const bool text = value.kind() == Type::Kind::kString || value.kind() == Type::Kind::kBytes;
    INSULA_TRY_VOID(spend(kValueBytes + (text ? value.text().size() : 0)));
    switch (value.kind()) {
      case Type::Kind::kNull:
        return json::Value();
      case Type::Kind::kBool:
        return json::Value(value.is_true());
      case Type::Kind::kInt:
        return json::Value(*value.as<std::int64_t>());
      case Type::Kind::kUint:
        return json::Value(*value.as<std::uint64_t>());
      case Type::Kind::kDouble:
        if (!std::isfinite(*value.as<double>())) return no_json("what is no finite number");
        return json::Value(*value.as<double>());
      case Type::Kind::kString:
        return json::Value(value.text());
      case Type::Kind::kBytes:
        return json::Value(api::base64_encode(value.text()));
      case Type::Kind::kTimestamp:
        return json::Value(value.as<cel::Timestamp>()->text());
      case Type::Kind::kDuration:
        return json::Value(value.as<cel::Duration>()->text());
      case Type::Kind::kList:
        return list(**value.as<Value::ListPtr>(), path, depth);
      case Type::Kind::kMap:
        return map(**value.as<Value::MapPtr>(), path, depth);
      case Type::Kind::kOptional: {
        const auto& content = value.as<Value::Optional>()->content;
        if (content == nullptr) return no_json("optional.none()");
        return make(*content, path, depth + 1);
      }
      default:
        return no_json(fmt::format("a {}", value.type_name()));
    }
  }

 private:
  Result<> spend(std::size_t bytes) {
    if (bytes > left_) {
      return fail(ErrorCode::kInvalid, fmt::format("the patch is larger than {} bytes", kBytesMax));
    }
    left_ -= bytes;
    return {};
  }

  Result<json::Value> list(const cel::List& list, const std::string& path, std::size_t depth) {
    json::Array out;
    out.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      INSULA_TRY(json::Value element, make(list.at(i), path, depth + 1));
      out.push_back(std::move(element));
    }
    return json::Value(std::move(out));
  }

  Result<json::Value> map(const cel::Map& map, const std::string& path, std::size_t depth) {
    const Type* type = map.object_type();
    const std::string& at = path.empty() && type != nullptr ? type->name() : path;
    if (type != nullptr && type->name() != at) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("type mismatch: unexpected type name \"{}\", expected \"{}\", which "
                              "matches field name path from root Object type",
                              type->name(), at));
    }
    json::Object out;
    out.reserve(map.size());
    for (std::size_t i = 0; i < map.size(); ++i) {
      const Value key = map.key(i);
      if (key.kind() != Type::Kind::kString)
        return no_json(fmt::format("a map with a key of type {}", key.type_name()));
      // Maps have no names of their own: objects in them are of the type of the map's field.
      const std::string below = type == nullptr ? at : fmt::format("{}.{}", at, key.text());
      INSULA_TRY_VOID(spend(key.text().size()));
      INSULA_TRY(json::Value member, make(*map.find(key), below, depth + 1));
      out.set(key.text(), std::move(member));
    }
    return json::Value(std::move(out));
  }

  std::size_t left_ = kBytesMax;
};

/// A field of a JSONPatch; nullopt when it is not set.
std::optional<Value> field_of(const Value& operation, const char* name) {
  return (*operation.as<Value::MapPtr>())->find(Value::string(name));
}

/// Escapes a text for a JSON pointer. Spec: RFC 6901 section 3.
Result<Value> escape_key(std::span<const Value> arguments, cel::Budget& budget) {
  const std::string& key = arguments[0].text();
  constexpr std::size_t kBytesOfStep = 10;
  INSULA_TRY_VOID(budget.charge(key.size() / kBytesOfStep + 1));
  return Value::string(json::escaped_step(key));
}

}  // namespace

TypePtr patch_type(std::string_view name) {
  if (name == kJsonPatch) return json_patch_type()->first();
  const bool within = name.size() > kObject.size() && name[kObject.size()] == '.';
  if (!name.starts_with(kObject) || (name != kObject && !within)) return nullptr;
  return Type::open_object(std::string(name));
}

const TypePtr& apply_configuration_type() {
  static const TypePtr type = patch_type(kObject);
  return type;
}

const TypePtr& json_patch_type() {
  static const TypePtr type = Type::list(Type::object(
      std::string(kJsonPatch), {{"op", {.json_name = "op", .type = Type::string()}},
                                {"path", {.json_name = "path", .type = Type::string()}},
                                {"from", {.json_name = "from", .type = Type::string()}},
                                {"value", {.json_name = "value", .type = Type::dyn()}}}));
  return type;
}

const cel::FunctionTable& patch_functions() {
  static const cel::FunctionTable table = [] {
    cel::FunctionTable out = api::expression_functions();
    out.add("jsonpatch.escapeKey", {{Type::string()}, Type::string(), escape_key});
    return out;
  }();
  return table;
}

Result<json::Value> apply_configuration_of(const Value& value) {
  return JsonMaker().make(value, {}, 0);
}

Result<json::Value> json_patch_of(const Value& value) {
  const cel::List& operations = **value.as<Value::ListPtr>();
  json::Array out;
  JsonMaker maker;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const Value operation = operations.at(i);
    const auto* map = operation.as<Value::MapPtr>();
    if (map == nullptr || (*map)->object_type() == nullptr) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("type mismatch: JSONPatchType.expression should evaluate to array of "
                              "JSONPatch, got element of {}",
                              operation.type_name()));
    }
    json::Object made;
    for (const char* name : {"op", "path", "from"}) {
      const std::optional<Value> text = field_of(operation, name);
      if (!text || text->text().empty()) continue;
      INSULA_TRY(json::Value json, maker.make(*text, {}, 0));
      made.set(name, std::move(json));
    }
    // The root of the document is an empty path.
    if (!made.contains("path")) made.set("path", "");
    if (const std::optional<Value> content = field_of(operation, "value")) {
      INSULA_TRY(json::Value json, maker.make(*content, {}, 0));
      made.set("value", std::move(json));
    }
    out.emplace_back(std::move(made));
  }
  return json::Value(std::move(out));
}

}  // namespace insula::apiserver
