#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/kind.h"
#include "apiserver/admission_remarks.h"
#include "apiserver/kind_index.h"
#include "apiserver/object.h"
#include "apiserver/selector.h"
#include "apiserver/service_address.h"
#include "apiserver/user.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "json/value.h"
#include "store/store.h"
#include "telemetry/metrics.h"

namespace insula::apiserver {

/// What an operation is about. `name` is empty for collections, `name_space` for cluster-scoped
/// kinds and for lists and watches over all namespaces.
struct Target {
  const api::Kind* kind = nullptr;
  std::string name_space;
  std::string name;
  std::string subresource;
};

struct Selectors {
  LabelSelector labels;
  FieldSelector fields;

  [[nodiscard]] bool empty() const { return labels.empty() && fields.empty(); }

  /// Errors: kBadRequest, also for a field that the kind does not know.
  static Result<Selectors> parse(const api::Kind& kind,
                                 std::string_view labels,
                                 std::string_view fields);

  [[nodiscard]] bool match(const api::Kind& kind, const store::Entry& entry) const;
};

enum class VersionMatch : std::uint8_t { kUnset, kExact, kNotOlderThan };

struct ListQuery {
  Selectors selectors;
  std::size_t limit = 0;  // 0: all
  std::string continue_token;
  std::string resource_version;
  VersionMatch match = VersionMatch::kUnset;
};

/// The token with which a list can go on whose own has become too old: where it stopped, but in the
/// newest state.
[[nodiscard]] std::string inconsistent_continue(std::string_view token);

struct ObjectList {
  store::Revision revision = 0;
  std::vector<store::EntryPtr> entries;
  std::string continue_token;             // empty: complete
  std::optional<std::int64_t> remaining;  // known only without selectors
};

struct ObjectEvent {
  enum class Type : std::uint8_t { kAdded, kModified, kDeleted };

  Type type = Type::kAdded;
  store::EntryPtr entry;
};

/// Changes of the objects that match, in order. An object that stops matching is reported as
/// deleted, in its last state that did.
///
/// Lifetime: the store outlives it.
class ObjectWatch {
 public:
  ObjectWatch(const api::Kind& kind, Selectors selectors, store::Watch watch)
      : kind_(kind), selectors_(std::move(selectors)), watch_(std::move(watch)) {}

  /// Set while take() may have something to say.
  [[nodiscard]] Event& ready() { return watch_.ready(); }

  /// What happened since; may be empty. Errors: kExpired for a reader that is too slow.
  Result<std::vector<ObjectEvent>> take();

  /// Everything up to here has been taken.
  [[nodiscard]] store::Revision revision() const { return watch_.revision(); }

 private:
  [[nodiscard]] store::EntryPtr left(const store::Entry& previous, store::Revision revision) const;

  const api::Kind& kind_;
  Selectors selectors_;
  store::Watch watch_;
};

/// Asked within the transaction of a write about the object as it is to be stored: whether it may
/// be, beyond what the request line told. `present` is null for a new object.
using WritePermit = std::function<Result<>(const store::Transaction& transaction,
                                           const api::Kind& kind,
                                           const void* object,
                                           const void* present)>;

/// Circumstances of a write.
struct WriteContext {
  User user = system_user();
  bool dry_run = false;
  /// Who owns what the write changes (field_ownership.h); empty: nobody that is known.
  std::string field_manager = {};
  /// Texts for Warning headers are added here when it is set.
  std::vector<std::string>* warnings = nullptr;
  /// Notes for the audit log are added here when it is set; the first one under a key holds.
  std::map<std::string, std::string>* annotations = nullptr;
  /// The time that others took to answer is added here when it is set.
  std::chrono::nanoseconds* waited = nullptr;
  /// Null: nothing more is asked.
  WritePermit permit = nullptr;
  /// Asked by a write that makes an object where there is none, though it need not be new. Null:
  /// whoever may write may.
  std::function<Result<>()> may_create = nullptr;

  [[nodiscard]] AdmissionRemarks remarks() const { return {warnings, annotations, waited}; }
};

enum class Propagation : std::uint8_t { kDefault, kBackground, kForeground, kOrphan };

struct DeleteQuery {
  std::optional<std::int64_t> grace_period_seconds = {};
  Propagation propagation = Propagation::kDefault;
  std::optional<std::string> uid = {};
  std::optional<std::string> resource_version = {};
};

/// The object after a write; `gone` when the write removed it (then: its last state).
struct Written {
  store::EntryPtr entry;
  bool created = false;
  bool gone = false;
};

struct Application;
class WriteAdmission;

/// A resourceVersion that a client sent. Errors: kBadRequest.
[[nodiscard]] Result<store::Revision> parse_resource_version(std::string_view text);

/// The generic half of the API server: the same operations for every kind, over the store. What
/// differs between kinds comes from api::KindStrategy. A kind that is stored as another version
/// (api/version.h) is read and written like any other.
///
/// Writes run admission, validation, quota and the write itself in one transaction on the store's
/// pending head. Errors
/// carry Kubernetes' words.
///
/// Threads: the store's loop. Lifetime: its collaborators outlive it.
class Registry {
 public:
  Registry(store::Store& store, const Clock& clock, Random& random, ServiceRange services = {});
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;
  ~Registry();

