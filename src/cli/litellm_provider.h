#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace insula::cli {

/// Where LiteLLM would ask for a model, as far as requests can be passed on there as they are.
struct LitellmTarget {
  std::string base_url;
  std::string model;                 // as the provider knows it
  std::string_view key_header = {};  // empty: the default
  /// What a user must know of it; empty: nothing.
  std::string_view note = {};
};

/// `model`: a `litellm_params.model`, with the provider before a slash or not. `api_base` and
/// `api_version`: empty when the configuration names none.
///
/// Errors: kNotImplemented, with the reason, for a provider that does not speak OpenAI's API, and
/// kInvalid when an address is missing.
/// Spec: LiteLLM's documentation of providers; the providers' own of their base URLs.
[[nodiscard]] Result<LitellmTarget> litellm_target(std::string_view model,
                                                   std::string_view api_base,
                                                   std::string_view api_version);

}  // namespace insula::cli
