#include "cel/parser.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cel/lexer.h"

namespace insula::cel {
namespace {

/// Parsed is null once an issue was noted; callers pass that on.
using Parsed = ExpressionPtr;

struct MacroForm {
  std::string_view name;
  std::size_t arguments;
  Comprehension::Macro macro;
  std::size_t variables;
};

using Macro = Comprehension::Macro;

/// The arguments of each: the variables, a filter where there is one more than that and the step,
/// and the step.
constexpr std::array<MacroForm, 19> kMacros{{
    {"all", 2, Macro::kAll, 1},
    {"all", 3, Macro::kAll, 2},
    {"exists", 2, Macro::kExists, 1},
    {"exists", 3, Macro::kExists, 2},
    {"exists_one", 2, Macro::kExistsOne, 1},
    {"exists_one", 3, Macro::kExistsOne, 2},
    {"existsOne", 3, Macro::kExistsOne, 2},
    {"map", 2, Macro::kMap, 1},
    {"map", 3, Macro::kMap, 1},
    {"filter", 2, Macro::kFilter, 1},
    {"transformList", 3, Macro::kMap, 2},
    {"transformList", 4, Macro::kMap, 2},
    {"transformMap", 3, Macro::kTransformMap, 2},
    {"transformMap", 4, Macro::kTransformMap, 2},
    {"transformMapEntry", 3, Macro::kTransformMapEntry, 2},
    {"transformMapEntry", 4, Macro::kTransformMapEntry, 2},
    {"sortBy", 2, Macro::kSortBy, 1},
    {"optMap", 2, Macro::kOptMap, 1},
    {"optFlatMap", 2, Macro::kOptFlatMap, 1},
}};

struct BinaryOperator {
  std::string_view symbol;
  std::string_view function;
};

constexpr std::array<BinaryOperator, 7> kRelations{{
    {"==", "_==_"},
    {"!=", "_!=_"},
    {"<", "_<_"},
    {"<=", "_<=_"},
    {">", "_>_"},
    {">=", "_>=_"},
    {"in", "@in"},
}};
constexpr std::array<BinaryOperator, 2> kAdditions{{{"+", "_+_"}, {"-", "_-_"}}};
constexpr std::array<BinaryOperator, 3> kMultiplications{
    {{"*", "_*_"}, {"/", "_/_"}, {"%", "_%_"}}};

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  std::expected<ExpressionPtr, Issue> run() {
    Parsed expression = conditional();
    if (expression && peek().kind != Token::Kind::kEnd) unexpected();
    if (issue_) return std::unexpected(*issue_);
    return expression;
  }

 private:
  [[nodiscard]] const Token& peek() const { return tokens_[at_]; }

  [[nodiscard]] bool at(std::string_view symbol) const {
    const Token& token = peek();
    const bool is_word = symbol == "in";
    return token.kind == (is_word ? Token::Kind::kIdentifier : Token::Kind::kSymbol) &&
           token.text == symbol;
  }

  bool take(std::string_view symbol) {
    if (!at(symbol)) return false;
    ++at_;
    return true;
  }

  Parsed stop(std::size_t offset, std::string message) {
    if (!issue_) issue_ = Issue{offset, std::move(message)};
    return nullptr;
  }

  Parsed unexpected() {
    const Token& token = peek();
    if (token.kind == Token::Kind::kEnd) {
      return stop(token.offset, "Syntax error: the expression ends too early");
    }
    return stop(token.offset, fmt::format("Syntax error: unexpected '{}'", token.text));
  }

  bool expect(std::string_view symbol) {
    if (take(symbol)) return true;
    static_cast<void>(unexpected());
    return false;
  }

  Parsed make(Expression::Form form, std::size_t offset) {
    std::size_t deepest = 0;
    for_each_child(form,
                   [&](const Expression& child) { deepest = std::max(deepest, child.depth); });
    if (deepest >= kExpressionDepthMax) return too_deep(offset);
    return std::make_unique<Expression>(std::move(form), offset, deepest + 1);
  }

  Parsed too_deep(std::size_t offset) {
    return stop(offset,
                fmt::format("Syntax error: nested deeper than {} levels", kExpressionDepthMax));
  }

