#include "gateway/exchange.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/time.h"
#include "async/deadline.h"
#include "gateway/credentials.h"
#include "gateway/model_list.h"
#include "gateway/worker.h"
#include "http/refusal.h"
#include "http/scan.h"
#include "http/url.h"
#include "net/tls.h"

namespace insula::gateway {
namespace {

/// Reserved for the reply of a request that does not say how long it may become: this part of the
/// limit, but not more than so many tokens.
constexpr std::int64_t kOutputShareUntold = 16;
constexpr std::int64_t kOutputTokensUntold = 1024;

/// Names a request's session; else a member of its body does, see llm::RequestPeek.
constexpr std::string_view kSessionField = "x-session-id";
constexpr std::uint64_t kSessionSeed = 1;

constexpr int kMisdirectedRequest = 421;

constexpr std::string_view kModelPath = "/v1/models/";

Result<> check_served(const Request& request) {
  if (!request.tenant->is_served) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("{} has no ready endpoint", request.tenant->service.service_host));
  }
  if (!request.tenant->members_can_be_kept && request.principal.grant == nullptr)
    return fail(
        ErrorCode::kUnavailable,
        "the limits of members cannot be kept at the moment; an API key is not held to them");
  const LimitSet limits = request.limits();
  for (const LimitScope scope : kLimitScopes) {
    if (limits[scope] != nullptr && !limits[scope]->can_be_kept()) {
      return fail(ErrorCode::kUnavailable,
                  fmt::format("{} rate limit cannot be kept at the moment", owner_of(scope)));
    }
  }
  return {};
}

/// The least of the limits and budgets of tokens, and of the tokens of a completion that budgets of
/// money pay for; nothing when there is none.
std::optional<std::int64_t> least_tokens(const Request& request) {
  constexpr std::int64_t kPicosPerNano = 1000;
  std::optional<std::int64_t> least;
  const auto take = [&](std::optional<std::int64_t> limit) {
    if (limit) least = std::min(least.value_or(INT64_MAX), *limit);
  };
  const std::int64_t price = request.snapshot->prices.of(request.model).completion;
  for (const Limits* limits : request.limits().values) {
    if (limits == nullptr) continue;
    const BudgetConfig& budget = limits->most.budget;
    take(limits->most.tokens_per_minute);
    take(budget.tokens_per_day);
    take(budget.tokens_per_month);
    for (const auto& spend : {budget.spend_per_day, budget.spend_per_month}) {
      // Prices are pico-units for a token.
      if (spend)
        take(price == 0 ? INT64_MAX
                        : std::min(*spend, INT64_MAX / kPicosPerNano) * kPicosPerNano / price);
    }
  }
  return least;
}

/// Requests without a body make no tokens, and those for what was made before no further ones.
Billing billing_of(const Request& request, const http::RequestHead& head, std::string_view path) {
  const bool makes = request.has_body || head.method == "POST";
  if (!makes || llm::is_of_stored_answer(path)) return Billing::kNone;
  return llm::is_metered(request.operation) && !request.is_head ? Billing::kEstimated
                                                                : Billing::kTold;
}

/// Tokens that a request reserves. One that does not say how long its reply may become gets a small
/// part of the least limit; a stream reserves more as it grows.
std::optional<std::int64_t> tokens_to_reserve(const Request& request) {
  const llm::TokenDemand& demand = request.demand;
  const std::optional<std::int64_t> least = least_tokens(request);
  if (!least || request.operation == llm::Operation::kModels) return std::nullopt;
  const std::int64_t untold =
      std::clamp<std::int64_t>(*least / kOutputShareUntold, 1, kOutputTokensUntold);
  return demand.prompt + demand.output.value_or(untold);
}

/// Whether something of the request is charged to a budget of money.
bool is_paid(const Request& request) {
  return request.site_route == nullptr && request.operation != llm::Operation::kModels &&
         std::ranges::any_of(request.limits().values, [](const Limits* limits) {
           return limits != nullptr && limits->most.budget.limits_spend();
         });
}

/// Refuses what nobody knows the price of, where money is limited: it would cost nothing, and so
/// there would be no limit.
Result<> check_priced(Request& request) {
  if (!is_paid(request) || request.cost_at_most(0, 0)) return {};
  request.refusal_code = ApiError::kModelNotPriced;
  return fail(ErrorCode::kForbidden,
              fmt::format("there is a budget of money, and {} has no price; whoever runs this "
                          "service can set one",
                          request.model.empty() ? std::string("a request without a model")
                                                : "the model " + request.model));
}

