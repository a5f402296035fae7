#include "gateway/connection.h"

#include <array>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/socket.h>

#include "async/deadline.h"
#include "gateway/credentials.h"
#include "gateway/worker.h"
#include "http/refusal.h"
#include "http/scan.h"
#include "net/tls.h"

namespace insula::gateway {
namespace {

constexpr std::chrono::seconds kHandshakeTime{10};
/// How long a client may go on sending a body that was refused before the connection is closed.
constexpr std::chrono::seconds kLingerTime{2};
/// Bytes a second that a body must come with on the whole: 32 MiB may take 34 minutes.
constexpr std::size_t kBodyRateMin = 16U << 10U;
constexpr std::size_t kLingerBytesMax = 1U << 20U;
/// On drain, how long an idle connection may still bring a request that was already on its way.
constexpr std::chrono::milliseconds kDrainIdleTime{300};
/// Memory that an idle connection may keep for its next request.
constexpr std::size_t kIdleBytesMax = 4096;
constexpr std::size_t kRequestIdBytesMax = 128;
/// Reserved for the reply of a request that does not say how long it may become: this part of the
/// limit, but not more than so many tokens.
constexpr std::int64_t kOutputShareUntold = 16;
constexpr std::int64_t kOutputTokensUntold = 1024;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

struct ErrorWords {
  ErrorCode code;
  std::string_view type;
  std::string_view openai_code;
};

/// OpenAI's words for our errors: its client libraries decide by status, type and code.
constexpr std::array<ErrorWords, 10> kErrorWords = {{
    {ErrorCode::kBadRequest, "invalid_request_error", "invalid_request"},
    {ErrorCode::kUnauthenticated, "invalid_request_error", "invalid_api_key"},
    {ErrorCode::kForbidden, "permission_error", "tenant_mismatch"},
    {ErrorCode::kNotFound, "invalid_request_error", "unknown_tenant"},
    {ErrorCode::kMethodNotAllowed, "invalid_request_error", "method_not_allowed"},
    {ErrorCode::kTooLarge, "invalid_request_error", "request_too_large"},
    {ErrorCode::kTooManyRequests, "requests", "rate_limit_exceeded"},
    {ErrorCode::kUpstream, "server_error", "upstream_failed"},
    {ErrorCode::kUnavailable, "server_error", "no_ready_endpoint"},
    {ErrorCode::kTimeout, "server_error", "upstream_timeout"},
}};

Result<> check_served(const Request& request) {
  if (request.tenant->endpoints.empty()) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("{} has no ready endpoint", request.tenant->service_host));
  }
  const LimitSet limits = request.limits();
  for (const LimitScope scope : kLimitScopes) {
    if (limits[scope] != nullptr && !limits[scope]->can_be_kept()) {
      return fail(ErrorCode::kUnavailable,
                  fmt::format("{} rate limit cannot be kept at the moment", owner_of(scope)));
    }
  }
  return {};
}

/// The least of the limits of tokens; nothing when there is none.
std::optional<std::int64_t> least_tokens_per_minute(const Request& request) {
  std::optional<std::int64_t> least;
  for (const Limits* limits : request.limits().values) {
    if (limits == nullptr || !limits->most.tokens_per_minute) continue;
    least = std::min(least.value_or(INT64_MAX), *limits->most.tokens_per_minute);
  }
  return least;
}

/// Tokens that a request reserves. One that does not say how long its reply may become gets a small
/// part of the least limit; a stream reserves more as it grows.
std::optional<std::int64_t> tokens_to_reserve(const Request& request) {
  const llm::TokenDemand& demand = request.demand;
  const std::optional<std::int64_t> least = least_tokens_per_minute(request);
  if (!least || request.operation == llm::Operation::kModels) return std::nullopt;
  const std::int64_t untold =
      std::clamp<std::int64_t>(*least / kOutputShareUntold, 1, kOutputTokensUntold);
  return demand.prompt + demand.output.value_or(untold);
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
  request.model_refused = true;
  return fail(
      ErrorCode::kForbidden,
      fmt::format("this API key is for the models {} and for requests that name one of them",
                  fmt::join(grant->models, ", ")));
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
    case LimitKind::kRequests:
      break;
  }
  return fail(ErrorCode::kTooManyRequests,
              fmt::format("{} rate limit of {} requests per hour is reached{}", owner,
                          most.requests_per_hour.value_or(0), advice(request)));
}

