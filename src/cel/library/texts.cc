#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cel/library/arguments.h"
#include "cel/library/format.h"
#include "cel/library/library.h"
#include "cel/source.h"

namespace insula::cel::library {
namespace {

/// A text by its characters: CEL counts these, not bytes.
class Characters {
 public:
  static Result<Characters> of(const std::string& text, Budget& budget) {
    INSULA_TRY_VOID(charge_bytes(budget, text.size()));
    return Characters(text);
  }

  [[nodiscard]] std::size_t size() const { return begins_.size() - 1; }

  /// Requires: from <= to <= size().
  [[nodiscard]] std::string_view between(std::size_t from, std::size_t to) const {
    return text_.substr(begins_[from], begins_[to] - begins_[from]);
  }

  /// The character at which a byte is.
  [[nodiscard]] std::int64_t at_byte(std::size_t byte) const {
    return std::ranges::lower_bound(begins_, byte) - begins_.begin();
  }

  /// The character of this number, if it lies in the text or at its end.
  [[nodiscard]] Result<std::size_t> index(const Value& number) const {
    const std::int64_t i = int_of(number);
    if (i < 0 || std::cmp_greater(i, size())) {
      return invalid("index out of range: " + std::to_string(i));
    }
    return static_cast<std::size_t>(i);
  }

  [[nodiscard]] std::size_t byte(std::size_t character) const { return begins_[character]; }

 private:
  explicit Characters(std::string_view text) : text_(text) {
    for (std::size_t i = 0; i < text.size();) {
      begins_.push_back(i);
      i += std::max<std::size_t>(character_length(text.substr(i)), 1);
    }
    begins_.push_back(text.size());
  }

