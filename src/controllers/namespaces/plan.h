#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/gen/core_v1.h"
#include "base/clock.h"

namespace insula::controllers {

inline constexpr const char* kNamespaceFinalizer = "kubernetes";
inline constexpr const char* kRootCaConfigMap = "kube-root-ca.crt";

/// What is still in a namespace that is being deleted.
struct NamespaceContent {
  std::map<std::string, int> objects;     // by `resource.group`, as in `pods.`
  std::map<std::string, int> finalizers;  // how many objects wait for each
  std::vector<std::string> failures;      // deletions that the server refused
};

[[nodiscard]] bool is_terminating(const api::Namespace& name_space);

/// The status of a namespace that is being deleted: phase Terminating, and conditions that say what
/// is left and why, in Kubernetes' words.
[[nodiscard]] api::NamespaceStatus terminating_status(const api::Namespace& name_space,
                                                      const NamespaceContent& content,
                                                      WallTime now);

/// The ServiceAccount and the ConfigMap that every namespace has.
[[nodiscard]] api::ServiceAccount default_service_account(const std::string& name_space);
[[nodiscard]] api::ConfigMap root_ca_config_map(const std::string& name_space,
                                                const std::string& ca_pem);

}  // namespace insula::controllers
