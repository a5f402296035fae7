#include "apiserver/admission.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "api/gen/core_v1.h"
#include "api/gen/networking_v1.h"
#include "api/gen/node_v1.h"
#include "api/gen/scheduling_v1.h"
#include "api/ingress_hosts.h"
#include "api/pod_resources.h"
#include "apiserver/limit_range.h"
#include "apiserver/object.h"
#include "apiserver/service_account_admission.h"
#include "apiserver/tenant_of.h"

namespace insula::apiserver {

namespace {

/// How long a pod stays on a node that is not ready, as Kubernetes' DefaultTolerationSeconds sets
/// it.
constexpr std::int64_t kTolerationSeconds = 300;

/// That run at once in a tenant's pod.
constexpr std::int64_t kEphemeralContainersMax = 10;

constexpr std::array<std::pair<std::string_view, std::int32_t>, 2> kPriorityClasses = {{
    {"system-cluster-critical", 2'000'000'000},
    {"system-node-critical", 2'000'001'000},
}};

void tolerate(api::Pod& pod, std::string_view key) {
  const bool has =
      std::ranges::any_of(pod.spec.tolerations, [key](const api::Toleration& toleration) {
        return (toleration.key == key ||
                (toleration.key.empty() && toleration.operator_ == "Exists")) &&
               (toleration.effect == "NoExecute" || toleration.effect.empty());
      });
  if (has) return;
  api::Toleration toleration;
  toleration.key = key;
  toleration.operator_ = "Exists";
  toleration.effect = "NoExecute";
  toleration.toleration_seconds = kTolerationSeconds;
  pod.spec.tolerations.push_back(std::move(toleration));
}

/// A pod tolerates for a while that its node is in trouble.
void tolerate_trouble(api::Pod& pod) {
  tolerate(pod, "node.kubernetes.io/not-ready");
  tolerate(pod, "node.kubernetes.io/unreachable");
}

/// What a PriorityClass gives to a pod.
struct Priority {
  std::string class_name;
  std::int32_t value = 0;
  std::string preemption = "PreemptLowerPriority";

  [[nodiscard]] static Priority of(const api::PriorityClass& priority) {
    return {priority.metadata.name, priority.value,
            priority.preemption_policy.value_or("PreemptLowerPriority")};
  }
};

/// The class of pods that name none, or null. Of several the lowest holds, as in Kubernetes, where
/// two servers may each take one.
std::shared_ptr<const api::PriorityClass> default_class(const store::Transaction& transaction) {
  std::shared_ptr<const api::PriorityClass> found;
  transaction.scan(store_key(api::kind_of<api::PriorityClass>(), "", ""),
                   [&](const store::EntryPtr& entry) {
                     auto priority = object_of<api::PriorityClass>(*entry);
                     const bool lower = !found || priority->value < found->value;
                     if (priority->global_default && lower) found = std::move(priority);
                     return true;
                   });
  return found;
}

Priority default_priority(const store::Transaction& transaction) {
  const auto found = default_class(transaction);
  return found ? Priority::of(*found) : Priority();
}

/// There is one default, which may change but not be joined by another.
Result<> admit_default(const store::Transaction& transaction,
                       const api::Kind& kind,
                       const api::PriorityClass& object) {
  if (!object.global_default) return {};
  const auto present = default_class(transaction);
  if (!present || present->metadata.name == object.metadata.name) return {};
  return forbidden(
      kind, object.metadata.name,
      fmt::format("PriorityClass {} is already marked as default. Only one default can "
                  "exist",
                  present->metadata.name));
}

/// The classes that are stored, and the two that Kubernetes has built in.
std::optional<Priority> find_priority(const store::Transaction& transaction,
                                      const std::string& name) {
  for (const auto& [known, value] : kPriorityClasses) {
    if (name == known) return Priority{name, value};
  }
  const store::EntryPtr entry =
      transaction.find(store_key(api::kind_of<api::PriorityClass>(), "", name));
  if (!entry) return std::nullopt;
  return Priority::of(*object_of<api::PriorityClass>(*entry));
}

/// Spec: Kubernetes, admission Priority.
Result<> admit_priority(const store::Transaction& transaction,
                        const api::Kind& kind,
                        api::Pod& pod) {
  const std::string& name = pod.spec.priority_class_name;
  const std::optional<Priority> priority =
      name.empty() ? default_priority(transaction) : find_priority(transaction, name);
  if (!priority) {
    return forbidden(kind, pod.metadata.name,
                     fmt::format("no PriorityClass with name {} was found", name));
  }
  // A tenant's pods may not stand before those that the cluster needs.
  const bool is_system = std::ranges::any_of(
      kPriorityClasses, [&name](const auto& known) { return known.first == name; });
  const std::string& space = pod.metadata.namespace_;
  if (is_system && !tenant_of_namespace(space, transaction).empty()) {
    return forbidden(
        kind, pod.metadata.name,
        fmt::format("pods with {} priorityClass is not permitted in {} namespace", name, space));
  }
  const std::int32_t asked = pod.spec.priority.value_or(priority->value);
  if (asked != priority->value) {
    return forbidden(kind, pod.metadata.name,
                     fmt::format("the integer value of priority ({}) must not be provided in pod "
                                 "spec; priority admission controller computed {} from the given "
                                 "PriorityClass name",
                                 asked, priority->value));
  }
  const std::string preemption = pod.spec.preemption_policy.value_or(priority->preemption);
  if (preemption != priority->preemption) {
    return forbidden(
        kind, pod.metadata.name,
        fmt::format("the string value of PreemptionPolicy ({}) must not be provided in "
                    "pod spec; priority admission controller computed {} from the "
                    "given PriorityClass name",
                    preemption, priority->preemption));
  }
  pod.spec.priority_class_name = priority->class_name;
  pod.spec.priority = priority->value;
  pod.spec.preemption_policy = priority->preemption;
  return {};
}

/// The node chooses how its containers run, whatever classes there are.
Result<> admit_runtime(const store::Transaction& transaction,
                       const api::Kind& kind,
                       const api::Pod& pod) {
  const std::string name = pod.spec.runtime_class_name.value_or("");
  if (name.empty()) return {};
  const bool there =
      transaction.find(store_key(api::kind_of<api::RuntimeClass>(), "", name)) != nullptr;
  return forbidden(kind, pod.metadata.name,
                   fmt::format("pod rejected: RuntimeClass \"{}\" {}", name,
                               there ? "is not supported by this server yet" : "not found"));
}

using LimitRanges = std::vector<std::shared_ptr<const api::LimitRange>>;

LimitRanges limit_ranges_of(const store::Transaction& transaction, std::string_view name_space) {
  LimitRanges ranges;
  transaction.scan(store_key(api::kind_of<api::LimitRange>(), name_space, ""),
                   [&](const store::EntryPtr& entry) {
                     ranges.push_back(object_of<api::LimitRange>(*entry));
                     return true;
                   });
  return ranges;
}

Result<> check_limits(const LimitRanges& ranges, const api::Kind& kind, const api::Pod& pod) {
  for (const auto& range : ranges) {
    const std::vector<std::string> wrong = limit_violations(*range, pod);
    if (wrong.size() == 1) return forbidden(kind, pod.metadata.name, wrong.front());
    if (!wrong.empty())
      return forbidden(kind, pod.metadata.name, fmt::format("[{}]", fmt::join(wrong, ", ")));
  }
  return {};
}

Result<> apply_limits(const store::Transaction& transaction, const api::Kind& kind, api::Pod& pod) {
  const LimitRanges ranges = limit_ranges_of(transaction, pod.metadata.namespace_);
  for (const auto& range : ranges)
    apply_limit_defaults(*range, pod);
  return check_limits(ranges, kind, pod);
}

Result<> admit_pod(const store::Transaction& transaction,
                   const api::Kind& kind,
                   api::Pod& pod,
                   AdmissionTimer& timer) {
  INSULA_TRY_VOID(timer.run(AdmissionPlugin::kRuntimeClass,
                            [&] { return admit_runtime(transaction, kind, pod); }));
  INSULA_TRY_VOID(timer.run(AdmissionPlugin::kPriority,
                            [&] { return admit_priority(transaction, kind, pod); }));
  INSULA_TRY_VOID(timer.run(AdmissionPlugin::kServiceAccount,
                            [&] { return admit_service_account(transaction, kind, pod); }));
  INSULA_TRY_VOID(timer.run(AdmissionPlugin::kDefaultTolerationSeconds, [&]() -> Result<> {
    tolerate_trouble(pod);
    return {};
  }));
  return timer.run(AdmissionPlugin::kLimitRanger,
                   [&] { return apply_limits(transaction, kind, pod); });
}

/// Spec: Kubernetes, admission DefaultIngressClass.
void choose_ingress_class(const store::Transaction& transaction, api::Ingress& ingress) {
  if (ingress.spec.ingress_class_name ||
      ingress.metadata.annotations.contains(api::kOldClassAnnotation))
    return;
  std::vector<std::shared_ptr<const api::IngressClass>> classes;
  transaction.scan(store_key(api::kind_of<api::IngressClass>(), "", ""),
                   [&](const store::EntryPtr& entry) {
                     classes.push_back(object_of<api::IngressClass>(*entry));
                     return true;
                   });
  if (const api::IngressClass* chosen = api::default_class(classes); chosen != nullptr)
    ingress.spec.ingress_class_name = chosen->metadata.name;
}

/// Spec: Kubernetes, admission PodResize.
Result<> check_node_holds(const store::Transaction& transaction,
                          const api::Kind& kind,
                          const api::Pod& pod) {
  const std::string& name = pod.spec.node_name;
  if (name.empty()) return {};
  const store::EntryPtr entry = transaction.find(store_key(api::kind_of<api::Node>(), "", name));
  if (!entry) return forbidden(kind, pod.metadata.name, fmt::format("node \"{}\" not found", name));
  const auto node = object_of<api::Node>(*entry);
  const auto requests = api::pod_requests(pod.spec);
  std::vector<std::string> lacking;
  for (const char* resource : {"cpu", "memory"}) {
    const auto wanted = requests.find(resource);
    if (wanted == requests.end()) continue;
    const auto found = node->status.allocatable.find(resource);
    const api::Quantity has =
        found == node->status.allocatable.end() ? api::Quantity() : found->second;
    if (wanted->second <= has) continue;
    const bool cpu = std::string_view(resource) == "cpu";
    lacking.push_back(fmt::format("{}, requested: {}, allocatable: {}", resource,
                                  cpu ? wanted->second.milli_value() : wanted->second.value(),
                                  cpu ? has.milli_value() : has.value()));
  }
  if (lacking.empty()) return {};
  auto refused = forbidden(
      kind, pod.metadata.name,
      fmt::format("node didn't have enough allocatable resources: {}", fmt::join(lacking, "; ")));
  return std::unexpected(std::move(refused).error().with_causes({{"", "NodeCapacity", ""}}));
}

}  // namespace

std::unexpected<Error> forbidden(const api::Kind& kind,
                                 std::string_view name,
                                 std::string_view why) {
  return fail(ErrorCode::kForbidden,
              fmt::format("{} \"{}\" is forbidden: {}", kind.group_resource(), name, why));
}

Result<> namespace_lifecycle(const store::Transaction& transaction,
                             const api::Kind& kind,
                             std::string_view name_space,
                             std::string_view name) {
  if (!kind.namespaced) return {};
  const store::EntryPtr entry =
      transaction.find(store_key(api::kind_of<api::Namespace>(), "", name_space));
  if (!entry) {
    Error missing(ErrorCode::kNotFound, fmt::format("namespaces \"{}\" not found", name_space));
    return std::unexpected(
        std::move(missing).about({"namespaces", std::string(), std::string(name_space)}));
  }
  const auto found = object_of<api::Namespace>(*entry);
  if (!found->metadata.deletion_timestamp) return {};
  Error error(ErrorCode::kForbidden, fmt::format("{} \"{}\" is forbidden: unable to create new "
                                                 "content in namespace {} because it is being "
                                                 "terminated",
                                                 kind.group_resource(), name, name_space));
  return std::unexpected(std::move(error).with_causes(
      {{"metadata.namespace", "NamespaceTerminating",
        fmt::format("namespace {} is being terminated", name_space)}}));
}

Result<> admit_new(const store::Transaction& transaction,
                   const api::Kind& kind,
                   void* object,
                   AdmissionTimer& timer) {
  if (&kind == &api::kind_of<api::Pod>())
    return admit_pod(transaction, kind, *static_cast<api::Pod*>(object), timer);
  if (&kind == &api::kind_of<api::PriorityClass>()) {
    return timer.run(AdmissionPlugin::kPriority, [&] {
      return admit_default(transaction, kind, *static_cast<api::PriorityClass*>(object));
    });
  }
  if (&kind == &api::kind_of<api::Ingress>()) {
    return timer.run(AdmissionPlugin::kDefaultIngressClass, [&]() -> Result<> {
      choose_ingress_class(transaction, *static_cast<api::Ingress*>(object));
      return {};
    });
  }
  return {};
}

Result<> admit_resize(const store::Transaction& transaction,
                      const api::Kind& kind,
                      const void* object,
                      const void* old) {
  const auto& pod = *static_cast<const api::Pod*>(object);
  if (pod.spec == static_cast<const api::Pod*>(old)->spec) return {};
  INSULA_TRY_VOID(check_limits(limit_ranges_of(transaction, pod.metadata.namespace_), kind, pod));
  return check_node_holds(transaction, kind, pod);
}

Result<> admit_ephemeral_containers(const store::Transaction& transaction,
                                    const api::Kind& kind,
                                    const void* object,
                                    const void* old) {
  const auto& pod = *static_cast<const api::Pod*>(object);
  const auto& before = *static_cast<const api::Pod*>(old);
  if (pod.spec.ephemeral_containers.size() <= before.spec.ephemeral_containers.size()) return {};
  if (tenant_of_namespace(pod.metadata.namespace_, transaction).empty()) return {};
  const auto not_ended =
      std::ranges::count_if(pod.spec.ephemeral_containers, [&](const auto& container) {
        const auto& statuses = before.status.ephemeral_container_statuses;
        const auto status = std::ranges::find(statuses, container.ephemeral_container_common.name,
                                              &api::ContainerStatus::name);
        return status == statuses.end() || !status->state.terminated;
      });
  if (not_ended <= kEphemeralContainersMax) return {};
  return forbidden(kind, pod.metadata.name,
                   fmt::format("at most {} ephemeral containers may run at once in a tenant's pod, "
                               "and this would make {}: wait until some have ended",
                               kEphemeralContainersMax, not_ended));
}

Result<> admit_changed(const store::Transaction& transaction,
                       const api::Kind& kind,
                       void* object,
                       const void* old) {
  if (&kind == &api::kind_of<api::PriorityClass>())
    return admit_default(transaction, kind, *static_cast<api::PriorityClass*>(object));
  if (&kind != &api::kind_of<api::Pod>()) return {};
  auto& pod = *static_cast<api::Pod*>(object);
  const api::PodSpec& before = static_cast<const api::Pod*>(old)->spec;
  tolerate_trouble(pod);
  if (!pod.spec.priority) pod.spec.priority = before.priority;
  if (!pod.spec.preemption_policy) pod.spec.preemption_policy = before.preemption_policy;
  return {};
}

}  // namespace insula::apiserver
