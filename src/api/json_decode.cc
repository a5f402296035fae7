#include <algorithm>
#include <limits>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "api/body_version.h"
#include "api/codec.h"
#include "api/custom/custom_kind.h"
#include "api/custom/schema_form.h"
#include "api/custom/schema_node.h"
#include "api/decode_budget.h"
#include "api/field_errors.h"
#include "api/gen/apiextensions_v1.h"
#include "api/int_or_string.h"
#include "api/invalid.h"
#include "api/quantity.h"
#include "api/raw_json.h"
#include "api/time.h"
#include "json/parse.h"
#include "json/type_name.h"
#include "json/write.h"

namespace insula::api {
namespace {

using json::Value;

/// A step of the path to the value being read. Lives on the stack; the text is only built for
/// errors.
struct Path {
  const Path* outer = nullptr;
  std::string_view name;
  std::optional<std::size_t> index;
  const TypeInfo* owner = nullptr;  // the struct whose member it is; null: an element

  [[nodiscard]] std::string text() const {
    if (outer == nullptr) return {};
    std::string out = outer->text();
    if (index) return fmt::format("{}[{}]", out, *index);
    if (!out.empty()) out += '.';
    return out.append(name);
  }

  /// As Kubernetes names the place of a value: members of structs only.
  [[nodiscard]] std::string members() const {
    if (outer == nullptr) return {};
    std::string out = outer->members();
    if (owner == nullptr) return out;
    if (!out.empty()) out += '.';
    return out.append(name);
  }

  /// The struct that the value is in, however deep in lists and maps; null: it is the whole.
  [[nodiscard]] const TypeInfo* innermost() const {
    return owner != nullptr || outer == nullptr ? owner : outer->innermost();
  }
};

/// `v1.PodSpec`
std::string struct_name(const TypeInfo& type) {
  return fmt::format("{}.{}", type.package.substr(type.package.rfind('.') + 1), type.name);
}

/// In Kubernetes' words, which are those of Go.
std::string type_name(const ValueInfo& info) {
  switch (info.kind) {
    case ValueKind::kString:
      return "string";
    case ValueKind::kBool:
      return "bool";
    case ValueKind::kInt32:
    case ValueKind::kIntOrString:
      return "int32";
    case ValueKind::kInt64:
      return "int64";
    case ValueKind::kDouble:
      return "float64";
    case ValueKind::kBytes:
      return "[]uint8";
    case ValueKind::kTime:
      return "v1.Time";
    case ValueKind::kMicroTime:
      return "v1.MicroTime";
    case ValueKind::kQuantity:
      return "resource.Quantity";
    case ValueKind::kRawJson:
      return "object";
    case ValueKind::kStruct:
      return struct_name(*info.type);
    case ValueKind::kList:
      return "[]" + type_name(*info.element);
    case ValueKind::kMap:
      return "map[string]" + type_name(*info.element);
    case ValueKind::kPointer:
      return type_name(*info.element);
  }
  return {};
}

class Decoder {
 public:
  explicit Decoder(Strictness strictness) : strictness_(strictness) {}

  Result<> read_struct(const TypeInfo& type, void* object, const Value& value, const Path& path) {
    const json::Object* members = value.as_object();
    if (members == nullptr) return mismatch(value, path, struct_name(type));
    std::size_t hint = 0;
    const bool custom = is_custom(type);
    for (const auto& [key, member] : *members) {
      const FieldInfo* field = type.find(key, &hint);
      const Path inner{&path, key, {}, &type};
      if (field == nullptr) {
        const bool type_meta = type.kind != nullptr && (key == "apiVersion" || key == "kind");
        if (custom && !type_meta) {
          INSULA_TRY_VOID(budget_.spend(member));
          static_cast<CustomObject*>(object)->content.set(key, member);
        } else if (!type_meta) {
          unknown(inner);
        }
        continue;
      }
      INSULA_TRY_VOID(read(*field->value, field->in(object), member, inner));
    }
    return {};
  }

