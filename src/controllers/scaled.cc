#include "controllers/scaled.h"

#include <charconv>
#include <string>

namespace insula::controllers {

std::int32_t scaled(const api::IntOrString& value, std::int32_t of, Rounding rounding) {
  if (!value.is_string()) return value.number();
  std::int64_t percent = 0;
  const std::string& text = value.name();
  std::from_chars(text.data(), text.data() + text.size(), percent);
  const std::int64_t parts = percent * of;
  return static_cast<std::int32_t>(rounding == Rounding::kUp ? (parts + 99) / 100 : parts / 100);
}

}  // namespace insula::controllers
