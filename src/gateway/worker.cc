#include "gateway/worker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <sys/resource.h>

#include "async/deadline.h"
#include "base/random.h"
#include "gateway/http1_connection.h"
#include "gateway/http2_connection.h"
#include "gateway/request.h"
#include "http/date.h"

namespace insula::gateway {
namespace {

constexpr std::chrono::seconds kHandshakeTime{10};
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::seconds kWarnInterval{60};
/// Of a thread, as Linux has it.
constexpr int kFilterNiceness = 10;
constexpr std::uint64_t kDescriptorsReserved = 128;
constexpr std::size_t kConnectionsMin = 16;
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::uint64_t random_seed() {
  return system_random().below(UINT64_MAX);
}

}  // namespace

std::size_t connections_max(std::uint64_t descriptors, unsigned loops) {
  const std::uint64_t usable = descriptors - std::min(descriptors, kDescriptorsReserved);
  return std::clamp<std::size_t>(usable / 2 / std::max(loops, 1U), kConnectionsMin,
                                 kConnectionsMax);
}

/// An open connection: it has its place and is counted from the moment in which it is accepted.
struct Worker::Opened {
  Opened(Worker& worker, int fd)
      : place(worker.connections_, fd), open(worker.settings_.metrics.open_connections) {
    open.add(1);
  }

  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

  ~Opened() { open.add(-1); }

  ConnectionList::Place place;
  Gauge& open;
};

/// The name that a client asks for, and its certificate.
class Worker::NameChoice final : public net::TlsChooser {
 public:
  explicit NameChoice(const Worker& worker) : worker_(worker) {}