  /// Brings the members of a custom object into the form of its schema.
  void read_custom(const TypeInfo& type, void* object) {
    std::vector<std::string> paths;
    custom_kind(*type.kind)
        ->read(*static_cast<CustomObject*>(object),
               strictness_ == Strictness::kIgnore ? nullptr : &paths);
    for (const std::string& path : paths)
      unknown(path);
  }

  /// Members of a definition's schemas that are no keywords; they are taken off with the defaults.
  void read_schemas(const CustomResourceDefinition& definition) {
    if (strictness_ == Strictness::kIgnore) return;
    for (std::size_t i = 0; i < definition.spec.versions.size(); ++i) {
      const auto& written = definition.spec.versions[i].schema;
      if (!written || written->open_apiv3_schema.empty()) continue;
      std::vector<std::string> paths;
      Value schema = schema_value(written->open_apiv3_schema.text);
      normalise_schema(schema, fmt::format("spec.versions[{}].schema.openAPIV3Schema", i), &paths);
      for (const std::string& path : paths)
        unknown(path);
    }
  }

  [[nodiscard]] std::vector<std::string>& problems() { return problems_; }

  [[nodiscard]] std::vector<std::string>& unknown_fields() { return unknown_fields_; }

 private:
  /// `target` is in its default state, so null needs no work but for elements, which are.
  Result<> read(const ValueInfo& info, void* target, const Value& value, const Path& path) {
    if (value.is_null() && info.kind != ValueKind::kRawJson) return {};
    switch (info.kind) {
      case ValueKind::kStruct:
        return read_struct(*info.type, target, value, path);
      case ValueKind::kPointer:
        return read(*info.element, info.ops->add(target, {}), value, path);
      case ValueKind::kList:
        return read_list(info, target, value, path);
      case ValueKind::kMap:
        return read_map(info, target, value, path);
      case ValueKind::kString:
        return read_string(*static_cast<std::string*>(target), value, path);
      case ValueKind::kBool: {
        const auto flag = value.as_bool();
        if (!flag) return mismatch(value, path, "bool");
        *static_cast<bool*>(target) = *flag;
        return {};
      }
      case ValueKind::kInt32:
      case ValueKind::kInt64:
      case ValueKind::kDouble:
        return read_number(info, target, value, path);
      default:
        return read_text_form(info, target, value, path);
    }
  }

  Result<> read_list(const ValueInfo& info, void* target, const Value& value, const Path& path) {
    const json::Array* elements = value.as_array();
    if (elements == nullptr) return mismatch(value, path, type_name(info));
    info.ops->reserve(target, elements->size());
    for (std::size_t i = 0; i < elements->size(); ++i) {
      const Path inner{&path, {}, i};
      INSULA_TRY_VOID(budget_.spend(*info.element));
      INSULA_TRY_VOID(read(*info.element, info.ops->add(target, {}), (*elements)[i], inner));
    }
    return {};
  }

  Result<> read_map(const ValueInfo& info, void* target, const Value& value, const Path& path) {
    const json::Object* members = value.as_object();
    if (members == nullptr) return mismatch(value, path, type_name(info));
    for (const auto& [key, member] : *members) {
      const Path inner{&path, key, {}};
      INSULA_TRY_VOID(budget_.spend(*info.element));
      INSULA_TRY_VOID(read(*info.element, info.ops->add(target, key), member, inner));
    }
    return {};
  }

  static Result<> read_string(std::string& target, const Value& value, const Path& path) {
    const std::string* text = value.as_string();
    if (text == nullptr) return mismatch(value, path, "string");
    target = *text;
    return {};
  }

  static Result<> read_number(const ValueInfo& info,
                              void* target,
                              const Value& value,
                              const Path& path) {
    if (info.kind == ValueKind::kDouble) {
      const auto number = value.as_double();
      if (!number) return mismatch(value, path, "float64");
      *static_cast<double*>(target) = *number;
      return {};
    }
    const auto number = value.as_int64();
    if (info.kind == ValueKind::kInt64) {
      if (!number) return mismatch(value, path, "int64", value_shown(value));
      *static_cast<std::int64_t*>(target) = *number;
      return {};
    }
    if (!number || !std::in_range<std::int32_t>(*number))
      return mismatch(value, path, "int32", value_shown(value));
    *static_cast<std::int32_t*>(target) = static_cast<std::int32_t>(*number);
    return {};
  }