ErrorWords words_of(ErrorCode code) {
  for (const ErrorWords& words : kErrorWords) {
    if (words.code == code) return words;
  }
  return {code, "server_error", "internal_error"};
}

bool is_request_id(std::string_view id) {
  return id.size() <= kRequestIdBytesMax && http::is_token(id);
}

}  // namespace

Connection::Connection(Worker& worker, std::unique_ptr<net::Stream> client)
    : worker_(worker),
      client_(std::move(client)),
      client_address_(client_->peer().is_unix() ? "unix" : client_->peer().host()),
      deadline_(worker.coarse_now() + worker.settings().timeouts.idle) {}

Connection::~Connection() {
  worker_.release(held_);
}

void Connection::wait_for(Phase phase, std::chrono::nanoseconds patience) {
  phase_ = phase;
  deadline_ = worker_.coarse_now() + patience;
}

void Connection::check_deadline(SteadyTime now) {
  if (now < deadline_) return;
  if (phase_ == Phase::kUpstream) {
    // The relay finds its upstream closed, and that it was us.
    if (upstream_ == nullptr) return;
    expired_ = true;
    ::shutdown(upstream_->fd(), SHUT_RDWR);
  } else if (client_ != nullptr) {
    ::shutdown(client_->fd(), SHUT_RDWR);
  }
}

void Connection::begin_drain(SteadyTime now) {
  if (phase_ == Phase::kIdle) deadline_ = std::min(deadline_, now + kDrainIdleTime);
}

Task<> Connection::watch_hangup() {
  co_await client_->hangup();
  client_gone_ = true;
  if (upstream_ != nullptr) ::shutdown(upstream_->fd(), SHUT_RDWR);
}

Task<Result<>> Connection::shake_hands() {
  const auto& tls = worker_.settings().tls;
  if (tls == nullptr) co_return Result<>();
  INSULA_CO_TRY(client_, co_await net::tls_accept(tls, std::move(client_),
                                                  Loop::current().now() + kHandshakeTime));
  co_return Result<>();
}

Task<> Connection::serve() {
  if (const auto shaken = co_await shake_hands(); !shaken) co_return;
  watchers_.spawn(watch_hangup());
  while (co_await read_head()) {
    const bool keep_alive = co_await answer();
    upstream_.reset();
    drop_body();
    if (!keep_alive || client_gone_) break;
    in_.erase(0, used_);
    shrink();
  }
  watchers_.cancel();
}

void Connection::drop_body() {
  worker_.release(std::exchange(held_, 0));
  body_.clear();
  payload_ = {};
}

void Connection::shrink() {
  payload_ = {};
  for (std::string* text : {&in_, &body_, &upstream_head_, &reply_head_, &overflow_}) {
    if (text->capacity() <= kIdleBytesMax) continue;
    if (text == &in_) {
      in_.shrink_to_fit();
    } else {
      std::string().swap(*text);
    }
  }
}

/// Reads until in_ begins with a whole request head; false when there is none to come.
Task<bool> Connection::read_head() {
  const Timeouts& timeouts = worker_.settings().timeouts;
  own_headers_.clear();
  std::size_t seen = 0;
  wait_for(in_.empty() ? Phase::kIdle : Phase::kClient,
           in_.empty() ? timeouts.idle : timeouts.head);
  for (;;) {
    if (!in_.empty()) {
      http::RequestHead& head = worker_.request_head();
      switch (http::parse_request(in_, seen, {}, head)) {
        case http::ParseStatus::kComplete:
          co_return true;
        case http::ParseStatus::kNeedMore:
          seen = in_.size();
          break;
        case http::ParseStatus::kRefused: {
          Request request(worker_.snapshot(), worker_.settings().metrics.nobody, worker_.journal(),
                          worker_.settings().clock);
          body_pending_ = true;
          worker_.append_request_id(request.id);
          own_headers_.assign("x-request-id: ").append(request.id).append("\r\n");
          co_await refuse_as(request, http::status_of(head.refusal),
                             http::request_error(head.refusal));
          co_return false;
        }
      }
    } else if (worker_.draining()) {
      begin_drain(worker_.coarse_now());
    }
    const auto got = co_await client_->read(worker_.buffer());
    if (!got || *got == 0) co_return false;
    if (in_.empty()) wait_for(Phase::kClient, timeouts.head);
    in_.append(worker_.buffer().data(), *got);
  }
}

