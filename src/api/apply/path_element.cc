#include "api/apply/path_element.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/number.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::api {

namespace {

bool is_number_char(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/// The number of which `text[at]` is part or the end, or empty.
std::string_view number_at(std::string_view text, std::size_t at) {
  std::size_t begin = at, end = at;
  while (begin > 0 && is_number_char(text[begin - 1]))
    --begin;
  while (end < text.size() && is_number_char(text[end]))
    ++end;
  return text.substr(begin, end - begin);
}

/// Numbers before texts, before booleans, before everything else.
int rank(char first) {
  if (first == '-' || (first >= '0' && first <= '9')) return 0;
  if (first == '"') return 1;
  return first == 't' || first == 'f' ? 2 : 3;
}

/// Whether `text[at]` is within a string of JSON.
bool in_string(std::string_view text, std::size_t at) {
  bool inside = false;
  for (std::size_t i = 0; i < at; ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      inside = !inside;
    }
  }
  return inside;
}

/// Orders compact JSON texts of the same shape, as keys of one list are.
std::strong_ordering order_json(std::string_view a, std::string_view b) {
  if (a == b) return std::strong_ordering::equal;
  const auto [at, bt] = std::ranges::mismatch(a, b);
  const auto first = static_cast<std::size_t>(at - a.begin());
  const bool ends = at == a.end() || bt == b.end();
  if (!ends && in_string(a, first)) {
    // The end of a text comes before all that may follow.
    if (*at == '"') return std::strong_ordering::less;
    if (*bt == '"') return std::strong_ordering::greater;
    return a.substr(first) <=> b.substr(first);
  }
  const std::string_view left = number_at(a, first), right = number_at(b, first);
  if (!left.empty() && !right.empty()) {
    const auto x = json::parse(left), y = json::parse(right);
    if (x && y) {
      const double p = x->as_double().value_or(0), q = y->as_double().value_or(0);
      if (p != q) return p < q ? std::strong_ordering::less : std::strong_ordering::greater;
    }
  }
  if (ends) return a.size() <=> b.size();
  if (rank(*at) != rank(*bt)) return rank(*at) <=> rank(*bt);
  return a.substr(first) <=> b.substr(first);
}

}  // namespace

PathElement PathElement::field(std::string_view name) {
  return {Type::kField, std::string(name)};
}

PathElement PathElement::value(const json::Value& value) {
  return {Type::kValue, json::write(value)};
}

PathElement PathElement::key(json::Object keys) {
  keys.sort();
  return {Type::kKey, json::write(std::move(keys))};
}

std::string PathElement::fields_v1() const {
  constexpr std::string_view kPrefixes = "fkvi";
  std::string out{kPrefixes[static_cast<std::size_t>(type)], ':'};
  return out += text;
}

std::optional<PathElement> PathElement::parse_fields_v1(std::string_view text) {
  if (text.size() < 2 || text[1] != ':') return std::nullopt;
  const std::string_view rest = text.substr(2);
  if (text[0] == 'f') return field(rest);
  if (text[0] == 'i') {
    if (!parse_whole<std::int64_t>(rest)) return std::nullopt;
    return PathElement{Type::kIndex, std::string(rest)};
  }
  if (text[0] != 'k' && text[0] != 'v') return std::nullopt;
  auto parsed = json::parse(rest);
  if (!parsed) return std::nullopt;
  if (text[0] == 'v') return value(*parsed);
  json::Object* keys = parsed->as_object();
  if (keys == nullptr || keys->empty()) return std::nullopt;
  return key(std::move(*keys));
}

std::string PathElement::shown() const {
  switch (type) {
    case Type::kField:
      return "." + text;
    case Type::kValue:
      return fmt::format("[={}]", text);
    case Type::kIndex:
      return fmt::format("[{}]", text);
    case Type::kKey:
      break;
  }
  std::string out;
  const auto keys = json::parse(text);
  if (!keys || !keys->is_object()) return "[" + text + "]";
  for (const auto& [name, value] : *keys->as_object())
    out += fmt::format("{}{}={}", out.empty() ? "[" : ",", name, json::write(value));
  return out + "]";
}

std::strong_ordering PathElement::operator<=>(const PathElement& other) const {
  if (type != other.type) return type <=> other.type;
  if (type == Type::kField) return text <=> other.text;
  return order_json(text, other.text);
}

}  // namespace insula::api
