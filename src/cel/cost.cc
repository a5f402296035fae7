#include "cel/cost.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "cel/source.h"

namespace insula::cel {
namespace {

using Kind = Type::Kind;
using Macro = Comprehension::Macro;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

constexpr std::uint64_t kListCost = 10;
constexpr std::uint64_t kMapCost = 30;
constexpr std::uint64_t kObjectCost = 40;
constexpr double kPerByte = 0.1;
constexpr double kPerPatternByte = 0.25;

/// Functions that cost one unit whatever they are called with.
constexpr std::array<std::string_view, 16> kConstant = {
    "!_",   "-_",     "_-_",  "_*_",  "_/_",   "_%_",         "size",    "int",
    "uint", "double", "type", "_[_]", "_[?_]", "getHostname", "getHost", "isInteger"};

/// Functions that look through the text that is their first argument, so many times.
struct Traversal {
  std::string_view function;
  int times;
};

constexpr std::array<Traversal, 12> kTraversals = {{
    {"lowerAscii", 1},
    {"upperAscii", 1},
    {"substring", 1},
    {"trim", 1},
    {"replace", 2},
    {"split", 2},
    {"url", 1},
    {"quantity", 1},
    {"isQuantity", 1},
    {"cidr", 1},
    {"isIP", 1},
    {"isCIDR", 1},
}};

std::uint64_t scaled(std::uint64_t size, double factor) {
  const double out = std::ceil(static_cast<double>(size) * factor);
  return out >= std::ldexp(1.0, 64) ? kMost : static_cast<std::uint64_t>(out);
}

/// What is known of the value of an expression, and what it costs to make it.
struct Estimate {
  std::uint64_t cost = 0;
  Kind kind = Kind::kDyn;
  std::optional<std::uint64_t> size = {};
  const Extent* extent = nullptr;
};

bool is_text(Kind kind) {
  return kind == Kind::kString || kind == Kind::kBytes;
}

/// Whether two values of this kind are compared at once.
bool is_scalar(Kind kind) {
  return kind == Kind::kBool || kind == Kind::kInt || kind == Kind::kUint ||
         kind == Kind::kDouble || kind == Kind::kTimestamp || kind == Kind::kDuration;
}

class Estimator {
 public:
  explicit Estimator(std::span<const Extent* const> variables) {
    for (const Extent* extent : variables)
      set(slots_.size(), of_extent(extent));
  }

  // NOLINTNEXTLINE(misc-no-recursion): as deep as the expression, which is bounded
  Estimate estimate(const Expression& expression) {
    return std::visit([&](const auto& form) { return of(form); }, expression.form);
  }

 private:
  static Estimate of_extent(const Extent* extent) {
    if (extent == nullptr) return {};
    return {.cost = 0, .kind = extent->kind, .size = extent->most, .extent = extent};
  }

  void set(std::size_t slot, Estimate value) {
    if (slots_.size() <= slot) slots_.resize(slot + 1);
    slots_[slot] = value;
  }

  static Estimate of(const Literal& literal) {
    const Kind kind = literal.value.kind();
    if (kind == Kind::kString) return {.kind = kind, .size = character_count(literal.value.text())};
    return {.kind = kind, .size = kind == Kind::kBytes ? literal.value.text().size() : 1};
  }

