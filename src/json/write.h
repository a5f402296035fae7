#pragma once

#include <string>
#include <string_view>

#include "json/value.h"

namespace insula::json {

/// JSON text without any blanks. Members in the order of the object; numbers that JSON cannot write
/// (NaN, infinity) become null.
[[nodiscard]] std::string write(const Value& value);
/// JSON text with two blanks a level, for people.
[[nodiscard]] std::string write_pretty(const Value& value);

/// The parts, for writers that have no Value.
void append(std::string& out, const Value& value);
/// A quoted string. Requires: valid UTF-8, else each stray byte is written as U+FFFD.
void append_string(std::string& out, std::string_view text);
[[nodiscard]] bool is_utf8(std::string_view text);
void append_number(std::string& out, double value);
void append_number(std::string& out, std::int64_t value);

}  // namespace insula::json
