#include "apiserver/flowcontrol/flow_objects.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/flow_control.h"
#include "api/gen/flowcontrol_v1.h"
#include "api/time.h"
#include "apiserver/object.h"
#include "async/deadline.h"
#include "async/event.h"
#include "async/loop.h"
#include "store/watch.h"

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

constexpr std::chrono::minutes kLookEvery{1};
// What is written at one go is looked at once.
constexpr std::chrono::seconds kSettleTime{1};
constexpr const char* kProducer = "api-priority-and-fairness-config-producer-v1";
constexpr const char* kConsumer = "api-priority-and-fairness-config-consumer-v1";

WriteContext context_of(const char* manager) {
  WriteContext context;
  context.field_manager = manager;
  return context;
}

/// A truth value as Go reads it; nothing: it is none.
std::optional<bool> truth_of(std::string_view text) {
  constexpr std::array kTrue = {"1"sv, "t"sv, "T"sv, "true"sv, "TRUE"sv, "True"sv};
  constexpr std::array kFalse = {"0"sv, "f"sv, "F"sv, "false"sv, "FALSE"sv, "False"sv};
  if (std::ranges::find(kTrue, text) != kTrue.end()) return true;
  if (std::ranges::find(kFalse, text) != kFalse.end()) return false;
  return std::nullopt;
}

std::optional<bool> auto_update_of(const api::ObjectMeta& metadata) {
  const auto it = metadata.annotations.find(api::kAutoUpdateSpec);
  return it == metadata.annotations.end() ? std::nullopt : truth_of(it->second);
}

void keep_set_aside(const api::FlowSchemaSpec& /*present*/, api::FlowSchemaSpec& /*wanted*/) {}

/// What the level `exempt` sets aside is the administrator's.
void keep_set_aside(const api::PriorityLevelConfigurationSpec& present,
                    api::PriorityLevelConfigurationSpec& wanted) {
  if (wanted.exempt && present.exempt) wanted.exempt = present.exempt;
}

/// The object as it should be.
template <class T>
T revised(const T& present, const T& wanted, bool is_mandatory) {
  T next = present;
  const bool follows =
      is_mandatory || auto_update_of(present.metadata).value_or(present.metadata.generation == 1);
  if (follows) {
    next.spec = wanted.spec;
    keep_set_aside(present.spec, next.spec);
  }
  if (auto_update_of(present.metadata) != follows)
    next.metadata.annotations[api::kAutoUpdateSpec] = follows ? "true" : "false";
  return next;
}

template <class T>
std::vector<std::shared_ptr<const T>> stored(const store::Store& store) {
  std::vector<std::shared_ptr<const T>> objects;
  const auto read = store.scan(store_key(api::kind_of<T>(), "", ""), "", 0,
                               [&objects](const store::EntryPtr& entry) {
                                 objects.push_back(object_of<T>(*entry));
                                 return true;
                               });
  if (!read) objects.clear();
  return objects;
}

template <class T>
Task<Result<>> ensure(Registry& registry, T wanted, bool is_mandatory) {
  const Target target{&api::kind_of<T>(), "", wanted.metadata.name, ""};
  const store::EntryPtr entry = registry.store().find(store_key(*target.kind, "", target.name));
  if (!entry) {
    INSULA_CO_TRY_VOID(co_await registry.create(
        {target.kind, "", "", ""}, std::make_shared<T>(std::move(wanted)), context_of(kProducer)));
    co_return Result<>{};
  }
  const auto present = object_of<T>(*entry);
  if (revised(*present, wanted, is_mandatory) == *present) co_return Result<>{};
  Registry::Change change = [wanted = std::move(wanted),
                             is_mandatory](const ConstObject& now) -> Result<Object> {
    return std::make_shared<T>(revised(*static_cast<const T*>(now.get()), wanted, is_mandatory));
  };
  INSULA_CO_TRY_VOID(co_await registry.change(target, std::move(change), context_of(kProducer)));
  co_return Result<>{};
}

template <class T>
Task<Result<>> reconcile(Registry& registry,
                         const std::vector<T>& mandatory,
                         const std::vector<T>& suggested) {
  std::set<std::string> known;
  for (const std::vector<T>* objects : {&mandatory, &suggested}) {
    for (const T& object : *objects) {
      known.insert(object.metadata.name);
      INSULA_CO_TRY_VOID(co_await ensure(registry, object, objects == &mandatory));
    }
  }
  for (const auto& object : stored<T>(registry.store())) {
    if (known.contains(object->metadata.name) || !auto_update_of(object->metadata).value_or(false))
      continue;
    INSULA_CO_TRY_VOID(co_await registry.remove({&api::kind_of<T>(), "", object->metadata.name, ""},
                                                DeleteQuery(), context_of(kProducer)));
  }
  co_return Result<>{};
}

