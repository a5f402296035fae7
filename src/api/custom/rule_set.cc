#include "api/custom/rule_set.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "api/custom/correlation.h"
#include "api/custom/rule_types.h"
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
      if (!has_old && !rule.source.optional_old_self.value_or(false)) return;
    } else if (place.settled) {
      return;
    }
    const cel::Value self = cel::Value::from_json(value, rule.self);
    cel::Value before = cel::Value::none();
    if (has_old) before = cel::Value::from_json(*old, rule.self);
    if (has_old && rule.source.optional_old_self.value_or(false))
      before = cel::Value::optional(before);
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
    const auto self = rule_type(node, is_root || node.embedded);
    for (const SchemaRule& source : node.rules) {
      if (!self) break;
      const cel::Environment known =
          rule_environment(self->type, source.optional_old_self.value_or(false));
      auto rule = cel::Program::compile(source.rule, known);
      if (!rule || rule->type()->kind() != Type::Kind::kBool) continue;
      std::optional<cel::Program> message;
      if (!source.message_expression.empty()) {
        if (auto made = cel::Program::compile(source.message_expression, known))
          message.emplace(*std::move(made));
      }
      rules_[&node].push_back(std::make_unique<const Compiled>(
          Compiled{source, self->type, *std::move(rule), std::move(message)}));
    }
    carries = true;
  }
  if (carries) carriers_.insert(&node);
  return carries;
}

void RuleSet::check(const Value& object, const Value* old, ValueErrors& errors) const {
  Run(*this, errors).check(object, old, {root_, "", false});
}

}  // namespace insula::api
