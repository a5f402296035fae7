#include "gateway/shared_limits.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "async/deadline.h"
#include "async/event.h"
#include "async/loop.h"
#include "base/number.h"
#include "base/random.h"
#include "gateway/whole_file.h"

namespace insula::gateway {
namespace {

constexpr std::chrono::milliseconds kRetryFirst{50};
constexpr std::chrono::milliseconds kRetryMost{2000};
constexpr int kDoublings = 6;
/// Seconds, of a round trip.
constexpr std::array kDurationBounds = {0.0002, 0.0005, 0.001, 0.002, 0.005,
                                        0.01,   0.025,  0.05,  0.1,   0.5};

std::chrono::milliseconds retry_after(int failures) {
  return std::min(kRetryFirst * (1 << std::min(failures, kDoublings)), kRetryMost);
}

Task<> wait_for(Event& event) {
  co_await event.wait();
}

}  // namespace

Result<ReplicaIdentity> start_replica(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "replica";
  ReplicaIdentity identity;
  auto text = read_whole(file);
  if (!text && text.error().code() != ErrorCode::kNotFound)
    return std::unexpected(std::move(text).error());
  if (text) {
    const std::size_t space = text->find(' ');
    const std::size_t end = text->find('\n');
    const auto started =
        space < end && end != std::string::npos
            ? parse_whole<std::int64_t>(std::string_view(*text).substr(space + 1, end - space - 1))
            : std::nullopt;
    if (!started)
      return fail(ErrorCode::kConflict,
                  file.string() +
                      " does not say which replica this is; without it this gateway "
                      "becomes a new one");
    identity = {.id = text->substr(0, space), .incarnation = *started};
  } else {
    identity.id = random_uuid(system_random());
  }
  ++identity.incarnation;
  INSULA_TRY_VOID(write_whole(file, fmt::format("{} {}\n", identity.id, identity.incarnation)));
  return identity;
}

/// A request that waits for the next answer of the store. Its loop has the event.
struct SharedLimits::Ticket {
  explicit Ticket(Loop& of) : loop(of) {}

  Loop& loop;
  Event event;
};

/// What belongs to the loop of the task.
struct SharedLimits::Home {
  Home(Loop& of, ReplicaIdentity identity, std::shared_ptr<ReplicaLease> lease)
      : loop(of), replica(std::move(identity), std::move(lease)) {}

  /// Any thread.
  static void wake(const std::shared_ptr<Home>& home) {
    if (home->wake_is_due.exchange(true)) return;
    home->loop.post([home] {
      home->wake_is_due = false;
      home->woken.set();
    });
  }

  void answer(std::vector<std::shared_ptr<Ticket>> answered) const {
    if (closed) return;
    for (const auto& ticket : answered)
      ticket->loop.post([ticket] { ticket->event.set(); });
  }

