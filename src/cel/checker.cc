#include "cel/checker.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "cel/library/sorting.h"

namespace insula::cel {
namespace {

using Kind = Type::Kind;
using Macro = Comprehension::Macro;

/// Issues after these are not worth reading.
constexpr std::size_t kIssuesMax = 100;

/// The types that an expression can name.
TypePtr named_type(std::string_view name) {
  static const std::array<std::pair<std::string_view, TypePtr>, 18> named{{
      {"bool", Type::boolean()},
      {"int", Type::integer()},
      {"uint", Type::uint()},
      {"double", Type::real()},
      {"string", Type::string()},
      {"bytes", Type::bytes()},
      {"list", Type::opaque("list")},
      {"map", Type::opaque("map")},
      {"null_type", Type::opaque("null_type")},
      {"type", Type::type()},
      {"google.protobuf.Timestamp", Type::opaque("google.protobuf.Timestamp")},
      {"google.protobuf.Duration", Type::opaque("google.protobuf.Duration")},
      {"net.IP", Type::opaque("net.IP")},
      {"net.CIDR", Type::opaque("net.CIDR")},
      {"kubernetes.Quantity", Type::opaque("kubernetes.Quantity")},
      {"kubernetes.Semver", Type::opaque("kubernetes.Semver")},
      {"kubernetes.URL", Type::opaque("kubernetes.URL")},
      {"kubernetes.NamedFormat", Type::opaque("kubernetes.NamedFormat")},
  }};
  const auto* found = std::ranges::find(named, name, [](const auto& entry) { return entry.first; });
  return found == named.end() ? nullptr : found->second;
}

class Checker {
 public:
  explicit Checker(const Environment& environment) : environment_(environment) {
    for (const auto& [name, type] : environment.variables)
      scope_.push_back({name, type});
    checked_.slots = scope_.size();
    checked_.used.resize(scope_.size());
  }

  Checked run(Expression& expression) {
    checked_.type = type_of(expression);
    return std::move(checked_);
  }

 private:
  struct Variable {
    std::string name;
    TypePtr type;
  };

  TypePtr wrong(std::size_t offset, std::string message) {
    if (checked_.issues.size() < kIssuesMax) {
      checked_.issues.push_back({offset, std::move(message)});
    }
    return Type::dyn();
  }

  TypePtr type_of(Expression& expression) {
    return std::visit([&](auto& form) { return check_form(form, expression); }, expression.form);
  }

  TypePtr check_form(Literal& literal, Expression& expression) {
    switch (literal.value.kind()) {
      case Kind::kNull:
        return Type::null();
      case Kind::kBool:
        return Type::boolean();
      case Kind::kInt:
        return Type::integer();
      case Kind::kUint:
        return Type::uint();
      case Kind::kDouble:
        return Type::real();
      case Kind::kString:
        return Type::string();
      case Kind::kBytes:
        return Type::bytes();
      default:
        return wrong(expression.offset, "a literal of this type cannot be written");
    }
  }

  /// The innermost variable of this name.
  std::optional<std::size_t> slot_of(std::string_view name) const {
    for (std::size_t i = scope_.size(); i > 0; --i) {
      if (scope_[i - 1].name == name) return i - 1;
    }
    return std::nullopt;
  }

  TypePtr check_form(Identifier& identifier, Expression& expression) {
    if (const auto slot = slot_of(identifier.name)) {
      if (*slot < checked_.used.size()) checked_.used[*slot] = true;
      identifier.slot = *slot;
      return scope_[*slot].type;
    }
    if (TypePtr type = named_type(identifier.name)) {
      identifier.constant = Value::type(std::move(type));
      return Type::type();
    }
    return undeclared(expression.offset, identifier.name);
  }

  TypePtr undeclared(std::size_t offset, std::string_view name) {
    return wrong(offset, fmt::format("undeclared reference to '{}' (in container '')", name));
  }

  /// Whether names that begin with this one can only be of types and functions.
  [[nodiscard]] bool is_free(std::string_view dotted) const {
    return !dotted.empty() && !slot_of(dotted.substr(0, dotted.find('.')));
  }