  /// Scalars that JSON writes as a string, and RawJson.
  static Result<> read_text_form(const ValueInfo& info,
                                 void* target,
                                 const Value& value,
                                 const Path& path) {
    if (info.kind == ValueKind::kRawJson) {
      static_cast<RawJson*>(target)->text = json::write(value);
      return {};
    }
    const bool number = value.as_double().has_value();
    if (info.kind == ValueKind::kIntOrString && number) {
      const auto whole = value.as_int64();
      if (!whole || !std::in_range<std::int32_t>(*whole))
        return mismatch(value, path, "int32", value_shown(value));
      *static_cast<IntOrString*>(target) = static_cast<std::int32_t>(*whole);
      return {};
    }
    const std::string written =
        info.kind == ValueKind::kQuantity && number ? json::write(value) : std::string();
    if (!value.is_string() && written.empty()) return mismatch(value, path, type_name(info));
    const std::string_view text = written.empty() ? value.text() : std::string_view(written);
    switch (info.kind) {
      case ValueKind::kBytes:
        return take(*static_cast<std::string*>(target), base64_decode(text), path);
      case ValueKind::kTime:
        return take(*static_cast<Time*>(target), Time::parse(text), path);
      case ValueKind::kMicroTime:
        return take(*static_cast<MicroTime*>(target), MicroTime::parse(text), path);
      case ValueKind::kQuantity:
        return take(*static_cast<Quantity*>(target), Quantity::parse(text), path);
      default:
        *static_cast<IntOrString*>(target) = std::string(text);
        return {};
    }
  }

  template <class T>
  static Result<> take(T& target, Result<T> parsed, const Path& path) {
    if (!parsed) return std::unexpected(std::move(parsed).error().in(path.text()));
    target = *std::move(parsed);
    return {};
  }

  /// Of a number that is none of the kind that is wanted.
  static std::string value_shown(const Value& value) {
    return value.as_double() ? " " + json::write(value) : std::string();
  }

  static std::unexpected<Error> mismatch(const Value& value,
                                         const Path& path,
                                         std::string_view wanted,
                                         std::string_view shown = {}) {
    const TypeInfo* owner = path.innermost();
    const std::string into =
        owner == nullptr ? "Go value"
                         : fmt::format("Go struct field {}.{}", owner->name, path.members());
    return fail(ErrorCode::kBadRequest,
                fmt::format("json: cannot unmarshal {}{} into {} of type {}",
                            json::type_name(value), shown, into, wanted));
  }

  void unknown(const Path& path) {
    if (strictness_ != Strictness::kIgnore) unknown(path.text());
  }

  void unknown(const std::string& path) {
    if (problems_.size() >= kStrictProblemsMax) return;
    problems_.push_back(fmt::format("unknown field \"{}\"", path));
    unknown_fields_.push_back(path);
  }

