#include "controller/testing/harness.h"

#include <algorithm>

namespace insula::controller::testing {

namespace {

Task<> turn_until(std::function<bool()> condition, bool* held) {
  for (int turn = 0; turn < kTurnsMax; ++turn) {
    if (condition()) {
      *held = true;
      co_return;
    }
    co_await yield();
  }
}

Task<> turn(int turns) {
  for (int i = 0; i < turns; ++i)
    co_await yield();
}

}  // namespace

Harness::Harness() = default;

bool Harness::until(std::function<bool()> condition) {
  bool held = false;
  run_until_complete(loop, turn_until(std::move(condition), &held));
  return held;
}

void Harness::settle() {
  run_until_complete(loop, turn(kTurnsToRest));
}

void Harness::advance(std::chrono::nanoseconds by) {
  clock.advance(by);
  settle();
}

void Harness::add_namespace(const std::string& name) {
  api::Namespace name_space;
  name_space.metadata.name = name;
  create(std::move(name_space));
}

void Harness::run_pod(const std::string& name_space,
                      const std::string& name,
                      const std::string& node,
                      const std::string& ip) {
  std::optional<api::Pod> pod = get<api::Pod>(name_space, name);
  if (pod->spec.node_name.empty()) {
    pod->spec.node_name = node;
    *pod = update(*std::move(pod));
  }
  pod->status.phase = "Running";
  pod->status.pod_ip = ip;
  std::erase_if(pod->status.conditions,
                [](const api::PodCondition& condition) { return condition.type == "Ready"; });
  api::PodCondition ready;
  ready.type = "Ready";
  ready.status = "True";
  ready.last_transition_time = api::Time::from(clock.wall());
  pod->status.conditions.push_back(std::move(ready));
  update_status(*std::move(pod));
}

std::vector<std::string> Harness::events(const std::string& name, const std::string& reason) {
  std::vector<api::Event> found = list<api::Event>();
  std::erase_if(found, [&](const api::Event& event) {
    return event.involved_object.name != name || event.reason != reason;
  });
  std::ranges::sort(found, {}, [](const api::Event& event) { return event.metadata.name; });
  std::vector<std::string> messages;
  for (api::Event& event : found)
    messages.push_back(std::move(event.message));
  return messages;
}

}  // namespace insula::controller::testing
