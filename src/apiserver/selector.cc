#include "apiserver/selector.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/validation/names.h"
#include "base/number.h"

namespace insula::apiserver {

namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '/';
}

bool lists(const std::vector<std::string>& values, const std::string& value) {
  return std::ranges::find(values, value) != values.end();
}

}  // namespace

/// Recursive descent over one selector; `rest_` is what has not been read.
class LabelSelector::Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Result<std::vector<Requirement>> run() {
    std::vector<Requirement> out;
    skip_space();
    if (rest_.empty()) return out;
    while (true) {
      INSULA_TRY(Requirement requirement, one());
      INSULA_TRY_VOID(check(requirement));
      out.push_back(std::move(requirement));
      skip_space();
      if (rest_.empty()) return out;
      if (!accept(",")) return refuse("found '" + found() + "', expected: ',' or 'end of string'");
      if (out.size() == kRequirementsMax) return refuse("too many requirements");
    }
  }

 private:
  void skip_space() {
    while (!rest_.empty() && is_space(rest_.front()))
      rest_.remove_prefix(1);
  }

  bool accept(std::string_view token) {
    skip_space();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  std::string word() {
    skip_space();
    std::size_t end = 0;
    while (end < rest_.size() && is_name_char(rest_[end]))
      ++end;
    std::string out(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return out;
  }

  [[nodiscard]] std::string found() const { return std::string(rest_.substr(0, 1)); }

  /// What an object cannot have is a mistake of whoever asks for it.
  static Result<> check(const Requirement& requirement) {
    for (const std::string& why : api::check_qualified_name(requirement.key))
      return refuse(fmt::format("key: Invalid value: \"{}\": {}", requirement.key, why));
    for (std::size_t i = 0; i < requirement.values.size(); ++i) {
      for (const std::string& why : api::check_label_value(requirement.values[i])) {
        return refuse(fmt::format("values[{}][{}]: Invalid value: \"{}\": {}", i, requirement.key,
                                  requirement.values[i], why));
      }
    }
    return {};
  }

  static std::unexpected<Error> refuse(const std::string& why) {
    return fail(ErrorCode::kBadRequest, "unable to parse requirement: " + why);
  }

  Result<Requirement> one() {
    Requirement out;
    if (accept("!")) {
      out.key = word();
      out.op = Operator::kDoesNotExist;
      if (out.key.empty()) return refuse("found '" + found() + "', expected: identifier");
      return out;
    }
    out.key = word();
    if (out.key.empty())
      return refuse("found '" + found() + "', expected: !, identifier, or 'end of string'");
    skip_space();
    if (rest_.empty() || rest_.front() == ',') return out;
    if (accept("==") || accept("=")) {
      out.op = Operator::kIn;
      out.values.push_back(word());
    } else if (accept("!=")) {
      out.op = Operator::kNotIn;
      out.values.push_back(word());
    } else if (accept(">")) {
      return bounded(std::move(out), Operator::kGreater);
    } else if (accept("<")) {
      return bounded(std::move(out), Operator::kLess);
    } else {
      return set(std::move(out));
    }
    return out;
  }

  Result<Requirement> bounded(Requirement out, Operator op) {
    out.op = op;
    const std::string text = word();
    const auto value = parse_whole<std::int64_t>(text);
    if (!value)
      return refuse(
          fmt::format("values[0][{}]: Invalid value: \"{}\": for 'Gt', 'Lt' operators, the value "
                      "must be an integer",
                      out.key, text));
    out.bound = *value;
    return out;
  }

  Result<Requirement> set(Requirement out) {
    const std::string op = word();
    if (op != "in" && op != "notin")
      return refuse("found '" + (op.empty() ? found() : op) +
                    "', expected: in, notin, =, ==, !=, gt, lt");
    out.op = op == "in" ? Operator::kIn : Operator::kNotIn;
    if (!accept("(")) return refuse("found '" + found() + "', expected: '('");
    do {
      out.values.push_back(word());
    } while (accept(","));
    if (!accept(")")) return refuse("found '" + found() + "', expected: ',' or ')'");
    return out;
  }

  std::string_view rest_;
};

Result<LabelSelector> LabelSelector::parse(std::string_view text) {
  LabelSelector out;
  INSULA_TRY(out.requirements_, Parser(text).run());
  return out;
}

bool LabelSelector::holds(const Requirement& requirement,
                          const std::map<std::string, std::string>& labels) {
  const auto it = labels.find(requirement.key);
  const bool present = it != labels.end();
  switch (requirement.op) {
    case Operator::kExists:
      return present;
    case Operator::kDoesNotExist:
      return !present;
    case Operator::kIn:
      return present && lists(requirement.values, it->second);
    case Operator::kNotIn:
      return !present || !lists(requirement.values, it->second);
    case Operator::kGreater:
    case Operator::kLess: {
      const auto value = present ? parse_whole<std::int64_t>(it->second) : std::nullopt;
      if (!value) return false;
      return requirement.op == Operator::kGreater ? *value > requirement.bound
                                                  : *value < requirement.bound;
    }
  }
  return false;
}

bool LabelSelector::matches(const std::map<std::string, std::string>& labels) const {
  return std::ranges::all_of(requirements_, [&](const Requirement& r) { return holds(r, labels); });
}

namespace {

/// Text up to an unescaped `stop` character, taken off `rest`; the escapes are \\ \, and \=.
Result<std::string> unescape(std::string_view& rest, std::string_view stop) {
  std::string out;
  while (!rest.empty() && !stop.contains(rest.front())) {
    char c = rest.front();
    rest.remove_prefix(1);
    if (c == '\\') {
      if (rest.empty() || !std::string_view("\\,=").contains(rest.front()))
        return fail(ErrorCode::kBadRequest, "invalid field selector: invalid escape sequence");
      c = rest.front();
      rest.remove_prefix(1);
    }
    out += c;
  }
  return out;
}

}  // namespace

Result<FieldSelector> FieldSelector::parse(std::string_view text) {
  FieldSelector out;
  std::string_view rest = text;
  while (!rest.empty()) {
    Requirement requirement;
    INSULA_TRY(requirement.field, unescape(rest, ",=!"));
    if (requirement.field.empty() && (rest.empty() || rest.front() == ',')) {
      if (!rest.empty()) rest.remove_prefix(1);
      continue;
    }
    if (rest.starts_with("!=")) {
      requirement.equal = false;
      rest.remove_prefix(2);
    } else if (rest.starts_with("==")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with("=")) {
      rest.remove_prefix(1);
    } else {
      return fail(
          ErrorCode::kBadRequest,
          fmt::format("invalid selector: '{}'; can't understand '{}'", text, requirement.field));
    }
    INSULA_TRY(requirement.value, unescape(rest, ",="));
    if (!rest.empty() && rest.front() == '=')
      return fail(ErrorCode::kBadRequest,
                  fmt::format("invalid selector: '{}'; can't understand '{}'", text, rest));
    if (!rest.empty()) rest.remove_prefix(1);
    out.requirements_.push_back(std::move(requirement));
    if (out.requirements_.size() > kRequirementsMax)
      return fail(ErrorCode::kBadRequest, "invalid selector: too many requirements");
  }
  return out;
}

bool FieldSelector::matches(
    const std::function<std::optional<std::string>(std::string_view)>& value_of) const {
  return std::ranges::all_of(requirements_, [&](const Requirement& r) {
    const auto value = value_of(r.field);
    return value && (*value == r.value) == r.equal;
  });
}

std::optional<std::string_view> FieldSelector::required(std::string_view field) const {
  for (const Requirement& r : requirements_) {
    if (r.equal && r.field == field) return r.value;
  }
  return std::nullopt;
}

}  // namespace insula::apiserver
