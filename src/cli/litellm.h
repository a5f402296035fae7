#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/gen/core_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "base/error.h"
#include "gateway/prices.h"
#include "json/value.h"

namespace insula::cli {

struct LitellmOptions {
  /// Whose models they become; empty: the namespace of the ConfigMap that the configuration is in.
  std::string tenant;
  /// The value of an environment variable, for `os.environ/NAME`.
  std::function<std::optional<std::string>(const std::string&)> environment;
};

/// What a configuration of LiteLLM's proxy becomes here.
struct LitellmImport {
  api::Tenant tenant;
  /// Keys of providers that were found; nothing when there are none.
  std::optional<api::Secret> secret = std::nullopt;
  /// Without a currency when the configuration names no costs.
  gateway::PriceList prices = {};
  /// What was not translated, or differs: where it stands, and why.
  std::vector<std::string> notes = {};
};

/// Translates a configuration, or the one in a ConfigMap among Kubernetes objects, whose Secrets
/// are referred to where they have the key of that name.
///
/// Errors: kBadRequest for what is no YAML; kInvalid when there is no `model_list` in it or no
/// tenant is named.
/// Spec: LiteLLM's documentation of config.yaml, routing and virtual keys.
[[nodiscard]] Result<LitellmImport> import_litellm(std::string_view yaml,
                                                   const LitellmOptions& options);

/// The objects as one YAML text, with the notes as comments at its beginning.
[[nodiscard]] std::string to_yaml_text(const LitellmImport& import);

}  // namespace insula::cli