  Parsed call(std::string_view function, std::size_t offset, std::vector<ExpressionPtr> arguments) {
    return make(Call{.function = std::string(function),
                     .arguments = std::move(arguments),
                     .member = false,
                     .overloads = {}},
                offset);
  }

  static std::vector<ExpressionPtr> both(ExpressionPtr a, ExpressionPtr b) {
    std::vector<ExpressionPtr> pair;
    pair.push_back(std::move(a));
    pair.push_back(std::move(b));
    return pair;
  }

  /// Counts the levels of syntax that are being read.
  class Level {
   public:
    explicit Level(Parser& parser) : parser_(parser) { ++parser_.level_; }

    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

    ~Level() { --parser_.level_; }

    [[nodiscard]] bool is_too_deep() const { return parser_.level_ > kExpressionDepthMax; }

   private:
    Parser& parser_;
  };

  Parsed conditional() {
    const Level level(*this);
    if (level.is_too_deep()) return too_deep(peek().offset);
    Parsed condition = disjunction();
    const std::size_t offset = peek().offset;
    if (!condition || !take("?")) return condition;
    Parsed yes = disjunction();
    if (!yes || !expect(":")) return nullptr;
    Parsed no = conditional();
    if (!no) return nullptr;
    return make(Conditional{std::move(condition), std::move(yes), std::move(no)}, offset);
  }

  Parsed disjunction() { return logical("||", true, &Parser::conjunction); }

  Parsed conjunction() { return logical("&&", false, &Parser::relation); }

  /// A chain becomes a balanced tree: a hundred alternatives are seven levels.
  Parsed logical(std::string_view symbol, bool decides, Parsed (Parser::*operand)()) {
    std::vector<ExpressionPtr> operands;
    std::vector<std::size_t> offsets;
    for (;;) {
      Parsed next = (this->*operand)();
      if (!next) return nullptr;
      operands.push_back(std::move(next));
      offsets.push_back(peek().offset);
      if (!take(symbol)) return balanced(operands, offsets, decides);
    }
  }

  Parsed balanced(std::span<ExpressionPtr> operands,
                  std::span<const std::size_t> offsets,
                  bool decides) {
    if (operands.size() == 1) return std::move(operands[0]);
    const std::size_t middle = (operands.size() + 1) / 2;
    Parsed left = balanced(operands.first(middle), offsets.first(middle), decides);
    Parsed right = balanced(operands.subspan(middle), offsets.subspan(middle), decides);
    if (!left || !right) return nullptr;
    return make(Logical{std::move(left), std::move(right), decides}, offsets[middle - 1]);
  }

  Parsed relation() { return chain(kRelations, &Parser::addition); }

  Parsed addition() { return chain(kAdditions, &Parser::multiplication); }

  Parsed multiplication() { return chain(kMultiplications, &Parser::unary); }

  Parsed chain(std::span<const BinaryOperator> operators, Parsed (Parser::*operand)()) {
    Parsed left = (this->*operand)();
    while (left) {
      const std::size_t offset = peek().offset;
      const auto* found = std::ranges::find_if(operators, [&](const auto& known) {
                            return at(known.symbol);
                          }).base();
      if (found == operators.data() + operators.size()) return left;
      ++at_;
      Parsed right = (this->*operand)();
      if (!right) return nullptr;
      left = call(found->function, offset, both(std::move(left), std::move(right)));
    }
    return nullptr;
  }

  Parsed unary() {
    const Level level(*this);
    if (level.is_too_deep()) return too_deep(peek().offset);
    const std::size_t offset = peek().offset;
    if (take("!")) return prefixed("!_", offset);
    if (!take("-")) return member();
    const auto number = negative(peek());
    if (!number) return prefixed("-_", offset);
    ++at_;
    return member_of(make(Literal{*number}, offset));
  }

