#include "gateway/request.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "gateway/request_observer.h"
#include "gateway/shared_members.h"

namespace insula::gateway {

Request::Request(std::shared_ptr<const Snapshot> known,
                 const TenantMetrics& nobody,
                 UsageRecorder& recorder,
                 const Clock& clock)
    : snapshot(std::move(known)),
      metrics_(&nobody),
      recorder_(recorder),
      clock_(clock),
      started_(clock.now()) {
  metrics_->in_flight->add(1);
}

Request::~Request() {
  settle();
  if (filters != nullptr) filters->on_done({.status = status, .usage = usage});
  if (observer != nullptr) observer->tell(*this);
}

void Request::assign(const Tenant& owner) {
  metrics_->in_flight->add(-1);
  tenant = &owner;
  metrics_ = owner.metrics.get();
  metrics_->in_flight->add(1);
}

void Request::come_from(Principal caller) {
  principal = std::move(caller);
  // Keys have limits of their own.
  if (principal.grant != nullptr || tenant->members == nullptr) return;
  const LimitConfig& most = tenant->member_limits.of(principal.member);
  if (most == LimitConfig{}) return;
  member_hold.emplace(tenant->members->find(principal.member));
  member_limits = member_hold->limits(most);
  if (tenant->shared_members != nullptr)
    SharedMembers::share(tenant->shared_members, *member_hold, *member_limits);
}

LimitSet Request::limits() const {
  LimitSet limits;
  limits[LimitScope::kTenant] = &tenant->limits;
  if (principal.grant != nullptr) limits[LimitScope::kKey] = &principal.grant->limits;
  if (member_limits) limits[LimitScope::kMember] = &*member_limits;
  if (route != nullptr && route->limits) limits[LimitScope::kModel] = &*route->limits;
  return limits;
}

std::int64_t Request::micros_since_start(SteadyTime time) const {
  return std::chrono::duration_cast<std::chrono::microseconds>(time - started_).count();
}

/// The most that its completion may come to, as far as it was reserved or asked for.
std::int64_t Request::completion_reserved() const {
  if (const auto reserved = admission.reserved(); reserved)
    return std::max<std::int64_t>(*reserved - demand.prompt, 0);
  return demand.output.value_or(UsageRecord::kUnknown);
}

/// A record of whose request it is, and of what.
UsageRecord Request::identified() const {
  UsageRecord record;
  record.operation = operation;
  record.subject.tenant.set(tenant->name);
  record.subject.uid.set(tenant->uid);
  record.subject.model.set(model);
  record.subject.key.set(principal.key);
  record.subject.member.set(principal.member);
  record.subject.currency.set(snapshot->prices.currency);
  record.request_id.set(id);
  return record;
}

std::optional<std::int64_t> Request::cost_at_most(std::int64_t prompt,
                                                  std::int64_t completion) const {
  const ModelPrice* known = snapshot->prices.find(model);
  if (known == nullptr) return std::nullopt;
  ModelPrice price = *known;
  // Which part of the prompt the model's cache has is not known before.
  price.prompt = std::max(price.prompt, price.cached);
  return cost_of(price, {.prompt_tokens = prompt, .completion_tokens = completion});
}

void Request::admit() {
  admitted_ = true;
  InFlight request{.record = identified(),
                   .price = snapshot->prices.of(model),
                   .completion_reserved = completion_reserved()};
  request.record.status = static_cast<std::uint16_t>(status);
  request.record.prompt_tokens = demand.prompt;
  place_ = recorder_.begin(request);
}

void Request::note(const BodyRelay& body) {
  if (site_route != nullptr) return;
  usage = body.usage(body_bytes);
  streamed_ = body.is_stream();
  if (!first_token_ && body.has_content()) first_token_ = clock_.now();
  if (usage != llm::Usage{}) recorder_.note(place_, usage, completion_reserved());
}

void Request::note_sent(std::size_t bytes) {
  if (observer == nullptr) return;
  if (!facts.first_byte) facts.first_byte = clock_.now();
  facts.bytes_sent += bytes;
}

void Request::settle() {
  if (std::exchange(settled_, true)) return;
  const SteadyTime now = clock_.now();
  metrics_->in_flight->add(-1);
  metrics_->count(status);
  metrics_->duration->observe(std::chrono::duration<double>(now - started_).count());
  if (!admitted_) return;
  // Whoever leaves before the reply has had the prompt read all the same.
  if (status == 499 && endpoint != nullptr && usage == llm::Usage{} && demand.prompt > 0)
    usage = {demand.prompt, 0, true};
  const std::int64_t cost = cost_of(snapshot->prices.of(model), usage);
  admission.settle(usage.prompt_tokens + usage.completion_tokens, cost);
  const WallTime ended = clock_.wall();
  UsageRecord record = identified();
  record.ended_us = micros_of(ended);
  record.duration_us = micros_since_start(now);
  if (first_token_) record.first_token_us = micros_since_start(*first_token_);
  record.set_usage(usage);
  record.cost = cost;
  record.status = static_cast<std::uint16_t>(status);
  record.outcome = outcome.value_or(outcome_of(status));
  record.streamed = streamed_;
  count(record);
  recorder_.settle(place_, record, ended);
}

void Request::count(const UsageRecord& record) const {
  const auto add = [](Counter* counter, std::int64_t more) {
    if (more > 0) counter->add(static_cast<std::uint64_t>(more));
  };
  add(metrics_->prompt_tokens, record.prompt_tokens);
  add(metrics_->completion_tokens, record.completion_tokens);
  add(metrics_->cached_tokens, record.cached_tokens);
  add(metrics_->reasoning_tokens, record.reasoning_tokens);
  add(metrics_->cost, record.cost);
}

}  // namespace insula::gateway
