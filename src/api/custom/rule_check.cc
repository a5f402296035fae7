#include "api/custom/rule_check.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/custom/rule_types.h"
#include "api/custom/schema_path.h"
#include "cel/program.h"
#include "json/write.h"

namespace insula::api {

namespace {

using cel::Type;

bool has_lines(std::string_view text) {
  return text.find_first_of("\n\r") != std::string_view::npos;
}

bool is_blank(std::string_view text) {
  return trimmed(text).empty();
}

/// A rule as messages show it: as Go writes it, with what HTML knows as codes.
ShownValue shown(const SchemaRule& rule) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? json::Value() : json::Value(text);
  };
  const std::string text = json::write(
      json::Object{{"Rule", rule.rule},
                   {"Message", rule.message},
                   {"MessageExpression", rule.message_expression},
                   {"Reason", or_null(rule.reason)},
                   {"FieldPath", rule.field_path},
                   {"OptionalOldSelf", rule.optional_old_self ? json::Value(*rule.optional_old_self)
                                                              : json::Value()}});
  std::string out;
  for (const char c : text) {
    if (c == '<' || c == '>' || c == '&')
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return ShownValue::json(std::move(out));
}

/// Calls `visit` with the schemas of what is in a value, and their paths.
template <class Visit>
// NOLINTNEXTLINE(misc-no-recursion): as deep as the schema
void each_child(const SchemaNode& node, const FieldPath& path, const Visit& visit) {
  for (const auto& [name, property] : node.properties)
    visit(*property, path.child("properties").key(name));
  if (node.additional != nullptr) visit(*node.additional, path.child("additionalProperties"));
  if (node.items != nullptr) visit(*node.items, path.child("items"));
}

/// Compiles the rules of a schema and tells what is wrong with them.
class RuleChecker {
 public:
  explicit RuleChecker(FieldErrors& errors) : errors_(errors) {}

  /// `lost`: the list in which objects cannot be told apart, if there is one.
  /// Whether what rules say beside their expressions is right, here and below.
  // NOLINTNEXTLINE(misc-no-recursion): as deep as the schema
  bool check(const SchemaNode& node,
             const FieldPath& path,
             bool is_object,
             const std::optional<FieldPath>& lost) {
    bool right = true;
    each_child(node, path, [&](const SchemaNode& inner, const FieldPath& at) {
      const bool loses = &inner == node.items.get() && node.list_type != "map" && !lost;
      right = check(inner, at, inner.embedded, loses ? std::optional(at) : lost) && right;
    });
    if (node.rules.empty()) return right;
    const FieldPath rules = path.child("x-kubernetes-validations");
    const std::size_t before = errors_.size();
    for (std::size_t i = 0; i < node.rules.size(); ++i)
      texts(node.rules[i], node, rules.index(i));
    if (errors_.size() != before || !right) return false;
    const auto self = rule_type(node, is_object);
    for (std::size_t i = 0; i < node.rules.size(); ++i) {
      if (self)
        expressions(node.rules[i], self->type, rules.index(i), lost);
      else
        errors_.invalid(rules.index(i).child("rule"), shown(node.rules[i]),
                        "rules need a schema that has a type");
    }
    return true;
  }

 private:
  void expressions(const SchemaRule& rule,
                   const cel::TypePtr& self,
                   const FieldPath& path,
                   const std::optional<FieldPath>& lost) {
    const cel::Environment known = rule_environment(self, rule.optional_old_self.value_or(false));
    const auto compiled = cel::Program::compile(rule.rule, known);
    const FieldPath at = path.child("rule");
    const bool answers = compiled && compiled->type()->kind() == Type::Kind::kBool;
    if (!compiled) {
      errors_.invalid(at, shown(rule), "compilation failed: " + compiled.error().message());
    } else if (!answers) {
      errors_.invalid(at, shown(rule), "cel expression must evaluate to a bool");
    } else if (!rule.message_expression.empty()) {
      message(rule, known, path.child("messageExpression"));
    }
    if (!answers || !compiled->uses(kOldSelf)) {
      if (rule.optional_old_self) {
        errors_.invalid(path.child("optionalOldSelf"), *rule.optional_old_self,
                        "may not be set if oldSelf is not used in rule");
      }
    } else if (lost) {
      errors_.invalid(at, rule.rule,
                      fmt::format("oldSelf cannot be used on the uncorrelatable portion of the "
                                  "schema within {}",
                                  lost->text()));
    }
  }

  void message(const SchemaRule& rule, const cel::Environment& known, const FieldPath& path) {
    const auto compiled = cel::Program::compile(rule.message_expression, known);
    if (!compiled) {
      errors_.invalid(path, shown(rule),
                      "messageExpression compilation failed: " + compiled.error().message());
    } else if (compiled->type()->kind() != Type::Kind::kString) {
      errors_.invalid(path, shown(rule), "messageExpression must evaluate to a string");
    }
  }

