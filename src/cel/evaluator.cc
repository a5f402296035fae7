#include "cel/evaluator.h"

#include <optional>
#include <span>

#include <fmt/format.h>

#include "cel/library/sorting.h"
#include "cel/lookup.h"

namespace insula::cel {

using Macro = Comprehension::Macro;

/// What a comprehension goes over: the elements of a list or the entries of a map.
class Range {
 public:
  static std::optional<Range> of(const Value& value) {
    if (const auto* list = value.as<Value::ListPtr>()) return Range(*list, nullptr);
    if (const auto* map = value.as<Value::MapPtr>()) return Range(nullptr, *map);
    return std::nullopt;
  }

  [[nodiscard]] std::size_t size() const { return list_ ? list_->size() : map_->size(); }

  /// What one variable stands for: an element, or a key.
  [[nodiscard]] Value only(std::size_t i) const { return list_ ? list_->at(i) : map_->key(i); }

  /// What two variables stand for: an index and an element, or a key and a value.
  [[nodiscard]] std::pair<Value, Value> both(std::size_t i) const {
    if (list_) return {Value::integer(static_cast<std::int64_t>(i)), list_->at(i)};
    Value key = map_->key(i);
    Value value = *map_->find(key);
    return {std::move(key), std::move(value)};
  }

 private:
  Range(Value::ListPtr list, Value::MapPtr map) : list_(std::move(list)), map_(std::move(map)) {}