  std::shared_ptr<net::TlsContext> choose(std::string_view server_name) override {
    text_ = server_name;
    const auto* found = worker_.snapshot_->certificates.find(HostName(server_name));
    return found == nullptr ? nullptr : *found;
  }

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  const Worker& worker_;
  std::string text_;
};

Worker::Worker(Loop& loop,
               const WorkerSettings& settings,
               UsageRecorder& usage,
               const ObserverSettings& observer)
    : loop_(loop),
      settings_(settings),
      usage_(usage),
      observer_(observer, settings.clock),
      tls_(settings.tls),
      coarse_now_(loop.now()),
      id_state_(random_seed()),
      balancer_(random_seed()),
      body_memory_(settings.buffered_bytes_max) {
  accepting_.spawn(sweep());
}

Worker::~Worker() = default;

BlockingPool& Worker::pool_for_filters() {
  if (!pool_for_filters_) {
    pool_for_filters_.emplace(1U);
    pool_for_filters_->post(
        [] { static_cast<void>(::setpriority(PRIO_PROCESS, 0, kFilterNiceness)); });
  }
  return *pool_for_filters_;
}

void Worker::serve(std::unique_ptr<net::Listener> listener) {
  accepting_.spawn(accept_all(std::move(listener)));
}

void Worker::apply(std::shared_ptr<const Snapshot> snapshot) {
  pool_.keep_only(*snapshot);
  snapshot_ = std::move(snapshot);
}

Task<> Worker::accept_all(std::unique_ptr<net::Listener> listener) {
  for (;;) {
    auto accepted = co_await listener->accept();
    if (!accepted) {
      warn_not_accepted(accepted.error());
      co_await sleep_for(kAcceptPause);
    } else if (make_room()) {
      settings_.metrics.connections.add();
      auto opened = std::make_unique<Opened>(*this, (*accepted)->fd());
      running_.spawn(run(std::move(opened), *std::move(accepted)));
    } else {
      warn_not_accepted(Error(ErrorCode::kUnavailable,
                              fmt::format("a loop has {} connections and streams, its limit",
                                          settings_.connections_max)));
    }
  }
}

bool Worker::make_room() {
  if (connections_.size() + streams_ < settings_.connections_max) return true;
  if (!connections_.end_longest_waiting()) return false;
  settings_.metrics.ended_connections.add();
  return true;
}

void Worker::warn_not_accepted(const Error& why) {
  if (warned_ && coarse_now_ - *warned_ < kWarnInterval) return;
  warned_ = coarse_now_;
  settings_.log.warn("connections not accepted", "err", why);
}

Task<> Worker::run(std::unique_ptr<Opened> opened, std::unique_ptr<net::Stream> stream) {
  ConnectionList::Place& place = opened->place;
  NameChoice name(*this);
  if (tls_ != nullptr) {
    auto shaken =
        co_await net::tls_accept(tls_, std::move(stream), loop_.now() + kHandshakeTime, &name);
    if (!shaken) co_return;
    stream = *std::move(shaken);
  }
  std::string received;
  if (stream->alpn() != kHttp2Protocol) {
    Http1Connection connection(*this, place, std::move(stream), name.text());
    place.set(&connection);
    const auto end = co_await connection.serve();
    place.set(nullptr);
    if (end != Http1Connection::End::kHttp2) co_return;
    received = connection.received();
    stream = connection.release_stream();
  }
  Http2Connection connection(*this, place, std::move(stream), name.text());
  place.set(&connection);
  co_await connection.serve(std::move(received));
  place.set(nullptr);
}

Task<> Worker::sweep() {
  for (;;) {
    co_await sleep_for(kSweepInterval);
    coarse_now_ = loop_.now();
    // Connections are only woken, so the list stays as it is.
    connections_.for_each([this](Connection& one) { one.check_deadline(coarse_now_); });
    pool_.sweep(coarse_now_);
  }
}

Task<> Worker::drain(Deadline deadline) {
  draining_ = true;
  accepting_.cancel();
  accepting_.spawn(sweep());
  coarse_now_ = loop_.now();
  connections_.for_each([this](Connection& one) { one.begin_drain(coarse_now_); });
  co_await race(running_.drained(), sleep_until(deadline));
  running_.cancel();
}

std::string_view Worker::date() {
  const WallTime now = settings_.clock.wall();
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  if (std::exchange(dated_, second) != second || date_.empty()) date_ = http::date_text(now);
  return date_;
}

bool Worker::may_log_failure() {
  if (coarse_now_ - failures_since_ >= std::chrono::seconds(1)) {
    failures_since_ = coarse_now_;
    failure_lines_ = 0;
  }
  if (++failure_lines_ > kFailureLinesMax) {
    ++failures_unsaid_;
    return false;
  }
  return true;
}

void Worker::log_failure(const Request& request, std::string_view reason) {
  if (!may_log_failure()) return;
  settings_.log.warn("request failed", "request_id", request.id, "tenant",
                     request.tenant == nullptr ? std::string_view() : request.tenant->name,
                     "status", request.status, "endpoint",
                     request.endpoint == nullptr ? std::string_view() : request.endpoint->text,
                     "attempts", request.attempts, "reason", reason, "unsaid",
                     std::exchange(failures_unsaid_, 0));
}

void Worker::log_ejection(const Request& request, std::chrono::seconds time, std::string_view why) {
  request.tenant->metrics->ejections->add();
  settings_.log.warn("endpoint ejected", "endpoint", request.endpoint->text, "tenant",
                     request.tenant->name, "request_id", request.id, "seconds", time.count(), "why",
                     why);
}

void Worker::log_refused_by_provider(const Request& request, int status) {
  request.tenant->metrics->provider_errors->add();
  if (!may_log_failure()) return;
  settings_.log.error("provider refused the platform's key, or is elsewhere", "tenant",
                      request.tenant->name, "provider", request.backend->service_host, "status",
                      status, "request_id", request.id);
}

void Worker::log_return(const Endpoint& endpoint) {
  settings_.log.info("endpoint is back", "endpoint", endpoint.text);
}

void Worker::append_request_id(std::string& out) {
  // splitmix64 from a random seed: unique, and cheaper than asking the kernel for each request.
  const auto next = [this] {
    id_state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = id_state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  };
  const std::uint64_t version = (next() & ~std::uint64_t{0xf000}) | 0x4000U;
  const std::uint64_t variant = (next() & ~(std::uint64_t{3} << 62U)) | std::uint64_t{1} << 63U;
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  constexpr unsigned kDigitsOfWord = 16;
  unsigned digit = 0;
  for (const char place : kForm) {
    if (place == '-') {
      out += place;
      continue;
    }
    const std::uint64_t word = digit < kDigitsOfWord ? version : variant;
    out += kHexDigits[word >> 4U * (kDigitsOfWord - 1 - digit % kDigitsOfWord) & 15U];
    ++digit;
  }
}

}  // namespace insula::gateway
