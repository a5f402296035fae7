#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace insula::jose {

/// RFC 4648 section 5 without padding, as JWS uses it.
[[nodiscard]] std::string base64url_encode(std::string_view bytes);

/// Refuses padding, characters outside the alphabet, impossible lengths and stray bits in the last
/// character, so that every value has exactly one spelling.
[[nodiscard]] std::optional<std::string> base64url_decode(std::string_view text);

}  // namespace insula::jose
