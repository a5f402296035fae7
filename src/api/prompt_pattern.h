#pragma once

#include <cstddef>
#include <string_view>

#include "base/error.h"

namespace insula::api {

/// Instructions to which a pattern of a list of denied prompts may compile: that many of a text's
/// characters can cost thought at once, and no match is longer in bytes.
inline constexpr std::size_t kPromptPatternInstructionsMax = 512;
/// Of all patterns of a list together.
inline constexpr std::size_t kPromptPatternsInstructionsMax = 2048;

/// The instructions of RE2 to which a pattern compiles, if prompts can be searched for it: in
/// pieces, so that no prompt holds up another. So no match may be longer than what two neighbouring
/// pieces have both, and nothing may repeat without end.
///
/// Errors: kInvalid, for what is no pattern, and for what is beyond a bound, with the bound.
[[nodiscard]] Result<std::size_t> check_prompt_pattern(std::string_view pattern);

}  // namespace insula::api
