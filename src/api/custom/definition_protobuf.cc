#include "api/custom/definition_protobuf.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "api/custom/schema_members.h"
#include "api/protobuf.h"
#include "api/protobuf_wire.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::api {

namespace {

using wire::Field;

std::unexpected<Error> refuse(std::string_view why) {
  return fail(ErrorCode::kBadRequest, fmt::format("protobuf: JSONSchemaProps: {}", why));
}

/// Calls `each(field)` for every field of a message; `each` returns Result<>.
template <class Each>
Result<> each_field(std::string_view message, Each each) {
  wire::Reader reader(message);
  Field field;
  while (!reader.at_end()) {
    if (!reader.next(field)) return refuse("unexpected end or wrong field");
    INSULA_TRY_VOID(each(std::as_const(field)));
  }
  return {};
}

void append(json::Object& out, std::string_view name, json::Value value) {
  json::Value* list = out.find(name);
  if (list == nullptr) {
    out.set(std::string(name), json::Array{});
    list = out.find(name);
  }
  list->as_array()->push_back(std::move(value));
}

class SchemaReader {
 public:
  Result<json::Value> schema(std::string_view message) {
    if (depth_ >= kSchemaDepthMax)
      return refuse(fmt::format("nested deeper than {} levels", kSchemaDepthMax));
    ++depth_;
    Result<json::Value> out = object(message, kSchemaMembers);
    --depth_;
    return out;
  }

 private:
  Result<json::Value> object(std::string_view message, std::span<const SchemaMember> members) {
    json::Object out;
    INSULA_TRY_VOID(each_field(message, [&](const Field& field) -> Result<> {
      const auto member = std::ranges::find(members, field.tag, &SchemaMember::tag);
      if (member == members.end()) return {};
      return read(*member, field, out);
    }));
    return json::Value(std::move(out));
  }

  Result<> read(const SchemaMember& member, const Field& field, json::Object& out) {
    const std::string_view name = member.name;
    switch (member.form) {
      case SchemaForm::kText:
        if (!field.bytes.empty()) out.set(std::string(name), json::Value(field.bytes));
        return {};
      case SchemaForm::kPresentText:
        out.set(std::string(name), json::Value(field.bytes));
        return {};
      case SchemaForm::kFlag:
        if (field.number != 0) out.set(std::string(name), true);
        return {};
      case SchemaForm::kPresentFlag:
        out.set(std::string(name), field.number != 0);
        return {};
      case SchemaForm::kInteger:
        out.set(std::string(name), static_cast<std::int64_t>(field.number));
        return {};
      case SchemaForm::kNumber: {
        INSULA_TRY(json::Value value, number(field.number));
        out.set(std::string(name), std::move(value));
        return {};
      }
      case SchemaForm::kTexts:
        append(out, name, json::Value(field.bytes));
        return {};
      default:
        return read_message(member, field.bytes, out);
    }
  }

  Result<> read_message(const SchemaMember& member, std::string_view bytes, json::Object& out) {
    const std::string_view name = member.name;
    switch (member.form) {
      case SchemaForm::kSchemaMap:
      case SchemaForm::kDependencyMap:
        return read_entry(member, bytes, out);
      case SchemaForm::kJsons:
      case SchemaForm::kSchemas:
      case SchemaForm::kRules: {
        INSULA_TRY(json::Value element, value_of(member.form, bytes));
        append(out, name, std::move(element));
        return {};
      }
      default: {
        INSULA_TRY(json::Value value, value_of(member.form, bytes));
        out.set(std::string(name), std::move(value));
        return {};
      }
    }
  }

  Result<json::Value> value_of(SchemaForm form, std::string_view bytes) {
    switch (form) {
      case SchemaForm::kJson:
      case SchemaForm::kJsons:
        return raw(bytes);
      case SchemaForm::kSchemaOrList:
      case SchemaForm::kDependencyMap:
      case SchemaForm::kSchemaOrFlag:
        return one_of(form, bytes);
      case SchemaForm::kRules:
        return object(bytes, kRuleMembers);
      case SchemaForm::kDocumentation:
        return object(bytes, kDocumentationMembers);
      default:
        return schema(bytes);
    }
  }

