#include <algorithm>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "json/write.h"
#include "json/yaml.h"
#include "json/yaml_scalar.h"

namespace insula::json {
namespace {

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// A character that YAML does not allow as it is, or takes for the end of a line or a byte order
/// mark.
struct Special {
  std::size_t bytes;
  unsigned code;
};

std::optional<Special> special_at(std::string_view text) {
  const auto byte = [&](std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
  };
  if (byte(0) == 0x7f) return Special{1, 0x7f};
  if (byte(0) == 0xc2 && byte(1) < 0xa0) return Special{2, byte(1)};
  if (byte(0) == 0xe2 && byte(1) == 0x80 && (byte(2) == 0xa8 || byte(2) == 0xa9))
    return Special{3, 0x2000 + (byte(2) & 0x3fU)};
  if (byte(0) == 0xef && byte(1) == 0xbb && byte(2) == 0xbf) return Special{3, 0xfeff};
  if (byte(0) == 0xef && byte(1) == 0xbf && byte(2) >= 0xbe)
    return Special{3, 0xffc0 + (byte(2) & 0x3fU)};
  return std::nullopt;
}

/// Words that YAML 1.1 readers take for booleans; quoted so that other tools read strings.
bool is_old_boolean(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  constexpr std::string_view kWords[] = {"y", "n", "yes", "no", "on", "off"};
  return std::ranges::find(kWords, lower) != std::end(kWords);
}

/// What YAML 1.1 readers take for a time or a number in parts: 2026-11-28T02:34:47Z, 12:30, 1_000.
bool is_old_number(std::string_view text) {
  constexpr std::size_t kYear = 4;
  const std::size_t first = text.find_first_not_of("+-");
  const bool is_date = text.size() > kYear && text[kYear] == '-';
  return (is_date || text.find_first_of(":_") != std::string_view::npos) && first <= 1 &&
         text[first] >= '0' && text[first] <= '9' &&
         text.find_first_not_of("0123456789 +-_:.TtZz") == std::string_view::npos;
}

/// Whether the text, written as it is, reads back as the same string.
bool is_safe_plain(std::string_view text) {
  if (text.empty() || is_old_boolean(text) || is_old_number(text)) return false;
  const auto resolved = plain_scalar(text);
  if (!resolved || !resolved->is_string()) return false;
  if (std::string_view("-?:,[]{}#&*!|>'\"%@`=<. ").contains(text.front()) || text.back() == ' ' ||
      text.back() == ':')
    return false;
  if (text.starts_with("---") || text.starts_with("...")) return false;
  if (std::ranges::any_of(text, is_control) || !is_utf8(text)) return false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (special_at(text.substr(at))) return false;
  }
  return !text.contains(": ") && !text.contains(" #") &&
         std::ranges::none_of(text, [](char c) { return std::string_view(",[]{}").contains(c); });
}

/// Whether the text can stand as a literal block: lines of printable ASCII, the first of them
/// neither empty nor indented.
bool is_block(std::string_view text) {
  if (!text.contains('\n') || text.front() == ' ' || text.front() == '\n') return false;
  if (text.contains(" \n") || text.back() == ' ') return false;
  return std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= ' ' && c < 0x7f); });
}

class YamlWriter {
 public:
  std::string write(const Value& value) {
    if (is_nested(value)) {
      nested(value, 0);
    } else {
      scalar(value, 0);
      out_ += '\n';
    }
    return std::move(out_);
  }

 private:
  static bool is_nested(const Value& value) {
    return (value.is_array() && !value.as_array()->empty()) ||
           (value.is_object() && !value.as_object()->empty());
  }

  void indent(std::size_t level) { out_.append(level * 2, ' '); }

  /// A non-empty array or object, its lines indented by `level`; the first line's indentation is
  /// left out when `inline_first` (after `- `).
  void nested(const Value& value, std::size_t level, bool inline_first = false) {
    bool first = inline_first;
    if (const Array* array = value.as_array()) {
      for (const Value& element : *array) {
        if (!first) indent(level);
        first = false;
        out_ += "- ";
        entry(element, level + 1, true);
      }
      return;
    }
    for (const auto& [key, member] : *value.as_object()) {
      if (!first) indent(level);
      first = false;
      string(key, level, false);
      out_ += ':';
      // Lists stand at the level of their key, as in kubectl's output.
      if (is_nested(member)) {
        out_ += '\n';
        nested(member, member.is_array() ? level : level + 1);
      } else {
        out_ += ' ';
        scalar(member, level + 1);
        out_ += '\n';
      }
    }
  }

  void entry(const Value& element, std::size_t level, bool after_dash) {
    if (is_nested(element)) {
      nested(element, level, after_dash);
    } else {
      scalar(element, level);
      out_ += '\n';
    }
  }

  void scalar(const Value& value, std::size_t level) {
    if (const std::string* text = value.as_string()) {
      string(*text, level, true);
    } else {
      append(out_, value);
    }
  }

  void string(std::string_view text, std::size_t level, bool block_allowed) {
    if (is_safe_plain(text)) {
      out_ += text;
    } else if (block_allowed && is_block(text)) {
      block(text, std::max<std::size_t>(level, 1));
    } else {
      quoted(text);
    }
  }

  /// As JSON has it, but for characters that only JSON allows as they are.
  void quoted(std::string_view text) {
    std::string json;
    append_string(json, text);
    for (std::string_view rest = json; !rest.empty();) {
      const auto special = special_at(rest);
      if (special) {
        fmt::format_to(std::back_inserter(out_), "\\u{:04x}", special->code);
      } else {
        out_ += rest.front();
      }
      rest.remove_prefix(special ? special->bytes : 1);
    }
  }

  void block(std::string_view text, std::size_t level) {
    const bool ends_line = text.back() == '\n';
    const bool keeps = ends_line && text.size() > 1 && text[text.size() - 2] == '\n';
    out_ += ends_line ? (keeps ? "|+" : "|") : "|-";
    if (ends_line) text.remove_suffix(1);
    while (true) {
      const std::size_t end = text.find('\n');
      const std::string_view line = text.substr(0, end);
      out_ += '\n';
      if (!line.empty()) indent(level);
      out_ += line;
      if (end == std::string_view::npos) return;
      text.remove_prefix(end + 1);
    }
  }

  std::string out_;
};

}  // namespace

std::string write_yaml(const Value& value) {
  return YamlWriter().write(value);
}

}  // namespace insula::json
