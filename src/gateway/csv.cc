#include "gateway/csv.h"

#include <utility>

namespace insula::gateway {

CsvLine& CsvLine::field(std::string_view text) {
  if (!std::exchange(first_, false)) out_ += ',';
  if (text.find_first_of(",\"\r\n") == text.npos) {
    out_ += text;
    return *this;
  }
  out_ += '"';
  for (const char c : text) {
    if (c == '"') out_ += '"';
    out_ += c;
  }
  out_ += '"';
  return *this;
}

}  // namespace insula::gateway
