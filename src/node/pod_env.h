#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/gen/core_v1.h"
#include "base/error.h"
#include "node/pod_facts.h"

namespace insula::node {

using Variables = std::map<std::string, std::string>;

/// Replaces `$(NAME)` by the variable and `$$` by `$`. What names no variable stays as it is.
/// Spec: Kubernetes, "Define Dependent Environment Variables".
[[nodiscard]] std::string expanded(std::string_view text, const Variables& variables);

/// A container's environment: where the API server is (if the pod reaches it), then envFrom, then
/// env in order, each able to use what came before.
///
/// Errors: kInvalid in the kubelet's words (`configmap "x" not found`, `couldn't find key k in
/// ...`), which become the message of CreateContainerConfigError.
[[nodiscard]] Result<Variables> container_environment(const api::Pod& pod,
                                                      const api::Container& container,
                                                      const ReferencedObjects& objects,
                                                      const PodFacts& facts);

/// NAME=value texts.
[[nodiscard]] std::vector<std::string> environment_block(const Variables& variables);

}  // namespace insula::node
