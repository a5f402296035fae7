#include "apiserver/selector.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/validation/names.h"
#include "base/number.h"

namespace insula::apiserver {

namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool is_operator_char(char c) {
  return std::string_view("=!(),<>").contains(c);
}

bool lists(const std::vector<std::string>& values, const std::string& value) {
  return std::ranges::find(values, value) != values.end();
}

}  // namespace

/// Recursive descent over one selector; `rest_` is what has not been read. Refuses in Kubernetes'
/// words.
class LabelSelector::Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Result<std::vector<Requirement>> run() {
    std::vector<Requirement> out;
    if (next().empty()) return out;
    if (!begins_requirement()) return refuse("!, identifier, or 'end of string'");
    while (true) {
      INSULA_TRY(Requirement requirement, of_requirement(one()));
      INSULA_TRY_VOID(of_requirement(check(requirement)));
      out.push_back(std::move(requirement));
      if (next().empty()) return out;
      if (!accept(",")) return refuse("',' or 'end of string'");
      if (!begins_requirement()) return refuse("identifier after ','");
      if (out.size() == kRequirementsMax)
        return fail(ErrorCode::kBadRequest, "unable to parse requirement: too many requirements");
    }
  }

 private:
  /// The next token, which is left where it is; empty at the end.
  std::string_view next() {
    while (!rest_.empty() && is_space(rest_.front()))
      rest_.remove_prefix(1);
    if (rest_.starts_with("==") || rest_.starts_with("!=")) return rest_.substr(0, 2);
    if (!rest_.empty() && is_operator_char(rest_.front())) return rest_.substr(0, 1);
    std::size_t end = 0;
    while (end < rest_.size() && !is_space(rest_[end]) && !is_operator_char(rest_[end]))
      ++end;
    return rest_.substr(0, end);
  }

  bool is_word() {
    const std::string_view token = next();
    return !token.empty() && !is_operator_char(token.front());
  }

  bool begins_requirement() { return is_word() || next() == "!"; }

  bool accept(std::string_view token) {
    if (next() != token) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  /// Empty where there is none.
  std::string word() {
    if (!is_word()) return {};
    std::string out(next());
    rest_.remove_prefix(out.size());
    return out;
  }

  /// What an object cannot have is a mistake of whoever asks for it.
  static Result<> check(const Requirement& requirement) {
    for (const std::string& why : api::check_qualified_name(requirement.key)) {
      return fail(ErrorCode::kBadRequest,
                  fmt::format("key: Invalid value: \"{}\": {}", requirement.key, why));
    }
    for (std::size_t i = 0; i < requirement.values.size(); ++i) {
      for (const std::string& why : api::check_label_value(requirement.values[i])) {
        return fail(ErrorCode::kBadRequest,
                    fmt::format("values[{}][{}]: Invalid value: \"{}\": {}", i, requirement.key,
                                requirement.values[i], why));
      }
    }
    return {};
  }

  std::unexpected<Error> refuse(std::string_view expected, std::string_view separator = ",") {
    return fail(ErrorCode::kBadRequest,
                fmt::format("found '{}'{} expected: {}", next(), separator, expected));
  }

  template <class T>
  static Result<T> of_requirement(Result<T> read) {
    if (read) return read;
    return std::unexpected(std::move(read).error().in("unable to parse requirement"));
  }

  Result<Requirement> one() {
    Requirement out;
    const bool absent = accept("!");
    if (!is_word()) return refuse("identifier");
    out.key = word();
    if (absent) out.op = Operator::kDoesNotExist;
    if (absent || next().empty() || next() == ",") return out;
    if (accept("==") || accept("=")) return exact(std::move(out), Operator::kIn);
    if (accept("!=")) return exact(std::move(out), Operator::kNotIn);
    if (accept(">")) return bounded(std::move(out), Operator::kGreater);
    if (accept("<")) return bounded(std::move(out), Operator::kLess);
    return set(std::move(out));
  }

  Result<std::string> value() {
    if (next().empty() || next() == ",") return std::string();
    if (!is_word()) return refuse("identifier");
    return word();
  }

  Result<Requirement> exact(Requirement out, Operator op) {
    out.op = op;
    INSULA_TRY(std::string text, value());
    out.values.push_back(std::move(text));
    return out;
  }

  Result<Requirement> bounded(Requirement out, Operator op) {
    out.op = op;
    INSULA_TRY(const std::string text, value());
    const auto number = parse_whole<std::int64_t>(text);
    if (!number)
      return fail(ErrorCode::kBadRequest,
                  fmt::format("values[0]: Invalid value: \"{}\": for 'Gt', 'Lt' operators, the "
                              "value must be an integer",
                              text));
    out.bound = *number;
    return out;
  }

  Result<Requirement> set(Requirement out) {
    if (accept("in"))
      out.op = Operator::kIn;
    else if (accept("notin"))
      out.op = Operator::kNotIn;
    else
      return refuse("in, notin, =, ==, !=, gt, lt");
    if (!accept("(")) return refuse("'('", "");
    std::string_view expected = "',', ')' or identifier";
    do {
      if (!is_word() && next() != "," && next() != ")") return refuse(expected);
      out.values.push_back(word());
      expected = "',', or identifier";
    } while (accept(","));
    if (!accept(")")) return refuse("',' or ')'");
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
