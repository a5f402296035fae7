#include "cel/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "base/number.h"

namespace insula::cel {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool in_name(char c) {
  return begins_name(c) || is_digit(c);
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  std::expected<std::vector<Token>, Issue> run() {
    skip_space();
    while (at_ < source_.size() && !issue_) {
      next();
      skip_space();
    }
    if (issue_) return std::unexpected(*issue_);
    tokens_.push_back({Token::Kind::kEnd, {}, {}, source_.size()});
    return std::move(tokens_);
  }

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }

  void fail_at(std::size_t offset, std::string message) {
    if (!issue_) issue_ = Issue{offset, std::move(message)};
  }

  void skip_space() {
    while (at_ < source_.size()) {
      const char c = source_[at_];
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
        ++at_;
      } else if (source_.substr(at_).starts_with("//")) {
        at_ = std::min(source_.find('\n', at_), source_.size());
      } else {
        return;
      }
    }
  }

  void next() {
    const char c = peek();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (const auto prefix = string_prefix()) return string(*prefix);
    if (begins_name(c)) return name();
    if (c == '`') return quoted_name();
    symbol();
  }

  /// The number of letters before the quote when a string begins here.
  [[nodiscard]] std::optional<std::size_t> string_prefix() const {
    std::size_t letters = 0;
    bool raw = false;
    bool bytes = false;
    for (;; ++letters) {
      const char c = peek(letters);
      if (c == '"' || c == '\'') return letters;
      bool& seen = c == 'r' || c == 'R' ? raw : bytes;
      const bool is_prefix = c == 'r' || c == 'R' || c == 'b' || c == 'B';
      if (!is_prefix || seen) return std::nullopt;
      seen = true;
    }
  }

  void name() {
    const std::size_t begin = at_;
    while (in_name(peek()))
      ++at_;
    const std::string_view text = source_.substr(begin, at_ - begin);
    if (text == "true" || text == "false") {
      add_literal(begin, Value::boolean(text == "true"));
    } else if (text == "null") {
      add_literal(begin, Value::null());
    } else {
      tokens_.push_back({Token::Kind::kIdentifier, std::string(text), {}, begin});
    }
  }

  /// `a.`x-y``: a field whose name is no identifier.
  void quoted_name() {
    const std::size_t begin = at_;
    const std::size_t end = source_.find('`', begin + 1);
    const std::string_view text =
        end == std::string_view::npos ? "" : source_.substr(begin + 1, end - begin - 1);
    const auto fits = [](char c) {
      return in_name(c) || c == '.' || c == '-' || c == '/' || c == ' ';
    };
    if (text.empty() || !std::ranges::all_of(text, fits)) {
      return fail_at(begin,
                     "Syntax error: a quoted name has letters, digits and _.-/ between two `");
    }
    at_ = end + 1;
    tokens_.push_back({Token::Kind::kQuotedName, std::string(text), {}, begin});
  }

  void symbol() {
    static constexpr std::array<std::string_view, 26> kSymbols = {
        "&&", "||", "==", "!=", "<=", ">=", ".?", "[?", "<", ">", "+", "-", "*",
        "/",  "%",  "!",  "?",  ":",  ".",  ",",  "(",  ")", "[", "]", "{", "}"};
    for (const std::string_view symbol : kSymbols) {
      if (!source_.substr(at_).starts_with(symbol)) continue;
      tokens_.push_back({Token::Kind::kSymbol, std::string(symbol), {}, at_});
      at_ += symbol.size();
      return;
    }
    const std::size_t length = std::max<std::size_t>(character_length(source_.substr(at_)), 1);
    fail_at(at_, fmt::format("Syntax error: token recognition error at: '{}'",
                             source_.substr(at_, length)));
  }

  void add_literal(std::size_t begin, Value value) {
    tokens_.push_back({Token::Kind::kLiteral, std::string(source_.substr(begin, at_ - begin)),
                       std::move(value), begin});
  }

  void number() {
    const std::size_t begin = at_;
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X') && is_hex(peek(2))) {
      at_ += 2;
      const std::size_t digits = at_;
      while (is_hex(peek()))
        ++at_;
      return integer(begin, source_.substr(digits, at_ - digits), 16);
    }
    while (is_digit(peek()))
      ++at_;
    bool real = false;
    if (peek() == '.' && is_digit(peek(1))) {
      real = true;
      ++at_;
      while (is_digit(peek()))
        ++at_;
    }
    const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
    if ((peek() == 'e' || peek() == 'E') && is_digit(peek(1 + sign))) {
      real = true;
      at_ += 1 + sign;
      while (is_digit(peek()))
        ++at_;
    }
    const std::string_view text = source_.substr(begin, at_ - begin);
    if (!real) return integer(begin, text, 10);
    const std::string padded = text.starts_with('.') ? "0" + std::string(text) : std::string(text);
    const auto value = parse_whole<double>(padded);
    if (!value || !std::isfinite(*value)) return fail_at(begin, "invalid double literal");
    add_literal(begin, Value::real(*value));
  }

  void integer(std::size_t begin, std::string_view digits, int base) {
    std::uint64_t value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    const bool is_unsigned = peek() == 'u' || peek() == 'U';
    if (is_unsigned) ++at_;
    if (error != std::errc()) {
      return fail_at(begin, is_unsigned ? "invalid uint literal" : "invalid int literal");
    }
    if (is_unsigned) return add_literal(begin, Value::uint(value));
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    if (value > kMost + 1) return fail_at(begin, "invalid int literal");
    // One beyond the most is right after a minus; the parser looks for it.
    add_literal(begin, value > kMost ? Value::uint(value)
                                     : Value::integer(static_cast<std::int64_t>(value)));
    if (value > kMost) tokens_.back().text = kLeastInteger;
  }

  void string(std::size_t prefix) {
    const std::size_t begin = at_;
    bool raw = false;
    bool bytes = false;
    for (std::size_t i = 0; i < prefix; ++i) {
      (peek(i) == 'r' || peek(i) == 'R' ? raw : bytes) = true;
    }
    at_ += prefix;
    const char quote = peek();
    const bool triple = peek(1) == quote && peek(2) == quote;
    const std::string end(triple ? 3 : 1, quote);
    at_ += end.size();
    std::string content;
    while (!source_.substr(at_).starts_with(end)) {
      const bool broken = !triple && (peek() == '\n' || peek() == '\r');
      if (at_ >= source_.size() || broken) {
        return fail_at(begin, "Syntax error: a string literal does not end");
      }
      if (peek() == '\\' && !raw) {
        if (!escape(content, bytes)) return;
      } else {
        const std::size_t length = character_length(source_.substr(at_));
        if (length == 0) return fail_at(at_, "Syntax error: a string literal is not UTF-8");
        content += source_.substr(at_, length);
        at_ += length;
      }
    }
    at_ += end.size();
    add_literal(begin,
                bytes ? Value::bytes(std::move(content)) : Value::string(std::move(content)));
  }

  /// Reads what begins with a backslash.
  bool escape(std::string& content, bool bytes) {
    const std::size_t begin = at_++;
    const char c = peek();
    static constexpr std::string_view kFrom = "abfnrtv\\?\"'`";
    static constexpr std::string_view kTo = "\a\b\f\n\r\t\v\\?\"'`";
    if (const std::size_t found = kFrom.find(c); c != '\0' && found != std::string_view::npos) {
      ++at_;
      content += kTo[found];
      return true;
    }
    if (c >= '0' && c <= '3') return code(content, begin, 3, 8, bytes);
    if (c == 'x' || c == 'X') return ++at_, code(content, begin, 2, 16, bytes);
    if (c == 'u' && !bytes) return ++at_, code(content, begin, 4, 16, bytes);
    if (c == 'U' && !bytes) return ++at_, code(content, begin, 8, 16, bytes);
    fail_at(begin, "Syntax error: no such escape sequence in a string literal");
    return false;
  }

  /// Of a string a code is a character, of bytes it is a byte.
  bool code(std::string& content, std::size_t begin, std::size_t digits, int base, bool bytes) {
    const std::string_view text = source_.substr(std::min(at_, source_.size()), digits);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    const bool whole = text.size() == digits && end == text.data() + text.size();
    if (error != std::errc() || !whole || (bytes && value > 0xFF) ||
        (!bytes && !append_character(content, value))) {
      fail_at(begin, "Syntax error: no such character in a string literal");
      return false;
    }
    if (bytes) content += static_cast<char>(value);
    at_ += digits;
    return true;
  }

  std::string_view source_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
  std::optional<Issue> issue_;
};

}  // namespace

std::expected<std::vector<Token>, Issue> tokens_of(std::string_view source) {
  return Lexer(source).run();
}

bool is_reserved(std::string_view name) {
  static constexpr std::array<std::string_view, 19> kReserved = {
      "as", "break", "const", "continue",  "else",    "false",  "for", "function", "if",   "import",
      "in", "let",   "loop",  "namespace", "package", "return", "var", "void",     "while"};
  return std::ranges::find(kReserved, name) != kReserved.end();
}

}  // namespace insula::cel