  /// The kinds there are at present.
  [[nodiscard]] api::KindCatalog& kinds() { return kinds_; }

  /// Of the subresource scale: the Scale; of others: the object.
  [[nodiscard]] Result<store::EntryPtr> get(const Target& target) const;
  /// Whether the store has come to the version that a read must not be older than; empty: any.
  /// Errors: kBadRequest, kTimeout.
  [[nodiscard]] Result<> check_reached(std::string_view resource_version) const;

  [[nodiscard]] Result<ObjectList> list(const Target& target, const ListQuery& query) const;
  /// Changes after `since`. Errors: kExpired (see Store::watch()).
  [[nodiscard]] Result<ObjectWatch> watch(const Target& target,
                                          Selectors selectors,
                                          store::Revision since) const;

  /// The object's name may be empty if it has a generateName; its namespace may be empty and else
  /// must be the target's. Subresources: binding and eviction of pods.
  Task<Result<Written>> create(Target target, Object object, WriteContext context);

  /// Makes the new state from the present one, within a transaction. Called again when a write has
  /// to begin anew.
  using Change = std::function<Result<Object>(const ConstObject& present)>;

  /// Update and patch. With the subresource scale, objects of the change and the answer are Scales.
  /// Errors: kNotFound, kConflict for a resourceVersion or uid that is not the present one.
  Task<Result<Written>> change(Target target, Change change, WriteContext context);

  /// What some kinds create when it is not there (KindStrategy::create_on_update).
  Task<Result<Written>> update(Target target, Object object, WriteContext context);

  /// Server-side apply: makes the object so that it is what the configuration says where it says
  /// something, or creates it. Subresources: status and scale.
  /// Errors: as change(); kConflict with the fields that others own.
  Task<Result<Written>> apply(Target target, Application application, WriteContext context);

  Task<Result<Written>> remove(Target target, DeleteQuery query, WriteContext context);

  /// Deletes what list() would give for `select`, a page of it where that has a limit; the objects
  /// as they were. Errors: those of list(), and of the first object that could not be deleted.
  Task<Result<ObjectList>> remove_collection(Target target,
                                             DeleteQuery query,
                                             ListQuery select,
                                             WriteContext context);

  /// Whether admission lets the caller connect to a pod: `target` is one of its subresources, and
  /// `options` are what the request says about the connection. Errors: as of a write.
  Task<Result<>> connect(Target target, json::Value options, WriteContext context);

  /// Counts and times questions to webhooks there; the metrics outlive the registry.
  void measure(MetricsRegistry& metrics);

  [[nodiscard]] store::Store& store() { return store_; }

  [[nodiscard]] const Clock& clock() const { return clock_; }

  [[nodiscard]] Random& random() { return random_; }

 private:
  /// One write, on its way through its transactions (registry_writes.h).
  struct Write;

  Task<Result<Written>> write(Write& write,
                              std::function<Result<Written>(store::Transaction&)> body);
  /// `fresh` is made where there is nothing to change; null: nothing is.
  Task<Result<Written>> change_or_create(Target target,
                                         Change change,
                                         Object fresh,
                                         WriteContext context);
  Result<Written> create_in(store::Transaction& transaction, Write& write, const Object& object);
  Result<Written> change_in(store::Transaction& transaction, Write& write, const Change& change);
  Result<Written> remove_in(store::Transaction& transaction,
                            Write& write,
                            const DeleteQuery& query);
  /// Up to what mutating webhooks are asked about.
  Result<> prepare_new(store::Transaction& transaction, Write& write, const Object& object);
  Result<Object> make_change(store::Transaction& transaction,
                             Write& write,
                             const Change& change,
                             const ConstObject& present);
  Result<> validate_change(const store::Transaction& transaction,
                           Write& write,
                           const Object& object,
                           const ConstObject& present);
  Result<> review_body(const store::Transaction& transaction, Write& write, const Object& body);
  Task<Result<ObjectList>> remove_each(Target target,
                                       DeleteQuery query,
                                       ListQuery select,
                                       WriteContext context);
  Result<Written> store_changed(store::Transaction& transaction,
                                Write& write,
                                const Object& object,
                                const void* present);
  Result<> name_object(store::Transaction& transaction, const Target& target, void* object);

  store::Store& store_;
  const Clock& clock_;
  Random& random_;
  ServiceRange services_;
  KindIndex kinds_;
  std::unique_ptr<WriteAdmission> admission_;
};

}  // namespace insula::apiserver