  /// Whole numbers as JSON would have them, which tells integers from others.
  static Result<json::Value> number(std::uint64_t bits) {
    constexpr double kExact = 9007199254740992;  // 2^53
    const auto value = std::bit_cast<double>(bits);
    if (!std::isfinite(value)) return refuse("a number that is not finite");
    const bool whole = value >= -kExact && value <= kExact &&
                       value == static_cast<double>(static_cast<std::int64_t>(value));
    return whole ? json::Value(static_cast<std::int64_t>(value)) : json::Value(value);
  }

  static Result<json::Value> raw(std::string_view message) {
    std::string_view text;
    INSULA_TRY_VOID(each_field(message, [&](const Field& field) -> Result<> {
      if (field.tag == 1) text = field.bytes;
      return {};
    }));
    auto value = json::parse(text.empty() ? "null" : text);
    if (!value) return refuse("a value that is no JSON: " + value.error().message());
    return *std::move(value);
  }

  /// A schema, or else a list of schemas, a list of names, or a flag.
  Result<json::Value> one_of(SchemaForm form, std::string_view message) {
    const std::uint32_t schema_tag = form == SchemaForm::kSchemaOrFlag ? 2 : 1;
    json::Value alternative =
        form == SchemaForm::kSchemaOrFlag ? json::Value(false) : json::Value(json::Array{});
    json::Value chosen;
    INSULA_TRY_VOID(each_field(message, [&](const Field& field) -> Result<> {
      if (field.tag == schema_tag) {
        INSULA_TRY(chosen, schema(field.bytes));
      } else if (form == SchemaForm::kSchemaOrFlag && field.tag == 1) {
        alternative = json::Value(field.number != 0);
      } else if (form == SchemaForm::kSchemaOrList && field.tag == 2) {
        INSULA_TRY(json::Value element, schema(field.bytes));
        alternative.as_array()->push_back(std::move(element));
      } else if (form == SchemaForm::kDependencyMap && field.tag == 2) {
        alternative.as_array()->push_back(json::Value(field.bytes));
      }
      return {};
    }));
    if (!chosen.is_null()) return chosen;
    return alternative;
  }

  Result<> read_entry(const SchemaMember& member, std::string_view message, json::Object& out) {
    std::string_view key;
    std::string_view content;
    INSULA_TRY_VOID(each_field(message, [&](const Field& field) -> Result<> {
      if (field.tag == 1) key = field.bytes;
      if (field.tag == 2) content = field.bytes;
      return {};
    }));
    const SchemaForm form =
        member.form == SchemaForm::kSchemaMap ? SchemaForm::kSchema : SchemaForm::kDependencyMap;
    INSULA_TRY(json::Value value, value_of(form, content));
    json::Value* map = out.find(member.name);
    if (map == nullptr) {
      out.set(std::string(member.name), json::Object{});
      map = out.find(member.name);
    }
    map->as_object()->set(std::string(key), std::move(value));
    return {};
  }

  int depth_ = 0;
};

/// The schema of one version, as far as it has one.
Result<> read_version(std::string_view message, CustomResourceDefinitionVersion& version) {
  return each_field(message, [&](const Field& member) -> Result<> {
    if (member.tag != kVersionSchema) return {};
    return each_field(member.bytes, [&](const Field& field) -> Result<> {
      if (field.tag != kOpenApiSchema) return {};
      INSULA_TRY(const json::Value schema, SchemaReader().schema(field.bytes));
      if (!version.schema) version.schema.emplace();
      version.schema->open_apiv3_schema.text = json::write(schema);
      return {};
    });
  });
}

}  // namespace

Result<> decode_definition_protobuf(std::string_view bytes, CustomResourceDefinition& definition) {
  INSULA_TRY_VOID(decode_protobuf(type_of<CustomResourceDefinition>(), &definition, bytes));
  INSULA_TRY(const ProtobufEnvelope envelope, read_protobuf_envelope(bytes));
  return each_field(envelope.message, [&](const Field& spec) -> Result<> {
    if (spec.tag != kDefinitionSpec) return {};
    std::size_t index = 0;
    return each_field(spec.bytes, [&](const Field& version) -> Result<> {
      if (version.tag != kSpecVersions) return {};
      if (index >= definition.spec.versions.size()) return refuse("more versions than were read");
      return read_version(version.bytes, definition.spec.versions[index++]);
    });
  });
}

}  // namespace insula::api