  Loop& loop;
  LimitReplica replica;
  Event woken;
  std::atomic<bool> wake_is_due{false};
  std::vector<std::shared_ptr<Ticket>> tickets;
  bool is_away = false;
  /// The loops of the requests may be gone.
  bool closed = false;
};

SharedLimits::SharedLimits(std::unique_ptr<LimitStore> store,
                           ReplicaIdentity identity,
                           const Clock& clock,
                           MetricsRegistry& registry,
                           Log log)
    : clock_(clock),
      log_(std::move(log)),
      store_(std::move(store)),
      lease_(std::make_shared<ReplicaLease>(clock)),
      home_(std::make_shared<Home>(Loop::current(), std::move(identity), lease_)),
      round_trips_(registry.counter(
          "insula_gateway_limit_store_calls_total",
          "Calls to the store of limits that gateways share. A call is for all limits at once.")),
      failures_(registry.counter(
          "insula_gateway_limit_store_failures_total",
          "Calls to the store of limits that had no answer; look at the store and the log.")),
      away_gauge_(registry.gauge(
          "insula_gateway_limit_store_away",
          "1 while the store of limits cannot be asked: what is limited is served from what this "
          "gateway holds, and then refused with 503.")),
      replicas_(registry.gauge(
          "insula_gateway_limit_store_replicas",
          "Gateways that the store of limits knows, with those that left in the last 75 minutes.")),
      held_(registry.gauge("insula_gateway_limit_store_limits",
                           "Limits of which this gateway holds a part, in use or in advance.")),
      duration_(registry.histogram("insula_gateway_limit_store_seconds",
                                   "How long the store of limits took to answer.",
                                   kDurationBounds)) {
  away_gauge_.set(1);
  lease_->on_wake([weak = std::weak_ptr(home_)] {
    if (const auto home = weak.lock(); home != nullptr) Home::wake(home);
  });
}

void SharedLimits::follow(bool all) {
  home_->replica.know_all(all);
  if (!std::exchange(started_, true)) tasks_.spawn(run());
}

SharedLimits::~SharedLimits() {
  home_->closed = true;
}

std::shared_ptr<SharedLimit> SharedLimits::share(std::string owner,
                                                 const LendingTerms& terms,
                                                 std::function<std::int64_t()> counted,
                                                 std::optional<LendingPeriod> period) {
  auto limit = std::make_shared<SharedLimit>(std::move(owner), terms, lease_, std::move(counted),
                                             std::move(period));
  use(limit);
  return limit;
}

void SharedLimits::use(const std::shared_ptr<SharedLimit>& limit) {
  home_->loop.post([home = home_, limit] { home->replica.add(limit); });
}

Task<> SharedLimits::turn() {
  const auto ticket = std::make_shared<Ticket>(Loop::current());
  home_->loop.post([home = home_, ticket] {
    home->tickets.push_back(ticket);
    // Who missed something has woken the task; while the store is away nobody does.
    if (home->is_away) home->woken.set();
  });
  co_await ticket->event.wait();
}

Task<> SharedLimits::run() {
  SteadyTime retry_at;
  for (;;) {
    if (clock_.now() >= retry_at) co_await take_turn();
    home_->answer(std::exchange(home_->tickets, {}));
    if (failed_in_a_row_ > 0 && retry_at <= clock_.now())
      retry_at = clock_.now() + retry_after(failed_in_a_row_);
    const auto pause = failed_in_a_row_ > 0 ? std::chrono::nanoseconds(retry_at - clock_.now())
                                            : std::chrono::nanoseconds(home_->replica.pause());
    co_await race(wait_for(home_->woken), sleep_for(pause));
    home_->woken.reset();
  }
}

Task<> SharedLimits::take_turn() {
  auto tickets = std::exchange(home_->tickets, {});
  const SteadyTime began = clock_.now();
  auto call = home_->replica.begin(began);
  // Somebody was taking something all the time: try again.
  if (!call) co_return home_->answer(std::move(tickets));
  round_trips_.add();
  auto answered = co_await store_->exchange(*std::move(call));
  const SteadyTime now = clock_.now();
  duration_.observe(std::chrono::duration<double>(now - began).count());
  Result<> done;
  if (answered) {
    done = home_->replica.finish(*answered, now);
  } else {
    home_->replica.fail_call();
    done = std::unexpected(std::move(answered).error());
  }
  tell(done);
  home_->answer(std::move(tickets));
}

void SharedLimits::tell(const Result<>& done) {
  home_->is_away = !done;
  failed_in_a_row_ = done ? 0 : failed_in_a_row_ + 1;
  away_gauge_.set(done ? 0 : 1);
  if (!done) {
    failures_.add();
    if (std::exchange(told_, done.error().message()) != done.error().message())
      log_.error(
          "the store of limits cannot be asked; what this gateway holds of them is served, "
          "and then nothing",
          "err", done.error());
    return;
  }
  if (!std::exchange(told_, {}).empty()) log_.info("the store of limits is there again");
  replicas_.set(static_cast<double>(home_->replica.members().size()));
  held_.set(static_cast<double>(std::ranges::count_if(
      home_->replica.limits(), [](const auto& limit) { return limit->held() > 0; })));
  tell_closed();
}

/// Whoever set up a new store must hear why nothing is served.
void SharedLimits::tell_closed() {
  const bool closed = home_->replica.is_closed();
  if (std::exchange(told_closed_, closed) == closed) return;
  if (closed) {
    log_.warn(
        "the store of limits does not know what gateways have used and lends nothing until "
        "that is over or all are back: 70 minutes for requests, 2 for tokens, the period for "
        "budgets; if it is new, say so once: redis-cli HSET insula:limits fresh 1");
  } else {
    log_.info("the store of limits lends again");
  }
}

}  // namespace insula::gateway
