#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "api/gen/core_v1.h"
#include "async/channel.h"
#include "async/task_group.h"
#include "base/clock.h"
#include "base/random.h"
#include "client/client.h"
#include "telemetry/log.h"

namespace insula::node {

enum class EventType : std::uint8_t { kNormal, kWarning };

/// Events that wait to be sent; beyond it new ones are dropped, since they only inform.
inline constexpr std::size_t kEventQueueMax = 1000;

/// Tells users what the node does with their pods, as Event objects.
///
/// The same event of the same object within ten minutes becomes one object with a count. Sending
/// happens in the background, in order; an event that the server refuses is dropped and logged.
class EventRecorder {
 public:
  EventRecorder(client::Client& client, std::string node_name, const Clock& clock, Random& random, Log log);

  void start();

  /// About a pod. `container`: empty, or the one it is about.
  void record(const api::Pod& pod, const std::string& container, EventType type, std::string reason, std::string message);

  /// About the node itself.
  void record_node(EventType type, std::string reason, std::string message);

 private:
  struct Sent {
    std::string name;
    std::int32_t count = 0;
    SteadyTime at;
  };

  void enqueue(api::Event event);
  Task<> send_all();
  Task<> send(api::Event event);
  void forget_old();

  client::Client& client_;
  std::string node_name_;
  const Clock& clock_;
  Random& random_;
  Log log_;
  std::map<std::string, Sent> sent_;  // by object, reason and message
  Channel<api::Event> queue_{kEventQueueMax};
  TaskGroup tasks_;
};

}  // namespace insula::node