  Value::ListPtr list_;
  Value::MapPtr map_;
};

namespace {

/// Whether a value of this kind can be an argument where the overload expects that type; what is
/// inside of lists and maps is not looked at.
bool is_taken(const Type& parameter, const Value& value) {
  switch (parameter.kind()) {
    case Type::Kind::kDyn:
    case Type::Kind::kParameter:
      return true;
    case Type::Kind::kObject:
      return value.kind() == Type::Kind::kMap;
    case Type::Kind::kOpaque: {
      const auto* opaque = value.as<Value::OpaquePtr>();
      return opaque != nullptr && (*opaque)->type()->name() == parameter.name();
    }
    default:
      return value.kind() == parameter.kind();
  }
}

const Overload* chosen(const Call& call, std::span<const Value> arguments) {
  for (const Overload* overload : call.overloads) {
    bool taken = true;
    for (std::size_t i = 0; taken && i < arguments.size(); ++i) {
      taken = is_taken(*overload->parameters[i], arguments[i]);
    }
    if (taken) return overload;
  }
  return nullptr;
}

}  // namespace

Result<Value> Evaluator::evaluate(const Expression& expression) {
  INSULA_TRY_VOID(budget_.charge(1));
  return std::visit([&](const auto& form) { return value_of(form); }, expression.form);
}

Result<Value> Evaluator::value_of(const Literal& literal) {
  return literal.value;
}

Result<Value> Evaluator::value_of(const Identifier& identifier) {
  return identifier.constant ? *identifier.constant : slots_[identifier.slot];
}

Result<Value> Evaluator::value_of(const Select& select) {
  INSULA_TRY(const Value operand, evaluate(*select.operand));
  const auto* optional = operand.as<Value::Optional>();
  if (optional != nullptr && optional->content == nullptr) {
    return select.form == Select::Form::kHas ? Value::boolean(false) : Value::none();
  }
  const Value& container = optional == nullptr ? operand : *optional->content;
  const auto* map = container.as<Value::MapPtr>();
  if (map == nullptr) return no_such_overload();
  std::optional<Value> found = (*map)->find(Value::string(select.field));
  if (select.form == Select::Form::kHas) return Value::boolean(found.has_value());
  if (optional != nullptr || select.form == Select::Form::kOptional) {
    return found ? Value::optional(*std::move(found)) : Value::none();
  }
  if (!found) return no_such_key(Value::string(select.field));
  return *std::move(found);
}

Result<Value> Evaluator::value_of(const Call& call) {
  std::vector<Value> arguments;
  arguments.reserve(call.arguments.size());
  for (const ExpressionPtr& argument : call.arguments) {
    INSULA_TRY(Value value, evaluate(*argument));
    arguments.push_back(std::move(value));
  }
  const Overload* overload = chosen(call, arguments);
  if (overload == nullptr) return no_such_overload();
  return overload->implementation(arguments, budget_);
}

Result<std::optional<Value>> Evaluator::part_of(const Expression& part, bool optional) {
  INSULA_TRY(Value value, evaluate(part));
  if (!optional) return std::optional(std::move(value));
  const auto* held = value.as<Value::Optional>();
  if (held == nullptr) return no_such_overload();
  return held->content == nullptr ? std::optional<Value>() : std::optional(*held->content);
}

Result<bool> Evaluator::truth_of(const Expression& expression) {
  INSULA_TRY(const Value value, evaluate(expression));
  const auto* truth = value.as<bool>();
  if (truth == nullptr) return no_such_overload();
  return *truth;
}

Result<Value> Evaluator::value_of(const Logical& logical) {
  const Result<bool> left = truth_of(*logical.left);
  if (left ? *left == logical.decides : is_final(left.error())) {
    return truth_value(left);
  }
  const Result<bool> right = truth_of(*logical.right);
  if (right ? *right == logical.decides : is_final(right.error())) {
    return truth_value(right);
  }
  // Neither decides: an error of the left side comes first.
  return truth_value(left ? right : left);
}

Result<Value> Evaluator::value_of(const Conditional& conditional) {
  INSULA_TRY(const bool condition, truth_of(*conditional.condition));
  return evaluate(condition ? *conditional.yes : *conditional.no);
}

Result<Value> Evaluator::value_of(const ListLiteral& list) {
  std::vector<Value> elements;
  elements.reserve(list.elements.size());
  for (std::size_t i = 0; i < list.elements.size(); ++i) {
    INSULA_TRY(std::optional<Value> value, part_of(*list.elements[i], list.optional[i]));
    if (value) elements.push_back(*std::move(value));
  }
  return Value::list(std::move(elements));
}

Result<Value> Evaluator::value_of(const MapLiteral& map) {
  std::vector<std::pair<Value, Value>> entries;
  entries.reserve(map.entries.size());
  for (std::size_t i = 0; i < map.entries.size(); ++i) {
    INSULA_TRY(Value key, evaluate(*map.entries[i].first));
    INSULA_TRY(std::optional<Value> value, part_of(*map.entries[i].second, map.optional[i]));
    const Type::Kind kind = key.kind();
    if (kind != Type::Kind::kString && kind != Type::Kind::kInt && kind != Type::Kind::kUint &&
        kind != Type::Kind::kBool) {
      return fail(ErrorCode::kInvalid, fmt::format("unsupported key type: {}", key.type_name()));
    }
    if (value) entries.emplace_back(std::move(key), *std::move(value));
  }
  return Value::map(std::move(entries));
}

Result<Value> Evaluator::value_of(const ObjectLiteral& object) {
  std::vector<std::pair<std::string, Value>> fields;
  fields.reserve(object.fields.size());
  for (const ObjectLiteral::Field& field : object.fields) {
    INSULA_TRY(std::optional<Value> value, part_of(*field.value, field.optional));
    if (!value) continue;
    // The checker has let pass what it did not know the type of.
    if (!is_taken(*object.type->field(field.name), *value)) {
      return fail(ErrorCode::kInvalid, fmt::format("unexpected type {} for {} '{}' field",
                                                   value->type_name(), object.name, field.name));
    }
    fields.emplace_back(field.name, *std::move(value));
  }
  return Value::object(object.type, std::move(fields));
}

Result<Value> Evaluator::value_of(const Comprehension& node) {
  INSULA_TRY(const Value value, evaluate(*node.range));
  if (node.macro == Macro::kOptMap || node.macro == Macro::kOptFlatMap) {
    return of_optional(node, value);
  }
  const auto range = Range::of(value);
  if (!range) return no_such_overload();
  switch (node.macro) {
    case Macro::kAll:
    case Macro::kExists:
      return quantified(node, *range);
    case Macro::kExistsOne:
      return exists_one(node, *range);
    case Macro::kSortBy:
      return sorted(node, value, *range);
    case Macro::kTransformMapEntry:
      return merged(node, *range);
    default:
      return collected(node, *range);
  }
}

Result<> Evaluator::bind(const Comprehension& node, const Range& range, std::size_t i) {
  INSULA_TRY_VOID(budget_.charge(1));
  if (node.variables.size() == 1) {
    slots_[node.slot] = range.only(i);
  } else {
    std::tie(slots_[node.slot], slots_[node.slot + 1]) = range.both(i);
  }
  return {};
}

/// `all` is decided by the first false, `exists` by the first true; an error counts when nothing
/// decides.
Result<Value> Evaluator::quantified(const Comprehension& node, const Range& range) {
  const bool decides = node.macro == Macro::kExists;
  std::optional<Error> error;
  for (std::size_t i = 0; i < range.size(); ++i) {
    INSULA_TRY_VOID(bind(node, range, i));
    Result<bool> truth = truth_of(*node.step);
    if (truth) {
      if (*truth == decides) return Value::boolean(decides);
    } else if (is_final(truth.error())) {
      return std::unexpected(std::move(truth).error());
    } else if (!error) {
      error = std::move(truth).error();
    }
  }
  if (error) return std::unexpected(*std::move(error));
  return Value::boolean(!decides);
}

Result<Value> Evaluator::exists_one(const Comprehension& node, const Range& range) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < range.size(); ++i) {
    INSULA_TRY_VOID(bind(node, range, i));
    INSULA_TRY(const bool truth, truth_of(*node.step));
    count += truth ? 1 : 0;
  }
  return Value::boolean(count == 1);
}

