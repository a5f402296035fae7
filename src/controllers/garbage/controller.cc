#include "controllers/garbage/controller.h"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "api/custom/custom_kind.h"
#include "async/task_group.h"
#include "client/typed.h"
#include "controller/informer.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::controllers {

// The metadata of one kind's objects, straight into the graph.
class GarbageCollector::KindMirror final : public controller::Mirror,
                                           private controller::ReflectorSink {
 public:
  KindMirror(GarbageCollector& owner, const api::Kind& kind)
      : owner_(owner), kind_(kind), reflector_(owner.client_, kind, {}, *this, owner.log_) {}

  [[nodiscard]] const api::Kind& kind() const { return kind_; }

  /// Goes on where the mirror of an older form of the kind stops: what that has seen and is no more
  /// is found missing by the first list.
  void succeed(KindMirror& older) { uids_ = std::move(older.uids_); }

  /// The kind is no more, and so is everything of it.
  void forget() {
    for (const std::string& uid : std::exchange(uids_, {}))
      erase(uid);
  }

  void start() override { tasks_.spawn(reflector_.run()); }

  Event& synced() override { return reflector_.synced(); }

 private:
  void begin_replace() override { listed_.clear(); }

  void add_page(const client::Page& page) override {
    for (const client::PageItem& item : page.items) {
      Result<api::ObjectMeta> metadata = client::metadata_of(kind_, item);
      if (metadata) listed_.push_back(*std::move(metadata));
    }
  }

  void end_replace(std::int64_t revision) override {
    std::unordered_set<std::string> gone = std::exchange(uids_, {});
    for (api::ObjectMeta& metadata : std::exchange(listed_, {})) {
      gone.erase(metadata.uid);
      put(std::move(metadata));
    }
    for (const std::string& uid : gone)
      erase(uid);
    revision_ = revision;
  }

  void apply(const client::WatchEvent& event) override {
    Result<api::ObjectMeta> metadata = client::metadata_of(kind_, event);
    if (!metadata) return;
    revision_ = std::max(revision_, controller::revision_of(metadata->resource_version));
    if (event.type == client::WatchEventType::kDeleted) {
      uids_.erase(metadata->uid);
      erase(metadata->uid);
    } else if (event.type != client::WatchEventType::kBookmark) {
      put(*std::move(metadata));
    }
  }

  [[nodiscard]] std::int64_t revision() const override { return revision_; }

  void put(api::ObjectMeta metadata) {
    uids_.insert(metadata.uid);
    // Only what ownership is about: labels and managed fields of every object would double its
    // size.
    OwnedObject object{&kind_, {}};
    object.metadata.namespace_ = std::move(metadata.namespace_);
    object.metadata.name = std::move(metadata.name);
    object.metadata.uid = std::move(metadata.uid);
    object.metadata.resource_version = std::move(metadata.resource_version);
    object.metadata.deletion_timestamp = metadata.deletion_timestamp;
    object.metadata.finalizers = std::move(metadata.finalizers);
    object.metadata.owner_references = std::move(metadata.owner_references);
    const std::string uid = object.metadata.uid;
    const std::optional<OwnedObject> before = owner_.graph_.put(std::move(object));
    owner_.changed(before ? &*before : nullptr, owner_.graph_.find(uid));
  }

  void erase(const std::string& uid) {
    const std::optional<OwnedObject> before = owner_.graph_.erase(uid);
    if (before) owner_.changed(&*before, nullptr);
  }

  GarbageCollector& owner_;
  const api::Kind& kind_;
  std::unordered_set<std::string> uids_;
  std::vector<api::ObjectMeta> listed_;
  std::int64_t revision_ = 0;
  controller::Reflector reflector_;
  TaskGroup tasks_;
};

GarbageCollector::GarbageCollector(client::Client& client,
                                   const controller::Runtime& runtime,
                                   Kinds kinds,
                                   controller::EventRecorder& events)
    : client_(client),
      events_(events),
      kinds_(kinds),
      log_(runtime.log),
      controller_({.name = "garbage"}, runtime, *this) {
  follow_kinds();
  kinds_.definitions.on_change([this](const api::CustomResourceDefinition*,
                                      const api::CustomResourceDefinition*) { follow_kinds(); });
}

GarbageCollector::~GarbageCollector() = default;

void GarbageCollector::start() {
  std::vector<controller::Mirror*> built_in;
  started_ = true;
  for (const auto& [name, mirror] : mirrors_) {
    mirror->start();
    // Those of custom kinds may be gone before they have seen anything.
    if (api::custom_kind(mirror->kind()) == nullptr) built_in.push_back(mirror.get());
  }
  controller_.start(std::move(built_in));
}

