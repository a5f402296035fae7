#include "controllers/endpoints/apply_slices.h"

#include <utility>

#include "client/typed.h"

namespace insula::controllers {

Task<Result<>> apply_slices(client::Client& client,
                            controller::Informer<api::EndpointSlice>& slices,
                            SlicePlan plan) {
  for (api::EndpointSlice& slice : plan.create) {
    INSULA_CO_TRY(const api::EndpointSlice stored,
                  co_await client::create(client, std::move(slice)));
    slices.observe(stored);
  }
  for (api::EndpointSlice& slice : plan.update) {
    INSULA_CO_TRY(const api::EndpointSlice stored,
                  co_await client::update(client, std::move(slice)));
    slices.observe(stored);
  }
  for (const SlicePtr& slice : plan.remove) {
    const Result<> removed = co_await client::remove<api::EndpointSlice>(
        client, slice->metadata.namespace_, slice->metadata.name);
    if (!removed && removed.error().code() != ErrorCode::kNotFound)
      co_return std::unexpected(removed.error());
    slices.observe_gone(*slice);
  }
  co_return Result<>{};
}

}  // namespace insula::controllers