  /// The number that a minus and this literal are; the least integer has no other way in.
  static std::optional<Value> negative(const Token& token) {
    if (token.kind != Token::Kind::kLiteral) return std::nullopt;
    if (token.text == kLeastInteger) {
      return Value::integer(std::numeric_limits<std::int64_t>::min());
    }
    if (const auto* value = token.value.as<double>()) return Value::real(-*value);
    if (const auto* value = token.value.as<std::int64_t>()) return Value::integer(-*value);
    return std::nullopt;
  }

  Parsed prefixed(std::string_view function, std::size_t offset) {
    Parsed operand = unary();
    if (!operand) return nullptr;
    std::vector<ExpressionPtr> arguments;
    arguments.push_back(std::move(operand));
    return call(function, offset, std::move(arguments));
  }

  Parsed member() { return member_of(primary()); }

  Parsed member_of(Parsed operand) {
    while (operand) {
      const std::size_t offset = peek().offset;
      if (at(".") || at(".?")) {
        operand = selection(std::move(operand));
      } else if (at("[") || at("[?")) {
        const std::string_view function = at("[?") ? "_[?_]" : "_[_]";
        ++at_;
        Parsed index = conditional();
        if (!index || !expect("]")) return nullptr;
        operand = call(function, offset, both(std::move(operand), std::move(index)));
      } else if (at("{")) {
        operand = object(std::move(operand), offset);
      } else {
        return operand;
      }
    }
    return nullptr;
  }

  Parsed selection(ExpressionPtr operand) {
    const std::size_t offset = peek().offset;
    const bool optional = at(".?");
    ++at_;
    const Token& field = peek();
    const bool quoted = field.kind == Token::Kind::kQuotedName;
    if ((field.kind != Token::Kind::kIdentifier && !quoted) || field.text == "in") {
      return unexpected();
    }
    ++at_;
    if (!optional && !quoted && at("(")) return member_call(std::move(operand), field);
    return make(Select{.operand = std::move(operand),
                       .field = field.text,
                       .form = optional ? Select::Form::kOptional : Select::Form::kField},
                offset);
  }

  Parsed member_call(ExpressionPtr receiver, const Token& name) {
    const std::size_t offset = peek().offset;
    auto arguments = call_arguments();
    if (!arguments) return nullptr;
    const auto is_macro = [&](const MacroForm& form) {
      return form.name == name.text && form.arguments == arguments->size();
    };
    const auto* macro = std::ranges::find_if(kMacros, is_macro);
    if (macro != kMacros.end()) {
      return comprehension(*macro, std::move(receiver), *std::move(arguments), offset);
    }
    arguments->insert(arguments->begin(), std::move(receiver));
    return make(Call{.function = name.text,
                     .arguments = *std::move(arguments),
                     .member = true,
                     .overloads = {}},
                offset);
  }

  Parsed comprehension(const MacroForm& form,
                       ExpressionPtr range,
                       std::vector<ExpressionPtr> arguments,
                       std::size_t offset) {
    Comprehension node{.macro = form.macro,
                       .range = std::move(range),
                       .variables = {},
                       .filter = nullptr,
                       .step = nullptr};
    for (std::size_t i = 0; i < form.variables; ++i) {
      const auto* variable = std::get_if<Identifier>(&arguments[i]->form);
      if (variable == nullptr) return stop(arguments[i]->offset, "argument must be a simple name");
      node.variables.push_back(variable->name);
    }
    if (node.variables.size() == 2 && node.variables[0] == node.variables[1]) {
      return stop(arguments[1]->offset,
                  fmt::format("duplicate variable name: {}", node.variables[0]));
    }
    if (arguments.size() == form.variables + 2) node.filter = std::move(arguments[form.variables]);
    node.step = std::move(arguments.back());
    return make(std::move(node), offset);
  }

  /// From the parenthesis to its end.
  std::optional<std::vector<ExpressionPtr>> call_arguments() {
    std::vector<ExpressionPtr> arguments;
    if (!expect("(")) return std::nullopt;
    while (!at(")")) {
      Parsed argument = conditional();
      if (!argument) return std::nullopt;
      arguments.push_back(std::move(argument));
      if (!at(")") && !expect(",")) return std::nullopt;
      if (at(")") && tokens_[at_ - 1].text == ",") {
        static_cast<void>(unexpected());
        return std::nullopt;
      }
    }
    ++at_;
    return arguments;
  }

