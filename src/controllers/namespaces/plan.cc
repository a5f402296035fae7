#include "controllers/namespaces/plan.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace insula::controllers {

namespace {

void set_condition(api::NamespaceStatus& status,
                   std::string_view type,
                   std::string_view value,
                   std::string_view reason,
                   std::string message,
                   WallTime now) {
  api::NamespaceCondition condition;
  condition.type = type;
  condition.status = value;
  condition.reason = reason;
  condition.message = std::move(message);
  condition.last_transition_time = api::Time::from(now);
  const auto it = std::ranges::find(status.conditions, type, &api::NamespaceCondition::type);
  if (it == status.conditions.end()) {
    status.conditions.push_back(std::move(condition));
    return;
  }
  if (it->status == condition.status) condition.last_transition_time = it->last_transition_time;
  *it = std::move(condition);
}

std::string list_of(const std::map<std::string, int>& counts, std::string_view what) {
  std::string text;
  for (const auto& [name, count] : counts) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {} {} resource instances", name, what, count);
  }
  return text;
}

}  // namespace

bool is_terminating(const api::Namespace& name_space) {
  return name_space.metadata.deletion_timestamp.has_value();
}

api::NamespaceStatus terminating_status(const api::Namespace& name_space,
                                        const NamespaceContent& content,
                                        WallTime now) {
  api::NamespaceStatus status = name_space.status;
  status.phase = "Terminating";
  if (content.failures.empty()) {
    set_condition(status, "NamespaceDeletionContentFailure", "False", "ContentDeleted",
                  "All content successfully deleted, may be waiting on finalization", now);
  } else {
    set_condition(status, "NamespaceDeletionContentFailure", "True", "ContentDeletionFailed",
                  fmt::format("Failed to delete all resource types, {} remaining: {}",
                              content.failures.size(), fmt::join(content.failures, ", ")),
                  now);
  }
  if (content.objects.empty()) {
    set_condition(status, "NamespaceContentRemaining", "False", "ContentRemoved",
                  "All content successfully removed", now);
  } else {
    set_condition(status, "NamespaceContentRemaining", "True", "SomeResourcesRemain",
                  "Some resources are remaining: " + list_of(content.objects, "has"), now);
  }
  if (content.finalizers.empty()) {
    set_condition(status, "NamespaceFinalizersRemaining", "False", "ContentHasNoFinalizers",
                  "All content-preserving finalizers finished", now);
  } else {
    set_condition(status, "NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain",
                  "Some content in the namespace has finalizers remaining: " +
                      list_of(content.finalizers, "in"),
                  now);
  }
  return status;
}

api::ServiceAccount default_service_account(const std::string& name_space) {
  api::ServiceAccount account;
  account.metadata.namespace_ = name_space;
  account.metadata.name = "default";
  return account;
}

api::ConfigMap root_ca_config_map(const std::string& name_space, const std::string& ca_pem) {
  api::ConfigMap map;
  map.metadata.namespace_ = name_space;
  map.metadata.name = kRootCaConfigMap;
  map.metadata.annotations["kubernetes.io/description"] =
      "The certificate authority of this API server, for programs that run in pods.";
  map.data["ca.crt"] = ca_pem;
  return map;
}

}  // namespace insula::controllers
