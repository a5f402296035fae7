#include "scheduler/scheduler.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "api/pod_resources.h"
#include "client/typed.h"
#include "scheduler/placement.h"

namespace insula::scheduler {

namespace {

/// Who owns what it writes.
constexpr const char* kFieldManager = "insula-scheduler";

Counter& attempts(MetricsRegistry& metrics, std::string_view result) {
  return metrics.counter("scheduler_schedule_attempts_total",
                         "Pods by outcome of a scheduling attempt; unschedulable ones wait for "
                         "room, see their events.",
                         {{"profile", kSchedulerName}, {"result", std::string(result)}});
}

bool is_schedulable_now(const api::Pod& pod) {
  return pod.spec.node_name.empty() && !pod.metadata.deletion_timestamp &&
         (pod.spec.scheduler_name.empty() || pod.spec.scheduler_name == kSchedulerName) &&
         pod.status.phase != "Succeeded" && pod.status.phase != "Failed";
}

// Of a resize both the wish and the node's report of it may be what gives room.
bool requests_less(const api::Pod& before, const api::Pod& after) {
  const auto now = api::pod_requests(after, api::InfeasibleResize::kLeftOut);
  const auto then = api::pod_requests(before, api::InfeasibleResize::kLeftOut);
  return std::ranges::any_of(then, [&](const auto& entry) {
    const auto found = now.find(entry.first);
    return found == now.end() || found->second < entry.second;
  });
}

bool frees_room(const api::Pod& before, const api::Pod* after) {
  if (before.spec.node_name.empty()) return false;
  return after == nullptr || after->status.phase == "Succeeded" ||
         after->status.phase == "Failed" || requests_less(before, *after);
}

// A heartbeat changes nothing for placement.
bool same_for_placement(const api::Node& a, const api::Node& b) {
  const auto ready = [](const api::Node& node) {
    const auto it = std::ranges::find(node.status.conditions, "Ready", &api::NodeCondition::type);
    return it == node.status.conditions.end() ? std::string() : it->status;
  };
  return a.spec == b.spec && a.metadata.labels == b.metadata.labels &&
         a.status.allocatable == b.status.allocatable && ready(a) == ready(b);
}

}  // namespace

Scheduler::Scheduler(client::Client& client,
                     const controller::Runtime& runtime,
                     Mirrors mirrors,
                     controller::EventRecorder& events)
    : client_(client),
      clock_(runtime.clock),
      mirrors_(mirrors),
      events_(events),
      bound_(attempts(runtime.metrics, "scheduled")),
      unschedulable_(attempts(runtime.metrics, "unschedulable")),
      pending_(runtime.metrics.gauge(
          "scheduler_pending_pods",
          "Pods that fit on no node; when it stays above 0, add capacity or lower requests.",
          {{"queue", "unschedulable"}})),
      controller_({.name = "scheduler", .workers = kBindingsMax}, runtime, *this) {
  mirrors_.pods.on_change(
      [this](const api::Pod* before, const api::Pod* after) { pod_changed(before, after); });
  mirrors_.nodes.on_change([this](const api::Node* before, const api::Node* after) {
    const std::string& name = (after != nullptr ? after : before)->metadata.name;
    cluster_.node_changed(name, mirrors_.nodes.get({{}, name}));
    if (before == nullptr || after == nullptr || !same_for_placement(*before, *after))
      retry_waiting();
  });
}

void Scheduler::start() {
  controller_.start({&mirrors_.pods, &mirrors_.nodes});
}

void Scheduler::pod_changed(const api::Pod* before, const api::Pod* after) {
  cluster_.pod_changed(before, after);
  const controller::Key key = controller::key_of(after != nullptr ? *after : *before);
  if (after == nullptr || !is_schedulable_now(*after)) {
    waiting_.erase(key);
    pending_.set(static_cast<double>(waiting_.size()));
  } else if (before == nullptr || !(before->spec == after->spec)) {
    controller_.enqueue(key);
  }
  if (before != nullptr && !waiting_.empty() && frees_room(*before, after)) retry_waiting();
}

void Scheduler::retry_waiting() {
  std::vector<PodPtr> pods;
  for (const controller::Key& key : waiting_) {
    if (PodPtr pod = mirrors_.pods.get(key)) pods.push_back(std::move(pod));
  }
  std::ranges::sort(pods, {}, [](const PodPtr& pod) {
    return std::pair(pod->metadata.creation_timestamp, std::string_view(pod->metadata.name));
  });
  for (const PodPtr& pod : pods)
    controller_.enqueue(controller::key_of(*pod));
}

Task<Result<controller::Outcome>> Scheduler::reconcile(controller::Key key) {
  const PodPtr pod = mirrors_.pods.get(key);
  if (!pod || !is_schedulable_now(*pod) || cluster_.is_assumed(key)) co_return controller::kDone;
  if (!pod->spec.scheduling_gates.empty()) {
    co_return co_await hold(pod, "SchedulingGated",
                            "Scheduling is blocked due to non-empty scheduling gates");
  }
  Placement placement = place(*pod, cluster_);
  if (!placement.node.empty()) co_return co_await bind(pod, std::move(placement.node));
  waiting_.insert(key);
  pending_.set(static_cast<double>(waiting_.size()));
  unschedulable_.add();
  co_return co_await hold(pod, "Unschedulable", std::move(placement.message));
}

Task<Result<controller::Outcome>> Scheduler::bind(PodPtr pod, std::string node) {
  const controller::Key key = controller::key_of(*pod);
  waiting_.erase(key);
  pending_.set(static_cast<double>(waiting_.size()));
  cluster_.assume(*pod, node);
  api::Binding binding;
  binding.metadata.namespace_ = key.name_space;
  binding.metadata.name = key.name;
  binding.metadata.uid = pod->metadata.uid;
  binding.target.kind = "Node";
  binding.target.name = node;
  std::string body = api::encode_json(binding);
  client::Target target = client::target_of(*pod, "binding");
  client::WriteOptions options;
  options.field_manager = kFieldManager;
  const Result<std::string> bound =
      co_await client_.create(std::move(target), std::move(body), std::move(options));
  if (!bound) {
    cluster_.forget(key);
    if (bound.error().code() == ErrorCode::kNotFound) co_return controller::kDone;
    co_return std::unexpected(bound.error());
  }
  bound_.add();
  events_.record(*pod, controller::EventType::kNormal, "Scheduled",
                 fmt::format("Successfully assigned {} to {}", key.text(), node));
  co_return controller::kDone;
}

Task<Result<controller::Outcome>> Scheduler::hold(PodPtr pod,
                                                  std::string reason,
                                                  std::string message) {
  const auto& conditions = pod->status.conditions;
  const auto known = std::ranges::find(conditions, "PodScheduled", &api::PodCondition::type);
  if (known != conditions.end() && known->status == "False" && known->reason == reason &&
      known->message == message) {
    co_return controller::kDone;
  }
  if (reason == "Unschedulable") {
    events_.record(*pod, controller::EventType::kWarning, "FailedScheduling", message);
  }
  api::Pod next = *pod;
  auto condition =
      std::ranges::find(next.status.conditions, "PodScheduled", &api::PodCondition::type);
  if (condition == next.status.conditions.end()) {
    condition = next.status.conditions.emplace(next.status.conditions.end());
  }
  if (condition->status != "False")
    condition->last_transition_time = api::Time::from(clock_.wall());
  condition->type = "PodScheduled";
  condition->status = "False";
  condition->reason = std::move(reason);
  condition->message = std::move(message);
  client::WriteOptions options;
  options.field_manager = kFieldManager;
  INSULA_CO_TRY(const api::Pod stored,
                co_await client::update_status(client_, std::move(next), std::move(options)));
  mirrors_.pods.observe(stored);
  co_return controller::kDone;
}

}  // namespace insula::scheduler
