#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/gen/apiextensions_v1.h"
#include "api/time.h"

/// The state of a CustomResourceDefinition.
/// Spec: Kubernetes, apiextensions: naming, establishing and finalising of definitions.
namespace insula::api {

/// Holds a definition until its objects are gone.
inline constexpr const char* kCustomResourceCleanup = "customresourcecleanup.apiextensions.k8s.io";

inline constexpr const char* kEstablished = "Established";
inline constexpr const char* kNamesAccepted = "NamesAccepted";
inline constexpr const char* kTerminating = "Terminating";

/// Whether the condition of this type is True.
[[nodiscard]] bool has_condition(const CustomResourceDefinition& definition, std::string_view type);

/// Whether its kind is served.
[[nodiscard]] inline bool is_established(const CustomResourceDefinition& definition) {
  return has_condition(definition, kEstablished);
}

/// Whether objects of one version become those of another by a webhook, which this server does not
/// call.
[[nodiscard]] bool converts_by_webhook(const CustomResourceDefinition& definition);

/// Puts in or replaces; the time of the transition stays while the status does.
void set_condition(CustomResourceDefinition& definition,
                   CustomResourceDefinitionCondition condition);

/// Accepts the names of a definition that no other of its group has, and establishes it once all of
/// them are. `others`: the other definitions.
void accept_names(CustomResourceDefinition& definition,
                  std::span<const CustomResourceDefinition* const> others,
                  Time now);

/// What a request to delete a definition does to it: holds it, and says what will happen.
void mark_terminating(CustomResourceDefinition& definition, Time now);

}  // namespace insula::api
