#include "api/custom/rule_set.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "api/custom/correlation.h"
#include "api/custom/json_path.h"
#include "api/expression_functions.h"
#include "cel/budget.h"
#include "cel/program.h"
#include "cel/type.h"
#include "cel/value.h"

namespace insula::api {

namespace {

using cel::Type;
using cel::TypePtr;
using json::Value;

/// Steps that the rules of one object may take together, and one rule each time.
constexpr std::uint64_t kObjectSteps = 10'000'000;
constexpr std::uint64_t kRuleSteps = 1'000'000;
/// Bytes of a message that a rule makes.
constexpr std::size_t kMessageMax = 5 << 10;

constexpr std::array<std::string_view, 21> kReserved = {
    "true",     "false",   "null",      "in",       "as",  "break",  "const",
    "continue", "else",    "for",       "function", "if",  "import", "let",
    "loop",     "package", "namespace", "return",   "var", "void",   "while"};

constexpr std::pair<std::string_view, std::string_view> kEscapes[] = {
    {"__", "__underscores__"}, {".", "__dot__"}, {"-", "__dash__"}, {"/", "__slash__"}};

void add_field(Type::Fields& fields, const std::string& name, TypePtr type) {
  const std::string escaped = escaped_property(name);
  if (!escaped.empty()) fields.insert_or_assign(escaped, Type::Field{name, std::move(type)});
}

TypePtr scalar_type(const SchemaNode& node) {
  if (node.type == "integer") return Type::integer();
  if (node.type == "number") return Type::real();
  if (node.type == "boolean") return Type::boolean();
  if (node.type != "string") return Type::dyn();
  if (node.format == "date-time" || node.format == "date") return Type::timestamp();
  if (node.format == "duration") return Type::duration();
  return node.format == "byte" ? Type::bytes() : Type::string();
}

/// What rules know of a value. `name` is that of its type, which no other has.
// NOLINTNEXTLINE(misc-no-recursion): as deep as the schema
TypePtr type_of(const SchemaNode& node, const std::string& name, bool has_meta) {
  if (node.type == "array") {
    return Type::list(node.items == nullptr ? Type::dyn()
                                            : type_of(*node.items, name + ".@idx", false));
  }
  if (node.type != "object") return scalar_type(node);
  if (node.additional != nullptr && node.properties.empty()) {
    return Type::map(Type::string(), type_of(*node.additional, name + ".@elem", false));
  }
  if (node.properties.empty() && node.preserve_unknown && !has_meta && !node.embedded)
    return Type::dyn();
  Type::Fields fields;
  for (const auto& [property, schema] : node.properties)
    add_field(fields, property, type_of(*schema, fmt::format("{}.{}", name, property), false));
  if (has_meta || node.embedded) {
    add_field(fields, "apiVersion", Type::string());
    add_field(fields, "kind", Type::string());
    Type::Fields metadata;
    add_field(metadata, "name", Type::string());
    add_field(metadata, "generateName", Type::string());
    add_field(fields, "metadata", Type::object(name + ".metadata", std::move(metadata)));
  }
  return Type::object(name, std::move(fields));
}

cel::Environment environment(const TypePtr& self, bool optional_old) {
  return {expression_functions(),
          {{"self", self}, {"oldSelf", optional_old ? Type::optional(self) : self}}};
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1));
}

/// Index of oldSelf in the environment.
constexpr std::size_t kOldSelf = 1;

}  // namespace

struct RuleSet::Compiled {
  const SchemaRule& source;
  TypePtr self;
  cel::Program rule;
  std::optional<cel::Program> message;

  [[nodiscard]] bool is_transition() const { return rule.uses(kOldSelf); }
};

/// One check of an object.
class RuleSet::Run {
 public:
  struct Place {
    const SchemaNode& node;
    std::string path;
    bool settled;  // as it was before the write
  };

  Run(const RuleSet& set, ValueErrors& errors) : set_(set), errors_(errors) {}

  /// Requires: `place.node` is that of `value`.
  // NOLINTNEXTLINE(misc-no-recursion): as deep as the value and the schema
  void check(const Value& value, const Value* old, Place place) {
    const SchemaNode& node = place.node;
    if (out_of_budget_ || !set_.carriers_.contains(&node)) return;
    if (!place.settled && old != nullptr && !always_changes(place.path))
      place.settled = is_unchanged(value, *old, node);
    const auto rules = set_.rules_.find(&node);
    if (rules != set_.rules_.end() && !value.is_null()) {
      for (const auto& rule : rules->second)
        ask(*rule, value, old, place);
    }
    if (const json::Object* members = value.as_object()) {
      for (const auto& [name, member] : *members) {
        const SchemaNode* inner = node.member(name);
        if (inner == nullptr) continue;
        const std::string at = node.property(name) != nullptr
                                   ? member_path(place.path, name)
                                   : fmt::format("{}[{}]", place.path, name);
        check(member, old == nullptr ? nullptr : old->find(name), {*inner, at, place.settled});
      }
    } else if (const json::Array* elements = value.as_array(); elements && node.items) {
      OldElements before(old, node);
      for (std::size_t i = 0; i < elements->size(); ++i) {
        const Value& element = (*elements)[i];
        check(element, before.find(element, i),
              {*node.items, fmt::format("{}[{}]", place.path, i), place.settled});
      }
    }
  }

