#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cel/source.h"
#include "cel/value.h"

namespace insula::cel {

struct Token {
  enum class Kind : std::uint8_t { kIdentifier, kQuotedName, kLiteral, kSymbol, kEnd };

  Kind kind;
  /// A name, or a symbol such as `&&`; of a literal as it stands in the source.
  std::string text;
  Value value;  // of a literal
  std::size_t offset;
};

/// Cuts an expression into tokens; the last one is kEnd. A number has no sign: `-1` are two tokens,
/// and the least integer is one that only the parser can read.
/// Errors: the first character that begins no token, a literal that does not end or cannot be
/// represented.
/// Spec: cel-spec langdef.md, "Syntax".
[[nodiscard]] std::expected<std::vector<Token>, Issue> tokens_of(std::string_view source);

/// Whether a name may not be a variable: the specification keeps it for other languages' words.
[[nodiscard]] bool is_reserved(std::string_view name);

/// The magnitude of the least int64, which no literal without a sign can have.
inline constexpr std::string_view kLeastInteger = "9223372036854775808";

}  // namespace insula::cel