void GarbageCollector::follow_kinds() {
  std::set<std::string> there;
  for (const api::Kind* kind : kinds_.catalog.stored()) {
    // Events are many, and nothing owns or is owned by them.
    if (kind->plural == "events" && api::custom_kind(*kind) == nullptr) continue;
    std::string name = kind->group_resource();
    std::unique_ptr<KindMirror>& mirror = mirrors_[name];
    there.insert(std::move(name));
    if (mirror && &mirror->kind() == kind) continue;
    auto next = std::make_unique<KindMirror>(*this, *kind);
    if (mirror) next->succeed(*mirror);
    mirror = std::move(next);
    if (started_) mirror->start();
  }
  std::erase_if(mirrors_, [&there](const auto& one) {
    if (there.contains(one.first)) return false;
    one.second->forget();
    return true;
  });
}

// The key of an object is its uid: names come back, uids do not.
void GarbageCollector::changed(const OwnedObject* before, const OwnedObject* after) {
  const OwnedObject& object = after != nullptr ? *after : *before;
  const std::string& uid = object.metadata.uid;
  // An owner that waits for its dependents must notice the last one go.
  if (before != nullptr &&
      (after == nullptr || after->metadata.owner_references != before->metadata.owner_references))
    tell_waiting_owners(*before);
  if (after != nullptr) {
    const bool concerns =
        !after->metadata.owner_references.empty() || after->metadata.deletion_timestamp;
    if (concerns) controller_.enqueue({{}, uid});
    const bool begins_waiting =
        after->waits_for_dependents() && (before == nullptr || !before->waits_for_dependents());
    if (!begins_waiting) return;
  }
  for (const std::string& dependent : graph_.dependents(uid))
    controller_.enqueue({{}, dependent});
  tell_waiting_owners(object);
}

void GarbageCollector::tell_waiting_owners(const OwnedObject& object) {
  for (const api::OwnerReference& owner : object.metadata.owner_references) {
    const OwnedObject* waiting = graph_.find(owner.uid);
    if (waiting != nullptr && waiting->waits_for_dependents()) controller_.enqueue({{}, owner.uid});
  }
}

std::vector<OwnerView> GarbageCollector::view_owners(const OwnedObject& object) const {
  std::vector<OwnerView> views;
  for (const api::OwnerReference& reference : object.metadata.owner_references) {
    const OwnedObject* owner = graph_.find(reference.uid);
    const api::Kind* kind = kinds_.catalog.find(reference.api_version, reference.kind);
    OwnerState state = OwnerState::kUnknown;
    if (kind != nullptr && kind->namespaced && object.metadata.namespace_.empty()) {
      state = OwnerState::kInvalid;
    } else if (owner != nullptr && owner->is_named_by(reference, object.metadata.namespace_)) {
      const bool waiting =
          owner->waits_for_dependents() && reference.block_owner_deletion.value_or(false);
      state = waiting ? OwnerState::kWaiting : OwnerState::kPresent;
    }
    views.push_back({reference, state});
  }
  return views;
}

void GarbageCollector::tell_invalid(const OwnedObject& object,
                                    const std::vector<OwnerView>& owners) {
  const std::string& name_space = object.metadata.namespace_;
  for (const auto& [reference, state] : owners) {
    const OwnedObject* owner = graph_.find(reference.uid);
    const bool elsewhere = owner != nullptr && !owner->metadata.namespace_.empty() &&
                           owner->metadata.namespace_ != name_space;
    if (state != OwnerState::kInvalid && !elsewhere) continue;
    events_.record(
        controller::reference_to(*object.kind, object.metadata), controller::EventType::kWarning,
        "OwnerRefInvalidNamespace",
        fmt::format("ownerRef [{}/{}, namespace: {}, name: {}, uid: {}] does not exist in "
                    "namespace \"{}\"",
                    reference.api_version, reference.kind, name_space, reference.name,
                    reference.uid, name_space));
  }
}

Task<Result<controller::Outcome>> GarbageCollector::reconcile(controller::Key key) {
  const OwnedObject* found = graph_.find(key.name);
  if (found == nullptr) co_return controller::kDone;
  OwnedObject object = *found;
  std::vector<OwnerView> owners = view_owners(object);
  tell_invalid(object, owners);
  const auto plan = [&] {
    return plan_garbage(object, owners, !graph_.dependents(key.name).empty(),
                        !graph_.blocking_dependents(key.name).empty());
  };
  GarbageAction action = plan();
  if (action == GarbageAction::kAsk) {
    INSULA_CO_TRY(owners, co_await ask(object.metadata.namespace_, std::move(owners)));
    action = plan();
  }
  const Result<> done = co_await act(std::move(object), std::move(owners), action);
  if (!done && done.error().code() != ErrorCode::kNotFound) co_return std::unexpected(done.error());
  co_return controller::kDone;
}