 private:
  void ask(const Compiled& rule, const Value& value, const Value* old, const Place& place) {
    if (out_of_budget_) return;
    const bool has_old = old != nullptr && !old->is_null();
    if (rule.is_transition()) {
      if (!has_old && !rule.source.optional_old_self) return;
    } else if (place.settled) {
      return;
    }
    const cel::Value self = cel::Value::from_json(value, rule.self);
    cel::Value before = cel::Value::none();
    if (has_old) before = cel::Value::from_json(*old, rule.self);
    if (has_old && rule.source.optional_old_self) before = cel::Value::optional(before);
    const std::array<cel::Value, 2> variables = {self, before};
    cel::Budget budget(std::min(kRuleSteps, left_));
    const std::uint64_t given = budget.left();
    const Result<cel::Value> answer = rule.rule.evaluate(variables, budget);
    left_ -= given - budget.left();
    if (answer && answer->is_true()) return;
    if (!answer) return failed(rule, answer.error(), place);
    tell(rule, message_of(rule, variables), value, place);
  }

  void failed(const Compiled& rule, const Error& error, const Place& place) {
    if (left_ == 0) {
      out_of_budget_ = true;
      errors_.add(place.path, "FieldValueForbidden",
                  "Forbidden: validation failed due to running out of cost budget, no further "
                  "validation rules will be run");
      return;
    }
    errors_.add(place.path, "FieldValueInvalid",
                fmt::format("Invalid value: \"{}\": {} evaluating rule: {}", place.node.type,
                            error.message(), text_of(rule)));
  }

  static std::string text_of(const Compiled& rule) {
    return trimmed(rule.source.message.empty() ? rule.source.rule : rule.source.message);
  }

  /// What the rule says of itself, else what it asks for.
  std::string message_of(const Compiled& rule, std::span<const cel::Value> variables) {
    if (rule.message) {
      cel::Budget budget(std::min(kRuleSteps, left_));
      const std::uint64_t given = budget.left();
      const Result<cel::Value> made = rule.message->evaluate(variables, budget);
      left_ -= given - budget.left();
      if (made && made->kind() == Type::Kind::kString) {
        std::string text = trimmed(made->text());
        const bool one_line = text.find('\n') == std::string::npos;
        if (one_line && !text.empty() && text.size() <= kMessageMax) return text;
      }
    }
    return (rule.source.message.empty() ? "failed rule: " : "") + text_of(rule);
  }

  void tell(const Compiled& rule,
            const std::string& message,
            const Value& value,
            const Place& place) {
    const std::string& field = rule.source.field_path;
    const std::string& path = place.path;
    const std::string at =
        field.empty()
            ? path
            : (path.empty() ? field.substr(field.starts_with('.') ? 1 : 0) : path + field);
    const std::string& reason = rule.source.reason;
    // Lists and objects would say too much.
    const bool is_shown = place.node.type != "object" && place.node.type != "array";
    const std::string shown = is_shown ? ": " + shown_value(value) : "";
    if (reason == "FieldValueForbidden") {
      errors_.add(at, reason, "Forbidden: " + message);
    } else if (reason == "FieldValueRequired") {
      errors_.add(at, reason, "Required value: " + message);
    } else if (reason == "FieldValueDuplicate") {
      errors_.add(at, reason, "Duplicate value" + shown);
    } else {
      errors_.add(at, "FieldValueInvalid", fmt::format("Invalid value{}: {}", shown, message));
    }
  }

  const RuleSet& set_;
  ValueErrors& errors_;
  std::uint64_t left_ = kObjectSteps;
  bool out_of_budget_ = false;
};

RuleSet::RuleSet(const SchemaNode& root) : root_(root) {
  compile(root, true);
}

RuleSet::~RuleSet() = default;

// NOLINTNEXTLINE(misc-no-recursion): as deep as the schema
bool RuleSet::compile(const SchemaNode& node, bool is_root) {
  bool carries = false;
  for (const auto& [name, property] : node.properties)
    carries = compile(*property, false) || carries;
  for (const SchemaNode* inner : {node.items.get(), node.additional.get()}) {
    if (inner != nullptr) carries = compile(*inner, false) || carries;
  }
  if (!node.rules.empty()) {
    const TypePtr self = type_of(node, "self", is_root);
    for (const SchemaRule& source : node.rules) {
      const cel::Environment known = environment(self, source.optional_old_self);
      auto rule = cel::Program::compile(source.rule, known);
      if (!rule || rule->type()->kind() != Type::Kind::kBool) continue;
      std::optional<cel::Program> message;
      if (!source.message_expression.empty()) {
        if (auto made = cel::Program::compile(source.message_expression, known))
          message.emplace(*std::move(made));
      }
      rules_[&node].push_back(std::make_unique<const Compiled>(
          Compiled{source, self, *std::move(rule), std::move(message)}));
    }
    carries = true;
  }
  if (carries) carriers_.insert(&node);
  return carries;
}

