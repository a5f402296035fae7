#pragma once

#include <string_view>

namespace insula {

/// `0.1.0`, and with it the commit where the build knew one: `0.1.0+89e3432`.
[[nodiscard]] std::string_view version();

}  // namespace insula