Result<Value> Evaluator::collected(const Comprehension& node, const Range& range) {
  std::vector<Value> elements;
  std::vector<std::pair<Value, Value>> entries;
  const Expression* condition = node.macro == Macro::kFilter ? node.step.get() : node.filter.get();
  for (std::size_t i = 0; i < range.size(); ++i) {
    INSULA_TRY_VOID(bind(node, range, i));
    if (condition != nullptr) {
      INSULA_TRY(const bool taken, truth_of(*condition));
      if (!taken) continue;
    }
    if (node.macro == Macro::kFilter) {
      elements.push_back(slots_[node.slot]);
      continue;
    }
    // The step may have comprehensions of its own, but those have slots of their own.
    INSULA_TRY(Value value, evaluate(*node.step));
    if (node.macro == Macro::kTransformMap) {
      entries.emplace_back(slots_[node.slot], std::move(value));
    } else {
      elements.push_back(std::move(value));
    }
  }
  if (node.macro == Macro::kTransformMap) return Value::map(std::move(entries));
  return Value::list(std::move(elements));
}

Result<Value> Evaluator::sorted(const Comprehension& node, const Value& value, const Range& range) {
  const auto* list = value.as<Value::ListPtr>();
  if (list == nullptr) return no_such_overload();
  std::vector<Value> keys;
  keys.reserve(range.size());
  for (std::size_t i = 0; i < range.size(); ++i) {
    INSULA_TRY_VOID(bind(node, range, i));
    INSULA_TRY(Value key, evaluate(*node.step));
    keys.push_back(std::move(key));
  }
  const Value in_order = Value::list(std::move(keys));
  return library::sorted_by(**list, **in_order.as<Value::ListPtr>(), budget_);
}

Result<Value> Evaluator::merged(const Comprehension& node, const Range& range) {
  std::vector<std::pair<Value, Value>> entries;
  for (std::size_t i = 0; i < range.size(); ++i) {
    INSULA_TRY_VOID(bind(node, range, i));
    if (node.filter != nullptr) {
      INSULA_TRY(const bool taken, truth_of(*node.filter));
      if (!taken) continue;
    }
    INSULA_TRY(const Value made, evaluate(*node.step));
    const auto* map = made.as<Value::MapPtr>();
    if (map == nullptr) return no_such_overload();
    for (std::size_t at = 0; at < (*map)->size(); ++at) {
      INSULA_TRY_VOID(budget_.charge(1));
      Value key = (*map)->key(at);
      Value value = *(*map)->find(key);
      entries.emplace_back(std::move(key), std::move(value));
    }
  }
  const std::size_t count = entries.size();
  Value merged = Value::map(entries);
  const Map& map = **merged.as<Value::MapPtr>();
  if (map.size() == count) return merged;
  // Each key is in the map where it came first: the first that is not comes for the second time.
  std::size_t at = 0;
  while (at < map.size() && map.key(at).equals(entries[at].first))
    ++at;
  return fail(ErrorCode::kInvalid,
              fmt::format("insert failed: key {} already exists", shown(entries[at].first)));
}

Result<Value> Evaluator::of_optional(const Comprehension& node, const Value& value) {
  const auto* optional = value.as<Value::Optional>();
  if (optional == nullptr) return no_such_overload();
  if (optional->content == nullptr) return Value::none();
  slots_[node.slot] = *optional->content;
  INSULA_TRY(Value result, evaluate(*node.step));
  if (node.macro == Macro::kOptMap) return Value::optional(std::move(result));
  if (result.as<Value::Optional>() == nullptr) return no_such_overload();
  return result;
}

}  // namespace insula::cel