void RuleSet::check(const Value& object, const Value* old, ValueErrors& errors) const {
  Run(*this, errors).check(object, old, {root_, "", false});
}

namespace {

/// Compiles the rules of a schema and tells what is wrong with them.
class RuleChecker {
 public:
  explicit RuleChecker(FieldErrors& errors) : errors_(errors) {}

  /// `lost`: the list in which objects cannot be told apart, if there is one.
  // NOLINTNEXTLINE(misc-no-recursion): as deep as the schema
  void check(const SchemaNode& node,
             const FieldPath& path,
             bool is_root,
             const std::optional<FieldPath>& lost) {
    if (!node.rules.empty()) {
      const TypePtr self = type_of(node, "self", is_root);
      const FieldPath rules = path.child("x-kubernetes-validations");
      for (std::size_t i = 0; i < node.rules.size(); ++i)
        rule(node.rules[i], self, rules.index(i), lost);
    }
    for (const auto& [name, property] : node.properties)
      check(*property, path.child("properties").key(name), false, lost);
    if (node.additional != nullptr)
      check(*node.additional, path.child("additionalProperties"), false, lost);
    if (node.items == nullptr) return;
    const FieldPath items = path.child("items");
    const bool loses = node.list_type != "map" && !lost;
    check(*node.items, items, false, loses ? std::optional(items) : lost);
  }

 private:
  void rule(const SchemaRule& rule,
            const TypePtr& self,
            const FieldPath& path,
            const std::optional<FieldPath>& lost) {
    texts(rule, path);
    if (rule.rule.empty()) return;
    const cel::Environment known = environment(self, rule.optional_old_self);
    const auto compiled = cel::Program::compile(rule.rule, known);
    const FieldPath at = path.child("rule");
    if (!compiled) {
      errors_.invalid(at, rule.rule, "compilation failed: " + compiled.error().message());
    } else if (compiled->type()->kind() != Type::Kind::kBool) {
      errors_.invalid(at, rule.rule, "must evaluate to a bool");
    } else if (compiled->uses(kOldSelf) && lost) {
      errors_.invalid(at, rule.rule,
                      fmt::format("oldSelf cannot be used on the uncorrelatable portion of the "
                                  "schema within {}",
                                  lost->text()));
    } else if (rule.optional_old_self && !compiled->uses(kOldSelf)) {
      errors_.invalid(path.child("optionalOldSelf"), true,
                      "may not be set if oldSelf is not used in rule");
    }
    if (rule.message_expression.empty()) return;
    const auto message = cel::Program::compile(rule.message_expression, known);
    const FieldPath expression = path.child("messageExpression");
    if (!message) {
      errors_.invalid(expression, rule.message_expression,
                      "messageExpression compilation failed: " + message.error().message());
    } else if (message->type()->kind() != Type::Kind::kString) {
      errors_.invalid(expression, rule.message_expression,
                      "messageExpression must evaluate to a string");
    }
  }

  void texts(const SchemaRule& rule, const FieldPath& path) {
    const auto lines = [](const std::string& text) { return text.find('\n') != std::string::npos; };
    if (rule.rule.empty()) errors_.required(path.child("rule"), "rule is not specified");
    if (lines(rule.message)) {
      errors_.invalid(path.child("message"), rule.message, "must not contain line breaks");
    } else if (rule.message.empty() && lines(rule.rule)) {
      errors_.required(path.child("message"),
                       "message must be specified if rule contains line breaks");
    }
    const std::string& reason = rule.reason;
    if (!reason.empty() && reason != "FieldValueInvalid" && reason != "FieldValueForbidden" &&
        reason != "FieldValueRequired" && reason != "FieldValueDuplicate") {
      errors_.not_supported(path.child("reason"), reason,
                            {"FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid",
                             "FieldValueRequired"});
    }
    if (rule.field_path.empty()) return;
    const auto field = JsonPath::parse(rule.field_path);
    if (!field || !field->members())
      errors_.invalid(path.child("fieldPath"), rule.field_path, "must be a valid path");
  }

  FieldErrors& errors_;
};

}  // namespace

void check_rules(const SchemaNode& root, const FieldPath& path, FieldErrors& errors) {
  RuleChecker(errors).check(root, path, true, std::nullopt);
}

cel::TypePtr expression_type(const SchemaNode& root) {
  return type_of(root, "self", true);
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
