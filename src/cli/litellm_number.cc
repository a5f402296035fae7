#include "cli/litellm_number.h"

#include <charconv>
#include <cmath>
#include <string>

namespace insula::cli {

std::optional<double> litellm_number(const json::Value* value) {
  if (value == nullptr) return std::nullopt;
  const std::string* text = value->as_string();
  if (text == nullptr) return value->as_double();
  double number = 0;
  const char* const end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, number);
  const bool whole = read.ec == std::errc() && read.ptr == end && std::isfinite(number);
  return whole ? std::optional(number) : std::nullopt;
}

std::optional<std::int64_t> litellm_count(const json::Value* value) {
  constexpr double kMost = 1e15;
  const auto number = litellm_number(value);
  if (!number || *number < 0 || *number > kMost || std::floor(*number) != *number)
    return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

}  // namespace insula::cli
