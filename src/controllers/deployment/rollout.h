#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "api/gen/apps_v1.h"

namespace insula::controllers {

using SetPtr = std::shared_ptr<const api::ReplicaSet>;

inline constexpr std::string_view kRevisionAnnotation = "deployment.kubernetes.io/revision";
inline constexpr std::string_view kDesiredAnnotation = "deployment.kubernetes.io/desired-replicas";
inline constexpr std::string_view kMaxAnnotation = "deployment.kubernetes.io/max-replicas";
inline constexpr std::string_view kTemplateHashLabel = "pod-template-hash";

/// How far a rolling update may go above and below the wanted number of pods.
struct RolloutBounds {
  std::int32_t surge = 0;
  std::int32_t unavailable = 0;
};

[[nodiscard]] bool is_rolling(const api::Deployment& deployment);

/// Percentages resolved: surge rounded up, unavailable rounded down. Never both 0, or nothing could
/// move. Zero for strategies other than RollingUpdate.
[[nodiscard]] RolloutBounds bounds_of(const api::Deployment& deployment);

/// What the deployment wants: 1 when it does not say.
[[nodiscard]] std::int32_t wanted_replicas(const api::Deployment& deployment);

/// Hash of the pod template in the letters that Kubernetes uses for generated names. `collisions`
/// gives another hash for the same template.
[[nodiscard]] std::string template_hash(const api::PodTemplateSpec& pod_template,
                                        std::int32_t collisions);

/// Same pods? The pod-template-hash label does not count.
[[nodiscard]] bool same_template(const api::PodTemplateSpec& a, const api::PodTemplateSpec& b);

/// The revision that a set or deployment is annotated with; 0 when there is none.
[[nodiscard]] std::int64_t revision_annotation(const api::ObjectMeta& metadata);

/// A set and the number of replicas that it should have next.
struct SetSize {
  SetPtr set;
  std::int32_t replicas = 0;
};

/// One step of a rolling update: how the sets should be sized now, given what is available.
/// `old_sets` sorted by age. Only sets whose size changes are listed. Spec: Kubernetes, Deployment,
/// "Rolling Update Deployment" (maxUnavailable, maxSurge).
[[nodiscard]] std::vector<SetSize> roll(const api::Deployment& deployment,
                                        const SetPtr& new_set,
                                        const std::vector<SetPtr>& old_sets);

/// Sizes after the wanted number changed in the middle of a rollout: the difference is spread over
/// the sets in proportion. Lists every set that must get a new size. Spec: Kubernetes, Deployment,
/// "Proportional scaling".
[[nodiscard]] std::vector<SetSize> rescale(const api::Deployment& deployment,
                                           const SetPtr& new_set,
                                           const std::vector<SetPtr>& old_sets);

/// The wanted number changed since the sets were last sized.
[[nodiscard]] bool needs_rescale(const api::Deployment& deployment,
                                 const std::vector<SetPtr>& sets);

/// Replicas for a new set that is about to be created.
[[nodiscard]] std::int32_t first_size(const api::Deployment& deployment,
                                      const std::vector<SetPtr>& old_sets);

}  // namespace insula::controllers