  TypePtr check_form(Select& select, Expression& expression) {
    const std::string dotted = dotted_name(expression);
    if (is_free(dotted)) {
      if (TypePtr type = named_type(dotted)) {
        expression.form =
            Identifier{.name = dotted, .slot = 0, .constant = Value::type(std::move(type))};
        return Type::type();
      }
    }
    TypePtr operand = type_of(*select.operand);
    const bool of_optional = operand->is(Kind::kOptional);
    if (of_optional) operand = operand->first();
    const TypePtr field = field_type(*operand, select.field, expression.offset);
    if (select.form == Select::Form::kHas) return Type::boolean();
    return of_optional || select.form == Select::Form::kOptional ? Type::optional(field) : field;
  }

  TypePtr field_type(const Type& operand, const std::string& field, std::size_t offset) {
    switch (operand.kind()) {
      case Kind::kDyn:
        return Type::dyn();
      case Kind::kMap:
        return operand.second();
      case Kind::kObject: {
        TypePtr type = operand.field(field);
        return type ? type : wrong(offset, fmt::format("undefined field '{}'", field));
      }
      default:
        return wrong(offset,
                     fmt::format("type '{}' does not support field selection", operand.text()));
    }
  }

  TypePtr check_form(Call& call, Expression& expression) {
    resolve_qualified(call);
    const FunctionTable::Overloads* overloads =
        call.member ? environment_.functions.find_member(call.function)
                    : environment_.functions.find(call.function);
    std::vector<TypePtr> types;
    types.reserve(call.arguments.size());
    mixed_ += call.function == "format" ? 1 : 0;
    for (const ExpressionPtr& argument : call.arguments) {
      types.push_back(type_of(*argument));
    }
    mixed_ -= call.function == "format" ? 1 : 0;
    if (overloads == nullptr) return undeclared(expression.offset, call.function);
    TypePtr result;
    for (const Overload& overload : *overloads) {
      Substitution substitution;
      if (!takes(overload, types, substitution)) continue;
      call.overloads.push_back(&overload);
      const TypePtr type = substitution.apply(overload.result);
      result = result ? joined(result, type) : type;
    }
    if (!result) return no_overload(call, types, expression.offset);
    try_literal(call);
    return result;
  }

  /// A text that stands in the source and is no time or no regular expression is wrong for every
  /// object, and better known before the first one.
  void try_literal(const Call& call) {
    static constexpr std::array<std::pair<std::string_view, std::size_t>, 5> kLiterals{
        {{"timestamp", 0}, {"duration", 0}, {"matches", 1}, {"find", 1}, {"findAll", 1}}};
    const auto* known =
        std::ranges::find(kLiterals, call.function, [](const auto& entry) { return entry.first; });
    if (known == kLiterals.end()) return;
    const std::size_t place = known->second;
    const auto* literal = std::get_if<Literal>(&call.arguments[place]->form);
    if (literal == nullptr || literal->value.kind() != Kind::kString) return;
    std::vector<Value> arguments(place, Value::string(""));
    arguments.push_back(literal->value);
    if (call.arguments.size() > arguments.size()) arguments.push_back(Value::integer(0));
    Budget budget(kSourceBytesMax * 10);
    for (const Overload* overload : call.overloads) {
      if (!overload->parameters[place]->is(Kind::kString)) continue;
      const Result<Value> tried = overload->implementation(arguments, budget);
      if (tried) continue;
      static_cast<void>(
          wrong(call.arguments[place]->offset, fmt::format("invalid {} argument", call.function)));
    }
  }

  /// The type of an aggregate's elements so far and of one more. All have one type, but in the
  /// arguments of `format`.
  TypePtr together(const TypePtr& so_far, const TypePtr& type, std::size_t offset) {
    if (!so_far || so_far == Type::unknown()) return type;
    if (type == Type::unknown()) return so_far;
    Substitution none;
    const bool alike = so_far->is(Kind::kDyn) == type->is(Kind::kDyn) && none.assign(so_far, type);
    if (alike || mixed_ > 0) return joined(so_far, type);
    return wrong(offset,
                 fmt::format("expected type '{}' but found '{}'", so_far->text(), type->text()));
  }

  /// `optional.of(x)` is a function of that name, unless there is a variable `optional`.
  void resolve_qualified(Call& call) const {
    if (!call.member) return;
    const std::string receiver = dotted_name(*call.arguments[0]);
    if (!is_free(receiver)) return;
    std::string name = receiver + "." + call.function;
    if (environment_.functions.find(name) == nullptr) return;
    call.function = std::move(name);
    call.member = false;
    call.arguments.erase(call.arguments.begin());
  }

