#include "controllers/endpoints/controller.h"

#include <algorithm>
#include <utility>

#include "client/typed.h"
#include "controller/owner.h"
#include "controller/selector.h"
#include "controllers/endpoints/apply_slices.h"
#include "controllers/pods.h"

namespace insula::controllers {

namespace {

// Whether two versions of a pod differ in something that endpoints show.
bool same_for_endpoints(const api::Pod& a, const api::Pod& b) {
  return a.metadata.labels == b.metadata.labels && a.status.pod_ip == b.status.pod_ip &&
         a.spec.node_name == b.spec.node_name && is_ready(a) == is_ready(b) &&
         is_finished(a) == is_finished(b) &&
         a.metadata.deletion_timestamp.has_value() == b.metadata.deletion_timestamp.has_value();
}

}  // namespace

EndpointsController::EndpointsController(client::Client& client,
                                         const controller::Runtime& runtime,
                                         Mirrors mirrors)
    : client_(client),
      mirrors_(mirrors),
      slices_by_owner_(mirrors.slices.add_index([](const api::EndpointSlice& slice) {
        return std::vector<std::string>{controller::controller_uid(slice.metadata)};
      })),
      controller_({.name = "endpoints"}, runtime, *this) {
  mirrors_.services.on_change([this](const api::Service* before, const api::Service* after) {
    controller_.enqueue(controller::key_of(after != nullptr ? *after : *before));
  });
  mirrors_.pods.on_change([this](const api::Pod* before, const api::Pod* after) {
    if (before != nullptr && after != nullptr && same_for_endpoints(*before, *after)) return;
    if (before != nullptr) enqueue_selecting(*before);
    if (after != nullptr) enqueue_selecting(*after);
  });
  mirrors_.slices.on_change(
      [this](const api::EndpointSlice* before, const api::EndpointSlice* after) {
        const api::EndpointSlice& slice = after != nullptr ? *after : *before;
        const api::OwnerReference* owner = controller::controller_of(slice.metadata);
        if (owner != nullptr && owner->kind == "Service") {
          controller_.enqueue({slice.metadata.namespace_, owner->name});
        }
      });
  mirrors_.endpoints.on_change([this](const api::Endpoints* before, const api::Endpoints* after) {
    controller_.enqueue(controller::key_of(after != nullptr ? *after : *before));
  });
}

void EndpointsController::start() {
  controller_.start({&mirrors_.services, &mirrors_.pods, &mirrors_.slices, &mirrors_.endpoints});
}

void EndpointsController::enqueue_selecting(const api::Pod& pod) {
  for (const ServicePtr& service : mirrors_.services.list(pod.metadata.namespace_)) {
    if (selects_pods(*service) &&
        controller::contains(pod.metadata.labels, service->spec.selector)) {
      controller_.enqueue(controller::key_of(*service));
    }
  }
}

Task<Result<controller::Outcome>> EndpointsController::reconcile(controller::Key key) {
  const ServicePtr service = mirrors_.services.get(key);
  if (!service) {
    INSULA_CO_TRY_VOID(co_await service_gone(key));
    co_return controller::kDone;
  }
  if (!selects_pods(*service) || service->metadata.deletion_timestamp) co_return controller::kDone;
  std::vector<PodPtr> pods = mirrors_.pods.list(key.name_space);
  std::erase_if(pods, [&service](const PodPtr& pod) {
    return !controller::contains(pod->metadata.labels, service->spec.selector);
  });
  const std::vector<SlicePtr> existing =
      mirrors_.slices.by_index(slices_by_owner_, service->metadata.uid);
  SlicePlan plan = plan_slices(desired_slices(*service, pods), existing);
  INSULA_CO_TRY_VOID(co_await apply_slices(client_, mirrors_.slices, std::move(plan)));
  INSULA_CO_TRY_VOID(co_await apply_endpoints(desired_endpoints(*service, pods)));
  co_return controller::kDone;
}

Task<Result<>> EndpointsController::apply_endpoints(api::Endpoints desired) {
  const auto there = mirrors_.endpoints.get(controller::key_of(desired));
  if (there && there->subsets == desired.subsets &&
      there->metadata.labels == desired.metadata.labels) {
    co_return Result<>{};
  }
  if (!there) {
    INSULA_CO_TRY(const api::Endpoints stored,
                  co_await client::create(client_, std::move(desired)));
    mirrors_.endpoints.observe(stored);
    co_return Result<>{};
  }
  api::Endpoints next = *there;
  next.subsets = std::move(desired.subsets);
  next.metadata.labels = std::move(desired.metadata.labels);
  next.metadata.annotations = std::move(desired.metadata.annotations);
  INSULA_CO_TRY(const api::Endpoints stored, co_await client::update(client_, std::move(next)));
  mirrors_.endpoints.observe(stored);
  co_return Result<>{};
}

// The slices carry an owner reference and go by garbage collection; Endpoints are known by their
// name, and those that somebody else wrote (before making the Service, say) are left alone.
Task<Result<>> EndpointsController::service_gone(controller::Key key) {
  const auto there = mirrors_.endpoints.get(key);
  if (!there || !there->metadata.labels.contains(std::string(kEndpointsManagedByLabel)))
    co_return Result<>{};
  const Result<> removed =
      co_await client::remove<api::Endpoints>(client_, key.name_space, key.name);
  if (!removed && removed.error().code() != ErrorCode::kNotFound)
    co_return std::unexpected(removed.error());
  co_return Result<>{};
}

}  // namespace insula::controllers