/// Whether waiting does not help: the limit that was met is 0, or fewer tokens than the request may
/// use. Requires: one was met.
bool can_never_pass(const Request& request) {
  const auto [kind, scope] = *request.limit_met;
  const LimitConfig& most = request.limits()[scope]->most;
  switch (kind) {
    case LimitKind::kConcurrency:
      return most.concurrent_requests == 0;
    case LimitKind::kTokens:
      return most.tokens_per_minute == 0 || tokens_to_reserve(request) > most.tokens_per_minute;
    case LimitKind::kBudget:
      return request.admission.budget_met().is_never_enough();
    case LimitKind::kRequests:
      break;
  }
  return most.requests_per_hour == 0;
}

/// Refuses what an API key for some models does not open. Which model an operation uses is only
/// known of those whose body is read; the list of models is open to all.
Result<> check_model(Request& request) {
  const ApiKeyGrant* grant = request.principal.grant;
  if (grant == nullptr || grant->models.empty() || request.operation == llm::Operation::kModels)
    return {};
  if (llm::has_json_body(request.operation) && grant->allows(request.model)) return {};
  request.refusal_code = ApiError::kModelNotAllowed;
  return fail(
      ErrorCode::kForbidden,
      fmt::format("this API key is for the models {} and for requests that name one of them",
                  fmt::join(grant->models, ", ")));
}

/// What a budget that was met says.
std::string over_budget(const Request& request, std::string_view owner) {
  const BudgetMet& met = request.admission.budget_met();
  const std::string& currency = request.snapshot->prices.currency;
  std::string text =
      fmt::format("{} budget of {} ", owner, budget_text(*met.kind, met.limit, currency));
  if (met.limit == 0) return text + "admits nothing";
  if (met.is_never_enough())
    return text + "is less than the request may use; shorten the prompt or lower max_tokens";
  if (met.is_only_reserved())
    return text +
           "has no room beside what running requests may use; try again when they have ended";
  const std::string anew = api::Time::from(met.resets).text();
  if (met.used >= met.limit) return text + fmt::format("is used up; it begins anew at {}", anew);
  const std::int64_t left = met.limit - met.used;
  const bool money = met.kind->unit == &Charge::spend;
  return text +
         fmt::format("has {} left, and the request may use {}; it begins anew at {}",
                     money ? cost_text(left) + " " + currency : fmt::format("{} tokens", left),
                     money ? cost_text(met.needed) : std::to_string(met.needed), anew);
}

/// What a client should do about it.
std::string_view advice(const Request& request) {
  const auto [kind, scope] = *request.limit_met;
  if (!can_never_pass(request)) return "; see Retry-After";
  if (kind == LimitKind::kTokens && request.limits()[scope]->most.tokens_per_minute != 0)
    return "; shorten the prompt or lower max_tokens";
  return "";
}

std::unexpected<Error> over_limit(const Request& request) {
  const auto [kind, scope] = *request.limit_met;
  const LimitConfig& most = request.limits()[scope]->most;
  const std::string_view owner = owner_of(scope);
  request.tenant->metrics->rate_limited[scope][static_cast<std::size_t>(kind)]->add();
  switch (kind) {
    case LimitKind::kConcurrency:
      return fail(ErrorCode::kTooManyRequests,
                  fmt::format("{} limit of {} requests at once is reached", owner,
                              most.concurrent_requests.value_or(0)));
    case LimitKind::kTokens:
      return fail(ErrorCode::kTooManyRequests,
                  fmt::format("the request may use {} tokens, and {} rate limit is {} tokens per "
                              "minute{}",
                              tokens_to_reserve(request).value_or(0), owner,
                              most.tokens_per_minute.value_or(0), advice(request)));
    case LimitKind::kBudget:
      return fail(ErrorCode::kTooManyRequests, over_budget(request, owner));
    case LimitKind::kRequests:
      break;
  }
  return fail(ErrorCode::kTooManyRequests,
              fmt::format("{} rate limit of {} requests per hour is reached{}", owner,
                          most.requests_per_hour.value_or(0), advice(request)));
}