  static bool takes(const Overload& overload,
                    std::span<const TypePtr> arguments,
                    Substitution& substitution) {
    if (overload.parameters.size() != arguments.size()) return false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (!substitution.assign(overload.parameters[i], arguments[i])) return false;
    }
    return true;
  }

  TypePtr no_overload(const Call& call, std::span<const TypePtr> types, std::size_t offset) {
    std::string list;
    for (std::size_t i = call.member ? 1 : 0; i < types.size(); ++i) {
      list += (list.empty() ? "" : ", ") + types[i]->text();
    }
    const std::string applied =
        call.member ? fmt::format("{}.({})", types[0]->text(), list) : fmt::format("({})", list);
    return wrong(offset, fmt::format("found no matching overload for '{}' applied to '{}'",
                                     call.function, applied));
  }

  /// Checks an expression that must have this type.
  void expect(Expression& expression, const TypePtr& type) {
    const TypePtr found = type_of(expression);
    Substitution none;
    if (none.assign(type, found)) return;
    static_cast<void>(wrong(expression.offset, fmt::format("expected type '{}' but found '{}'",
                                                           type->text(), found->text())));
  }

  TypePtr check_form(Logical& logical, Expression&) {
    expect(*logical.left, Type::boolean());
    expect(*logical.right, Type::boolean());
    return Type::boolean();
  }

  TypePtr check_form(Conditional& conditional, Expression& expression) {
    expect(*conditional.condition, Type::boolean());
    const TypePtr yes = type_of(*conditional.yes);
    const TypePtr no = type_of(*conditional.no);
    Substitution none;
    if (none.assign(yes, no)) return joined(yes, no);
    return wrong(expression.offset,
                 fmt::format("found no matching overload for '_?_:_' applied to '(bool, {}, {})'",
                             yes->text(), no->text()));
  }

  /// The type of a part of a literal; of the content when the part is written `?x`.
  TypePtr part_type(Expression& part, bool optional) {
    TypePtr type = type_of(part);
    if (!optional || type->is(Kind::kDyn)) return type;
    if (type->is(Kind::kOptional)) return type->first();
    return wrong(part.offset,
                 fmt::format("expected type 'optional_type(dyn)' but found '{}'", type->text()));
  }

  TypePtr check_form(ListLiteral& list, Expression&) {
    TypePtr element;
    for (std::size_t i = 0; i < list.elements.size(); ++i) {
      Expression& expression = *list.elements[i];
      element = together(element, part_type(expression, list.optional[i]), expression.offset);
    }
    return Type::list(element ? element : Type::unknown());
  }

  TypePtr check_form(MapLiteral& map, Expression&) {
    TypePtr key;
    TypePtr value;
    for (std::size_t i = 0; i < map.entries.size(); ++i) {
      const auto& [key_expression, value_expression] = map.entries[i];
      const TypePtr key_type = type_of(*key_expression);
      if (!is_key(key_type->kind())) {
        static_cast<void>(wrong(key_expression->offset,
                                fmt::format("unsupported key type '{}'", key_type->text())));
      }
      key = together(key, key_type, key_expression->offset);
      value =
          together(value, part_type(*value_expression, map.optional[i]), value_expression->offset);
    }
    return Type::map(key ? key : Type::unknown(), value ? value : Type::unknown());
  }

  TypePtr check_form(ObjectLiteral& object, Expression& expression) {
    if (environment_.constructible) object.type = environment_.constructible(object.name);
    for (const ObjectLiteral::Field& field : object.fields) {
      const TypePtr given = part_type(*field.value, field.optional);
      if (!object.type) continue;
      const TypePtr declared = object.type->field(field.name);
      Substitution none;
      if (!declared) {
        static_cast<void>(wrong(field.offset, fmt::format("undefined field '{}'", field.name)));
      } else if (!none.assign(declared, given)) {
        static_cast<void>(wrong(
            field.offset, fmt::format("expected type of field '{}' is '{}' but provided type is "
                                      "'{}'",
                                      field.name, declared->text(), given->text())));
      }
    }
    return object.type ? object.type : undeclared(expression.offset, object.name);
  }

  static bool is_key(Kind kind) {
    return kind == Kind::kDyn || kind == Kind::kBool || kind == Kind::kInt || kind == Kind::kUint ||
           kind == Kind::kString;
  }