  Parsed primary() {
    const Token& token = peek();
    if (token.kind == Token::Kind::kLiteral) {
      if (token.text == kLeastInteger) return stop(token.offset, "invalid int literal");
      ++at_;
      return make(Literal{token.value}, token.offset);
    }
    // A leading dot means the root of all names, where every name here is.
    if (at(".") && tokens_[at_ + 1].kind == Token::Kind::kIdentifier) {
      ++at_;
      return named();
    }
    if (token.kind == Token::Kind::kIdentifier) return named();
    if (take("(")) {
      Parsed inner = conditional();
      if (!inner || !expect(")")) return nullptr;
      return inner;
    }
    if (at("[") || at("[?")) return list();
    if (at("{")) return map();
    return unexpected();
  }

  Parsed named() {
    const Token& name = peek();
    if (is_reserved(name.text)) {
      return stop(name.offset, fmt::format("reserved identifier: {}", name.text));
    }
    ++at_;
    if (!at("("))
      return make(Identifier{.name = name.text, .slot = 0, .constant = {}}, name.offset);
    const std::size_t offset = peek().offset;
    auto arguments = call_arguments();
    if (!arguments) return nullptr;
    if (name.text != "has" || arguments->size() != 1) {
      return call(name.text, offset, *std::move(arguments));
    }
    auto* select = std::get_if<Select>(&arguments->front()->form);
    if (select == nullptr || select->form != Select::Form::kField) {
      return stop(arguments->front()->offset, "invalid argument to has() macro");
    }
    select->form = Select::Form::kHas;
    arguments->front()->offset = offset;
    return std::move(arguments->front());
  }

  Parsed list() {
    const std::size_t offset = peek().offset;
    bool optional = at("[?");
    ++at_;
    ListLiteral list;
    while (!at("]")) {
      optional |= take("?");
      Parsed element = conditional();
      if (!element) return nullptr;
      list.elements.push_back(std::move(element));
      list.optional.push_back(std::exchange(optional, false));
      if (!at("]") && !expect(",")) return nullptr;
    }
    ++at_;
    return make(std::move(list), offset);
  }

  Parsed map() {
    const std::size_t offset = peek().offset;
    ++at_;
    MapLiteral map;
    while (!at("}")) {
      map.optional.push_back(take("?"));
      Parsed key = conditional();
      if (!key || !expect(":")) return nullptr;
      Parsed value = conditional();
      if (!value) return nullptr;
      map.entries.emplace_back(std::move(key), std::move(value));
      if (!at("}") && !expect(",")) return nullptr;
    }
    ++at_;
    return make(std::move(map), offset);
  }

  /// From the brace behind the name of a type.
  Parsed object(ExpressionPtr type, std::size_t offset) {
    ObjectLiteral object{.name = dotted_name(*type), .fields = {}, .type = nullptr};
    if (object.name.empty()) {
      return stop(offset, "objects are made of named types; a map is written {'key': value}");
    }
    ++at_;
    while (!at("}")) {
      const bool optional = take("?");
      const Token& field = peek();
      const bool named =
          field.kind == Token::Kind::kIdentifier || field.kind == Token::Kind::kQuotedName;
      if (!named || field.text == "in") return unexpected();
      ++at_;
      if (!expect(":")) return nullptr;
      Parsed value = conditional();
      if (!value) return nullptr;
      object.fields.push_back({field.text, std::move(value), optional, field.offset});
      if (!at("}") && !expect(",")) return nullptr;
    }
    ++at_;
    return make(std::move(object), offset);
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t level_ = 0;
  std::optional<Issue> issue_;
};

}  // namespace

std::expected<ExpressionPtr, Issue> parse(std::string_view source) {
  if (source.size() > kSourceBytesMax) {
    return std::unexpected(
        Issue{0, fmt::format("the expression is longer than {} bytes", kSourceBytesMax)});
  }
  auto tokens = tokens_of(source);
  if (!tokens) return std::unexpected(std::move(tokens).error());
  return Parser(*std::move(tokens)).run();
}

}  // namespace insula::cel
