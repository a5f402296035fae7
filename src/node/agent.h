#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "async/event.h"
#include "async/task.h"
#include "async/task_group.h"
#include "controller/informer.h"
#include "node/node_room.h"
#include "node/pod_worker.h"

namespace insula::node {

/// Turns the pods bound to this node into workers, one each, and drops them when they are done.
///
/// Threads: its loop. Lifetime: the services outlive it. Destroying it leaves pods running; the
/// next agent over the same directory takes them over.
class Agent {
 public:
  Agent(NodeServices& services, std::string node_name);

  /// Recovers addresses and devices of pods that an earlier agent ran, then follows the API.
  void start();

  /// Set once the pods of this node are known.
  [[nodiscard]] Event& synced() { return pods_.synced(); }

  /// nullptr when this node does not run it. Of two pods of one name the one that is not ending.
  [[nodiscard]] const PodWorker* find(std::string_view name_space, std::string_view name) const;

  [[nodiscard]] const std::map<std::string, std::unique_ptr<PodWorker>>& workers() const {
    return workers_;
  }

 private:
  void recover_holdings();
  void pod_changed(const api::Pod* before, const api::Pod* after);
  [[nodiscard]] bool was_accepted(const api::Pod& pod) const;
  void accept(const api::Pod& pod);
  Task<> accept_first();
  void grant_resizes();
  [[nodiscard]] RoomTaken room_taken(const PodWorker* but) const;
  Task<> drop_finished();
  Task<> clear_orphans();
  Task<> remove_orphan(std::string uid);

  NodeServices& services_;
  std::map<std::string, std::unique_ptr<PodWorker>> workers_;  // by uid
  Event released_;
  controller::Informer<api::Pod> pods_;
  TaskGroup tasks_;
};

}  // namespace insula::node
