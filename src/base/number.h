#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>
#include <system_error>

namespace insula {

/// The number that the whole of `text` is, in C's notation without a sign of plus; nothing when it
/// is empty, is followed by anything, or does not fit.
template <class T>
  requires std::integral<T> || std::floating_point<T>
[[nodiscard]] std::optional<T> parse_whole(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace insula