  void texts(const SchemaRule& rule, const SchemaNode& node, const FieldPath& path) {
    const FieldPath message = path.child("message");
    if (is_blank(rule.rule)) {
      errors_.required(path.child("rule"), "rule is not specified");
    } else if (!rule.message.empty() && is_blank(rule.message)) {
      errors_.invalid(message, rule.message, "must be non-empty if specified");
    } else if (has_lines(trimmed(rule.message))) {
      errors_.invalid(message, rule.message, "must not contain line breaks");
    } else if (has_lines(trimmed(rule.rule)) && rule.message.empty()) {
      errors_.required(message, "message must be specified if rule contains line breaks");
    }
    if (!rule.message_expression.empty() && is_blank(rule.message_expression)) {
      errors_.required(path.child("messageExpression"),
                       "messageExpression must be non-empty if specified");
    }
    constexpr std::array<std::string_view, 4> kReasons = {
        "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"};
    if (!rule.reason.empty() && std::ranges::find(kReasons, rule.reason) == kReasons.end()) {
      errors_.not_supported(path.child("reason"), rule.reason,
                            std::vector<std::string_view>(kReasons.begin(), kReasons.end()));
    }
    if (rule.field_path.empty()) return;
    const FieldPath field = path.child("fieldPath");
    if (is_blank(rule.field_path))
      errors_.invalid(field, rule.field_path, "must be non-empty if specified");
    if (has_lines(rule.field_path))
      errors_.invalid(field, rule.field_path, "must not contain line breaks");
    if (!follow_path(node, rule.field_path, PathForm::kDotsAndBrackets))
      errors_.invalid(field, rule.field_path, "must be a valid path");
  }

  FieldErrors& errors_;
};

/// What one rule, and all rules of a schema, may cost.
constexpr std::uint64_t kRuleCostMax = 10'000'000;
constexpr std::uint64_t kSchemaCostMax = 100'000'000;
/// Of a request, which bounds how often anything can be in an object.
constexpr std::uint64_t kRequestBytes = 3U << 20U;

std::string too_much(std::string_view what, std::uint64_t cost, std::uint64_t most) {
  const double factor = static_cast<double>(cost) / static_cast<double>(most);
  std::string shown = "more than 100x";
  if (factor <= 100)
    shown = factor < 1.5 ? fmt::format("{:f}x", factor) : fmt::format("{:.1f}x", factor);
  return fmt::format(
      "{} exceeds budget by factor of {} (try simplifying the rule, or adding maxItems, "
      "maxProperties, and maxLength where arrays, maps, and strings are declared)",
      what, shown);
}

/// Adds up what the rules of a schema cost.
class RuleCosts {
 public:
  explicit RuleCosts(FieldErrors& errors) : errors_(errors) {}

  /// `times`: how many values with this schema an object can have; none when nothing bounds that.
  // NOLINTNEXTLINE(misc-no-recursion): as deep as the schema
  void add(const SchemaNode& node,
           const FieldPath& path,
           bool is_object,
           std::optional<std::uint64_t> times) {
    each_child(node, path, [&](const SchemaNode& inner, const FieldPath& at) {
      add(inner, at, inner.embedded, inside(node, times));
    });
    if (node.rules.empty()) return;
    const auto self = rule_type(node, is_object);
    if (!self) return;
    const std::uint64_t count = times.value_or(kRequestBytes / (self->least_bytes + 1));
    for (std::size_t i = 0; i < node.rules.size(); ++i)
      rule(node.rules[i], *self, count, path.child("x-kubernetes-validations").index(i));
  }

  void finish(const FieldPath& path) {
    if (total_ <= kSchemaCostMax) return;
    constexpr std::size_t kNamed = 4;
    for (std::size_t i = 0; i < std::min(costly_.size(), kNamed); ++i) {
      errors_.forbidden(costly_[i].path,
                        "contributed to estimated rule cost total exceeding cost limit for entire "
                        "OpenAPIv3 schema");
    }
    errors_.forbidden(path, too_much("x-kubernetes-validations estimated rule cost total for "
                                     "entire OpenAPIv3 schema",
                                     total_, kSchemaCostMax));
  }

 private:
  struct Costly {
    FieldPath path;
    std::uint64_t cost;
  };

  static std::optional<std::uint64_t> inside(const SchemaNode& node,
                                             std::optional<std::uint64_t> times) {
    std::optional<std::int64_t> each = 1;
    if (node.type == "array") each = node.items_max;
    if (node.type == "object" && node.additional != nullptr) each = node.properties_max;
    if (!times || !each) return std::nullopt;
    return cel::capped_product(*times,
                               static_cast<std::uint64_t>(std::max<std::int64_t>(*each, 0)));
  }

  void rule(const SchemaRule& rule,
            const RuleType& self,
            std::uint64_t times,
            const FieldPath& path) {
    const bool optional_old = rule.optional_old_self.value_or(false);
    const std::array<const cel::Extent*, 2> extents = {self.extent.get(),
                                                       optional_old ? nullptr : self.extent.get()};
    const auto cost_of = [&](const std::string& source) -> std::uint64_t {
      const auto compiled =
          cel::Program::compile(source, rule_environment(self.type, optional_old));
      return compiled ? compiled->estimated_cost(extents) : 0;
    };
    note(path.child("rule"), "estimated rule cost", cel::capped_product(cost_of(rule.rule), times));
    if (!rule.message_expression.empty())
      note(path.child("messageExpression"), "estimated messageExpression cost",
           cost_of(rule.message_expression));
  }

  void note(const FieldPath& path, std::string_view what, std::uint64_t cost) {
    if (cost > kRuleCostMax) errors_.forbidden(path, too_much(what, cost, kRuleCostMax));
    total_ = cel::capped_sum(total_, cost);
    if (cost < kSchemaCostMax / 100) return;
    const auto place =
        std::ranges::upper_bound(costly_, cost, std::ranges::greater(), &Costly::cost);
    costly_.insert(place, {path, cost});
  }

  FieldErrors& errors_;
  std::uint64_t total_ = 0;
  std::vector<Costly> costly_;  // the costliest first
};

}  // namespace

void check_rules(const SchemaNode& root, const FieldPath& path, FieldErrors& errors) {
  RuleChecker(errors).check(root, path, true, std::nullopt);
}

void check_rule_costs(const SchemaNode& root, const FieldPath& path, FieldErrors& errors) {
  RuleCosts costs(errors);
  costs.add(root, path, true, 1);
  costs.finish(path);
}

}  // namespace insula::api
