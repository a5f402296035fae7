#include "api/custom/rule_types.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "api/expression_functions.h"

namespace insula::api {

namespace {

using cel::Extent;
using cel::Type;
using cel::TypePtr;

/// Of a request, from which follows how much of anything can be in an object.
constexpr std::uint64_t kRequestBytes = 3U << 20U;
/// Bytes of the longest character.
constexpr std::uint64_t kCharacterBytes = 4;

constexpr std::array<std::string_view, 21> kReserved = {
    "true",     "false",   "null",      "in",       "as",  "break",  "const",
    "continue", "else",    "for",       "function", "if",  "import", "let",
    "loop",     "package", "namespace", "return",   "var", "void",   "while"};

constexpr std::pair<std::string_view, std::string_view> kEscapes[] = {
    {"__", "__underscores__"}, {".", "__dot__"}, {"-", "__dash__"}, {"/", "__slash__"}};

RuleType scalar(TypePtr type, std::uint64_t least_bytes, std::uint64_t most = 0) {
  auto extent = std::make_unique<Extent>(Extent{.kind = type->kind(), .most = most});
  return {std::move(type), std::move(extent), least_bytes};
}

/// How many there can be: as many as the schema allows, else as many as have room in a request.
std::uint64_t count_of(const std::optional<std::int64_t>& most, std::uint64_t least_bytes) {
  if (most) return static_cast<std::uint64_t>(std::max<std::int64_t>(*most, 0));
  return (kRequestBytes - 2) / least_bytes;
}

std::uint64_t text_bytes(const SchemaNode& node) {
  if (node.length_max) return count_of(node.length_max, 1) * kCharacterBytes;
  if (!node.enumeration || node.enumeration->empty()) return kRequestBytes - 2;
  std::size_t longest = 0;
  for (const json::Value& one : *node.enumeration)
    longest = std::max(longest, one.text().size());
  return longest;
}

RuleType text_type(const SchemaNode& node) {
  constexpr std::uint64_t kTimeBytes = 32;
  constexpr std::uint64_t kDateBytes = 12;
  if (node.format == "byte") return scalar(Type::bytes(), 2, count_of(node.length_max, 1));
  if (node.format == "duration") return scalar(Type::duration(), 3, kTimeBytes);
  if (node.format == "date") return scalar(Type::timestamp(), kDateBytes, kDateBytes);
  if (node.format == "date-time") return scalar(Type::timestamp(), 21, kTimeBytes);
  return scalar(Type::string(), 2, text_bytes(node));
}

/// Makes the types of a schema, from the outside in.
class TypeMaker {
 public:
  /// `name` is that of the type, which no other has.
  // NOLINTNEXTLINE(misc-no-recursion): as deep as the schema
  static std::optional<RuleType> make(const SchemaNode& node,
                                      const std::string& name,
                                      bool is_object) {
    if (node.int_or_string) {
      const std::uint64_t most = node.length_max ? text_bytes(node) : kRequestBytes - 2;
      return scalar(Type::dyn(), 1, most);
    }
    if (is_object || node.type == "object") return object(node, name, is_object);
    if (node.type == "array") return list(node, name);
    if (node.type == "string") return text_type(node);
    if (node.type == "boolean") return scalar(Type::boolean(), 4);
    if (node.type == "number") return scalar(Type::real(), 1);
    if (node.type == "integer") return scalar(Type::integer(), 1);
    return std::nullopt;
  }

