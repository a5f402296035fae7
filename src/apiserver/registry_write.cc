#include <optional>
#include <utility>

#include <fmt/format.h>

#include "api/any_kind.h"
#include "api/custom/custom_kind.h"
#include "api/gen/core_v1.h"
#include "api/gen/meta_v1.h"
#include "api/gen/policy_v1.h"
#include "api/resize_hold.h"
#include "api/strategy.h"
#include "apiserver/admission.h"
#include "apiserver/admission_request.h"
#include "apiserver/certificate_admission.h"
#include "apiserver/definitions.h"
#include "apiserver/eviction.h"
#include "apiserver/field_ownership.h"
#include "apiserver/lifecycle.h"
#include "apiserver/pod_security.h"
#include "apiserver/policy_types.h"
#include "apiserver/preconditions.h"
#include "apiserver/quota.h"
#include "apiserver/refusals.h"
#include "apiserver/registry.h"
#include "apiserver/registry_writes.h"
#include "apiserver/subresource.h"
#include "apiserver/version.h"
#include "apiserver/write_admission.h"
#include "apiserver/write_review.h"
#include "base/check.h"

namespace insula::apiserver {

namespace {

// Kubernetes' alphabet for generated names: no vowels, so no words.
constexpr std::string_view kNameAlphabet = "bcdfghjklmnpqrstvwxz2456789";
constexpr std::size_t kGeneratedSuffix = 5;
constexpr std::size_t kGeneratedBaseMax = 58;
constexpr int kGenerateAttempts = 8;
/// Transactions of one write. Each time that webhooks are asked or policies change the object takes
/// one, up to five, and after each change by another writer meanwhile they begin again.
constexpr int kTransactionsMax = 24;

bool is_there(const store::Transaction& transaction, const Target& target) {
  return transaction.find(store_key(*target.kind, target.name_space, target.name)) != nullptr;
}

std::unexpected<Error> not_found(const Target& target) {
  return fail(ErrorCode::kNotFound,
              fmt::format("{} \"{}\" not found", target.kind->group_resource(), target.name));
}

/// `old`: null for a new object.
void warn(const api::Kind& kind, const void* object, const void* old, const WriteContext& context) {
  if (context.warnings == nullptr) return;
  for (std::string& text : api::warnings_of(kind, object, old))
    context.warnings->push_back(std::move(text));
}

bool is_quota(const api::Kind& kind) {
  return &kind == &api::kind_of<api::ResourceQuota>();
}

/// Stamps the object with its revision and encodes it. The object must not change afterwards.
/// What is not kept, in a dry run, has the version of `present`, or none.
store::Encoder encoder_of(const api::Kind& written,
                          const Object& object,
                          bool dry_run,
                          const void* present) {
  const api::Kind& kind = written.storage();
  // A custom object is stored as the schema of the stored version reads it.
  if (const api::CustomKind* custom = api::custom_kind(kind);
      custom != nullptr && &kind != &written)
    custom->read(*static_cast<api::CustomObject*>(object.get()), nullptr);
  std::string version = present == nullptr ? "" : written.metadata(present).resource_version;
  return [&kind, object, dry_run, version = std::move(version)](store::Revision revision) {
    kind.metadata(object.get()).resource_version = dry_run ? version : std::to_string(revision);
    return store::Encoded{encode(kind, object.get()), object};
  };
}

}  // namespace

Task<Result<Written>> Registry::write(Write& write,
                                      std::function<Result<Written>(store::Transaction&)> body) {
  const bool dry_run = write.context.dry_run;
  std::vector<std::string>* warnings = write.context.warnings;
  auto* annotations = write.context.annotations;
  for (int i = 0; i < kTransactionsMax; ++i) {
    const std::size_t told = warnings == nullptr ? 0 : warnings->size();
    auto noted = annotations == nullptr ? std::map<std::string, std::string>() : *annotations;
    std::optional<Written> written;
    auto run = [&](store::Transaction& transaction) -> Result<> {
      INSULA_TRY(written, body(transaction));
      // Failing takes everything back, which is just what a dry run wants.
      if (dry_run) return fail(ErrorCode::kInternal, "dry run");
      return {};
    };
    const Result<store::Revision> outcome = co_await store_.transact(std::move(run));
    if (!write.review.is_waiting()) {
      if (!outcome && !(dry_run && written)) co_return std::unexpected(outcome.error());
      co_return *std::move(written);
    }
    if (warnings != nullptr) warnings->resize(told);
    if (annotations != nullptr) *annotations = std::move(noted);
    INSULA_CO_TRY_VOID(co_await write.review.ask());
  }
  co_return conflict(
      write.target,
      "the object has been modified; please apply your changes to the latest version "
      "and try again");
}

Result<> Registry::name_object(store::Transaction& transaction,
                               const Target& target,
                               void* object) {
  api::ObjectMeta& meta = target.kind->metadata(object);
  if (!target.name.empty()) return check_name(meta.name, target.name);
  if (!meta.name.empty() || meta.generate_name.empty()) return {};
  const std::string base = meta.generate_name.substr(0, kGeneratedBaseMax);
  for (int attempt = 0; attempt < kGenerateAttempts; ++attempt) {
    meta.name = base + random_text(random_, kNameAlphabet, kGeneratedSuffix);
    if (!transaction.find(store_key(*target.kind, meta.namespace_, meta.name))) return {};
  }
  return fail(ErrorCode::kAlreadyExists,
              fmt::format("{} \"{}\" already exists, the server was not able to generate a "
                          "unique name for the object",
                          target.kind->group_resource(), meta.name));
}

Result<> Registry::Write::check_namespace(const store::Transaction& transaction,
                                          const api::ObjectMeta& meta) {
  return timer.run(AdmissionPlugin::kNamespaceLifecycle, [&] {
    return namespace_lifecycle(transaction, *target.kind, meta.namespace_, meta.name);
  });
}

Result<> Registry::Write::check_security(const store::Transaction& transaction,
                                         const void* object,
                                         const void* present) {
  return timer.run(AdmissionPlugin::kPodSecurity, [&] {
    return check_pod_security(transaction, *target.kind, object, present, context.remarks());
  });
}

Result<> Registry::Write::charge(store::Transaction& transaction, const QuotaWrite& change) {
  return timer.run(AdmissionPlugin::kResourceQuota,
                   [&] { return charge_quota(transaction, change); });
}

Result<> Registry::prepare_new(store::Transaction& transaction,
                               Write& write,
                               const Object& object) {
  const Target& target = write.target;
  const api::Kind& kind = *target.kind;
  api::ObjectMeta& meta = kind.metadata(object.get());
  if (!kind.namespaced || meta.namespace_.empty()) meta.namespace_ = target.name_space;
  if (meta.namespace_ != target.name_space) return wrong_namespace();
  if (!meta.resource_version.empty())
    return fail(ErrorCode::kBadRequest,
                "resourceVersion should not be set on objects to be created");
  INSULA_TRY_VOID(name_object(transaction, target, object.get()));
  INSULA_TRY_VOID(write.check_namespace(transaction, meta));
  INSULA_TRY_VOID(definition_lifecycle(transaction, kind, meta.name));
  meta.uid = random_uuid(random_);
  meta.creation_timestamp = api::Time::from(clock_.wall());
  meta.deletion_timestamp.reset();
  meta.deletion_grace_period_seconds.reset();
  meta.self_link.clear();
  api::prepare_create(kind, object.get());
  INSULA_TRY_VOID(admit_certificate_request(kind, object.get(), write.context.user));
  write.ownership.created(kind, object.get());
  return admit_new(transaction, kind, object.get(), write.timer);
}

Result<Written> Registry::create_in(store::Transaction& transaction,
                                    Write& write,
                                    const Object& given) {
  const Target& target = write.target;
  const WriteContext& context = write.context;
  const api::Kind& kind = *target.kind;
  write.timer.begin(AdmissionOperation::kCreate);
  write.review.begin(0);
  Object object = write.review.admitted(kind.type);
  const bool anew = object == nullptr;
  if (anew) {
    // A write that has to begin anew must find it as it came.
    const bool once = admission_->writes_at_once();
    object = once ? given : copy_object(kind.type, given.get());
    INSULA_TRY_VOID(prepare_new(transaction, write, object));
  } else {
    const api::ObjectMeta& meta = kind.metadata(object.get());
    INSULA_TRY_VOID(write.check_namespace(transaction, meta));
    api::prepare_create(kind, object.get());
    INSULA_TRY_VOID(admit_new(transaction, kind, object.get(), write.timer));
  }
  api::ObjectMeta& meta = kind.metadata(object.get());
  AdmissionRequest request = write.request(AdmissionOperation::kCreate, meta.name);
  request.object = AdmissionObject(kind, object.get());
  const WriteReview::Subject subject{request, object, nullptr, true};
  INSULA_TRY_VOID(write.review.mutate(transaction, subject));
  if (context.permit) INSULA_TRY_VOID(context.permit(transaction, kind, object.get(), nullptr));
  // Admission fills in resources, and the quality of service follows from them.
  api::prepare_create(kind, object.get());
  note_types(kind, object.get(), kinds_);
  INSULA_TRY_VOID(assign_addresses(transaction, services_, kind, object.get()));
  name_definition(transaction, kind, object.get(), clock_.wall());
  INSULA_TRY_VOID(api::check_create(write.requested, object.get()));
  INSULA_TRY_VOID(check_expressions(kind, object.get()));
  INSULA_TRY_VOID(write.check_security(transaction, object.get(), nullptr));
  INSULA_TRY_VOID(write.review.validate(transaction, subject));
  warn(kind, object.get(), nullptr, context);
  INSULA_TRY_VOID(write.charge(transaction, {kind, object.get(), nullptr}));
  if (is_quota(kind))
    fill_quota_status(transaction, *static_cast<api::ResourceQuota*>(object.get()), true);
  const std::string key = store_key(kind, meta.namespace_, meta.name);
  if (transaction.find(key)) {
    return fail(ErrorCode::kAlreadyExists,
                fmt::format("{} \"{}\" already exists", kind.group_resource(), meta.name));
  }
  return Written{.entry = transaction.put(key, encoder_of(kind, object, context.dry_run, nullptr)),
                 .created = true,
                 .gone = false};
}

/// The object as it is to be, by what was sent or by what webhooks have made of that.
Result<Object> Registry::make_change(store::Transaction& transaction,
                                     Write& write,
                                     const Change& change,
                                     const ConstObject& present) {
  const Target& target = write.target;
  const api::Kind& kind = *target.kind;
  const api::ObjectMeta& before = kind.metadata(present.get());
  Object object = write.review.admitted(kind.type);
  const bool anew = object == nullptr;
  if (anew) {
    INSULA_TRY(object, change(present));
    api::ObjectMeta& meta = kind.metadata(object.get());
    INSULA_TRY_VOID(check_place(meta, before));
    meta.namespace_ = before.namespace_;
    INSULA_TRY_VOID(check_version(target, meta, before));
  }
  kind.metadata(object.get()).resource_version = before.resource_version;
  if (target.subresource == "finalize") keep_all_but_finalizers(object.get(), present.get());
  if (!write.has_own_rules()) {
    if (target.subresource.empty())
      INSULA_TRY_VOID(admit_changed(transaction, kind, object.get(), present.get()));
    api::prepare_update(kind, object.get(), present.get(), target.subresource);
    if (anew) write.ownership.changed(kind, object.get(), present.get());
    INSULA_TRY_VOID(assign_addresses(transaction, services_, kind, object.get()));
    date_decisions(kind, object.get(), present.get(), clock_.wall());
    name_definition(transaction, kind, object.get(), clock_.wall());
    if (target.subresource.empty()) note_types(kind, object.get(), kinds_);
  }
  if (is_quota(kind))
    fill_quota_status(transaction, *static_cast<api::ResourceQuota*>(object.get()), false);
  return object;
}

Result<Written> Registry::change_in(store::Transaction& transaction,
                                    Write& write,
                                    const Change& change) {
  const Target& target = write.target;
  const WriteContext& context = write.context;
  const api::Kind& kind = *target.kind;
  const store::EntryPtr entry = transaction.find(store_key(kind, target.name_space, target.name));
  if (!entry) return not_found(target);
  write.timer.begin(AdmissionOperation::kUpdate);
  // A binding was reviewed as what it is, and is reviewed no more.
  if (write.subresource != "binding") write.review.begin(entry->revision);
  const ConstObject present = object_of(kind, *entry);
  INSULA_TRY(const Object object, make_change(transaction, write, change, present));
  if (kind.type.ops.equal(object.get(), present.get())) return Written{.entry = entry};
  if (!write.is_scale() && !write.has_own_rules()) {
    AdmissionRequest request = write.request(AdmissionOperation::kUpdate, target.name);
    request.object = AdmissionObject(kind, object.get());
    request.old = AdmissionObject(kind, present.get());
    INSULA_TRY_VOID(write.review.mutate(transaction, {request, object, present, true}));
  }
  if (context.permit)
    INSULA_TRY_VOID(context.permit(transaction, kind, object.get(), present.get()));
  if (!write.has_own_rules()) {
    INSULA_TRY_VOID(
        api::check_update(write.requested, object.get(), present.get(), target.subresource));
    INSULA_TRY_VOID(check_expressions(kind, object.get()));
  }
  INSULA_TRY_VOID(validate_change(transaction, write, object, present));
  return store_changed(transaction, write, object, present.get());
}

/// What is asked of a change once it follows the rules.
Result<> Registry::validate_change(const store::Transaction& transaction,
                                   Write& write,
                                   const Object& object,
                                   const ConstObject& present) {
  const api::Kind& kind = *write.target.kind;
  // They are about what is asked for, which a report on it does not change.
  if (write.subresource.empty() || write.subresource == "ephemeralcontainers") {
    INSULA_TRY_VOID(write.check_security(transaction, object.get(), present.get()));
  }
  if (write.subresource.empty()) warn(kind, object.get(), present.get(), write.context);
  if (write.subresource == "ephemeralcontainers") {
    INSULA_TRY_VOID(admit_ephemeral_containers(transaction, kind, object.get(), present.get()));
  }
  if (write.subresource == "resize")
    INSULA_TRY_VOID(admit_resize(transaction, kind, object.get(), present.get()));
  // It was reviewed when it was created.
  if (write.subresource == "binding") return {};
  AdmissionRequest request = write.request(AdmissionOperation::kUpdate, write.target.name);
  if (!write.is_scale()) {
    request.object = AdmissionObject(kind, object.get());
    request.old = AdmissionObject(kind, present.get());
    return write.review.validate(transaction, {request, object, present, !write.has_own_rules()});
  }
  const std::shared_ptr<api::Scale> scale = scale_of(kind, object.get());
  const std::shared_ptr<api::Scale> old_scale = scale_of(kind, present.get());
  request.object = AdmissionObject(api::kind_of<api::Scale>(), scale.get());
  request.old = AdmissionObject(api::kind_of<api::Scale>(), old_scale.get());
  const WriteReview::Subject subject{request, scale, old_scale};
  INSULA_TRY_VOID(write.review.mutate(transaction, subject));
  return write.review.validate(transaction, subject);
}

Result<Written> Registry::store_changed(store::Transaction& transaction,
                                        Write& write,
                                        const Object& object,
                                        const void* present) {
  const api::Kind& kind = *write.target.kind;
  const std::string key = store_key(kind, write.target.name_space, write.target.name);
  if (&kind == &api::kind_of<api::Pod>()) {
    api::update_resize_hold(*static_cast<api::Pod*>(object.get()),
                            *static_cast<const api::Pod*>(present));
  }
  const bool is_report = write.subresource == "status";
  INSULA_TRY_VOID(write.charge(transaction, {kind, object.get(), present, is_report}));
  if (is_finished(kind, object.get())) {
    INSULA_TRY_VOID(charge_quota(transaction, {kind, nullptr, object.get()}));
    INSULA_TRY(auto last, transaction.remove(
                              key, 0, encoder_of(kind, object, write.context.dry_run, present)));
    name_other_definitions(transaction, kind, object.get(), clock_.wall());
    return Written{.entry = std::move(last), .created = false, .gone = true};
  }
  Written written{
      .entry = transaction.put(key, encoder_of(kind, object, write.context.dry_run, present))};
  name_other_definitions(transaction, kind, object.get(), clock_.wall());
  return written;
}

Result<Written> Registry::remove_in(store::Transaction& transaction,
                                    Write& write,
                                    const DeleteQuery& query) {
  const Target& target = write.target;
  const api::Kind& kind = *target.kind;
  const std::string key = store_key(kind, target.name_space, target.name);
  const store::EntryPtr entry = transaction.find(key);
  if (!entry) return not_found(target);
  const ConstObject present = object_of(kind, *entry);
  const api::ObjectMeta& before = kind.metadata(present.get());
  write.timer.begin(AdmissionOperation::kDelete);
  INSULA_TRY_VOID(check_preconditions(target, query, before));
  INSULA_TRY_VOID(check_deletable(kind, before.name));
  // An eviction was reviewed as what it is.
  if (write.subresource.empty()) {
    write.review.begin(entry->revision);
    AdmissionRequest request = write.request(AdmissionOperation::kDelete, before.name);
    request.old = AdmissionObject(kind, present.get());
    const WriteReview::Subject subject{request, nullptr, present};
    INSULA_TRY_VOID(write.review.mutate(transaction, subject));
    INSULA_TRY_VOID(write.review.validate(transaction, subject));
  }
  Object object = copy_object(kind.type, present.get());
  if (write.subresource == "eviction")
    mark_evicted(*static_cast<api::Pod*>(object.get()), clock_.wall());
  mark_deleted(kind, object.get(), query, clock_.wall());
  if (is_finished(kind, object.get())) {
    // Nobody has seen it wait for its end.
    if (!before.deletion_timestamp && !api::is_deleted_gracefully(kind))
      object = copy_object(kind.type, present.get());
    INSULA_TRY_VOID(charge_quota(transaction, {kind, nullptr, present.get()}));
    INSULA_TRY(
        auto last,
        transaction.remove(key, 0, encoder_of(kind, object, write.context.dry_run, present.get())));
    return Written{.entry = std::move(last), .created = false, .gone = true};
  }
  if (kind.type.ops.equal(object.get(), present.get())) return Written{.entry = entry};
  INSULA_TRY_VOID(charge_quota(transaction, {kind, object.get(), present.get()}));
  return Written{.entry = transaction.put(
                     key, encoder_of(kind, object, write.context.dry_run, present.get()))};
}

/// A body without a name means the pod of the URL.
Result<> check_evicted(const Target& target, const Object& body) {
  const std::string& name = static_cast<const api::Eviction*>(body.get())->metadata.name;
  if (name.empty() || name == target.name) return {};
  return fail(ErrorCode::kBadRequest, "name in URL does not match name in Eviction object");
}

/// Reviews the body of a pod's binding or eviction, and nothing else: what follows from it is not
/// asked for by anybody.
Result<> Registry::review_body(const store::Transaction& transaction,
                               Write& write,
                               const Object& body) {
  AdmissionRequest request = write.request(AdmissionOperation::kCreate, write.target.name);
  const api::Kind& kind =
      write.subresource == "binding" ? api::kind_of<api::Binding>() : api::kind_of<api::Eviction>();
  request.object = AdmissionObject(kind, body.get());
  const WriteReview::Subject subject{request, body, nullptr};
  INSULA_TRY_VOID(write.review.mutate(transaction, subject));
  return write.review.validate(transaction, subject);
}

Task<Result<Written>> Registry::create(Target target, Object object, WriteContext context) {
  const api::Kind& kind = *target.kind;
  target.kind = &written_as(kind);
  if (target.subresource == "eviction") {
    INSULA_CO_TRY_VOID(check_evicted(target, object));
    context.dry_run |= is_dry_eviction(object);
  }
  if (target.subresource == "binding") INSULA_CO_TRY_VOID(check_binding(target.name, object));
  object = stored_form(kind, object);
  const UpdateOwnership ownership(context.field_manager, target.subresource, clock_.wall());
  Write write(std::move(target), kind, context, ownership, *admission_);
  auto body = [&](store::Transaction& transaction) -> Result<Written> {
    if (write.subresource.empty()) return create_in(transaction, write, object);
    INSULA_TRY_VOID(review_body(transaction, write, object));
    if (write.subresource == "eviction") {
      INSULA_TRY_VOID(grant_eviction(transaction, write.target, clock_.wall()));
      INSULA_TRY(const DeleteQuery query, eviction_query(object));
      return remove_in(transaction, write, query);
    }
    return change_in(transaction, write, bind_to(object, clock_.wall()));
  };
  INSULA_CO_TRY(Written written, co_await this->write(write, std::move(body)));
  if (write.subresource.empty()) written.entry = shown_as(kind, written.entry);
  co_return written;
}

Task<Result<Written>> Registry::change(Target target, Change change, WriteContext context) {
  co_return co_await change_or_create(std::move(target), std::move(change), nullptr,
                                      std::move(context));
}

Task<Result<Written>> Registry::change_or_create(Target target,
                                                 Change change,
                                                 Object fresh,
                                                 WriteContext context) {
  const api::Kind& kind = *target.kind;
  const UpdateOwnership ownership(context.field_manager, target.subresource, clock_.wall());
  Write write(std::move(target), kind, context, ownership, *admission_);
  write.target.kind = &written_as(kind);
  if (write.is_scale()) {
    write.target.subresource.clear();
    change = change_by_scale(kind, std::move(change));
  }
  change = change_of_stored(kind, std::move(change));
  if (fresh) fresh = stored_form(kind, fresh);
  auto body = [&](store::Transaction& transaction) -> Result<Written> {
    if (!fresh || is_there(transaction, write.target)) return change_in(transaction, write, change);
    // It is that of an object that was there.
    const std::string& uid = write.target.kind->metadata(fresh.get()).uid;
    if (!uid.empty()) return conflict(write.target, other_uid(uid, ""));
    if (context.may_create) INSULA_TRY_VOID(context.may_create());
    return create_in(transaction, write, fresh);
  };
  INSULA_CO_TRY(Written written, co_await this->write(write, std::move(body)));
  written.entry =
      write.is_scale() ? scale_entry(kind, *written.entry) : shown_as(kind, written.entry);
  co_return written;
}

Task<Result<Written>> Registry::update(Target target, Object object, WriteContext context) {
  const api::Kind& kind = body_kind(*target.kind, target.subresource);
  const api::ObjectMeta& meta = kind.metadata(object.get());
  Change replace = [&kind, &meta, target, object](const ConstObject& present) -> Result<Object> {
    INSULA_TRY_VOID(check_replaced(target, meta, kind.metadata(present.get())));
    return copy_object(kind.type, object.get());
  };
  Object fresh;
  if (target.subresource.empty() && api::creates_on_update(kind)) {
    fresh = copy_object(kind.type, object.get());
    kind.metadata(fresh.get()).resource_version.clear();
  }
  co_return co_await change_or_create(std::move(target), std::move(replace), std::move(fresh),
                                      std::move(context));
}

Task<Result<Written>> Registry::remove(Target target, DeleteQuery query, WriteContext context) {
  const api::Kind& kind = *target.kind;
  target.kind = &kind.storage();
  const UpdateOwnership nobody({}, {}, clock_.wall());
  Write write(std::move(target), kind, context, nobody, *admission_);
  auto body = [&](store::Transaction& transaction) { return remove_in(transaction, write, query); };
  INSULA_CO_TRY(Written written, co_await this->write(write, std::move(body)));
  written.entry = shown_as(kind, written.entry);
  co_return written;
}

Task<Result<ObjectList>> Registry::remove_collection(Target target,
                                                     DeleteQuery query,
                                                     ListQuery select,
                                                     WriteContext context) {
  const bool is_whole =
      select.limit == 0 && select.continue_token.empty() && select.resource_version.empty();
  if (!is_whole || !admission_->webhooks().index().empty()) {
    co_return co_await remove_each(std::move(target), std::move(query), std::move(select),
                                   std::move(context));
  }
  ObjectList removed;
  const api::Kind& kind = *target.kind;
  const UpdateOwnership nobody({}, {}, clock_.wall());
  Write write(target, kind, context, nobody, *admission_);
  write.target.kind = &kind.storage();
  auto body = [&](store::Transaction& transaction) -> Result<Written> {
    removed.entries.clear();  // of an attempt before this one
    std::vector<store::EntryPtr> matching;
    transaction.scan(store_key(kind, target.name_space, ""), [&](const store::EntryPtr& entry) {
      const store::EntryPtr shown = shown_as(kind, entry);
      if (select.selectors.match(kind, *shown)) matching.push_back(shown);
      return true;
    });
    for (const store::EntryPtr& entry : matching) {
      const api::ObjectMeta& meta = kind.metadata(object_of(kind, *entry).get());
      write.target.name_space = meta.namespace_;
      write.target.name = meta.name;
      INSULA_TRY(const Written written, remove_in(transaction, write, query));
      write.timer.finish();
      removed.entries.push_back(shown_as(kind, written.entry));
    }
    return Written{};
  };
  INSULA_CO_TRY_VOID(co_await this->write(write, std::move(body)));
  removed.revision = store_.revision();
  co_return std::move(removed);
}

/// One after the other: webhooks are asked about each, and a page is of a state that may be past.
Task<Result<ObjectList>> Registry::remove_each(Target target,
                                               DeleteQuery query,
                                               ListQuery select,
                                               WriteContext context) {
  INSULA_CO_TRY(ObjectList list, this->list(target, select));
  for (const store::EntryPtr& entry : std::exchange(list.entries, {})) {
    const api::ObjectMeta& meta = target.kind->metadata(object_of(*target.kind, *entry).get());
    const Result<Written> written =
        co_await remove({target.kind, meta.namespace_, meta.name, ""}, query, context);
    if (!written && written.error().code() != ErrorCode::kNotFound)
      co_return std::unexpected(written.error());
    if (written) list.entries.push_back(written->entry);
  }
  co_return std::move(list);
}

Task<Result<>> Registry::connect(Target target, json::Value options, WriteContext context) {
  const api::Kind& kind = *target.kind;
  const UpdateOwnership nobody({}, {}, clock_.wall());
  Write write(std::move(target), kind, context, nobody, *admission_);
  AdmissionRequest request = write.request(AdmissionOperation::kConnect, write.target.name);
  request.object = AdmissionObject(std::move(options));
  write.timer.begin(AdmissionOperation::kConnect);
  const WriteReview::Subject subject{request, nullptr, nullptr};
  auto body = [&](store::Transaction& transaction) -> Result<Written> {
    INSULA_TRY_VOID(write.review.mutate(transaction, subject));
    INSULA_TRY_VOID(write.review.validate(transaction, subject));
    return Written{};
  };
  INSULA_CO_TRY_VOID(co_await this->write(write, std::move(body)));
  co_return Result<>{};
}

}  // namespace insula::apiserver