  /// The types of a comprehension's variables; none when it has no such range.
  static std::vector<TypePtr> variable_types(const Comprehension& node, const TypePtr& range) {
    const std::size_t count = node.variables.size();
    const bool of_optional = node.macro == Macro::kOptMap || node.macro == Macro::kOptFlatMap;
    if (range->is(Kind::kDyn)) return std::vector<TypePtr>(count, Type::dyn());
    if (of_optional) {
      return range->is(Kind::kOptional) ? std::vector{range->first()} : std::vector<TypePtr>();
    }
    if (range->is(Kind::kList)) {
      return count == 1 ? std::vector{range->first()}
                        : std::vector{Type::integer(), range->first()};
    }
    if (range->is(Kind::kMap)) {
      return count == 1 ? std::vector{range->first()}
                        : std::vector{range->first(), range->second()};
    }
    return {};
  }

  TypePtr check_form(Comprehension& node, Expression&) {
    const TypePtr range = type_of(*node.range);
    std::vector<TypePtr> types = variable_types(node, range);
    if (types.empty()) {
      static_cast<void>(wrong(
          node.range->offset,
          fmt::format("expression of type '{}' cannot be range of a comprehension (must be list, "
                      "map, or dynamic)",
                      range->text())));
      types.assign(node.variables.size(), Type::dyn());
    }
    node.slot = scope_.size();
    for (std::size_t i = 0; i < node.variables.size(); ++i) {
      scope_.push_back({node.variables[i], types[i]});
    }
    checked_.slots = std::max(checked_.slots, scope_.size());
    if (node.filter) expect(*node.filter, Type::boolean());
    const TypePtr result =
        node.macro == Macro::kSortBy ? sorted_type(node, range) : result_of(node, types[0]);
    scope_.resize(node.slot);
    return result;
  }

  /// Keys must have an order.
  TypePtr sorted_type(Comprehension& node, const TypePtr& range) {
    const TypePtr key = type_of(*node.step);
    const bool has_order = key->is(Kind::kDyn) ||
                           std::ranges::any_of(library::sortable_types(), [&](const TypePtr& type) {
                             return type->kind() == key->kind();
                           });
    if (has_order && (range->is(Kind::kList) || range->is(Kind::kDyn)))
      return range->is(Kind::kList) ? range : Type::list(Type::dyn());
    return wrong(node.range->offset,
                 fmt::format("found no matching overload for '@sortByAssociatedKeys' applied to "
                             "'{}.(list({}))'",
                             range->text(), key->text()));
  }

  /// Of steps that are maps, whose entries become one map.
  TypePtr entries_type(Comprehension& node) {
    TypePtr step = type_of(*node.step);
    if (step->is(Kind::kMap)) return step;
    if (step->is(Kind::kDyn)) return Type::map(Type::dyn(), Type::dyn());
    return wrong(node.step->offset,
                 fmt::format("found no matching overload for 'cel.@mapInsert' applied to "
                             "'(map(dyn, dyn), {})'",
                             step->text()));
  }

  TypePtr result_of(Comprehension& node, const TypePtr& first) {
    switch (node.macro) {
      case Macro::kAll:
      case Macro::kExists:
      case Macro::kExistsOne:
        expect(*node.step, Type::boolean());
        return Type::boolean();
      case Macro::kFilter:
        expect(*node.step, Type::boolean());
        return Type::list(first);
      case Macro::kMap:
        return Type::list(type_of(*node.step));
      case Macro::kTransformMap:
        return Type::map(first, type_of(*node.step));
      case Macro::kTransformMapEntry:
        return entries_type(node);
      case Macro::kOptMap:
        return Type::optional(type_of(*node.step));
      case Macro::kSortBy:
      case Macro::kOptFlatMap:
        break;
    }
    TypePtr step = type_of(*node.step);
    if (step->is(Kind::kOptional) || step->is(Kind::kDyn)) return step;
    return wrong(node.step->offset,
                 fmt::format("expected type 'optional_type(dyn)' but found '{}'", step->text()));
  }

  const Environment& environment_;
  std::vector<Variable> scope_;
  std::size_t mixed_ = 0;  // levels within arguments whose lists may hold anything
  Checked checked_;
};

}  // namespace

Checked check(Expression& expression, const Environment& environment) {
  return Checker(environment).run(expression);
}

}  // namespace insula::cel