/// Whether the answer is the gateway's own list of models.
bool lists_models(const Request& request) {
  return request.operation == llm::Operation::kModels &&
         has_model_list(*request.tenant, request.principal.grant);
}

}  // namespace

Exchange::Exchange(Worker& worker, Downstream& client)
    : worker_(worker), client_(client), body_(worker) {}

void Exchange::wait_for_upstream(std::chrono::nanoseconds patience) {
  deadline_ = worker_.coarse_now() + patience;
  for (const auto& end : {request_end_, attempt_end_}) {
    if (end) deadline_ = std::min(*deadline_, *end);
  }
}

void Exchange::check_deadline(SteadyTime now) {
  if (admission_ != nullptr && admission_->has_lapsed()) deadline_ = now;
  if (ticket_ != nullptr && (worker_.draining() || (deadline_ && now >= *deadline_)))
    return ticket_->event().set();
  if (!deadline_ || now < *deadline_ || upstream_ == nullptr) return;
  // The relay finds its upstream closed, and that it was us.
  expired_ = true;
  upstream_->shutdown();
}

void Exchange::client_left() {
  client_gone_ = true;
  if (ticket_ != nullptr) ticket_->event().set();
  if (upstream_ != nullptr) upstream_->shutdown();
}

void Exchange::clear() {
  upstream_.reset();
  deadline_.reset();
  body_.drop();
  payload_ = {};
  reply_edits_.clear();
  mirrors_.clear();
}

void Exchange::shrink(std::size_t bytes_max) {
  if (upstream_head_.capacity() > bytes_max) std::string().swap(upstream_head_);
}

/// The life of a request. Returns whether the connection may carry another.
Task<bool> Exchange::answer(const http::RequestHead& head) {
  request_end_.reset();
  attempt_end_.reset();
  const WorkerSettings& settings = worker_.settings();
  Request request(worker_.snapshot(), settings.metrics.nobody, worker_.usage(), settings.clock);
  if (is_misdirected(request, head)) {
    name(request, &head);
    request.is_head = head.method == "HEAD";
    request.refusal_code = ApiError::kMisdirectedRequest;
    request.refusal_status = kMisdirectedRequest;
    co_return co_await refuse(
        request,
        Error(ErrorCode::kBadRequest,
              "this connection is for a host with another certificate; open one for this host"));
  }
  if (auto accepted = accept(request, head); !accepted)
    co_return co_await refuse(request, std::move(accepted).error());
  if (request.own_answer != OwnAnswer::kNone) co_return co_await answer_here(request);
  if (!request.location.empty()) co_return co_await answer_redirect(request);
  if (const auto received = client_.received_body()) {
    payload_ = *received;
  } else {
    if (auto expected = expect_admission(request); !expected)
      co_return co_await refuse(request, std::move(expected).error());
    body_.belong_to(request.tenant->name);
    if (auto arrived = co_await client_.receive_body(); !arrived)
      co_return co_await refuse(request, std::move(arrived).error());
    payload_ = body_.text();
  }
  if (auto inspected = inspect(request); !inspected)
    co_return co_await refuse(request, std::move(inspected).error());
  if (request.filters != nullptr && request.filters->runs_at(FilterPoint::kRequest)) {
    if (auto passed = co_await filter_request(request); !passed)
      co_return co_await refuse(request, std::move(passed).error());
  }
  if (auto planned = plan(request); !planned)
    co_return co_await refuse(request, std::move(planned).error());
  if (auto priced = check_priced(request); !priced)
    co_return co_await refuse(request, std::move(priced).error());
  if (auto admitted = co_await admit_in_turn(request); !admitted)
    co_return co_await refuse(request, std::move(admitted).error());
  if (candidates_.empty()) co_return co_await answer_list(request);
  if (!mirrors_.empty()) send_mirrors(request);
  const bool keep_alive = co_await route_while_lent(request);
  charge_for(request);
  co_return keep_alive;
}