/// The condition as it should be, without its time.
api::FlowSchemaCondition dangling_of(const api::FlowSchema& schema, const store::Store& store) {
  const std::string& level = schema.spec.priority_level_configuration.name;
  const bool exists =
      store.find(store_key(api::kind_of<api::PriorityLevelConfiguration>(), "", level)) != nullptr;
  api::FlowSchemaCondition condition;
  condition.type = api::kDangling;
  condition.status = exists ? "False" : "True";
  condition.reason = exists ? "Found" : "NotFound";
  condition.message = fmt::format(
      "This FlowSchema references the PriorityLevelConfiguration object named \"{}\" {}", level,
      exists ? "and it exists" : "but there is no such object");
  return condition;
}

bool says_the_same(const api::FlowSchemaCondition* present,
                   const api::FlowSchemaCondition& wanted) {
  return present != nullptr && present->status == wanted.status &&
         present->reason == wanted.reason && present->message == wanted.message;
}

Task<> news(Event& event) {
  co_await event.wait();
}

/// Watches over the objects of both kinds.
class FlowWatches {
 public:
  explicit FlowWatches(store::Store& store) : store_(store) { renew(); }

  /// Returns when one of them has changed.
  Task<> changed() {
    if (watches_.size() < 2) co_return;
    co_await race(news(watches_[0].ready()), news(watches_[1].ready()));
  }

  /// Whatever has changed so far is known.
  void drain() {
    constexpr std::size_t kTakeMax = 500;
    for (store::Watch& watch : watches_) {
      while (watch.ready().is_set()) {
        if (!watch.take(kTakeMax)) return renew();
      }
    }
  }

 private:
  void renew() {
    watches_.clear();
    for (const api::Kind* kind :
         {&api::kind_of<api::FlowSchema>(), &api::kind_of<api::PriorityLevelConfiguration>()}) {
      auto watch = store_.watch(store_key(*kind, "", ""), store_.revision());
      if (watch) watches_.push_back(*std::move(watch));
    }
  }

  store::Store& store_;
  std::vector<store::Watch> watches_;
};

}  // namespace

Task<Result<>> reconcile_flow_objects(Registry& registry) {
  INSULA_CO_TRY_VOID(co_await reconcile(registry, api::mandatory_priority_levels(),
                                        api::suggested_priority_levels()));
  co_return co_await reconcile(registry, api::mandatory_flow_schemas(),
                               api::suggested_flow_schemas());
}

Task<Result<>> mark_dangling(Registry& registry) {
  for (const auto& schema : stored<api::FlowSchema>(registry.store())) {
    if (says_the_same(api::dangling_condition(*schema), dangling_of(*schema, registry.store())))
      continue;
    Registry::Change change = [&registry](const ConstObject& present) -> Result<Object> {
      auto next =
          std::make_shared<api::FlowSchema>(*static_cast<const api::FlowSchema*>(present.get()));
      api::FlowSchemaCondition condition = dangling_of(*next, registry.store());
      condition.last_transition_time = api::Time::from(registry.clock().wall());
      std::erase_if(next->status.conditions,
                    [](const api::FlowSchemaCondition& it) { return it.type == api::kDangling; });
      next->status.conditions.push_back(std::move(condition));
      return Object(next);
    };
    const auto written = co_await registry.change(
        {&api::kind_of<api::FlowSchema>(), "", schema->metadata.name, "status"}, std::move(change),
        context_of(kConsumer));
    if (!written && written.error().code() != ErrorCode::kNotFound)
      co_return std::unexpected(written.error());
  }
  co_return Result<>{};
}

Task<> keep_flow_objects(Registry& registry, Log log) {
  FlowWatches watches(registry.store());
  for (;;) {
    watches.drain();
    Result<> kept = co_await reconcile_flow_objects(registry);
    if (kept) kept = co_await mark_dangling(registry);
    if (!kept) log.error("flow schemas and priority levels not kept", "err", kept.error());
    co_await race(watches.changed(), sleep_for(kLookEvery));
    co_await sleep_for(kSettleTime);
  }
}

}  // namespace insula::apiserver
