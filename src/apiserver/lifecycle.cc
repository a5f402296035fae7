#include "apiserver/lifecycle.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "api/any_kind.h"
#include "api/custom/definition.h"
#include "api/gen/batch_v1.h"
#include "api/gen/core_v1.h"
#include "api/gen/meta_v1.h"
#include "api/gen/scheduling_v1.h"
#include "apiserver/admission.h"

namespace insula::apiserver {

namespace {

constexpr std::string_view kForegroundFinalizer = "foregroundDeletion";
constexpr std::string_view kOrphanFinalizer = "orphan";
constexpr std::array<std::string_view, 4> kImmortal = {"default", "kube-system", "kube-public",
                                                       "insula-system"};
constexpr std::string_view kSystemClass = "system-";

bool is_namespace(const api::Kind& kind) {
  return &kind == &api::kind_of<api::Namespace>();
}

bool is_held(const api::Kind& kind, const void* object) {
  if (!kind.metadata(object).finalizers.empty()) return true;
  return is_namespace(kind) && !static_cast<const api::Namespace*>(object)->spec.finalizers.empty();
}

/// The oldest kinds of workloads leave their pods when a deletion does not say what is to become of
/// them.
bool orphans_dependents(const api::Kind& kind) {
  return &kind == &api::kind_of<api::Job>() || &kind == &api::kind_of<api::ReplicationController>();
}

bool says_what_of_dependents(std::string_view finalizer) {
  return finalizer == kForegroundFinalizer || finalizer == kOrphanFinalizer;
}

void set_propagation(const api::Kind& kind, api::ObjectMeta& meta, Propagation propagation) {
  if (propagation == Propagation::kDefault) {
    if (!orphans_dependents(kind)) return;
    if (std::ranges::any_of(meta.finalizers, says_what_of_dependents)) return;
    propagation = Propagation::kOrphan;
  }
  std::erase_if(meta.finalizers, says_what_of_dependents);
  if (propagation == Propagation::kForeground) meta.finalizers.emplace_back(kForegroundFinalizer);
  if (propagation == Propagation::kOrphan) meta.finalizers.emplace_back(kOrphanFinalizer);
}

}  // namespace

void mark_deleted(const api::Kind& kind, void* object, const DeleteQuery& query, WallTime now) {
  api::ObjectMeta& meta = kind.metadata(object);
  const std::int64_t grace = api::grace_period_of(kind, object, query.grace_period_seconds);
  set_propagation(kind, meta, query.propagation);
  if (meta.deletion_timestamp) {
    const std::int64_t left = meta.deletion_grace_period_seconds.value_or(0);
    if (!query.grace_period_seconds || grace >= left) return;
    // Both count from the first request, so the end moves by the difference.
    meta.deletion_timestamp->seconds -= left - grace;
    meta.deletion_grace_period_seconds = grace;
    return;
  }
  meta.deletion_timestamp = api::Time::from(now + std::chrono::seconds(grace));
  meta.deletion_grace_period_seconds = grace;
  if (meta.generation > 0) ++meta.generation;
  if (is_namespace(kind)) static_cast<api::Namespace*>(object)->status.phase = "Terminating";
  if (&kind == &api::kind_of<api::CustomResourceDefinition>())
    api::mark_terminating(*static_cast<api::CustomResourceDefinition*>(object),
                          api::Time::from(now));
}

Result<> check_deletable(const api::Kind& kind, std::string_view name) {
  if (&kind == &api::kind_of<api::PriorityClass>() && name.starts_with(kSystemClass))
    return forbidden(kind, name, "this is a system priority class and cannot be deleted");
  if (!is_namespace(kind) || std::ranges::find(kImmortal, name) == kImmortal.end()) return {};
  return forbidden(kind, name, "this namespace may not be deleted");
}

bool is_finished(const api::Kind& kind, const void* object) {
  const api::ObjectMeta& meta = kind.metadata(object);
  return meta.deletion_timestamp && meta.deletion_grace_period_seconds.value_or(0) == 0 &&
         !is_held(kind, object);
}

void keep_all_but_finalizers(void* object, const void* present) {
  auto& next = *static_cast<api::Namespace*>(object);
  std::vector<std::string> finalizers = std::move(next.spec.finalizers);
  next = *static_cast<const api::Namespace*>(present);
  next.spec.finalizers = std::move(finalizers);
}

}  // namespace insula::apiserver
