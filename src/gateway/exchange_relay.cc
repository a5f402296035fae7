#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "async/deadline.h"
#include "gateway/exchange.h"
#include "gateway/header_edits.h"
#include "gateway/worker.h"
#include "llm/openai_error.h"
#include "net/stream.h"

namespace insula::gateway {
namespace {

/// Events that begin and end a stream and have no token: what it was told to keep to is not over
/// with them.
constexpr std::int64_t kEventsWithoutTokens = 8;
/// Tokens that a stream reserves at once when it has used up its reservation.
constexpr std::int64_t kTokensMore = 256;

/// Writes as much as the upstream takes at once and removes it from both. Whether that was all, if
/// the rest need not wait.
std::optional<bool> write_now(net::Stream& upstream,
                              std::string_view& head,
                              std::string_view& body) {
  while (!head.empty() || !body.empty()) {
    const auto written = upstream.try_write(head, body);
    if (!written) return std::nullopt;
    if (!*written) return false;
    const std::size_t of_head = std::min(**written, head.size());
    head.remove_prefix(of_head);
    body.remove_prefix(**written - of_head);
  }
  return true;
}

Task<bool> write_rest(net::Stream& upstream, std::string_view head, std::string_view body) {
  const auto written = co_await upstream.write(head, body);
  co_return written.has_value();
}

/// Whether the upstream has begun a reply that is no success, or has closed; nothing when neither
/// is known. A success that begins early still wants the rest of the request; so may one that
/// cannot be told under TLS.
std::optional<std::monostate> has_refused(net::Stream& upstream) {
  constexpr std::string_view kBefore = "HTTP/1.1 ";
  std::array<char, kBefore.size() + 1> start{};
  const auto got = upstream.try_peek(start);
  if (!got) return std::nullopt;
  const bool closed = !*got || **got == 0;
  const bool says_no = upstream.tls() != nullptr
                           ? upstream.hung_up()
                           : !closed && **got == start.size() && start.back() >= '3';
  return closed || says_no ? std::optional<std::monostate>(std::in_place) : std::nullopt;
}

/// Returns once it has.
Task<> refused(net::Stream& upstream) {
  co_await upstream.read_with([&upstream] { return has_refused(upstream); });
}

/// What Anthropic's API answers when it is overloaded.
constexpr int kOverloaded = 529;

/// Whether such a reply says that the endpoint is not well.
bool is_failure(int status) {
  return (status >= 502 && status <= 504) || status == kOverloaded;
}

/// Whether another backend may do better: this one is too busy or not well.
bool should_pass_over(int status) {
  return status == 429 || status == 500 || is_failure(status);
}

RelayPlan relay_plan(const Request& request) {
  return {.method = request.is_head ? "HEAD" : "",
          .client_chunks = request.client_chunks,
          .billing = request.billing,
          .usage_chunk = request.hide_usage ? llm::UsageChunk::kHide : llm::UsageChunk::kForward,
          .opaque = request.site_route != nullptr,
          .may_end_early = request.admission.reserved().has_value(),
          .events = request.filters != nullptr && request.filters->runs_at(FilterPoint::kEvent)
                        ? request.filters
                        : nullptr};
}

}  // namespace

/// Finds out what ties the request to endpoints, if a backend wants to know. Before address_to(),
/// which moves the prompt.
void Exchange::find_affinity(const Request& request) {
  blocks_.clear();
  const auto backends = candidates_.list();
  const bool wanted = std::ranges::any_of(backends, [](const Backend* backend) {
    return backend->policy == RoutingPolicy::kPrefixCache;
  });
  if (wanted && prompt_at_) blocks_.take(hash_of(request.model, 0), payload_.substr(*prompt_at_));
}

/// Where the head is that this backend is sent: one of its own where it differs from the others'.
std::string& Exchange::head_for(const Request& request, const Backend& backend) {
  return backend.provider == nullptr && request.filters == nullptr ? upstream_head_ : attempt_head_;
}

/// Completes head and body for this backend, whatever another was sent before.
void Exchange::address_to(const Request& request, const Backend& backend) {
  if (!backend.model.empty() &&
      payload_.substr(model_at_.offset, model_at_.bytes) != backend.model) {
    if (payload_.data() != body_.text().data()) body_.copy(payload_);
    body_.replace(model_at_.offset, model_at_.bytes, backend.model);
    model_at_.bytes = backend.model.size();
    payload_ = body_.text();
  }
  upstream_head_.resize(head_bytes_);
  std::string& head = head_for(request, backend);
  if (backend.provider != nullptr) {
    head.clear();
    for_provider_.write_head(head, *backend.provider);
  } else if (&head != &upstream_head_) {
    head = upstream_head_;
  }
  if (request.filters != nullptr) filter_attempt(request, head);
  finish_upstream_head(
      head, request.site_route == nullptr ? std::string_view(backend.service_host) : host_,
      request.has_body ? std::optional(payload_.size()) : std::nullopt);
}

/// Whether the same backend may be asked once more after an attempt that was not answered.
bool Exchange::may_try_again(const Request& request, Endpoint& endpoint, Attempt result) {
  const TenantMetrics& metrics = *request.tenant->metrics;
  switch (result) {
    case Attempt::kUnsent:
      metrics.connect_errors->add();
      tries_.note(endpoint);
      return ++tries_.unsent < Tries::kUnsentMax;
    case Attempt::kStale:
      return ++tries_.stale < Tries::kStaleMax;
    case Attempt::kLost:
      metrics.lost_errors->add();
      tries_.note(endpoint);
      return take_retry(request);
    case Attempt::kToSibling:
      tries_.note(endpoint);
      return true;
    default:
      return false;
  }
}

/// Whether the request may be sent once more to a backend that had it already.
bool Exchange::take_retry(const Request& request) {
  const TenantMetrics& metrics = *request.tenant->metrics;
  if (tries_.retries == Tries::kRetriesMax || !request.is_idempotent) return false;
  if (!request.backend->retries->take(worker_.coarse_now())) {
    metrics.retries_refused->add();
    return false;
  }
  ++tries_.retries;
  metrics.retries->add();
  return true;
}

/// Where a request goes that got this reply; nothing when the reply is for the client.
std::optional<Exchange::Attempt> Exchange::pass_over(const Request& request,
                                                     Endpoint& endpoint,
                                                     int status) {
  if (!should_pass_over(status)) return std::nullopt;
  if (is_failure(status)) {
    Tries tried = tries_;
    tried.note(endpoint);
    if (has_another(*request.backend, tried.list(), worker_.coarse_now()) && take_retry(request))
      return Attempt::kToSibling;
  }
  if (last_candidate_) return std::nullopt;
  return Attempt::kPassedOver;
}

/// Tells the endpoint's health what came of a request, but for what a reply's head said.
void Exchange::judge(const Request& request, const Visit& visit, Attempt result) {
  switch (result) {
    case Attempt::kDone:
      if (request.status < 500) visit.endpoint().health.succeed();
      return;
    case Attempt::kUnsent:
      return note_failure(request, visit, EndpointHealth::Failure::kUnreachable);
    case Attempt::kTimedOut:
    case Attempt::kCutOff:
      // A route may allow less time than an endpoint that is well needs.
      if (Loop::current().now() >= end_of_attempt()) return;
      [[fallthrough]];
    case Attempt::kLost:
    case Attempt::kMalformed:
    case Attempt::kNotServed:
      return note_failure(request, visit, EndpointHealth::Failure::kUnanswered);
    default:
      return;
  }
}

void Exchange::note_failure(const Request& request,
                            const Visit& visit,
                            EndpointHealth::Failure failure) {
  const std::chrono::seconds ejected =
      visit.endpoint().health.fail(worker_.coarse_now(), failure, visit.is_probe());
  if (ejected > std::chrono::seconds(0)) worker_.log_ejection(request, ejected, unsent_why_);
}

void Exchange::note_reply(const Request& request, const Visit& visit, int status) {
  if (is_failure(status)) {
    note_failure(request, visit, EndpointHealth::Failure::kUnanswered);
  } else if (visit.endpoint().health.reply(worker_.coarse_now())) {
    worker_.log_return(visit.endpoint());
  }
}

/// Sends the request to an endpoint of a backend, and to another as long as none has begun to
/// answer and that is safe. `first`: a place that was taken for it already.
Task<Exchange::Attempt> Exchange::ask(Request& request, const Backend& backend, Visit first) {
  request.backend = &backend;
  if (!first) backend.retries->count(worker_.coarse_now());
  tries_ = {};
  const bool of_site = request.site_route != nullptr;
  if (!first && !of_site && is_awaited(backend)) co_return Attempt::kBusy;
  address_to(request, backend);
  auto result = Attempt::kBusy;
  Endpoint* endpoint = nullptr;
  do {
    const Visit visit =
        first ? std::exchange(first, Visit())
              : worker_.balancer().choose(backend, tries_.list(), worker_.coarse_now(),
                                          {.session = session_, .blocks = blocks_.list()});
    if (!visit) co_return Attempt::kBusy;
    endpoint = &visit.endpoint();
    result = co_await attempt(request, visit);
    upstream_.reset();
    judge(request, visit, result);
  } while (may_try_again(request, *endpoint, result));
  co_return result;
}

/// Asks one backend after the other, until one has begun to answer; when none has room, waits for
/// that if the tenant's requests may. Returns whether the client connection may carry another
/// request.
Task<bool> Exchange::route(Request& request) {
  const auto backends = candidates_.list();
  find_affinity(request);
  for (std::size_t at = 0;; ++at) {
    last_candidate_ = at + 1 == backends.size();
    auto result = co_await ask(request, *backends[at], Visit());
    if (result == Attempt::kBusy && last_candidate_ && may_wait(request)) {
      Visit visit = co_await wait_for_seat(request);
      if (!visit && !client_gone_) co_return co_await refuse_unseated(request);
      result =
          visit ? co_await ask(request, *request.backend, std::move(visit)) : Attempt::kClientGone;
    }
    const bool answered = result == Attempt::kDone || result == Attempt::kClientGone ||
                          result == Attempt::kCutOff || result == Attempt::kNoSocket;
    if (answered || last_candidate_) co_return co_await finish_attempt(request, result);
    request.tenant->metrics->fallbacks->add();
  }
}

Task<bool> Exchange::finish_attempt(Request& request, Attempt result) {
  const TenantMetrics& metrics = *request.tenant->metrics;
  switch (result) {
    case Attempt::kDone:
      co_return request.keep_alive;
    case Attempt::kNoSocket:
      request.outcome = UsageOutcome::kGatewayFailed;
      co_return co_await refuse(
          request, Error(ErrorCode::kUnavailable, "the gateway has too many connections open"));
    case Attempt::kBusy:
      request.refusal_code = ApiError::kOverloaded;
      co_return co_await refuse(
          request, Error(ErrorCode::kUnavailable,
                         fmt::format("each endpoint of {} answers as many requests as it may",
                                     request.backend->service_host)));
    case Attempt::kTimedOut:
      metrics.timeout_errors->add();
      co_return co_await refuse(request,
                                Error(ErrorCode::kTimeout, "the upstream did not answer in time"));
    case Attempt::kMalformed:
      metrics.protocol_errors->add();
      co_return co_await refuse(
          request, Error(ErrorCode::kUpstream, "the upstream's answer is not valid HTTP"));
    case Attempt::kCutOff:
      metrics.lost_errors->add();
      request.status = 502;
      request.facts.broken_off = true;
      worker_.log_failure(request, "the upstream's reply broke off");
      client_.cut_off();  // A reply that was cut off must not look complete.
      co_return false;
    case Attempt::kNotServed:
      request.refusal_code = ApiError::kProviderRefused;
      co_return co_await refuse(
          request,
          Error(ErrorCode::kUpstream,
                fmt::format("the provider {} refused the platform's own request, not your "
                            "credential; its administrator must look at the provider's key",
                            request.backend->service_host)));
    case Attempt::kUnsent:
    case Attempt::kStale:
    case Attempt::kLost:
      co_return co_await refuse(request,
                                Error(ErrorCode::kUpstream, "no endpoint answered the request"));
    default:
      co_return false;
  }
}

Task<Exchange::Attempt> Exchange::attempt(Request& request, const Visit& visit) {
  Endpoint& endpoint = visit.endpoint();
  const Timeouts& timeouts = worker_.settings().timeouts;
  expired_ = false;
  unsent_why_.clear();
  begin_attempt(request);
  request.endpoint = &endpoint;
  ++request.attempts;
  // A second pooled connection could be lost in the same way as the first.
  if (tries_.retries == 0) upstream_ = worker_.pool().take(endpoint);
  Dispatch dispatch{.reused = upstream_ != nullptr};
  if (!dispatch.reused) {
    wait_for_upstream(timeouts.connect);
    auto dialed = co_await worker_.pool().connect(
        endpoint, std::min(Loop::current().now() + timeouts.connect, end_of_attempt()));
    if (client_gone_) co_return Attempt::kClientGone;
    if (!dialed) {
      if (Loop::current().now() >= end_of_attempt()) co_return Attempt::kTimedOut;
      unsent_why_ = dialed.error().message();
      co_return dialed.error().code() == ErrorCode::kUnavailable ? Attempt::kNoSocket
                                                                 : Attempt::kUnsent;
    }
    upstream_ = *std::move(dialed);
  }
  wait_for_upstream(timeouts.first_byte);
  std::string_view head = head_for(request, *request.backend);
  std::string_view body = payload_;
  const auto written = write_now(*upstream_, head, body);
  dispatch.whole = written ? *written : co_await write_on(head, body);
  if (client_gone_) co_return Attempt::kClientGone;
  if (expired_) co_return Attempt::kTimedOut;
  // Also when not all was sent: an upstream that refuses a request says why before it closes.
  co_return co_await relay(request, visit, dispatch);
}

/// Writes what the upstream could not take at once. False when it closed, or refuses the request
/// without waiting for the rest.
Task<bool> Exchange::write_on(std::string_view head, std::string_view body) {
  const auto first = co_await race(write_rest(*upstream_, head, body), refused(*upstream_));
  const bool* whole = std::get_if<0>(&first);
  co_return whole != nullptr && *whole;
}

/// Takes interim replies off the front until a final one's head is in `head`; `rest` is then what
/// came after it. `seen`: how much of `rest` was there the last time.
http::ParseStatus Exchange::parse_final_head(std::span<char>& rest,
                                             std::size_t seen,
                                             bool may_switch,
                                             http::ResponseHead& head) {
  for (;; seen = 0) {
    const auto status = http::parse_response({rest.data(), rest.size()}, seen, {}, head);
    if (status != http::ParseStatus::kComplete) return status;
    // We may not have asked for another protocol.
    if (head.status == 101 && !may_switch) return http::ParseStatus::kRefused;
    rest = rest.subspan(head.size);
    // Ours to the client was sent, if it asked for one.
    if (head.status >= 200 || head.status == 101) return status;
  }
}

/// Reads until a final reply's head is in worker_.response_head(); `rest` is what came after it.
/// Returns an attempt's end when there is none.
Task<std::optional<Exchange::Attempt>> Exchange::read_reply_head(const Request& request,
                                                                 std::string& partial,
                                                                 Dispatch dispatch,
                                                                 std::span<char>& rest) {
  for (std::size_t seen = 0;;) {
    const auto got = co_await upstream_->read(worker_.buffer());
    if (client_gone_) co_return Attempt::kClientGone;
    if (!got || *got == 0) {
      if (expired_) co_return Attempt::kTimedOut;
      if (!partial.empty()) co_return Attempt::kMalformed;
      co_return dispatch.if_silent();
    }
    rest = worker_.buffer().first(*got);
    if (!partial.empty()) {
      partial.append(rest.data(), rest.size());
      rest = partial;
    }
    const auto status =
        parse_final_head(rest, seen, request.wants_websocket, worker_.response_head());
    if (status == http::ParseStatus::kComplete) co_return std::nullopt;
    if (status == http::ParseStatus::kRefused) co_return Attempt::kMalformed;
    std::string unread(rest.data(), rest.size());
    partial = std::move(unread);
    seen = partial.size();
  }
}

/// Leaves of a provider's reply what the client may see. False when it is for the platform.
bool Exchange::take_provider_reply(const Request& request, http::ResponseHead& head) {
  if (request.backend->provider == nullptr) return true;
  if (is_refused_by_provider(head.status)) {
    worker_.log_refused_by_provider(request, head.status);
    return false;
  }
  keep_reply_fields(head);
  return true;
}

/// The head of the reply as the client gets it.
RelayedHead Exchange::head_for_client(const Request& request, const BodyRelay& body) {
  const bool of_site = request.site_route != nullptr;
  if (!worker_.response_head().find("date")) append_date();
  // First: it writes to the headers.
  const auto edits = edit_reply(request);
  return {.head = worker_.response_head(),
          .framing = body.framing(),
          .keep_alive = request.keep_alive,
          .own_headers = own_headers_,
          .tells_limits = of_site,
          .tells_cors =
              (!of_site || request.site_route->edge.cors) && request.tenant->edge.cors != nullptr,
          .edits = edits};
}

Task<Exchange::Attempt> Exchange::relay(Request& request, const Visit& visit, Dispatch dispatch) {
  Endpoint& endpoint = visit.endpoint();
  std::string partial;
  std::span<char> rest;
  if (const auto ended = co_await read_reply_head(request, partial, dispatch, rest); ended)
    co_return *ended;

  http::ResponseHead& head = worker_.response_head();
  if (!take_provider_reply(request, head)) co_return Attempt::kNotServed;
  note_reply(request, visit, head.status);
  if (head.status == 101) co_return co_await tunnel(request, {rest.data(), rest.size()});
  if (const auto passed = pass_over(request, endpoint, head.status); passed) co_return *passed;
  // Some servers say goodbye with it to a connection that was idle, whatever is on its way.
  if (head.status == 408 && dispatch.if_silent() == Attempt::kStale) co_return Attempt::kStale;
  BodyRelay body(head, relay_plan(request));
  request.status = head.status;
  if (head.status >= 500) worker_.log_failure(request, "the upstream answered so");
  request.keep_alive =
      request.keep_alive && body.framing() != ReplyFraming::kUntilClose && !worker_.draining();
  const bool reusable = head.keep_alive && dispatch.whole;
  const std::string_view first = body.done() ? std::string_view() : body.feed(rest);
  const bool surplus = body.has_surplus() || (!rest.empty() && body.done() && first.empty());
  if (body.refusal() != http::Refusal::kNone) co_return Attempt::kMalformed;
  request.note(body);
  const bool refused = body.filter_refusal().has_value();
  const bool done = body.done() && !refused;
  if (done) {
    request.settle();
    if (reusable && !surplus) keep_upstream(request, endpoint);
  }
  const RelayedHead relayed = head_for_client(request, body);
  request.note_sent(first.size());
  const auto sent = client_.begin(relayed, first, done);
  if (sent != Downstream::Sent::kAll && !co_await taken(sent)) {
    request.status = 499;
    co_return Attempt::kClientGone;
  }
  if (done) co_return Attempt::kDone;
  if (refused) co_return co_await end_refused_stream(request, body);
  if (const auto met = co_await reserve_in_turn(request, body))
    co_return co_await end_stream(request, body, *met);

  if (body.is_stream()) upstream_->expect_small_pieces();
  const Attempt ended = co_await relay_body(request, body);
  if (ended == Attempt::kDone && reusable && upstream_ != nullptr && body.done() &&
      !body.has_surplus()) {
    keep_upstream(request, endpoint);
  }
  co_return ended;
}

/// For the next request, unless its snapshot may not know the endpoint any more.
void Exchange::keep_upstream(const Request& request, Endpoint& endpoint) {
  if (request.snapshot == worker_.snapshot())
    worker_.pool().give(endpoint, std::move(upstream_), worker_.coarse_now());
}

/// Takes what the upstream sent, or its end; `out` is what the client gets for it. False when the
/// reply was cut off.
bool Exchange::take_piece(BodyRelay& body, const Result<std::size_t>& got, std::string_view& out) {
  if (got && *got > 0) {
    out = body.feed(worker_.buffer().first(*got));
    return body.refusal() == http::Refusal::kNone;
  }
  const auto last = got && !expired_ ? body.finish() : std::nullopt;
  upstream_.reset();
  if (last) out = *last;
  return last.has_value();
}

Task<Exchange::Attempt> Exchange::relay_body(Request& request, BodyRelay& body) {
  const Timeouts& timeouts = worker_.settings().timeouts;
  for (;;) {
    wait_for_upstream(timeouts.reply_gap);
    const auto got = co_await upstream_->read(worker_.buffer());
    std::string_view out;
    if (!client_gone_ && !take_piece(body, got, out)) co_return Attempt::kCutOff;
    const bool refused = body.filter_refusal().has_value();
    const bool ended = !refused && (body.done() || upstream_ == nullptr);
    request.note(body);
    auto sent = Downstream::Sent::kGone;
    if (!client_gone_) {
      if (ended) request.settle();
      request.note_sent(out.size());
      sent = client_.send(out, ended);
    }
    if (sent != Downstream::Sent::kAll && !co_await taken(sent)) {
      request.status = 499;
      co_return Attempt::kClientGone;
    }
    if (ended) co_return Attempt::kDone;
    if (refused) co_return co_await end_refused_stream(request, body);
    if (const auto met = co_await reserve_in_turn(request, body))
      co_return co_await end_stream(request, body, *met);
  }
}

/// A stream that has used up what it reserved takes more. Returns the limit that has no room for
/// it.
std::optional<LimitMet> Exchange::reserve_for_stream(Request& request, const BodyRelay& body) {
  if (!body.can_end_early()) return std::nullopt;
  std::int64_t left = request.admission.reserved().value_or(0) - request.demand.prompt;
  if (request.demand.output) left += kEventsWithoutTokens;
  const std::int64_t missing = request.usage.completion_tokens - left;
  if (missing <= 0) return std::nullopt;
  const auto reserve = [&](std::int64_t tokens) {
    return request.admission.reserve_more(tokens, request.cost_at_most(0, tokens).value_or(0));
  };
  return reserve(std::max(missing, kTokensMore)) ? reserve(missing) : std::nullopt;
}

/// Ends a stream that a limit of tokens has no more room for, so that the client hears why.
Task<Exchange::Attempt> Exchange::end_stream(Request& request, BodyRelay& body, LimitMet met) {
  upstream_.reset();
  request.tenant->metrics->streams_ended->add();
  request.outcome = UsageOutcome::kEndedByLimit;
  request.settle();
  const bool of_budget = met.kind == LimitKind::kBudget;
  const std::int64_t per_minute = request.limits()[met.scope]->most.tokens_per_minute.value_or(0);
  const std::string limit = of_budget
                                ? "budget of " + budget_text(*request.admission.budget_met().kind,
                                                             request.admission.budget_met().limit,
                                                             request.snapshot->prices.currency)
                                : fmt::format("rate limit of {} tokens per minute", per_minute);
  const std::string message = fmt::format("the stream was ended: {} {} has no room for more of it",
                                          owner_of(met.scope), limit);
  const std::string events = llm::last_events(
      request.operation, {.message = message,
                          .type = of_budget ? "insufficient_quota" : "tokens",
                          .code = of_budget ? "insufficient_quota" : "rate_limit_exceeded"});
  const std::string_view last = body.end_early(events);
  request.note_sent(last.size());
  const auto sent = client_.send(last, true);
  co_return co_await taken(sent) ? Attempt::kDone : Attempt::kClientGone;
}

}  // namespace insula::gateway
