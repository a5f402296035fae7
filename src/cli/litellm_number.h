#pragma once

#include <cstdint>
#include <optional>

#include "json/value.h"

namespace insula::cli {

/// A number as LiteLLM reads settings: also one that is written as a text (`rpm: "20"`). Nothing:
/// `value` is null or something else.
[[nodiscard]] std::optional<double> litellm_number(const json::Value* value);

/// The same for what is counted: whole, and not below zero.
[[nodiscard]] std::optional<std::int64_t> litellm_count(const json::Value* value);

}  // namespace insula::cli
