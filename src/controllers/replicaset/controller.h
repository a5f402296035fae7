#pragma once

#include <map>
#include <optional>
#include <vector>

#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"
#include "controller/controller.h"
#include "controller/event_recorder.h"
#include "controller/informer.h"
#include "controllers/replicaset/plan.h"

namespace insula::controllers {

/// Keeps as many pods as each ReplicaSet, or ReplicationController, asks for. `Set` is the kind.
///
/// When the server refuses a pod (a quota, as a rule), the set gets the condition ReplicaFailure
/// and an event with the server's words, and creation is tried again with growing delays, and at
/// once when a quota or limit range of the namespace changes.
template <class Set>
class ReplicaController final : private controller::Reconciler {
 public:
  struct Mirrors {
    controller::Informer<Set>& sets;
    controller::Informer<api::Pod>& pods;
    controller::Informer<api::ResourceQuota>& quotas;
    controller::Informer<api::LimitRange>& limit_ranges;
  };

  ReplicaController(client::Client& client,
                    const controller::Runtime& runtime,
                    Mirrors mirrors,
                    controller::EventRecorder& events);

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  using SetPtr = controller::Informer<Set>::Object;
  using Status = decltype(Set::status);

  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;
  Task<Result<>> claim(SetPtr set, std::vector<PodPtr> adopt, std::vector<PodPtr> release);
  /// The first failure, after which no further batch is started.
  Task<std::optional<Error>> create_pods(SetPtr set, int count);
  Task<std::optional<Error>> create_pod(SetPtr set);
  Task<std::optional<Error>> remove_pods(SetPtr set, std::vector<PodPtr> pods);
  Task<std::optional<Error>> remove_pod(SetPtr set, PodPtr pod);
  Task<Result<>> write_status(SetPtr set, Status status);

  void set_changed(const Set* before, const Set* after);
  void pod_changed(const api::Pod* before, const api::Pod* after);
  void enqueue_owner(const api::Pod& pod);
  void room_freed(const api::ResourceQuota& quota);
  void retry_failed(const std::string& name_space);

  client::Client& client_;
  const Clock& clock_;
  Mirrors mirrors_;
  controller::EventRecorder& events_;
  controller::Informer<api::Pod>::IndexId by_owner_;
  // The last status written of each set, to tell our own changes from those of others.
  std::map<controller::Key, Status> written_;
  controller::Controller controller_;
};

using ReplicaSetController = ReplicaController<api::ReplicaSet>;
using ReplicationControllerController = ReplicaController<api::ReplicationController>;

extern template class ReplicaController<api::ReplicaSet>;
extern template class ReplicaController<api::ReplicationController>;

}  // namespace insula::controllers
