#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/custom/kind_catalog.h"
#include "api/gen/apiextensions_v1.h"
#include "controller/controller.h"
#include "controller/event_recorder.h"
#include "controller/reflector.h"
#include "controllers/garbage/graph.h"

namespace insula::controllers {

/// Deletes what has lost its owners, and carries out foreground and orphaning deletion.
///
/// Watches the metadata of every kind but Events, and follows the kinds as definitions of custom
/// ones come and go. Before anything is deleted for a missing owner the server is asked whether the
/// owner is really gone: the mirrors of different kinds do not advance together.
///
/// An owner in a namespace is looked for in the dependent's own namespace only; one of another is
/// as good as absent, and what is in no namespace is never deleted because of one that is in some.
/// Both are told with an event (OwnerRefInvalidNamespace).
class GarbageCollector final : private controller::Reconciler {
 public:
  /// Which kinds there are, and the definitions whose changes may change them.
  struct Kinds {
    api::KindCatalog& catalog;
    controller::Informer<api::CustomResourceDefinition>& definitions;
  };

  GarbageCollector(client::Client& client,
                   const controller::Runtime& runtime,
                   Kinds kinds,
                   controller::EventRecorder& events);
  ~GarbageCollector() override;

  void start();

  [[nodiscard]] bool idle() const { return controller_.idle(); }

 private:
  class KindMirror;

  Task<Result<controller::Outcome>> reconcile(controller::Key key) override;
  Task<Result<>> act(OwnedObject object, std::vector<OwnerView> owners, GarbageAction action);
  /// Looks the kUnknown owners up.
  Task<Result<std::vector<OwnerView>>> ask(std::string name_space, std::vector<OwnerView> owners);
  Task<Result<>> remove(OwnedObject object, client::Propagation propagation);
  /// Rewrites the owner references (or finalizers) of the object that `uid` still names.
  Task<Result<>> patch_metadata(OwnedObject object, std::string member, std::string json_list);
  Task<Result<>> drop_references(OwnedObject object, std::vector<std::string> owner_uids);
  /// Its owners no longer wait for it.
  Task<Result<>> unblock_owners(OwnedObject object);
  Task<Result<>> remove_finalizer(OwnedObject object, std::string_view finalizer);

  [[nodiscard]] std::vector<OwnerView> view_owners(const OwnedObject& object) const;
  void tell_invalid(const OwnedObject& object, const std::vector<OwnerView>& owners);
  [[nodiscard]] bool has_waiting_dependent(const std::string& uid) const;
  void tell_waiting_owners(const OwnedObject& object);
  void changed(const OwnedObject* before, const OwnedObject* after);
  /// Mirrors what is stored now, and forgets what is not.
  void follow_kinds();

  client::Client& client_;
  controller::EventRecorder& events_;
  OwnerGraph graph_;
  Kinds kinds_;
  Log log_;
  bool started_ = false;
  std::map<std::string, std::unique_ptr<KindMirror>> mirrors_;  // by resource and group
  controller::Controller controller_;
};

}  // namespace insula::controllers