/// Everything that needs the parsed head, which is gone at the first wait.
Result<> Exchange::accept(Request& request, const http::RequestHead& head) {
  request.is_head = head.method == "HEAD";
  request.client_chunks = client_.takes_chunks();
  request.keep_alive = head.keep_alive && !worker_.draining();
  name(request, &head);

  if (head.method == "CONNECT" || head.method == "TRACE") {
    own_headers_.append("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
    return fail(ErrorCode::kMethodNotAllowed, fmt::format("{} is not served here", head.method));
  }
  const Snapshot& snapshot = *request.snapshot;
  if (!snapshot.sites.empty()) {
    if (const Site* site = find_site(request, head); site != nullptr)
      return accept_for_site(request, head, *site);
  }
  const auto split = split_target(head.target);
  if (!split) return accept_without_tenant(request, head, split.error());
  const TenantTarget& target = *split;
  const WallTime now = worker_.settings().clock.wall();
  const Tenant* tenant = target.tenant.empty()
                             ? find_tenant_of(head, snapshot, worker_.tokens(), now)
                             : snapshot.find(target.tenant);
  if (tenant != nullptr) request.assign(*tenant);
  INSULA_TRY_VOID(apply_cors(request, head, tenant == nullptr ? snapshot.nobody : *tenant));
  if (request.own_answer != OwnAnswer::kNone) return {};
  auto principal = authenticate(head, snapshot, tenant == nullptr ? snapshot.nobody : *tenant,
                                worker_.tokens(), now);
  if (tenant == nullptr && (principal || principal.error().code() == ErrorCode::kForbidden)) {
    return fail(ErrorCode::kNotFound, target.tenant.empty()
                                          ? "the tenant of this credential is not there any more"
                                          : fmt::format("there is no tenant {}", target.tenant));
  }
  if (!principal) return std::unexpected(std::move(principal).error());
  request.come_from(*std::move(principal));
  request.filters = tenant->edge.filters.get();
  INSULA_TRY_VOID(check_bounds(request, head));
  request.operation = llm::operation_of(target.path);
  if (request.operation == llm::Operation::kModels && target.path.starts_with(kModelPath))
    request.listed = target.path.substr(kModelPath.size());
  if (lists_models(request) && head.method != "GET" && !request.is_head) {
    own_headers_.append("Allow: GET, HEAD\r\n");
    return fail(ErrorCode::kMethodNotAllowed,
                fmt::format("the list of models is read with GET, not {}", head.method));
  }
  request.has_body = client_.has_body();
  request.billing = billing_of(request, head, target.path);
  upstream_head_.clear();
  write_upstream_head(upstream_head_,
                      {.head = head,
                       .target = target,
                       .tenant = tenant->name,
                       .client_address = client_.client_address(),
                       .scheme = worker_.settings().tls == nullptr ? "http" : "https",
                       .request_id = request.id,
                       .trace_lines = trace_lines_});
  head_bytes_ = upstream_head_.size();
  note_for_routing(*tenant, head, target);
  return {};
}

/// What some backends need of the head.
void Exchange::note_for_routing(const Tenant& tenant,
                                const http::RequestHead& head,
                                const TenantTarget& target) {
  if (tenant.has_providers) for_provider_.take(head, target);
  session_ = 0;
  if (!tenant.has_affinity) return;
  if (const auto named = head.find(kSessionField); named && !named->empty())
    session_ = hash_of(*named, kSessionSeed);
}

/// Reads what routing and metering need out of the body, and completes the upstream's head.
Result<> Exchange::inspect(Request& request) {
  // One that came with its head was not looked at before.
  if (payload_.size() > body_.bytes_max()) return body_too_large(body_.bytes_max());
  request.body_bytes = payload_.size();
  prompt_at_.reset();
  if (llm::has_json_body(request.operation) && !request.is_head && request.has_body) {
    INSULA_TRY(const llm::RequestPeek peek,
               worker_.reader().read(
                   request.operation, payload_,
                   request.tenant->has_affinity ? llm::PeekFor::kAffinity : llm::PeekFor::kRelay));
    prompt_at_ = peek.prompt_at;
    if (session_ == 0 && !peek.session.empty()) session_ = hash_of(peek.session, kSessionSeed);
    request.model = peek.model;
    model_at_ = peek.model_at;
    request.demand = llm::token_demand(request.operation, peek, payload_.size());
    if (peek.ask_for_usage) {
      request.hide_usage = true;
      if (payload_.data() != body_.text().data()) body_.copy(payload_);
      body_.replace(peek.ask_for_usage->offset, peek.ask_for_usage->erase,
                    peek.ask_for_usage->insert);
      if (model_at_.offset >= peek.ask_for_usage->offset)
        model_at_.offset += peek.ask_for_usage->insert.size() - peek.ask_for_usage->erase;
      if (prompt_at_ && *prompt_at_ >= peek.ask_for_usage->offset)
        *prompt_at_ += peek.ask_for_usage->insert.size() - peek.ask_for_usage->erase;
      payload_ = body_.text();
    }
  }
  return check_model(request);
}

/// Finds who is asked, in which order: nobody, when the gateway itself has the answer.
Result<> Exchange::plan(Request& request) {
  const Tenant& tenant = *request.tenant;
  candidates_ = {};
  if (request.site_route != nullptr) {
    const Backend& backend = request.site_backend->backend;
    candidates_.add(backend);
    if (!candidates_.empty()) return {};
    return fail(ErrorCode::kUnavailable,
                fmt::format("{} has no ready endpoint", backend.service_host));
  }
  if (lists_models(request)) return {};
  const ModelRoute* model = request.model.empty() ? nullptr : tenant.models.find(request.model);
  request.route = model;
  if (model != nullptr) {
    candidates_ = tenant.models.candidates(*model, worker_.balancer().draw(), worker_.coarse_now());
  } else {
    candidates_.add(tenant.service);
  }
  if (!candidates_.empty()) return {};
  if (model == nullptr && !tenant.models.empty() && !request.model.empty()) {
    request.refusal_code = ApiError::kModelNotFound;
    return no_such_model(tenant, request.model);
  }
  const Backend& wanted = model == nullptr ? tenant.service : model->backends.front();
  return fail(ErrorCode::kUnavailable,
              fmt::format("{} has no ready endpoint", wanted.service_host));
}

/// Answers what the tenant's list of models answers.
Task<bool> Exchange::answer_list(Request& request) {
  const auto list = list_models(*request.tenant, request.principal.grant, request.listed);
  if (!list) {
    request.refusal_code = ApiError::kModelNotFound;
    co_return co_await refuse(request, list.error());
  }
  request.status = 200;
  request.settle();
  co_return co_await reply(request, *list);
}

/// Refuses a request whose body has yet to come as admit() would now, so that nobody sends or holds
/// one in vain. The body may take so long that admit() decides otherwise; that is what counts.
Result<> Exchange::expect_admission(Request& request) {
  if (request.site_route != nullptr) return {};
  INSULA_TRY_VOID(check_served(request));
  request.limit_met = request.admission.look(request.limits());
  return request.limit_met ? refuse_for_limit(request) : Result<>();
}

/// Takes the request's share of its limits. A tenant that nobody serves keeps all of it.
Result<> Exchange::admit(Request& request) {
  // Limits are of models.
  if (request.site_route != nullptr) return {};
  INSULA_TRY_VOID(check_served(request));
  const std::optional<std::int64_t> tokens = tokens_to_reserve(request);
  const std::int64_t completion = tokens.value_or(0) - request.demand.prompt;
  request.limit_met = request.admission.take(
      request.limits(), tokens,
      request.cost_at_most(request.demand.prompt, std::max<std::int64_t>(completion, 0))
          .value_or(0));
  if (request.limit_met) return refuse_for_want(request);
  append_rate_headers(own_headers_, request.admission.report());
  request.admit();
  return {};
}

Result<> Exchange::refuse_for_limit(const Request& request) {
  const bool never = can_never_pass(request);
  append_rate_headers(own_headers_, request.admission.report(), request.limit_met);
  const bool of_budget = request.limit_met->kind == LimitKind::kBudget;
  const BudgetMet* budget = of_budget ? &request.admission.budget_met() : nullptr;
  // OpenAI's client libraries try again otherwise; nobody waits for the end of a day.
  if (never || (of_budget && !budget->is_only_reserved()))
    own_headers_.append("x-should-retry: false\r\n");
  if (of_budget && !never) {
    append_retry_after(own_headers_, budget->is_only_reserved()
                                         ? std::chrono::nanoseconds()
                                         : budget->resets - worker_.settings().clock.wall());
  } else if (!never) {
    append_retry_after(own_headers_, request.admission.report(), *request.limit_met);
  }
  return over_limit(request);
}

/// Waits, if it must, until the client has taken a piece. False when it is gone.
Task<bool> Exchange::taken(Downstream::Sent sent) {
  if (sent != Downstream::Sent::kPart) co_return sent == Downstream::Sent::kAll;
  deadline_.reset();
  co_return co_await client_.flush();
}

}  // namespace insula::gateway
