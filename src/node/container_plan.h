#pragma once

#include <string>
#include <vector>

#include "api/gen/core_v1.h"
#include "base/error.h"
#include "node/image_resolver.h"
#include "node/pod_env.h"
#include "node/runtime.h"

namespace insula::node {

/// What goes into the start of one container; borrowed for the call.
struct PlanInput {
  const api::Pod& pod;
  const api::Container& container;
  const ResolvedImage& image;
  const Sandbox& sandbox;
  Variables environment;                      // from the pod's specification
  std::vector<Mount> mounts;                  // of its volumes
  std::vector<std::string> gpus;              // UUIDs it holds
  std::vector<std::string> devices;           // their files
  bool tenant = false;                        // belongs to a tenant: gets fewer rights
  std::optional<ProcessIdentity> joins = {};  // the container whose processes it sees
};

/// Combines image, specification and node into what a runtime runs: arguments with `$(NAME)`
/// replaced, environment, user, limits and protections. Identity, directories and logs are the
/// caller's to fill in.
///
/// Errors: kInvalid in the kubelet's words, for CreateContainerConfigError.
/// Spec: Kubernetes, "Define a Command and Arguments for a Container", "Configure a Security
/// Context".
[[nodiscard]] Result<ContainerPlan> plan_container(PlanInput input);

/// What an ephemeral container of a tenant gets, which no quota counts: the cpu and memory limits
/// of its target, or for no target, or one without, the smallest of the pod's containers; the pod's
/// own when none has any. No share of cpu is set aside for it.
[[nodiscard]] api::ResourceRequirements ephemeral_resources(const api::PodSpec& spec,
                                                            const std::string& target);

/// What a container's requests and limits come to.
[[nodiscard]] Limits limits_of(const api::ResourceRequirements& resources);

}  // namespace insula::node