/// The life of a request. Returns whether the connection may carry another.
Task<bool> Connection::answer() {
  const WorkerSettings& settings = worker_.settings();
  Request request(worker_.snapshot(), settings.metrics.nobody, worker_.journal(), settings.clock);
  if (auto accepted = accept(request, worker_.request_head()); !accepted) {
    co_return co_await refuse(request, std::move(accepted).error());
  }
  if (body_pending_) {
    if (auto expected = expect_admission(request); !expected)
      co_return co_await refuse(request, std::move(expected).error());
    if (auto read = co_await read_body(request); !read)
      co_return co_await refuse(request, std::move(read).error());
  }
  if (auto inspected = inspect(request); !inspected) {
    co_return co_await refuse(request, std::move(inspected).error());
  }
  if (auto admitted = admit(request); !admitted)
    co_return co_await refuse(request, std::move(admitted).error());
  co_return co_await route(request);
}

/// Everything that needs the parsed head, which is gone at the first wait.
Result<> Connection::accept(Request& request, const http::RequestHead& head) {
  request.is_head = head.method == "HEAD";
  request.client_chunks = head.minor_version >= 1;
  request.keep_alive = head.keep_alive && !worker_.draining();
  const std::string_view given_id =
      head.find(http::FieldId::kXRequestId).value_or(std::string_view());
  if (is_request_id(given_id)) {
    request.id = given_id;
  } else {
    worker_.append_request_id(request.id);
  }
  own_headers_.assign("x-request-id: ").append(request.id).append("\r\n");

  body_framer_ = http::BodyFramer::of(head);
  used_ = head.size;
  const std::size_t received = in_.size() - head.size;
  const std::uint64_t announced = head.content_length.value_or(0);
  body_pending_ = head.chunked || announced > received;
  if (!body_pending_) used_ += announced;
  expect_continue_ = head.expect_continue && received == 0;

  if (head.method == "CONNECT" || head.method == "TRACE") {
    own_headers_.append("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
    return fail(ErrorCode::kMethodNotAllowed, fmt::format("{} is not served here", head.method));
  }
  INSULA_TRY(const TenantTarget target, split_target(head.target));
  const Tenant* tenant = request.snapshot->find(target.tenant);
  if (tenant != nullptr) request.assign(*tenant);
  auto principal =
      authenticate(head, *request.snapshot, tenant == nullptr ? request.snapshot->nobody : *tenant,
                   worker_.tokens(), worker_.settings().clock.wall());
  if (tenant == nullptr && (principal || principal.error().code() == ErrorCode::kForbidden))
    return fail(ErrorCode::kNotFound, fmt::format("there is no tenant {}", target.tenant));
  INSULA_TRY(request.principal, std::move(principal));
  if (announced > worker_.settings().body_bytes_max) {
    return fail(ErrorCode::kTooLarge, fmt::format("the request body may have at most {} bytes",
                                                  worker_.settings().body_bytes_max));
  }
  request.operation = llm::operation_of(target.path);
  request.has_body = head.chunked || head.content_length.has_value();
  upstream_head_.clear();
  write_upstream_head(upstream_head_,
                      {.head = head,
                       .target = target,
                       .service_host = tenant->service_host,
                       .client_address = client_address_,
                       .scheme = worker_.settings().tls == nullptr ? "http" : "https",
                       .request_id = request.id});
  if (!body_pending_) {
    in_.reserve(in_.size() + llm::RequestReader::kPadding);
    payload_ = std::string_view(in_).substr(head.size, announced);
  }
  return {};
}

Result<> Connection::read_framed(http::BodyFramer& framer, std::span<char> bytes) {
  const http::BodyFramer::Decoded decoded = framer.decode(bytes);
  if (framer.refusal() != http::Refusal::kNone)
    return std::unexpected(http::request_error(framer.refusal()));
  if (!worker_.hold(decoded.payload))
    return fail(ErrorCode::kUnavailable, "too many requests are sending their bodies at once");
  held_ += decoded.payload;
  body_.append(bytes.data(), decoded.payload);
  if (body_.size() > worker_.settings().body_bytes_max) {
    return fail(ErrorCode::kTooLarge, fmt::format("the request body may have at most {} bytes",
                                                  worker_.settings().body_bytes_max));
  }
  const std::size_t surplus = bytes.size() - decoded.used;
  // What follows the body is the next request.
  if (bytes.data() == in_.data() + used_) {
    used_ += decoded.used;
  } else if (surplus > 0) {
    in_.append(bytes.data() + decoded.used, surplus);
  }
  return {};
}

Task<Result<>> Connection::read_body(Request& request) {
  body_.clear();
  if (request.has_body && expect_continue_ && !co_await send(kContinue, {})) {
    co_return fail(ErrorCode::kBadRequest, "the client left before its body");
  }
  INSULA_CO_TRY_VOID(read_framed(body_framer_, std::span(in_).subspan(used_)));
  const std::chrono::nanoseconds gap = worker_.settings().timeouts.body_gap;
  const SteadyTime begin = worker_.coarse_now();
  while (!body_framer_.done()) {
    wait_for(Phase::kClient, gap);
    // A byte now and then would otherwise keep the connection and what came for ever.
    deadline_ =
        std::min(deadline_, begin + gap + std::chrono::seconds(body_.size() / kBodyRateMin));
    const auto got = co_await client_->read(worker_.buffer());
    if (!got || *got == 0) co_return fail(ErrorCode::kBadRequest, "the request body ended early");
    INSULA_CO_TRY_VOID(read_framed(body_framer_, worker_.buffer().first(*got)));
  }
  body_pending_ = false;
  body_.reserve(body_.size() + llm::RequestReader::kPadding);
  payload_ = body_;
  co_return Result<>();
}

/// Reads what routing and metering need out of the body, and completes the upstream's head.
Result<> Connection::inspect(Request& request) {
  request.body_bytes = payload_.size();
  if (llm::has_json_body(request.operation) && !request.is_head && request.has_body) {
    INSULA_TRY(const llm::RequestPeek peek, worker_.reader().read(request.operation, payload_));
    request.model = peek.model;
    request.demand = llm::token_demand(request.operation, peek, payload_.size());
    if (peek.ask_for_usage) {
      request.hide_usage = true;
      if (payload_.data() != body_.data()) body_.assign(payload_);
      body_.replace(peek.ask_for_usage->offset, peek.ask_for_usage->erase,
                    peek.ask_for_usage->insert);
      payload_ = body_;
    }
  }
  INSULA_TRY_VOID(check_model(request));
  finish_upstream_head(upstream_head_,
                       request.has_body ? std::optional(payload_.size()) : std::nullopt);
  return {};
}

/// Refuses a request whose body has yet to come as admit() would now, so that nobody sends or holds
/// one in vain. The body may take so long that admit() decides otherwise; that is what counts.
Result<> Connection::expect_admission(Request& request) {
  INSULA_TRY_VOID(check_served(request));
  request.limit_met = request.admission.look(request.limits());
  return request.limit_met ? refuse_for_limit(request) : Result<>();
}

/// Takes the request's share of its limits. A tenant that nobody serves keeps all of it.
Result<> Connection::admit(Request& request) {
  INSULA_TRY_VOID(check_served(request));
  request.limit_met = request.admission.take(request.limits(), tokens_to_reserve(request));
  if (request.limit_met) return refuse_for_limit(request);
  append_rate_headers(own_headers_, request.admission.report());
  request.admitted = true;
  return {};
}

Result<> Connection::refuse_for_limit(const Request& request) {
  const bool never = can_never_pass(request);
  append_rate_headers(own_headers_, request.admission.report(), request.limit_met);
  if (never) {
    // OpenAI's client libraries try again otherwise.
    own_headers_.append("x-should-retry: false\r\n");
  } else {
    append_retry_after(own_headers_, request.admission.report(), *request.limit_met);
  }
  return over_limit(request);
}

Task<bool> Connection::refuse(Request& request, Error error) {
  const int status = http_status(error.code());
  co_return co_await refuse_as(request, status, std::move(error));
}

Task<bool> Connection::refuse_as(Request& request, int status, Error error) {
  ErrorWords words = words_of(error.code());
  // The gateway itself is what lacks something when the tenant has endpoints.
  const bool served = request.tenant != nullptr && !request.tenant->endpoints.empty();
  if (error.code() == ErrorCode::kUnavailable && served)
    words.openai_code = "temporarily_unavailable";
  if (request.model_refused) words.openai_code = "model_not_allowed";
  if (request.limit_met && request.limit_met->kind == LimitKind::kTokens) words.type = "tokens";
  if (request.limit_met && request.limit_met->kind == LimitKind::kConcurrency)
    words.openai_code = "concurrency_limit_exceeded";
  OwnReply reply{
      .status = status, .type = words.type, .code = words.openai_code, .message = error.message()};
  request.status = status;
  if (status >= 500) worker_.log_failure(request, error.message());
  if (error.code() == ErrorCode::kUnavailable) own_headers_.append("Retry-After: 1\r\n");
  co_return co_await send_own(request, reply);
}

/// Answers by ourselves. A body that was not read makes the connection unfit for more.
Task<bool> Connection::send_own(Request& request, OwnReply reply) {
  request.status = reply.status;
  request.settle();
  reply.own_headers = own_headers_;
  reply.keep_alive = request.keep_alive && !body_pending_ && !worker_.draining();
  reply.without_body = request.is_head;
  reply_head_.clear();
  write_own_reply(reply_head_, reply);
  own_headers_.clear();
  const bool sent = co_await send(reply_head_, {});
  if (sent && body_pending_) co_await linger();
  if (!sent) co_return false;
  co_return reply.keep_alive;
}

/// Lets the client finish sending, so that the reply is not lost to a reset.
Task<> Connection::linger() {
  client_->shutdown_write();
  wait_for(Phase::kClient, kLingerTime);
  const SteadyTime end = deadline_;
  for (std::size_t total = 0; total < kLingerBytesMax && worker_.coarse_now() < end;) {
    const auto got = co_await client_->read(worker_.buffer());
    if (!got || *got == 0) co_return;
    total += *got;
  }
}

/// Sends what can be sent at once; the rest is copied to overflow_, since the caller's bytes may be
/// the worker's buffer. Returns whether nothing is left.
bool Connection::send_now(std::string_view first, std::string_view second, bool& failed) {
  while (!first.empty() || !second.empty()) {
    const auto written = client_->try_write(first, second);
    if (!written) {
      overflow_.assign(first).append(second);
      return false;
    }
    if (!*written) {
      failed = true;
      return true;
    }
    const std::size_t of_first = std::min(**written, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(**written - of_first);
  }
  return true;
}

/// False when the client is gone.
Task<bool> Connection::send(std::string_view first, std::string_view second) {
  bool failed = false;
  if (send_now(first, second, failed)) co_return !failed;
  co_return co_await flush();
}

/// Waits until the client has taken overflow_. False when it is gone.
Task<bool> Connection::flush() {
  const Phase before = phase_;
  wait_for(Phase::kClient, worker_.settings().timeouts.client_write);
  const auto written = co_await client_->write(overflow_);
  phase_ = before;
  co_return written.has_value();
}

}  // namespace insula::gateway
