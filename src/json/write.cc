#include "json/write.h"

#include <array>
#include <charconv>
#include <cmath>

namespace insula::json {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

/// Length of the UTF-8 sequence at the start of `text`, 0 when it is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return 0;
  }
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f)) return 0;
  if ((first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) return 0;
  return length;
}

void append_escape(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    default:
      out += "\\u00";
      out += kHex[c >> 4U];
      out += kHex[c & 0xfU];
  }
}

template <class T>
void append_chars(std::string& out, T value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  out.append(buffer.data(), end);
}

class Writer {
 public:
  Writer(std::string& out, bool pretty) : out_(out), pretty_(pretty) {}

  void value(const Value& v) {
    switch (v.type()) {
      case Value::Type::kNull:
        out_ += "null";
        return;
      case Value::Type::kBool:
        out_ += v.as_bool().value_or(false) ? "true" : "false";
        return;
      case Value::Type::kInt64:
        append_number(out_, v.as_int64().value_or(0));
        return;
      case Value::Type::kUint64:
        append_chars(out_, v.as_uint64().value_or(0));
        return;
      case Value::Type::kDouble:
        append_number(out_, v.as_double().value_or(0));
        return;
      case Value::Type::kString:
        append_string(out_, *v.as_string());
        return;
      case Value::Type::kArray:
        array(*v.as_array());
        return;
      case Value::Type::kObject:
        object(*v.as_object());
        return;
    }
  }

 private:
  void array(const Array& elements) {
    open('[');
    for (std::size_t i = 0; i < elements.size(); ++i) {
      separate(i);
      value(elements[i]);
    }
    close(']', elements.empty());
  }

  void object(const Object& members) {
    open('{');
    std::size_t i = 0;
    for (const auto& member : members) {
      separate(i++);
      append_string(out_, member.key);
      out_ += pretty_ ? ": " : ":";
      value(member.value);
    }
    close('}', members.empty());
  }

  void open(char bracket) {
    out_ += bracket;
    ++level_;
  }

  void separate(std::size_t i) {
    if (i > 0) out_ += ',';
    if (pretty_) new_line();
  }

  void close(char bracket, bool empty) {
    --level_;
    if (pretty_ && !empty) new_line();
    out_ += bracket;
  }

  void new_line() {
    out_ += '\n';
    out_.append(level_ * 2, ' ');
  }

  std::string& out_;
  bool pretty_;
  std::size_t level_ = 0;
};

}  // namespace

void append_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
      ++i;
      continue;
    }
    const std::size_t length = c < 0x80 ? 0 : sequence_length(text.substr(i));
    if (length > 0) {
      i += length;
      continue;
    }
    out.append(text, done, i - done);
    if (c < 0x80) {
      append_escape(out, c);
    } else {
      out += "\xef\xbf\xbd";
    }
    done = ++i;
  }
  out.append(text, done, text.size() - done);
  out += '"';
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void append_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  // Digits alone would be read back as an integer, from 2^64 on as one that is out of range.
  constexpr double kExactIntegers = 9007199254740992.0;
  if (std::abs(value) < kExactIntegers) {
    // Adding 0 takes the sign from -0, which is read back as an integer that has none.
    append_chars(out, value + 0.0);
    return;
  }
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific)
                       .ptr;
  out.append(buffer.data(), end);
}

void append_number(std::string& out, std::int64_t value) {
  append_chars(out, value);
}

void append(std::string& out, const Value& value) {
  Writer(out, false).value(value);
}

std::string write(const Value& value) {
  std::string out;
  append(out, value);
  return out;
}

std::string write_pretty(const Value& value) {
  std::string out;
  Writer(out, true).value(value);
  return out;
}

}  // namespace insula::json