  std::string_view text_;
  std::vector<std::size_t> begins_;
};

Value text(std::string_view content) {
  return Value::string(std::string(content));
}

Result<Value> char_at(Arguments a, Budget& budget) {
  INSULA_TRY(const Characters characters, Characters::of(a[0].text(), budget));
  INSULA_TRY(const std::size_t i, characters.index(a[1]));
  return text(i == characters.size() ? "" : characters.between(i, i + 1));
}

Result<Value> substring(Arguments a, Budget& budget) {
  INSULA_TRY(const Characters characters, Characters::of(a[0].text(), budget));
  INSULA_TRY(const std::size_t from, characters.index(a[1]));
  std::size_t to = characters.size();
  if (a.size() == 3) {
    INSULA_TRY(to, characters.index(a[2]));
  }
  if (from > to) {
    return invalid("invalid substring range. start: " + shown(a[1]) + ", end: " + shown(a[2]));
  }
  return text(characters.between(from, to));
}

/// The character at which `a[1]` begins in `a[0]`, from the left or from the right.
Result<Value> index_of(Arguments a, bool last, Budget& budget) {
  INSULA_TRY(const Characters characters, Characters::of(a[0].text(), budget));
  const std::string_view content = a[0].text();
  std::size_t begin = last ? content.size() : 0;
  if (a.size() == 3) {
    // Beyond the end nothing is found; a negative place is an error.
    if (std::cmp_greater(int_of(a[2]), characters.size())) return Value::integer(-1);
    INSULA_TRY(const std::size_t from, characters.index(a[2]));
    begin = characters.byte(from);
  }
  const std::size_t found =
      last ? content.rfind(a[1].text(), begin) : content.find(a[1].text(), begin);
  return Value::integer(found == std::string_view::npos ? -1 : characters.at_byte(found));
}

/// Splits into at most `most` parts; negative: as many as there are.
Result<Value> split(Arguments a, Budget& budget) {
  const std::int64_t most = a.size() == 3 ? int_of(a[2]) : -1;
  INSULA_TRY(const Characters characters, Characters::of(a[0].text(), budget));
  std::vector<Value> parts;
  std::string_view rest = a[0].text();
  const std::string& separator = a[1].text();
  if (most == 0) return Value::list(std::move(parts));
  const auto is_last = [&] { return most > 0 && std::cmp_greater_equal(parts.size() + 1, most); };
  while (!is_last()) {
    INSULA_TRY_VOID(budget.charge(1));
    // By nothing it is split into its characters.
    const std::size_t end =
        separator.empty() ? std::max<std::size_t>(character_length(rest), 1) : rest.find(separator);
    if (end >= rest.size() && (separator.empty() || end == std::string_view::npos)) break;
    parts.push_back(text(rest.substr(0, end)));
    rest.remove_prefix(end + separator.size());
  }
  if (!rest.empty() || !separator.empty()) parts.push_back(text(rest));
  return Value::list(std::move(parts));
}

/// Replaces the first `most` places; negative: all.
Result<Value> replace(Arguments a, Budget& budget) {
  std::int64_t most = a.size() == 4 ? int_of(a[3]) : -1;
  std::string result;
  std::string_view rest = a[0].text();
  const std::string& from = a[1].text();
  const std::string& to = a[2].text();
  INSULA_TRY_VOID(charge_bytes(budget, rest.size()));
  while (most != 0) {
    // Nothing is found before every character and at the end.
    const std::size_t found = from.empty() ? 0 : rest.find(from);
    if (found == std::string_view::npos) break;
    INSULA_TRY_VOID(charge_bytes(budget, to.size()));
    result.append(rest.substr(0, found)).append(to);
    rest.remove_prefix(found + from.size());
    --most;
    if (!from.empty()) continue;
    if (rest.empty()) break;
    const std::size_t length = std::max<std::size_t>(character_length(rest), 1);
    result.append(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  return Value::string(result.append(rest));
}

Result<Value> join(Arguments a, Budget& budget) {
  const List& list = list_of(a[0]);
  const std::string separator = a.size() == 2 ? a[1].text() : "";
  std::string result;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Value element = list.at(i);
    if (element.kind() != Type::Kind::kString) return no_such_overload();
    INSULA_TRY_VOID(charge_bytes(budget, element.text().size() + separator.size()));
    if (i > 0) result += separator;
    result += element.text();
  }
  return Value::string(std::move(result));
}

/// Upper or lower case of ASCII's letters; others stay.
Result<Value> in_case(Arguments a, char first, Budget& budget) {
  INSULA_TRY_VOID(charge_bytes(budget, a[0].text().size()));
  std::string result = a[0].text();
  for (char& c : result) {
    if (c >= first && c <= first + 25) c = static_cast<char>(c ^ 0x20);
  }
  return Value::string(std::move(result));
}

/// White space of Unicode at the front of a text, in bytes.
std::size_t leading_space(std::string_view content) {
  static constexpr std::string_view kSpaces[] = {
      " ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\u0085", "\u00a0", "\u1680",
      "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008",
      "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};
  for (const std::string_view space : kSpaces) {
    if (content.starts_with(space)) return space.size();
  }
  return 0;
}

Result<Value> trim(Arguments a, Budget& budget) {
  std::string_view content = a[0].text();
  INSULA_TRY_VOID(charge_bytes(budget, content.size()));
  while (const std::size_t length = leading_space(content))
    content.remove_prefix(length);
  std::size_t end = 0;  // of the last character that is no space
  for (std::size_t i = 0; i < content.size();) {
    const std::size_t space = leading_space(content.substr(i));
    i += space != 0 ? space : std::max<std::size_t>(character_length(content.substr(i)), 1);
    if (space == 0) end = i;
  }
  return text(content.substr(0, end));
}

/// The text as a literal of CEL.
Result<Value> quote(Arguments a, Budget& budget) {
  INSULA_TRY_VOID(charge_bytes(budget, a[0].text().size()));
  static constexpr std::string_view kFrom = "\a\b\f\n\r\t\v\\\"";
  static constexpr std::string_view kTo = "abfnrtv\\\"";
  std::string result = "\"";
  for (const char c : a[0].text()) {
    const std::size_t found = c == '\0' ? std::string_view::npos : kFrom.find(c);
    if (found != std::string_view::npos) result += '\\';
    result += found == std::string_view::npos ? c : kTo[found];
  }
  return Value::string(result + "\"");
}

using Predicate = bool (*)(std::string_view, std::string_view);

void add_predicate(FunctionTable& table, const char* name, Predicate holds) {
  add_both(table, name,
           {{Type::string(), Type::string()},
            Type::boolean(),
            [holds](Arguments a, Budget& budget) -> Result<Value> {
              INSULA_TRY_VOID(charge_bytes(budget, a[0].text().size()));
              return Value::boolean(holds(a[0].text(), a[1].text()));
            }});
}

}  // namespace

void add_texts(FunctionTable& table) {
  add_predicate(table, "contains", [](std::string_view whole, std::string_view part) {
    return whole.find(part) != std::string_view::npos;
  });
  add_predicate(table, "startsWith", [](std::string_view whole, std::string_view part) {
    return whole.starts_with(part);
  });
  add_predicate(table, "endsWith", [](std::string_view whole, std::string_view part) {
    return whole.ends_with(part);
  });
  const TypePtr string = Type::string();
  const TypePtr integer = Type::integer();
  table.add_member("charAt", {{string, integer}, string, char_at});
  table.add_member("substring", {{string, integer}, string, substring});
  table.add_member("substring", {{string, integer, integer}, string, substring});
  for (const bool last : {false, true}) {
    const Implementation find = [last](Arguments a, Budget& budget) {
      return index_of(a, last, budget);
    };
    const char* name = last ? "lastIndexOf" : "indexOf";
    table.add_member(name, {{string, string}, integer, find});
    table.add_member(name, {{string, string, integer}, integer, find});
  }
  table.add_member("split", {{string, string}, Type::list(string), split});
  table.add_member("split", {{string, string, integer}, Type::list(string), split});
  table.add_member("replace", {{string, string, string}, string, replace});
  table.add_member("replace", {{string, string, string, integer}, string, replace});
  table.add_member("join", {{Type::list(string)}, string, join});
  table.add_member("join", {{Type::list(string), string}, string, join});
  table.add_member("lowerAscii", {{string}, string, [](Arguments a, Budget& budget) {
                                    return in_case(a, 'A', budget);
                                  }});
  table.add_member("upperAscii", {{string}, string, [](Arguments a, Budget& budget) {
                                    return in_case(a, 'a', budget);
                                  }});
  table.add_member("trim", {{string}, string, trim});
  table.add("strings.quote", {{string}, string, quote});
  table.add_member("format",
                   {{string, Type::list(Type::dyn())}, string, [](Arguments a, Budget& budget) {
                      return formatted(a[0].text(), list_of(a[1]), budget);
                    }});
}

}  // namespace insula::cel::library
