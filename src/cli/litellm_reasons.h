#pragma once

#include <string_view>

namespace insula::cli {

/// Why a setting of LiteLLM's proxy is not translated. `key`: its name, wherever it stands.
[[nodiscard]] std::string_view litellm_reason(std::string_view key);

}  // namespace insula::cli
