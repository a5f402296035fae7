#include "controllers/replicaset/controller.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "api/shared_quota.h"
#include "async/task_group.h"
#include "client/typed.h"
#include "controller/owner.h"
#include "controller/selector.h"
#include "controllers/pods.h"
#include "controllers/replicaset/replication.h"

namespace insula::controllers {

namespace {

// Pods without a controller share one index entry per namespace.
std::vector<std::string> owner_values(const api::Pod& pod) {
  std::string uid = controller::controller_uid(pod.metadata);
  if (uid.empty()) uid = "none/" + pod.metadata.namespace_;
  return {std::move(uid)};
}

bool has_cause(const Error& error, std::string_view reason) {
  return std::ranges::any_of(error.causes(),
                             [reason](const FieldCause& cause) { return cause.reason == reason; });
}

// A quota changed so that pods may fit that did not: other limits, or less in use.
bool frees_room(const api::ResourceQuota* before, const api::ResourceQuota* after) {
  if (before == nullptr || after == nullptr) return true;
  if (!(before->spec == after->spec) || before->status.hard != after->status.hard) return true;
  return std::ranges::any_of(before->status.used, [after](const auto& entry) {
    const auto now = after->status.used.find(entry.first);
    return now == after->status.used.end() || now->second < entry.second;
  });
}

std::string merge_patch_of_owners(const api::Pod& pod,
                                  const std::vector<api::OwnerReference>& owners) {
  std::string list;
  for (const api::OwnerReference& owner : owners) {
    if (!list.empty()) list += ',';
    list += api::encode_json(owner);
  }
  // The uid and resourceVersion make the patch fail when the pod is another one or has changed.
  return fmt::format(
      R"({{"metadata":{{"uid":"{}","resourceVersion":"{}","ownerReferences":[{}]}}}})",
      pod.metadata.uid, pod.metadata.resource_version, list);
}

template <class Set>
std::string queue_name() {
  return std::is_same_v<Set, api::ReplicaSet> ? "replicaset" : "replicationcontroller";
}

bool selects(const api::ReplicaSet& set, const controller::LabelMap& labels) {
  return set.spec.selector && controller::matches(*set.spec.selector, labels);
}

bool selects(const api::ReplicationController& set, const controller::LabelMap& labels) {
  return controller::contains(labels, set.spec.selector);
}

}  // namespace

template <class Set>
ReplicaController<Set>::ReplicaController(client::Client& client,
                                          const controller::Runtime& runtime,
                                          Mirrors mirrors,
                                          controller::EventRecorder& events)
    : client_(client),
      clock_(runtime.clock),
      mirrors_(mirrors),
      events_(events),
      by_owner_(mirrors.pods.add_index(owner_values)),
      controller_({.name = queue_name<Set>()}, runtime, *this) {
  mirrors_.sets.on_change(
      [this](const Set* before, const Set* after) { set_changed(before, after); });
  mirrors_.pods.on_change(
      [this](const api::Pod* before, const api::Pod* after) { pod_changed(before, after); });
  mirrors_.quotas.on_change(
      [this](const api::ResourceQuota* before, const api::ResourceQuota* after) {
        if (frees_room(before, after)) room_freed(after != nullptr ? *after : *before);
      });
  mirrors_.limit_ranges.on_change(
      [this](const api::LimitRange* before, const api::LimitRange* after) {
        retry_failed((after != nullptr ? after : before)->metadata.namespace_);
      });
}

template <class Set>
void ReplicaController<Set>::start() {
  controller_.start({&mirrors_.sets, &mirrors_.pods, &mirrors_.quotas, &mirrors_.limit_ranges});
}

template <class Set>
void ReplicaController<Set>::set_changed(const Set* before, const Set* after) {
  if (after == nullptr) {
    written_.erase(controller::key_of(*before));
    return;
  }
  const controller::Key key = controller::key_of(*after);
  const bool same = before != nullptr && before->spec == after->spec &&
                    before->metadata.deletion_timestamp == after->metadata.deletion_timestamp;
  if (same) {
    // Our own change of its status must not cut the backoff of a failure short; what somebody else
    // wrote there is to be set right.
    const auto own = written_.find(key);
    if (before->status == after->status) return;
    if (own != written_.end() && own->second == after->status) return;
  }
  controller_.enqueue(key);
}

template <class Set>
void ReplicaController<Set>::pod_changed(const api::Pod* before, const api::Pod* after) {
  if (before != nullptr) enqueue_owner(*before);
  if (after == nullptr) return;
  if (controller::controller_of(after->metadata) != nullptr) return enqueue_owner(*after);
  for (const SetPtr& set : mirrors_.sets.list(after->metadata.namespace_)) {
    if (selects(*set, after->metadata.labels)) controller_.enqueue(controller::key_of(*set));
  }
}

template <class Set>
void ReplicaController<Set>::enqueue_owner(const api::Pod& pod) {
  const api::OwnerReference* owner = controller::controller_of(pod.metadata);
  if (owner != nullptr && owner->kind == api::kind_of<Set>().kind)
    controller_.enqueue({pod.metadata.namespace_, owner->name});
}

template <class Set>
void ReplicaController<Set>::room_freed(const api::ResourceQuota& quota) {
  retry_failed(quota.metadata.namespace_);
  const std::string group = api::shared_quota_group(quota);
  if (group.empty()) return;
  for (const auto& [key, other] : mirrors_.quotas.all()) {
    if (api::shared_quota_group(*other) == group) retry_failed(key.name_space);
  }
}

template <class Set>
void ReplicaController<Set>::retry_failed(const std::string& name_space) {
  for (const SetPtr& set : mirrors_.sets.list(name_space)) {
    if (!set->status.conditions.empty()) controller_.enqueue(controller::key_of(*set));
  }
}

template <class Set>
Task<Result<controller::Outcome>> ReplicaController<Set>::reconcile(controller::Key key) {
  const SetPtr set = mirrors_.sets.get(key);
  if (!set) co_return controller::kDone;
  std::vector<PodPtr> pods = mirrors_.pods.by_index(by_owner_, set->metadata.uid);
  std::ranges::move(mirrors_.pods.by_index(by_owner_, "none/" + key.name_space),
                    std::back_inserter(pods));
  ReplicaSetPlan plan = plan_replica_set(as_replica_set(*set), pods, clock_.wall());

  INSULA_CO_TRY_VOID(co_await claim(set, std::move(plan.adopt), std::move(plan.release)));
  std::optional<Error> error;
  std::string_view reason = "FailedCreate";
  if (plan.create > 0) error = co_await create_pods(set, plan.create);
  if (!plan.remove.empty()) {
    reason = "FailedDelete";
    error = co_await remove_pods(set, std::move(plan.remove));
  }
  const std::optional<ReplicaFailure> failure =
      error ? std::optional(ReplicaFailure{std::string(reason), error->message()}) : std::nullopt;
  set_replica_failure(plan.status, failure ? &*failure : nullptr, clock_.wall());
  INSULA_CO_TRY_VOID(co_await write_status(set, status_of(*set, std::move(plan.status))));
  if (error) co_return std::unexpected(*std::move(error));
  if (plan.again_after) co_return controller::again_after(*plan.again_after);
  co_return controller::kDone;
}

template <class Set>
Task<Result<>> ReplicaController<Set>::claim(SetPtr set,
                                             std::vector<PodPtr> adopt,
                                             std::vector<PodPtr> release) {
  for (const PodPtr& pod : adopt) {
    std::vector<api::OwnerReference> owners = pod->metadata.owner_references;
    owners.push_back(controller::controlled_by(*set));
    INSULA_CO_TRY(const api::Pod adopted,
                  co_await client::patch<api::Pod>(
                      client_, pod->metadata.namespace_, pod->metadata.name,
                      {client::PatchType::kMerge, merge_patch_of_owners(*pod, owners)}));
    mirrors_.pods.observe(adopted);
  }
  for (const PodPtr& pod : release) {
    std::vector<api::OwnerReference> owners = pod->metadata.owner_references;
    std::erase_if(owners, [&set](const api::OwnerReference& owner) {
      return owner.uid == set->metadata.uid;
    });
    INSULA_CO_TRY(const api::Pod released,
                  co_await client::patch<api::Pod>(
                      client_, pod->metadata.namespace_, pod->metadata.name,
                      {client::PatchType::kMerge, merge_patch_of_owners(*pod, owners)}));
    mirrors_.pods.observe(released);
  }
  co_return Result<>{};
}

// In batches of 1, 2, 4, ...: when the server refuses the first, the others are not even asked for.
template <class Set>
Task<std::optional<Error>> ReplicaController<Set>::create_pods(SetPtr set, int count) {
  for (int batch = 1; count > 0; batch *= 2) {
    std::vector<Task<std::optional<Error>>> creates;
    const int now = std::min(batch, count);
    creates.reserve(static_cast<std::size_t>(now));
    for (int i = 0; i < now; ++i)
      creates.push_back(create_pod(set));
    count -= static_cast<int>(creates.size());
    std::optional<Error> first;
    for (std::optional<Error>& error : co_await all(std::move(creates))) {
      if (error && !first) first = std::move(error);
    }
    if (first) co_return first;
  }
  co_return std::nullopt;
}

template <class Set>
Task<std::optional<Error>> ReplicaController<Set>::create_pod(SetPtr set) {
  const Result<api::Pod> pod = co_await client::create(
      client_, pod_from_template(as_replica_set(*set), controller::controlled_by(*set)));
  if (pod) {
    mirrors_.pods.observe(*pod);
    events_.record(*set, controller::EventType::kNormal, "SuccessfulCreate",
                   "Created pod: " + pod->metadata.name);
    co_return std::nullopt;
  }
  // The set goes with its namespace; nobody needs to hear about it.
  if (has_cause(pod.error(), "NamespaceTerminating")) co_return std::nullopt;
  events_.record(*set, controller::EventType::kWarning, "FailedCreate",
                 "Error creating: " + pod.error().message());
  co_return pod.error();
}

template <class Set>
Task<std::optional<Error>> ReplicaController<Set>::remove_pods(SetPtr set,
                                                               std::vector<PodPtr> pods) {
  std::vector<Task<std::optional<Error>>> removals;
  removals.reserve(pods.size());
  for (PodPtr& pod : pods)
    removals.push_back(remove_pod(set, std::move(pod)));
  for (std::optional<Error>& error : co_await all(std::move(removals))) {
    if (error) co_return std::move(error);
  }
  co_return std::nullopt;
}

template <class Set>
Task<std::optional<Error>> ReplicaController<Set>::remove_pod(SetPtr set, PodPtr pod) {
  client::DeleteOptions options;
  options.precondition_uid = pod->metadata.uid;
  client::Target target = client::target_of(*pod);
  const Result<std::string> answer = co_await client_.remove(std::move(target), std::move(options));
  if (!answer) {
    if (answer.error().code() == ErrorCode::kNotFound) co_return std::nullopt;
    events_.record(*set, controller::EventType::kWarning, "FailedDelete",
                   "Error deleting: " + answer.error().message());
    co_return answer.error();
  }
  // Until the watch says so, too: or the next reconcile would count the pod as running.
  const Result<api::Pod> terminating = api::decode_json<api::Pod>(std::string_view(*answer));
  if (terminating && terminating->metadata.deletion_timestamp) {
    mirrors_.pods.observe(*terminating);
  } else {
    mirrors_.pods.observe_gone(*pod);
  }
  events_.record(*set, controller::EventType::kNormal, "SuccessfulDelete",
                 "Deleted pod: " + pod->metadata.name);
  co_return std::nullopt;
}

template <class Set>
Task<Result<>> ReplicaController<Set>::write_status(SetPtr set, Status status) {
  if (status == set->status) co_return Result<>{};
  Set next = *set;
  next.status = std::move(status);
  // Before the answer: the watch may be faster.
  written_[controller::key_of(next)] = next.status;
  INSULA_CO_TRY(const Set written, co_await client::update_status(client_, std::move(next)));
  mirrors_.sets.observe(written);
  co_return Result<>{};
}

template class ReplicaController<api::ReplicaSet>;
template class ReplicaController<api::ReplicationController>;

}  // namespace insula::controllers
