#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gateway/provider_config.h"
#include "json/value.h"

namespace insula::gateway {

/// A Service, or a provider outside the platform, that serves a model.
struct BackendConfig {
  /// What upstreams see as Host: `small.demo-a.svc:8000`.
  std::string service_host;
  /// Ready ones only, as `ip:port`.
  std::vector<std::string> endpoints;
  /// As the Service knows the model; empty: as the tenant does.
  std::string model = {};
  std::int64_t weight = 1;
  /// Requests that each endpoint answers at one time; nothing: not limited.
  std::optional<std::int64_t> in_flight_max = std::nullopt;
  /// Its endpoints are looked up and not written with the rest.
  std::optional<ProviderConfig> provider = std::nullopt;

  bool operator==(const BackendConfig&) const = default;
};

/// As it is written to disk.
[[nodiscard]] json::Value to_value(const BackendConfig& backend);
/// But for its provider.
[[nodiscard]] BackendConfig backend_from(const json::Object& object);

}  // namespace insula::gateway
