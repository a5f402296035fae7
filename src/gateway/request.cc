#include "gateway/request.h"

#include <chrono>
#include <utility>

namespace insula::gateway {

Request::Request(std::shared_ptr<const Snapshot> known,
                 const TenantMetrics& nobody,
                 UsageJournal& journal,
                 const Clock& clock)
    : snapshot(std::move(known)),
      metrics_(&nobody),
      journal_(journal),
      clock_(clock),
      started_(clock.now()) {
  metrics_->in_flight->add(1);
}

void Request::assign(const Tenant& owner) {
  metrics_->in_flight->add(-1);
  tenant = &owner;
  metrics_ = owner.metrics.get();
  metrics_->in_flight->add(1);
}

LimitSet Request::limits() const {
  LimitSet limits;
  limits[LimitScope::kTenant] = &tenant->limits;
  if (principal.grant != nullptr) limits[LimitScope::kKey] = &principal.grant->limits;
  return limits;
}

void Request::settle() {
  if (std::exchange(settled_, true)) return;
  metrics_->in_flight->add(-1);
  metrics_->count(status);
  metrics_->duration->observe(std::chrono::duration<double>(clock_.now() - started_).count());
  if (!admitted) return;
  // Whoever leaves before the reply has had the prompt read all the same.
  if (status == 499 && endpoint != nullptr && usage == llm::Usage{} && demand.prompt > 0)
    usage = {demand.prompt, 0, true};
  admission.settle(usage.prompt_tokens + usage.completion_tokens);
  metrics_->prompt_tokens->add(static_cast<std::uint64_t>(usage.prompt_tokens));
  metrics_->completion_tokens->add(static_cast<std::uint64_t>(usage.completion_tokens));
  journal_.add({.tenant = tenant->name,
                .model = model,
                .key = principal.key,
                .failed = status >= 400,
                .usage = usage},
               clock_.wall());
}

}  // namespace insula::gateway
