#include "api/custom/json_path.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/number.h"
#include "json/parse.h"

namespace insula::api {

namespace {

/// Steps of one path, and bytes of its text.
constexpr std::size_t kStepsMax = 64;
constexpr std::size_t kTextMax = 4096;

}  // namespace

/// Recursive descent over one path; `rest_` is what has not been read.
class JsonPath::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), rest_(text) {
    if (rest_.starts_with('{') && rest_.ends_with('}')) rest_ = rest_.substr(1, rest_.size() - 2);
    if (rest_.starts_with('$')) rest_.remove_prefix(1);
  }

  Result<std::vector<Step>> run() {
    std::vector<Step> steps;
    if (text_.size() > kTextMax) return refuse("is too long");
    while (!rest_.empty()) {
      if (steps.size() == kStepsMax) return refuse("has too many steps");
      if (accept("..")) return refuse("must not search for members");
      if (accept(".")) {
        if (rest_.empty() && steps.empty()) break;
        if (rest_.starts_with('[')) continue;
        INSULA_TRY(std::string name, word());
        if (name == "*")
          steps.push_back({Step::Kind::kAll, {}});
        else
          steps.push_back({Step::Kind::kMember, std::move(name)});
      } else if (accept("[")) {
        INSULA_TRY(Step step, bracket());
        steps.push_back(std::move(step));
      } else {
        return refuse("must begin with a dot");
      }
    }
    return steps;
  }

 private:
  [[nodiscard]] std::unexpected<Error> refuse(std::string_view why) const {
    return fail(ErrorCode::kBadRequest, fmt::format("the path {} {}", text_.substr(0, 256), why));
  }

  bool accept(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  void skip_space() {
    while (rest_.starts_with(' '))
      rest_.remove_prefix(1);
  }

  /// A name up to a dot, bracket or operator; a backslash takes any character.
  Result<std::string> word() {
    std::string out;
    while (!rest_.empty() && !std::string_view(".[]()=!<>{}'\" ").contains(rest_.front())) {
      if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
      out += rest_.front();
      rest_.remove_prefix(1);
    }
    if (out.empty()) return refuse("has an empty name");
    return out;
  }

  Result<std::string> quoted() {
    const char quote = rest_.front();
    rest_.remove_prefix(1);
    std::string out;
    while (!rest_.empty() && rest_.front() != quote) {
      if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
      out += rest_.front();
      rest_.remove_prefix(1);
    }
    if (!accept(std::string_view(&quote, 1))) return refuse("has a text without an end");
    return out;
  }

  Result<Step> bracket() {
    Step step{Step::Kind::kAll, {}};
    if (accept("?(")) {
      INSULA_TRY(step, filter());
    } else if (rest_.starts_with('\'') || rest_.starts_with('"')) {
      step.kind = Step::Kind::kMember;
      INSULA_TRY(step.name, quoted());
    } else if (!accept("*")) {
      const std::string_view digits = rest_.substr(0, rest_.find(']'));
      const auto index = parse_whole<std::ptrdiff_t>(digits);
      if (!index) return refuse("has an index that is no number");
      step.kind = Step::Kind::kIndex;
      step.index = *index;
      rest_.remove_prefix(digits.size());
    }
    if (!accept("]")) return refuse("has a bracket without an end");
    return step;
  }

  Result<Step> filter() {
    Step step{Step::Kind::kFilter, {}};
    skip_space();
    if (!accept("@")) return refuse("has a filter that does not begin with @");
    while (accept(".")) {
      INSULA_TRY(std::string name, word());
      step.left.push_back(std::move(name));
    }
    skip_space();
    for (const std::string_view op : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (!accept(op)) continue;
      step.op = op;
      break;
    }
    skip_space();
    if (!step.op.empty()) {
      INSULA_TRY(step.right, literal());
    }
    skip_space();
    if (!accept(")")) return refuse("has a filter without an end");
    return step;
  }

  Result<json::Value> literal() {
    if (rest_.starts_with('\'') || rest_.starts_with('"')) {
      INSULA_TRY(std::string text, quoted());
      return json::Value(std::move(text));
    }
    const std::string_view word = rest_.substr(0, rest_.find_first_of(") "));
    auto value = json::parse(word);
    if (!value) return refuse("compares with what is no value");
    rest_.remove_prefix(word.size());
    return *std::move(value);
  }

  std::string_view text_;
  std::string_view rest_;
};

Result<JsonPath> JsonPath::parse(std::string_view text) {
  INSULA_TRY(std::vector<Step> steps, Parser(text).run());
  return JsonPath(std::move(steps));
}

bool JsonPath::holds(const Step& step, const json::Value& element) {
  const json::Value* left = find_member(element, step.left);
  if (step.op.empty() || left == nullptr) return step.op.empty() && left != nullptr;
  if (step.op == "==") return *left == step.right;
  if (step.op == "!=") return !(*left == step.right);
  const auto a = left->as_double();
  const auto b = step.right.as_double();
  if (!a || !b) return false;
  if (step.op == "<") return *a < *b;
  if (step.op == ">") return *a > *b;
  return step.op == "<=" ? *a <= *b : *a >= *b;
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the path, which has kStepsMax
const json::Value* JsonPath::find_from(const json::Value& value, std::size_t at) const {
  if (at == steps_.size()) return &value;
  const Step& step = steps_[at];
  if (step.kind == Step::Kind::kMember) {
    const json::Value* member = value.find(step.name);
    return member == nullptr ? nullptr : find_from(*member, at + 1);
  }
  if (const json::Object* object = value.as_object(); object != nullptr) {
    if (step.kind != Step::Kind::kAll) return nullptr;
    for (const auto& member : *object) {
      if (const json::Value* found = find_from(member.value, at + 1)) return found;
    }
    return nullptr;
  }
  const json::Array* array = value.as_array();
  if (array == nullptr) return nullptr;
  if (step.kind == Step::Kind::kIndex) {
    const auto size = static_cast<std::ptrdiff_t>(array->size());
    const std::ptrdiff_t index = step.index < 0 ? size + step.index : step.index;
    if (index < 0 || index >= size) return nullptr;
    return find_from((*array)[static_cast<std::size_t>(index)], at + 1);
  }
  for (const json::Value& element : *array) {
    if (step.kind == Step::Kind::kFilter && !holds(step, element)) continue;
    if (const json::Value* found = find_from(element, at + 1)) return found;
  }
  return nullptr;
}

const json::Value* JsonPath::find(const json::Value& root) const {
  return find_from(root, 0);
}

const json::Value* JsonPath::find(const json::Object& root) const {
  if (steps_.empty() || steps_[0].kind != Step::Kind::kMember) return nullptr;
  const json::Value* member = root.find(steps_[0].name);
  return member == nullptr ? nullptr : find_from(*member, 1);
}

std::optional<std::vector<std::string>> JsonPath::members() const {
  std::vector<std::string> out;
  for (const Step& step : steps_) {
    if (step.kind != Step::Kind::kMember) return std::nullopt;
    out.push_back(step.name);
  }
  return out;
}

const json::Value* find_member(const json::Object& root, const std::vector<std::string>& members) {
  if (members.empty()) return nullptr;
  const json::Value* value = root.find(members.front());
  for (std::size_t i = 1; i < members.size() && value != nullptr; ++i)
    value = value->find(members[i]);
  return value;
}

const json::Value* find_member(const json::Value& root, const std::vector<std::string>& members) {
  const json::Value* value = &root;
  for (const std::string& name : members) {
    if (value == nullptr) return nullptr;
    value = value->find(name);
  }
  return value;
}

}  // namespace insula::api