 private:
  // NOLINTNEXTLINE(misc-no-recursion): as above
  static std::optional<RuleType> list(const SchemaNode& node, const std::string& name) {
    if (node.items == nullptr) return std::nullopt;
    auto item = make(*node.items, name + ".@idx", node.items->embedded);
    if (!item) return std::nullopt;
    auto extent = std::make_unique<Extent>(
        Extent{.kind = Type::Kind::kList, .most = count_of(node.items_max, item->least_bytes + 1)});
    extent->element = std::move(item->extent);
    return RuleType{Type::list(item->type), std::move(extent), 2};
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  static std::optional<RuleType> map(const SchemaNode& node, const std::string& name) {
    constexpr std::uint64_t kKeyBytes = 6;  // with the quotes and what is around it
    auto value = make(*node.additional, name + ".@elem", node.additional->embedded);
    if (!value) return std::nullopt;
    auto extent = std::make_unique<Extent>(
        Extent{.kind = Type::Kind::kMap,
               .most = count_of(node.properties_max, value->least_bytes + kKeyBytes)});
    extent->element = std::move(value->extent);
    return RuleType{Type::map(Type::string(), value->type), std::move(extent), 2};
  }

  /// Whether additional members are anything at all: `additionalProperties: true`.
  static bool is_anything(const SchemaNode& node) {
    return node.type.empty() && !node.int_or_string && !node.preserve_unknown;
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  static std::optional<RuleType> object(const SchemaNode& node,
                                        const std::string& name,
                                        bool is_object) {
    if (node.additional != nullptr && !is_anything(*node.additional) && !is_object)
      return map(node, name);
    Type::Fields fields;
    auto extent = std::make_unique<Extent>(Extent{.kind = Type::Kind::kObject});
    std::uint64_t least_bytes = 2;
    const auto add = [&](const std::string& property, RuleType made) {
      const std::string escaped = escaped_property(property);
      if (escaped.empty()) return;
      fields.insert_or_assign(escaped, Type::Field{property, std::move(made.type)});
      extent->fields.insert_or_assign(escaped, std::move(made.extent));
    };
    for (const auto& [property, schema] : node.properties) {
      auto made = make(*schema, fmt::format("{}.{}", name, property), schema->embedded);
      if (!made) continue;
      const bool is_required = std::ranges::find(node.required, property) != node.required.end();
      if (is_required && !schema->default_value)
        least_bytes += property.size() + made->least_bytes + 4;
      add(property, *std::move(made));
    }
    if (is_object) {
      for (const char* property : {"apiVersion", "kind"})
        add(property, scalar(Type::string(), 2, kRequestBytes - 2));
      add("metadata", metadata(name + ".metadata"));
    }
    return RuleType{Type::object(name, std::move(fields)), std::move(extent), least_bytes};
  }

  static RuleType metadata(const std::string& name) {
    Type::Fields fields;
    auto extent = std::make_unique<Extent>(Extent{.kind = Type::Kind::kObject});
    for (const char* property : {"name", "generateName"}) {
      RuleType text = scalar(Type::string(), 2, kRequestBytes - 2);
      fields.emplace(property, Type::Field{property, std::move(text.type)});
      extent->fields.emplace(property, std::move(text.extent));
    }
    return {Type::object(name, std::move(fields)), std::move(extent), 2};
  }
};

}  // namespace

std::optional<RuleType> rule_type(const SchemaNode& node, bool is_object) {
  return TypeMaker::make(node, "self", is_object);
}

cel::Environment rule_environment(const TypePtr& self, bool optional_old) {
  return {expression_functions(),
          {{"self", self}, {"oldSelf", optional_old ? Type::optional(self) : self}}};
}

cel::TypePtr expression_type(const SchemaNode& root) {
  return rule_type(root, true)->type;
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1));
}

std::string escaped_property(std::string_view name) {
  if (std::ranges::find(kReserved, name) != kReserved.end()) return fmt::format("__{}__", name);
  std::string out;
  while (!name.empty()) {
    const auto escape = std::ranges::find_if(
        kEscapes, [name](const auto& pair) { return name.starts_with(pair.first); });
    if (escape != std::ranges::end(kEscapes)) {
      out += escape->second;
      name.remove_prefix(escape->first.size());
      continue;
    }
    const auto c = static_cast<unsigned char>(name.front());
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && (out.empty() || c < '0' || c > '9')) return {};
    out += name.front();
    name.remove_prefix(1);
  }
  return out;
}

}  // namespace insula::api
