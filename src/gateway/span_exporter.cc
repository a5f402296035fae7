#include "gateway/span_exporter.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "async/deadline.h"
#include "base/number.h"
#include "gateway/span_text.h"
#include "json/parse.h"
#include "net/resolve.h"

namespace insula::gateway {
namespace {

constexpr std::string_view kTracesPath = "/v1/traces";
constexpr std::size_t kAnswerBytesMax = std::size_t{64} << 10U;
constexpr std::chrono::milliseconds kFirstPause{500};

/// Whether the same may succeed later. Spec: OTLP, "Retryable response codes".
bool may_try_again(int status) {
  constexpr std::array<int, 4> kRetryable = {429, 502, 503, 504};
  return std::ranges::find(kRetryable, status) != kRetryable.end();
}

std::size_t count_lines(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

Task<> wait_for(Event& event) {
  co_await event.wait();
}

}  // namespace

Result<http::Url> traces_url(std::string_view endpoint) {
  INSULA_TRY(http::Url url, http::Url::parse(endpoint));
  if (url.scheme != "http" && url.scheme != "https")
    return fail(ErrorCode::kInvalid, "a collector is asked over http or https");
  while (url.target.ends_with('/'))
    url.target.pop_back();
  if (!url.target.ends_with(kTracesPath)) url.target += kTracesPath;
  return url;
}

Result<std::unique_ptr<SpanExporter>> SpanExporter::make(const TracingOptions& options,
                                                         unsigned loops,
                                                         MetricsRegistry& registry,
                                                         Log log) {
  INSULA_TRY(http::Url url, traces_url(options.endpoint));
  if (!(options.ratio >= 0 && options.ratio <= 1))
    return fail(ErrorCode::kInvalid, "the ratio of sampled traces is between 0 and 1");
  std::shared_ptr<net::TlsContext> tls;
  if (url.secure()) {
    INSULA_TRY(tls, net::TlsContext::client({}));
  }
  return std::unique_ptr<SpanExporter>(
      new SpanExporter(std::move(url), std::move(tls), loops, registry, std::move(log)));
}

SpanExporter::SpanExporter(http::Url url,
                           std::shared_ptr<net::TlsContext> tls,
                           unsigned loops,
                           MetricsRegistry& registry,
                           Log log)
    : url_(std::move(url)),
      exported_(registry.counter("insula_gateway_spans_exported_total",
                                 "Spans that the collector of traces has taken.")),
      overflowed_(registry.counter(
          "insula_gateway_spans_dropped_total",
          "Spans that were not exported: more came than were sent (full), the collector did not "
          "want them (refused), or could not be reached (failed). Look at the collector, or sample "
          "less.",
          {{"reason", "full"}})),
      refused_(registry.counter("insula_gateway_spans_dropped_total", "", {{"reason", "refused"}})),
      failed_(registry.counter("insula_gateway_spans_dropped_total", "", {{"reason", "failed"}})),
      log_(std::move(log)),
      client_({.tls = std::move(tls), .body_bytes = kAnswerBytesMax}) {
  Loop& loop = Loop::current();
  for (unsigned i = 0; i < loops; ++i) {
    rings_.push_back(std::make_unique<LineRing>(kRingBytes));
    rings_.back()->on_lines([&loop, woken = woken_] { loop.post([woken] { woken->set(); }); });
  }
}

SpanExporter::~SpanExporter() = default;

void SpanExporter::start() {
  tasks_.spawn(run());
}

Task<> SpanExporter::run() {
  for (;;) {
    co_await race(wait_for(*woken_), sleep_for(kInterval));
    woken_->reset();
    co_await send_all();
  }
}

Task<> SpanExporter::send_all() {
  for (;;) {
    if (batch_.empty()) batch_ = take_batch();
    if (batch_.empty()) co_return;
    co_await export_batch();
    batch_.clear();
  }
}

/// Whole spans, of all rings. They are taken from these at once: what is sent has its own memory.
std::string SpanExporter::take_batch() {
  std::string batch;
  for (const auto& ring : rings_) {
    ring->reading();
    const auto unread = ring->unread();
    std::string text(unread[0]);
    text.append(unread[1]);
    const std::size_t room = kBatchBytesMax - batch.size();
    if (text.size() > room) text.resize(std::string_view(text).substr(0, room).rfind('\n') + 1);
    ring->drop(text.size());
    batch += text;
  }
  return batch;
}

Task<Result<http::Response>> SpanExporter::post(const std::string& body, Deadline deadline) {
  INSULA_CO_TRY(const std::vector<net::Address> addresses,
                co_await with_deadline(deadline, net::resolve(resolving_, url_.host, url_.port)));
  Result<http::Response> response =
      fail(ErrorCode::kUpstream, fmt::format("{} has no address", url_.host));
  for (const net::Address& address : addresses) {
    http::Request request{.method = "POST", .target = url_.target, .headers = {}, .body = body};
    request.headers.add("Content-Type", "application/json");
    request.headers.add("User-Agent", "insula");
    response = co_await client_.send({address, url_.authority(), url_.secure()}, std::move(request),
                                     deadline);
    if (response) break;
  }
  co_return response;
}

/// A collector may take a part: it then says how many it did not.
void SpanExporter::count_accepted(std::size_t spans, const http::Response& response) {
  std::size_t rejected = 0;
  if (const auto answer = json::parse(response.body); answer && answer->is_object()) {
    const json::Value& told = (*answer)["partialSuccess"]["rejectedSpans"];
    const auto number = told.is_string() ? parse_whole<std::int64_t>(told.text()) : told.as_int64();
    rejected = static_cast<std::size_t>(
        std::clamp<std::int64_t>(number.value_or(0), 0, static_cast<std::int64_t>(spans)));
  }
  exported_.add(spans - rejected);
  if (rejected > 0) refused_.add(rejected);
  failing_ = false;
}

void SpanExporter::drop(std::size_t spans, Counter& reason, const Error& why) {
  reason.add(spans);
  // Once for a failure that lasts.
  if (!std::exchange(failing_, true))
    log_.warn("spans not exported", "collector", url_.authority(), "err", why);
}

Task<> SpanExporter::export_batch() {
  const std::size_t count = count_lines(batch_);
  const std::string body = export_request(batch_);
  std::chrono::nanoseconds pause = kFirstPause;
  for (int tries = 1;; ++tries) {
    const auto response = co_await post(body, Loop::current().now() + kTimeout);
    if (response && response->status / 100 == 2) co_return count_accepted(count, *response);
    const bool again = !response || may_try_again(response->status);
    if (!again || tries == kTries) {
      const Error why =
          response ? Error(ErrorCode::kUpstream, fmt::format("it answered {}", response->status))
                   : response.error();
      co_return drop(count, again ? failed_ : refused_, why);
    }
    co_await sleep_for(pause);
    pause *= 2;
  }
}

Task<> SpanExporter::flush(Deadline deadline) {
  tasks_.cancel();
  co_await race(send_all(), sleep_until(std::min(deadline, Loop::current().now() + kFlushTime)));
}

}  // namespace insula::gateway