Task<Result<>> GarbageCollector::act(OwnedObject object,
                                     std::vector<OwnerView> owners,
                                     GarbageAction action) {
  const std::string uid = object.metadata.uid;
  switch (action) {
    case GarbageAction::kNone:
    case GarbageAction::kAsk:
      co_return Result<>{};
    case GarbageAction::kDelete:
      co_return co_await remove(std::move(object), client::Propagation::kBackground);
    case GarbageAction::kDeleteForeground:
      // Owners in a circle would wait for each other for ever.
      if (has_waiting_dependent(uid)) {
        INSULA_CO_TRY_VOID(co_await unblock_owners(object));
      }
      co_return co_await remove(std::move(object), client::Propagation::kForeground);
    case GarbageAction::kRemoveFinalizer:
      co_return co_await remove_finalizer(std::move(object), kForegroundFinalizer);
    case GarbageAction::kDropReferences: {
      std::vector<std::string> lost;
      for (const OwnerView& owner : owners) {
        if (owner.state != OwnerState::kPresent) lost.push_back(owner.reference.uid);
      }
      co_return co_await drop_references(std::move(object), std::move(lost));
    }
    case GarbageAction::kDeleteDependents:
      for (const std::string& dependent : graph_.blocking_dependents(uid))
        controller_.enqueue({{}, dependent});
      co_return Result<>{};
    case GarbageAction::kOrphanDependents:
      for (const std::string& dependent : graph_.dependents(uid)) {
        const OwnedObject* orphan = graph_.find(dependent);
        if (orphan == nullptr) continue;
        const Result<> dropped = co_await drop_references(*orphan, {uid});
        if (!dropped && dropped.error().code() != ErrorCode::kNotFound) co_return dropped;
      }
      co_return co_await remove_finalizer(std::move(object), kOrphanFinalizer);
  }
  co_return Result<>{};
}

Task<Result<std::vector<OwnerView>>> GarbageCollector::ask(std::string name_space,
                                                           std::vector<OwnerView> owners) {
  for (OwnerView& owner : owners) {
    if (owner.state != OwnerState::kUnknown) continue;
    const api::Kind* kind = kinds_.catalog.find(owner.reference.api_version, owner.reference.kind);
    if (kind == nullptr || kind->plural.empty()) {
      // An owner of a kind that is not served cannot be judged; what it owns is kept.
      owner.state = OwnerState::kPresent;
      continue;
    }
    const client::Target target{
        kind, kind->namespaced ? name_space : std::string(), owner.reference.name, {}};
    const Result<std::string> answer = co_await client_.get(target);
    if (!answer && answer.error().code() != ErrorCode::kNotFound)
      co_return std::unexpected(answer.error());
    owner.state = OwnerState::kAbsent;
    if (!answer) continue;
    INSULA_CO_TRY(const json::Value object, json::parse(*answer));
    INSULA_CO_TRY(const api::ObjectMeta metadata, client::decode_metadata(object));
    if (metadata.uid == owner.reference.uid) owner.state = OwnerState::kPresent;
  }
  co_return owners;
}

Task<Result<>> GarbageCollector::remove(OwnedObject object, client::Propagation propagation) {
  client::DeleteOptions options;
  options.precondition_uid = object.metadata.uid;
  options.propagation = propagation;
  const client::Target target{object.kind, object.metadata.namespace_, object.metadata.name, {}};
  INSULA_CO_TRY_VOID(co_await client_.remove(target, std::move(options)));
  co_return Result<>{};
}

Task<Result<>> GarbageCollector::patch_metadata(OwnedObject object,
                                                std::string member,
                                                std::string json_list) {
  const client::Target target{object.kind, object.metadata.namespace_, object.metadata.name, {}};
  std::string body =
      fmt::format(R"({{"metadata":{{"uid":"{}","resourceVersion":"{}","{}":{}}}}})",
                  object.metadata.uid, object.metadata.resource_version, member, json_list);
  INSULA_CO_TRY_VOID(
      co_await client_.patch(target, client::PatchType::kMerge, std::move(body), {}));
  co_return Result<>{};
}

Task<Result<>> GarbageCollector::drop_references(OwnedObject object,
                                                 std::vector<std::string> owner_uids) {
  std::string list;
  for (const api::OwnerReference& owner : object.metadata.owner_references) {
    if (std::ranges::find(owner_uids, owner.uid) != owner_uids.end()) continue;
    list += (list.empty() ? "" : ",") + api::encode_json(owner);
  }
  co_return co_await patch_metadata(std::move(object), "ownerReferences", "[" + list + "]");
}

bool GarbageCollector::has_waiting_dependent(const std::string& uid) const {
  return std::ranges::any_of(graph_.dependents(uid), [this](const std::string& dependent) {
    return graph_.find(dependent)->waits_for_dependents();
  });
}

Task<Result<>> GarbageCollector::unblock_owners(OwnedObject object) {
  std::string list;
  for (api::OwnerReference owner : object.metadata.owner_references) {
    owner.block_owner_deletion = false;
    list += (list.empty() ? "" : ",") + api::encode_json(owner);
  }
  co_return co_await patch_metadata(std::move(object), "ownerReferences", "[" + list + "]");
}

Task<Result<>> GarbageCollector::remove_finalizer(OwnedObject object, std::string_view finalizer) {
  json::Array left;
  for (const std::string& name : object.metadata.finalizers) {
    if (name != finalizer) left.emplace_back(name);
  }
  co_return co_await patch_metadata(std::move(object), "finalizers",
                                    json::write(json::Value(std::move(left))));
}

}  // namespace insula::controllers