  Strictness strictness_;
  std::vector<std::string> problems_;
  std::vector<std::string> unknown_fields_;
  DecodeBudget budget_;
};

constexpr std::string_view kNoTypeMeta = "couldn't get version/kind; json parse error: ";

/// Whether it can be told what the value is. Nothing is an empty object.
Result<> check_type_meta(const Value& value) {
  if (value.as_object() == nullptr && !value.is_null())
    return fail(
        ErrorCode::kBadRequest,
        fmt::format("{}json: cannot unmarshal {} into Go value of type struct {{ APIVersion "
                    "string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string "
                    "\"json:\\\"kind,omitempty\\\"\" }}",
                    kNoTypeMeta, json::type_name(value)));
  for (const char* key : {"apiVersion", "kind"}) {
    const Value& said = value[key];
    if (!said.is_string() && !said.is_null())
      return fail(ErrorCode::kBadRequest,
                  fmt::format("{}json: cannot unmarshal {} into Go struct field .{} of type string",
                              kNoTypeMeta, json::type_name(said), key));
  }
  return {};
}

/// Custom objects are read whatever they are, and wrong by that.
Result<> check_kind(const Kind& kind, const Value& value) {
  const std::string_view name = value["kind"].text();
  if (!is_custom(kind.type) || name.empty() || name == kind.kind)
    return check_body_kind(kind, name, value["apiVersion"].text());
  const std::string message =
      fmt::format("Invalid value: {}: must be {}", ShownValue(name).text(), kind.kind);
  return std::unexpected(invalid(name, kind.group, value["metadata"]["name"].text(),
                                 {{"kind", "FieldValueInvalid", message}}));
}

/// What a decode is told, and the repeated keys that the parser found before it.
struct Request {
  Strictness strictness;
  DecodeReport* report;
  std::vector<std::string> duplicates;
  std::optional<std::string_view> body = std::nullopt;

  /// What was sent, as far as that is known.
  [[nodiscard]] std::string text(const Value& value) const {
    return body ? std::string(*body) : json::write(value);
  }
};

void tell_type_meta(const Value& value, DecodeReport& report) {
  const Value* kind = value.find("kind");
  const Value* version = value.find("apiVersion");
  report.kind = kind == nullptr ? std::string_view() : kind->text();
  report.api_version = version == nullptr ? std::string_view() : version->text();
}

Result<> decode(const TypeInfo& type, void* object, const Value& value, const Request& request) {
  if (request.report != nullptr && is_custom(type)) tell_type_meta(value, *request.report);
  if (type.kind != nullptr) {
    Result<> known = check_type_meta(value);
    if (!known)
      return std::unexpected(unrecognized(type, std::move(known).error(), request.text(value)));
    INSULA_TRY_VOID(check_kind(*type.kind, value));
    if (value.is_null() && !is_custom(type)) return {};
  }
  Decoder decoder(request.strictness);
  Result<> read = decoder.read_struct(type, object, value, Path{});
  if (!read) return std::unexpected(unreadable(type, std::move(read).error()));
  if (is_custom(type)) decoder.read_custom(type, object);
  if (type.kind == &kind_of<CustomResourceDefinition>())
    decoder.read_schemas(*static_cast<const CustomResourceDefinition*>(object));
  std::vector<std::string>& problems = decoder.problems();
  for (const auto& path : request.duplicates) {
    if (problems.size() < kStrictProblemsMax)
      problems.push_back(fmt::format("duplicate field \"{}\"", path));
  }
  if (problems.empty()) return {};
  if (request.strictness == Strictness::kStrict) {
    return std::unexpected(unreadable(
        type, Error(ErrorCode::kBadRequest,
                    fmt::format("strict decoding error: {}", fmt::join(problems, ", ")))));
  }
  if (request.report != nullptr) {
    std::ranges::move(problems, std::back_inserter(request.report->warnings));
    std::ranges::move(decoder.unknown_fields(), std::back_inserter(request.report->unknown_fields));
  }
  return {};
}

}  // namespace

Result<> decode_json(const TypeInfo& type,
                     void* object,
                     const Value& value,
                     Strictness strictness,
                     DecodeReport* report) {
  return decode(type, object, value, Request{strictness, report, {}, std::nullopt});
}

Result<> decode_json(const TypeInfo& type,
                     void* object,
                     std::string_view text,
                     Strictness strictness,
                     DecodeReport* report) {
  Request request{strictness, report, {}, text};
  json::ParseOptions options;
  if (strictness != Strictness::kIgnore) options.duplicates = &request.duplicates;
  auto value = json::parse(text, options);
  if (!value) {
    if (value.error().code() == ErrorCode::kTooLarge)
      return std::unexpected(std::move(value).error());
    Error why(ErrorCode::kBadRequest, std::string(kNoTypeMeta) + value.error().message());
    return std::unexpected(unrecognized(type, std::move(why), text));
  }
  return decode(type, object, *value, request);
}

}  // namespace insula::api
