#include "gateway/csv.h"

#include <utility>

namespace insula::gateway {

namespace {

/// What a spreadsheet takes for a formula, and is no number.
bool is_formula(std::string_view text) {
  return text.find_first_of("=+-@\t\r") == 0 &&
         text.find_first_not_of("0123456789.", 1) != text.npos;
}

}  // namespace

CsvLine& CsvLine::field(std::string_view text) {
  if (!std::exchange(first_, false)) out_ += ',';
  const std::string_view guard = is_formula(text) ? "'" : "";
  if (text.find_first_of(",\"\r\n") == text.npos) {
    out_.append(guard).append(text);
    return *this;
  }
  out_.append("\"").append(guard);
  for (const char c : text) {
    if (c == '"') out_ += '"';
    out_ += c;
  }
  out_ += '"';
  return *this;
}

}  // namespace insula::gateway
