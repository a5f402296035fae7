#include "json/scan.h"

#include <algorithm>

#include <fmt/format.h>

namespace insula::json {
namespace {

class Scanner {
 public:
  Scanner(std::string_view text, std::size_t depth_max) : text_(text), depth_max_(depth_max) {}

  std::optional<Fault> run() {
    skip_space();
    if (at_end()) return Fault{0, "unexpected end of JSON input"};
    value(0);
    if (!fault_) {
      skip_space();
      if (!at_end()) unexpected("after top-level value");
    }
    return std::move(fault_);
  }

 private:
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }

  [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[at_]; }

  void skip_space() {
    while (!at_end() && std::string_view(" \t\r\n").contains(text_[at_]))
      ++at_;
  }

  bool refuse(std::size_t offset, std::string what) {
    if (!fault_) fault_ = Fault{offset, std::move(what)};
    return false;
  }

  bool unexpected(std::string_view where) {
    if (at_end()) return refuse(text_.size(), "unexpected end of JSON input");
    const auto c = static_cast<unsigned char>(text_[at_]);
    if (c < 0x20 || c > 0x7e)
      return refuse(at_, fmt::format("invalid character '\\x{:02x}' {}", c, where));
    return refuse(at_, fmt::format("invalid character '{}' {}", static_cast<char>(c), where));
  }

  bool value(std::size_t depth) {
    switch (peek()) {
      case '{':
        return object(depth + 1);
      case '[':
        return array(depth + 1);
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  bool word(std::string_view expected) {
    for (const char c : expected) {
      if (peek() != c || at_end())
        return unexpected(fmt::format("in literal {} (expecting '{}')", expected, c));
      ++at_;
    }
    return true;
  }

  bool object(std::size_t depth) {
    if (depth > depth_max_) return refuse(at_, "nested too deep");
    ++at_;
    skip_space();
    if (peek() == '}') return ++at_, true;
    while (true) {
      skip_space();
      if (peek() != '"') return unexpected("looking for beginning of object key string");
      if (!string()) return false;
      skip_space();
      if (peek() != ':') return unexpected("after object key");
      ++at_;
      skip_space();
      if (!value(depth)) return false;
      skip_space();
      if (peek() == '}') return ++at_, true;
      if (peek() != ',') return unexpected("after object key:value pair");
      ++at_;
    }
  }

  bool array(std::size_t depth) {
    if (depth > depth_max_) return refuse(at_, "nested too deep");
    ++at_;
    skip_space();
    if (peek() == ']') return ++at_, true;
    while (true) {
      skip_space();
      if (!value(depth)) return false;
      skip_space();
      if (peek() == ']') return ++at_, true;
      if (peek() != ',') return unexpected("after array element");
      ++at_;
    }
  }

  bool hex4(unsigned& out) {
    out = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      const bool digit = c >= '0' && c <= '9', lower = c >= 'a' && c <= 'f',
                 upper = c >= 'A' && c <= 'F';
      if (!digit && !lower && !upper) return unexpected("in \\u hexadecimal character escape");
      out = out * 16 + static_cast<unsigned>(digit ? c - '0' : lower ? c - 'a' + 10 : c - 'A' + 10);
    }
    return true;
  }

  bool escape() {
    const std::size_t start = at_++;
    if (peek() != 'u') {
      if (at_end() || !std::string_view("\"\\/bfnrt").contains(peek()))
        return unexpected("in string escape code");
      ++at_;
      return true;
    }
    ++at_;
    unsigned unit = 0;
    if (!hex4(unit)) return false;
    if (unit >= 0xdc00 && unit <= 0xdfff) return refuse(start, "lone surrogate in string");
    if (unit < 0xd800 || unit > 0xdbff) return true;
    if (text_.substr(at_, 2) != "\\u") return refuse(start, "lone surrogate in string");
    at_ += 2;
    if (!hex4(unit)) return false;
    return (unit >= 0xdc00 && unit <= 0xdfff) || refuse(start, "lone surrogate in string");
  }

  bool utf8() {
    const auto byte = [this](std::size_t i) {
      return at_ + i < text_.size() ? static_cast<unsigned char>(text_[at_ + i]) : 0U;
    };
    const unsigned first = byte(0);
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    bool good = first >= 0xc2 && first <= 0xf4;
    for (std::size_t i = 1; i < length; ++i)
      good = good && (byte(i) & 0xc0U) == 0x80U;
    good = good && !(first == 0xe0 && byte(1) < 0xa0) && !(first == 0xed && byte(1) > 0x9f);
    good = good && !(first == 0xf0 && byte(1) < 0x90) && !(first == 0xf4 && byte(1) > 0x8f);
    if (!good) return refuse(at_, "invalid UTF-8 in string");
    at_ += length;
    return true;
  }

  bool string() {
    ++at_;
    while (true) {
      const auto c = static_cast<unsigned char>(peek());
      if (at_end() || c < 0x20) return unexpected("in string literal");
      if (c == '"') return ++at_, true;
      if (c == '\\') {
        if (!escape()) return false;
      } else if (c < 0x80) {
        ++at_;
      } else if (!utf8()) {
        return false;
      }
    }
  }

  bool digits(std::string_view where) {
    if (at_end() || peek() < '0' || peek() > '9') return unexpected(where);
    while (!at_end() && peek() >= '0' && peek() <= '9')
      ++at_;
    return true;
  }

  bool number() {
    const std::size_t start = at_;
    if (peek() == '-') ++at_;
    if (peek() == '0') {
      ++at_;
    } else if (!digits(start == at_ ? "looking for beginning of value" : "in numeric literal")) {
      return false;
    }
    if (peek() == '.') {
      ++at_;
      if (!digits("after decimal point in numeric literal")) return false;
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!digits("in exponent of numeric literal")) return false;
    }
    return true;
  }

  std::string_view text_;
  std::size_t depth_max_;
  std::size_t at_ = 0;
  std::optional<Fault> fault_;
};

}  // namespace

std::optional<Fault> find_fault(std::string_view text, std::size_t depth_max) {
  return Scanner(text, depth_max).run();
}

std::string position_text(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = std::ranges::count(before, '\n') + 1;
  const std::size_t start = before.rfind('\n');
  const std::size_t column = start == std::string_view::npos ? offset + 1 : offset - start;
  return fmt::format("line {}, column {}", line, column);
}

}  // namespace insula::json
