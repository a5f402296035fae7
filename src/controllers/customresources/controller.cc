#include "controllers/customresources/controller.h"

#include <algorithm>
#include <utility>

#include "api/custom/custom_kind.h"
#include "api/custom/definition.h"
#include "client/typed.h"

namespace insula::controllers {

namespace {

bool waits_for_cleanup(const api::CustomResourceDefinition& definition) {
  const auto& finalizers = definition.metadata.finalizers;
  return definition.metadata.deletion_timestamp &&
         std::ranges::find(finalizers, api::kCustomResourceCleanup) != finalizers.end();
}

}  // namespace

CustomResourceController::CustomResourceController(client::Client& client,
                                                   const controller::Runtime& runtime,
                                                   Definitions& definitions,
                                                   api::KindCatalog& kinds)
    : client_(client),
      clock_(runtime.clock),
      definitions_(definitions),
      kinds_(kinds),
      controller_({.name = "customresources", .workers = 2}, runtime, *this) {
  definitions_.on_change(
      [this](const api::CustomResourceDefinition*, const api::CustomResourceDefinition* after) {
        if (after != nullptr && waits_for_cleanup(*after))
          controller_.enqueue(controller::key_of(*after));
      });
}

void CustomResourceController::start() {
  controller_.start({&definitions_});
}

const api::Kind* CustomResourceController::kind_of(
    const api::CustomResourceDefinition& definition) {
  for (const api::Kind* kind : kinds_.stored()) {
    const api::CustomKind* custom = api::custom_kind(*kind);
    if (custom != nullptr && custom->definition_name() == definition.metadata.name) return kind;
  }
  return nullptr;
}

Task<Result<controller::Outcome>> CustomResourceController::reconcile(controller::Key key) {
  const auto definition = definitions_.get(key);
  if (!definition || !waits_for_cleanup(*definition)) co_return controller::kDone;
  // A definition that was never established has no objects.
  if (const api::Kind* kind = kind_of(*definition)) {
    INSULA_CO_TRY_VOID(co_await announce(key.name));
    INSULA_CO_TRY(const bool empty, co_await clear(*kind));
    if (!empty) co_return controller::again_after(kCustomResourceRetry);
  }
  INSULA_CO_TRY_VOID(co_await release(key.name));
  co_return controller::kDone;
}

Task<Result<>> CustomResourceController::announce(std::string name) {
  auto mark = [now = api::Time::from(clock_.wall())](api::CustomResourceDefinition& definition) {
    api::CustomResourceDefinitionCondition condition;
    condition.type = api::kTerminating;
    condition.status = "True";
    condition.reason = "InstanceDeletionInProgress";
    condition.message = "CustomResource deletion is in progress";
    condition.last_transition_time = now;
    const auto before = definition.status.conditions;
    api::set_condition(definition, std::move(condition));
    return definition.status.conditions != before;
  };
  const auto marked = co_await client::modify<api::CustomResourceDefinition>(
      client_, std::string(), std::move(name), std::move(mark), client::ModifyPart::kStatus);
  if (!marked && marked.error().code() != ErrorCode::kNotFound)
    co_return std::unexpected(marked.error());
  co_return Result<>{};
}

Task<Result<bool>> CustomResourceController::clear(const api::Kind& kind) {
  const client::Target all{&kind, {}, {}, {}};
  INSULA_CO_TRY(const client::Page page, co_await client_.page(all, {}));
  std::set<std::string> name_spaces;
  for (const client::PageItem& item : page.items) {
    INSULA_CO_TRY(const api::ObjectMeta metadata, client::metadata_of(kind, item));
    name_spaces.insert(metadata.namespace_);
  }
  for (const std::string& name_space : name_spaces) {
    INSULA_CO_TRY_VOID(
        co_await client_.remove_collection(client::Target{&kind, name_space, {}, {}}, {}, {}));
  }
  INSULA_CO_TRY(const client::Page left, co_await client_.page(all, {}));
  const bool gone = left.items.empty();
  co_return gone;
}

Task<Result<>> CustomResourceController::release(std::string name) {
  auto drop = [](api::CustomResourceDefinition& definition) {
    return std::erase(definition.metadata.finalizers, api::kCustomResourceCleanup) > 0;
  };
  const auto released = co_await client::modify<api::CustomResourceDefinition>(
      client_, std::string(), std::move(name), std::move(drop));
  if (!released && released.error().code() != ErrorCode::kNotFound)
    co_return std::unexpected(released.error());
  co_return Result<>{};
}

}  // namespace insula::controllers