  Estimate of(const Identifier& identifier) {
    Estimate out = identifier.constant || identifier.slot >= slots_.size()
                       ? Estimate()
                       : slots_[identifier.slot];
    out.cost = 1;
    return out;
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  Estimate of(const Select& select) {
    const Estimate operand = estimate(*select.operand);
    if (select.form == Select::Form::kHas)
      return {.cost = operand.cost, .kind = Kind::kBool, .size = 1};
    Estimate out;
    const bool is_known = select.form == Select::Form::kField && operand.extent != nullptr;
    if (is_known) {
      const auto field = operand.extent->fields.find(select.field);
      if (field != operand.extent->fields.end()) out = of_extent(field->second.get());
    }
    const bool has_members = operand.kind == Kind::kMap || operand.kind == Kind::kObject;
    const bool counts = has_members || select.form == Select::Form::kOptional;
    out.cost = capped_sum(operand.cost, counts ? 1 : 0);
    return out;
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  Estimate of(const Logical& logical) {
    return {.cost = capped_sum(estimate(*logical.left).cost, estimate(*logical.right).cost),
            .kind = Kind::kBool,
            .size = 1};
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  Estimate of(const Conditional& conditional) {
    const Estimate yes = estimate(*conditional.yes);
    const Estimate no = estimate(*conditional.no);
    Estimate out{
        .cost = capped_sum(estimate(*conditional.condition).cost, std::max(yes.cost, no.cost)),
        .kind = yes.kind == no.kind ? yes.kind : Kind::kDyn};
    if (yes.size && no.size) out.size = std::max(*yes.size, *no.size);
    return out;
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  Estimate of(const ListLiteral& list) {
    Estimate out{.cost = kListCost, .kind = Kind::kList, .size = list.elements.size()};
    for (const ExpressionPtr& element : list.elements)
      out.cost = capped_sum(out.cost, estimate(*element).cost);
    return out;
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  Estimate of(const MapLiteral& map) {
    Estimate out{.cost = kMapCost, .kind = Kind::kMap, .size = map.entries.size()};
    for (const auto& [key, value] : map.entries)
      out.cost = capped_sum(out.cost, capped_sum(estimate(*key).cost, estimate(*value).cost));
    return out;
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  Estimate of(const ObjectLiteral& object) {
    Estimate out{.cost = kObjectCost, .kind = Kind::kObject};
    for (const ObjectLiteral::Field& field : object.fields)
      out.cost = capped_sum(out.cost, estimate(*field.value).cost);
    return out;
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  Estimate of(const Call& call) {
    std::vector<Estimate> arguments;
    std::uint64_t cost = 0;
    for (const ExpressionPtr& argument : call.arguments) {
      arguments.push_back(estimate(*argument));
      cost = capped_sum(cost, arguments.back().cost);
    }
    if (call.function == "dyn" && arguments.size() == 1) {
      Estimate out = arguments[0];
      out.cost = capped_sum(cost, 1);
      out.kind = Kind::kDyn;
      return out;
    }
    Estimate out = result_of(call, arguments);
    out.cost = capped_sum(cost, cost_of(call, arguments));
    return out;
  }

  /// What is known of the value of a call; the cost is not looked at.
  static Estimate result_of(const Call& call, const std::vector<Estimate>& arguments) {
    const std::string_view name = call.function;
    if (name == "_[_]" && arguments[0].extent != nullptr)
      return of_extent(arguments[0].extent->element.get());
    if (name == "size") return {.kind = Kind::kInt, .size = 1};
    if (name == "split" && arguments.size() == 2)
      return {.kind = Kind::kList, .size = arguments[0].size};
    const auto keeps = {"lowerAscii", "upperAscii", "substring", "trim"};
    if (std::ranges::find(keeps, name) != keeps.end())
      return {.kind = Kind::kString, .size = arguments[0].size};
    if (name == "_+_" && arguments[0].kind == arguments[1].kind) {
      Estimate out{.kind = arguments[0].kind};
      if (is_scalar(out.kind))
        out.size = 1;
      else if (arguments[0].size && arguments[1].size)
        out.size = capped_sum(*arguments[0].size, *arguments[1].size);
      return out;
    }
    return {};
  }

  /// What a call costs beside its arguments.
  static std::uint64_t cost_of(const Call& call, const std::vector<Estimate>& arguments) {
    const std::string_view name = call.function;
    if (std::ranges::find(kConstant, name) != kConstant.end()) return 1;
    const auto* traversal = std::ranges::find(kTraversals, name, &Traversal::function);
    if (traversal != kTraversals.end()) {
      return scaled(arguments[0].size.value_or(0), kPerByte * traversal->times);
    }
    return arguments.size() == 2 ? cost_of_pair(name, arguments[0], arguments[1]) : 0;
  }

  static std::uint64_t cost_of_pair(std::string_view name, const Estimate& a, const Estimate& b) {
    const auto size_of = [](const Estimate& one) { return one.size.value_or(0); };
    if (name == "_==_" || name == "_!=_") return scaled(std::min(size_of(a), size_of(b)), kPerByte);
    if (name == "_<_" || name == "_<=_" || name == "_>_" || name == "_>=_") {
      if (is_scalar(a.kind) && is_scalar(b.kind)) return 1;
      return scaled(std::min(size_of(a), size_of(b)), kPerByte);
    }
    if (name == "_+_") {
      if (is_text(a.kind) || is_text(b.kind))
        return scaled(capped_sum(size_of(a), size_of(b)), kPerByte);
      return a.kind == Kind::kDyn && b.kind == Kind::kDyn ? 0 : 1;
    }
    if (name == "@in") return b.kind == Kind::kMap ? 1 : size_of(b);
    if (name == "startsWith" || name == "endsWith") return scaled(size_of(b), kPerByte);
    if (name == "contains")
      return capped_product(scaled(size_of(a), kPerByte), scaled(size_of(b), kPerByte));
    if (name == "matches" || name == "find" || name == "findAll") {
      return capped_product(scaled(capped_sum(size_of(a), 1), kPerByte),
                            scaled(size_of(b), kPerPatternByte));
    }
    return 0;
  }

  /// What a comprehension costs for each element beside its parts, and once. It keeps a value that
  /// its steps change: `all` is `kept && step` as long as what is kept is not false.
  struct Frame {
    std::uint64_t each;
    std::uint64_t once;
  };

  static Frame frame_of(Macro macro) {
    switch (macro) {
      case Macro::kAll:
        return {.each = 3, .once = 1};
      case Macro::kExists:
        return {.each = 4, .once = 1};
      case Macro::kExistsOne:
        return {.each = 2, .once = 2};
      case Macro::kMap:
      case Macro::kSortBy:
        return {.each = kListCost + 2, .once = kListCost + 1};
      case Macro::kFilter:
        return {.each = kListCost + 3, .once = kListCost + 1};
      case Macro::kTransformMap:
        return {.each = 3, .once = kMapCost + 1};
      case Macro::kTransformMapEntry:
        return {.each = 2, .once = kMapCost + 1};
      case Macro::kOptMap:
      case Macro::kOptFlatMap:
        break;
    }
    return {.each = 0, .once = 0};
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  Estimate of(const Comprehension& node) {
    const Estimate range = estimate(*node.range);
    const bool of_optional = node.macro == Macro::kOptMap || node.macro == Macro::kOptFlatMap;
    for (std::size_t i = 0; i < node.variables.size(); ++i)
      set(node.slot + i, {});
    const bool has_elements = range.kind == Kind::kList || node.variables.size() == 2;
    if (has_elements && !of_optional && range.extent != nullptr)
      set(node.slot + node.variables.size() - 1, of_extent(range.extent->element.get()));
    const Frame frame = frame_of(node.macro);
    std::uint64_t each = capped_sum(frame.each, estimate(*node.step).cost);
    if (node.filter) each = capped_sum(each, estimate(*node.filter).cost);
    const std::uint64_t times = of_optional ? 1 : range.size.value_or(0);
    Estimate out{.cost =
                     capped_sum(capped_sum(range.cost, frame.once), capped_product(times, each))};
    if (node.macro == Macro::kAll || node.macro == Macro::kExists ||
        node.macro == Macro::kExistsOne) {
      out.kind = Kind::kBool;
      out.size = 1;
    } else if (node.macro == Macro::kMap || node.macro == Macro::kFilter) {
      out.kind = Kind::kList;
      out.size = range.size;
    }
    return out;
  }

  std::vector<Estimate> slots_;
};

}  // namespace

std::uint64_t estimated_cost(const Expression& expression,
                             std::span<const Extent* const> variables) {
  return Estimator(variables).estimate(expression).cost;
}

std::uint64_t capped_sum(std::uint64_t a, std::uint64_t b) {
  return a > kMost - b ? kMost : a + b;
}

std::uint64_t capped_product(std::uint64_t a, std::uint64_t b) {
  return b != 0 && a > kMost / b ? kMost : a * b;
}

}  // namespace insula::cel
