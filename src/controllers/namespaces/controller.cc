#include "controllers/namespaces/controller.h"

#include <algorithm>
#include <span>
#include <utility>

#include "client/typed.h"

namespace insula::controllers {

NamespaceController::NamespaceController(client::Client& client,
                                         const controller::Runtime& runtime,
                                         Mirrors mirrors,
                                         api::KindCatalog& kinds,
                                         std::string ca_pem)
    : client_(client),
      clock_(runtime.clock),
      mirrors_(mirrors),
      kinds_(kinds),
      ca_pem_(std::move(ca_pem)),
      controller_({.name = "namespace",
                   .backoff = {std::chrono::milliseconds(50), std::chrono::seconds(10)}},
                  runtime,
                  *this) {
  mirrors_.namespaces.on_change([this](const api::Namespace*, const api::Namespace* after) {
    if (after != nullptr) controller_.enqueue(controller::key_of(*after));
  });
  mirrors_.accounts.on_change(
      [this](const api::ServiceAccount* before, const api::ServiceAccount* after) {
        if (after == nullptr && before->metadata.name == "default") {
          controller_.enqueue({{}, before->metadata.namespace_});
        }
      });
  mirrors_.config_maps.on_change([this](const api::ConfigMap* before, const api::ConfigMap* after) {
    const api::ConfigMap& map = after != nullptr ? *after : *before;
    if (map.metadata.name == kRootCaConfigMap) controller_.enqueue({{}, map.metadata.namespace_});
  });
  mirrors_.pods.on_change([this](const api::Pod* before, const api::Pod* after) {
    if (after == nullptr) controller_.enqueue({{}, before->metadata.namespace_});
  });
}

void NamespaceController::start() {
  controller_.start(
      {&mirrors_.namespaces, &mirrors_.accounts, &mirrors_.config_maps, &mirrors_.pods});
}

Task<Result<controller::Outcome>> NamespaceController::reconcile(controller::Key key) {
  const NamespacePtr name_space = mirrors_.namespaces.get(key);
  if (!name_space) co_return controller::kDone;
  if (is_terminating(*name_space)) co_return co_await terminate(name_space);
  INSULA_CO_TRY_VOID(co_await furnish(key.name));
  co_return controller::kDone;
}

Task<Result<>> NamespaceController::furnish(std::string name) {
  if (!mirrors_.accounts.get({name, "default"})) {
    INSULA_CO_TRY(const api::ServiceAccount account,
                  co_await client::ensure(client_, default_service_account(name)));
    mirrors_.accounts.observe(account);
  }
  api::ConfigMap wanted = root_ca_config_map(name, ca_pem_);
  const auto there = mirrors_.config_maps.get({name, kRootCaConfigMap});
  if (!there) {
    INSULA_CO_TRY(const api::ConfigMap made, co_await client::ensure(client_, std::move(wanted)));
    mirrors_.config_maps.observe(made);
  } else if (there->data != wanted.data) {
    api::ConfigMap next = *there;
    next.data = std::move(wanted.data);
    INSULA_CO_TRY(const api::ConfigMap stored, co_await client::update(client_, std::move(next)));
    mirrors_.config_maps.observe(stored);
  }
  co_return Result<>{};
}

Task<Result<controller::Outcome>> NamespaceController::terminate(NamespacePtr name_space) {
  const std::vector<std::string>& finalizers = name_space->spec.finalizers;
  if (std::ranges::find(finalizers, kNamespaceFinalizer) == finalizers.end())
    co_return controller::kDone;
  NamespaceContent content;
  const std::string& name = name_space->metadata.name;
  INSULA_CO_TRY_VOID(co_await clear(name, api::kind_of<api::Pod>(), content));
  // What pods use (Secrets, Services) stays until the last of them has ended.
  if (content.objects.empty()) {
    const std::span<const api::Kind* const> stored = kinds_.stored();
    // Kinds may come and go meanwhile.
    const std::vector<const api::Kind*> all(stored.begin(), stored.end());
    for (const api::Kind* kind : all) {
      if (!kind->namespaced || kind == &api::kind_of<api::Pod>()) continue;
      INSULA_CO_TRY_VOID(co_await clear(name, *kind, content));
    }
  }
  if (content.objects.empty() && content.failures.empty()) {
    INSULA_CO_TRY_VOID(co_await finalize(name_space));
    co_return controller::kDone;
  }
  api::Namespace next = *name_space;
  next.status = terminating_status(*name_space, content, clock_.wall());
  if (!(next.status == name_space->status)) {
    INSULA_CO_TRY(const api::Namespace stored,
                  co_await client::update_status(client_, std::move(next)));
    mirrors_.namespaces.observe(stored);
  }
  co_return controller::again_after(kNamespaceRetry);
}

Task<Result<>> NamespaceController::clear(std::string name,
                                          const api::Kind& kind,
                                          NamespaceContent& content) {
  const client::Target target{&kind, std::move(name), {}, {}};
  client::DeleteOptions options;
  options.propagation = client::Propagation::kBackground;
  const Result<std::string> removed =
      co_await client_.remove_collection(target, std::move(options), {});
  if (!removed) {
    content.failures.push_back(kind.group_resource() + ": " + removed.error().message());
  }
  INSULA_CO_TRY(const client::Page left, co_await client_.page(target, {}));
  for (const client::PageItem& item : left.items) {
    ++content.objects[std::string(kind.plural) + "." + std::string(kind.group)];
    INSULA_CO_TRY(const api::ObjectMeta metadata, client::metadata_of(kind, item));
    for (const std::string& finalizer : metadata.finalizers)
      ++content.finalizers[finalizer];
  }
  co_return Result<>{};
}

Task<Result<>> NamespaceController::finalize(NamespacePtr name_space) {
  api::Namespace next = *name_space;
  std::erase(next.spec.finalizers, kNamespaceFinalizer);
  client::Target target = client::target_of(next, "finalize");
  std::string body = api::encode_json(next);
  const Result<std::string> done = co_await client_.update(std::move(target), std::move(body), {});
  if (!done && done.error().code() != ErrorCode::kNotFound) co_return std::unexpected(done.error());
  co_return Result<>{};
}

}  // namespace insula::controllers
