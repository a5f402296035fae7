#include "gateway/issuer_keys.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include <fmt/ranges.h>

#include "async/deadline.h"
#include "async/task_group.h"
#include "gateway/key_set_fetch.h"
#include "gateway/refresh_schedule.h"

namespace insula::gateway {
namespace {

Task<> wait_for(Event& event) {
  co_await event.wait();
}

/// One of the fetches that may run at once.
class FetchSlot {
 public:
  FetchSlot(std::size_t& taken, Event& freed) : taken_(taken), freed_(freed) { ++taken_; }

  FetchSlot(const FetchSlot&) = delete;
  FetchSlot& operator=(const FetchSlot&) = delete;

  ~FetchSlot() {
    --taken_;
    freed_.set();
  }

 private:
  std::size_t& taken_;
  Event& freed_;
};

}  // namespace

/// One source and the task that keeps its keys fresh.
class IssuerKeys::Followed {
 public:
  Followed(IssuerKeys& owner, KeySource source)
      : owner_(owner),
        source_(std::move(source)),
        log_(owner.log_.with("issuer", source_.issuer)),
        schedule_(owner.loop_.now(), owner.random_),
        asked_(std::make_shared<Event>()),
        demand_(std::make_shared<KeyDemand>(waker(owner.loop_, asked_))) {
    publish(std::nullopt);
    restore();
    tasks_.spawn(keep_fresh());
  }

  [[nodiscard]] const std::shared_ptr<const FetchedKeys>& fetched() const { return fetched_; }

  /// Nothing when no keys are known.
  [[nodiscard]] std::optional<std::chrono::seconds> age() const {
    if (!fetched_->set) return std::nullopt;
    const auto since = std::chrono::duration_cast<std::chrono::seconds>(wall() - saved_.fetched);
    return std::max(since, std::chrono::seconds(0));
  }

 private:
  /// Called on the threads of requests.
  static std::function<void()> waker(Loop& loop, const std::weak_ptr<Event>& asked) {
    return [&loop, asked] {
      loop.post([asked] {
        if (const auto event = asked.lock(); event != nullptr) event->set();
      });
    };
  }

  [[nodiscard]] WallTime wall() const { return owner_.loop_.clock().wall(); }

  [[nodiscard]] bool too_old() const {
    return wall() >= saved_.fetched + saved_.fresh + kKeysStaleMax;
  }

  void publish(std::optional<jose::JwkSet> set) {
    fetched_ = std::make_shared<const FetchedKeys>(std::move(set), demand_);
  }

  /// What an earlier gateway fetched.
  void restore() {
    auto saved = owner_.files_.load(source_);
    if (!saved) {
      if (saved.error().code() != ErrorCode::kNotFound)
        log_.warn("saved issuer keys ignored", "err", saved.error());
      return;
    }
    // A clock that was set back must not make them younger than they can be.
    saved->fetched = std::min(saved->fetched, wall());
    saved->fresh = std::clamp<std::chrono::seconds>(saved->fresh, RefreshSchedule::kFreshMin,
                                                    RefreshSchedule::kFreshMax);
    saved_ = *std::move(saved);
    auto set = jose::parse_jwk_set(saved_.text);
    if (!set || too_old()) return;
    log_.info("saved issuer keys used", "keys", set->keys.size(), "age_seconds",
              std::chrono::duration_cast<std::chrono::seconds>(wall() - saved_.fetched).count());
    publish(*std::move(set));
    schedule_.succeeded(owner_.loop_.now(), saved_.fresh, wall() - saved_.fetched);
  }

  Task<> keep_fresh() {
    for (;;) {
      co_await wait_until_due();
      while (owner_.fetching_ >= kKeyFetchesAtOnce) {
        owner_.fetch_ended_.reset();
        co_await owner_.fetch_ended_.wait();
      }
      const FetchSlot slot(owner_.fetching_, owner_.fetch_ended_);
      const SteadyTime tried = owner_.loop_.now();
      // Who asks from here on may know of a newer key than the answer.
      demand_->begin_fetch();
      auto answer = co_await fetch_key_set(owner_.resolving_, source_, tried + kKeyFetchTime);
      take(tried, std::move(answer));
    }
  }

  Task<> wait_until_due() {
    for (;;) {
      if (asked_->is_set()) {
        asked_->reset();
        schedule_.asked();
      }
      if (owner_.loop_.now() >= schedule_.due()) co_return;
      co_await race(wait_for(*asked_), sleep_until(schedule_.due()));
    }
  }

  void take(SteadyTime tried, Result<KeySetText> answer) {
    if (!answer) return fail_with(tried, answer.error());
    Result<jose::JwkSet> set = jose::parse_jwk_set(answer->text);
    if (!set) return fail_with(tried, set.error());
    const bool was_failing = std::exchange(failing_, false);
    demand_->set_failing(false);
    const bool same = fetched_->set && answer->text == saved_.text;
    const auto fresh = std::clamp<std::chrono::seconds>(answer->fresh, RefreshSchedule::kFreshMin,
                                                        RefreshSchedule::kFreshMax);
    saved_ = {std::move(answer->text), wall(), fresh};
    schedule_.succeeded(tried, fresh);
    if (const auto saved = owner_.files_.save(source_, saved_); !saved)
      log_.error("issuer keys not saved", "err", saved.error());
    if (same) {
      owner_.fetches_.unchanged.add();
      if (was_failing) log_.info("issuer keys fetched again", "keys", set->keys.size());
      return;
    }
    owner_.fetches_.changed.add();
    log_.info("issuer keys fetched", "keys", set->keys.size(), "fresh_seconds", fresh.count());
    if (!set->left_out.empty())
      log_.warn("issuer keys left out", "why", fmt::format("{}", fmt::join(set->left_out, "; ")));
    publish(*std::move(set));
    owner_.changed_.set();
  }

  void fail_with(SteadyTime tried, const Error& why) {
    schedule_.failed(tried, owner_.loop_.now());
    owner_.fetches_.failed.add();
    demand_->set_failing(true);
    // Once, and not with every try.
    if (!std::exchange(failing_, true)) log_.warn("issuer keys not fetched", "err", why);
    if (!fetched_->set || !too_old()) return;
    log_.error("issuer keys dropped: they could not be fetched again for too long", "err", why);
    publish(std::nullopt);
    owner_.changed_.set();
  }

  IssuerKeys& owner_;
  const KeySource source_;
  Log log_;
  RefreshSchedule schedule_;
  std::shared_ptr<Event> asked_;
  std::shared_ptr<KeyDemand> demand_;
  std::shared_ptr<const FetchedKeys> fetched_;
  /// What `fetched_` was read from, while it has a set.
  SavedKeySet saved_;
  bool failing_ = false;
  TaskGroup tasks_;
};

IssuerKeys::Fetches IssuerKeys::register_fetches(const std::string& prefix,
                                                 MetricsRegistry& registry) {
  const auto fetches = [&](const char* outcome) -> Counter& {
    return registry.counter(prefix + "_issuer_key_fetches_total",
                            "Times that a token issuer's keys were fetched, by outcome. When some "
                            "failed, the log says which issuer and why.",
                            {{"outcome", outcome}});
  };
  return {fetches("changed"), fetches("unchanged"), fetches("failed")};
}

IssuerKeys::IssuerKeys(
    IssuerKeysOptions options, Loop& loop, Random& random, MetricsRegistry& registry, Log log)
    : loop_(loop),
      random_(random),
      log_(std::move(log)),
      metrics_prefix_(std::move(options.metrics_prefix)),
      fetches_(register_fetches(metrics_prefix_, registry)),
      files_(std::move(options.directory)),
      collector_(registry.on_collect([this](Exposition& out) { collect(out); })) {
  if (const auto made = files_.create_directory(); !made)
    log_.error("issuer keys will not be saved", "err", made.error());
}

IssuerKeys::~IssuerKeys() = default;

void IssuerKeys::follow(const std::set<KeySource>& wanted) {
  const auto gone =
      std::erase_if(followed_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  if (gone > 0)
    files_.remove_older(loop_.clock().wall() - RefreshSchedule::kFreshMax - kKeysStaleMax);
  for (const KeySource& source : wanted) {
    if (followed_.contains(source)) continue;
    if (followed_.size() >= kKeySourcesMax) {
      if (!std::exchange(said_too_many_, true))
        log_.error("keys of further token issuers are not fetched", "most", kKeySourcesMax);
      return;
    }
    followed_.emplace(source, std::make_unique<Followed>(*this, source));
  }
}

std::shared_ptr<const FetchedKeys> IssuerKeys::fetched(const KeySource& source) const {
  const auto known = followed_.find(source);
  return known == followed_.end() ? nullptr : known->second->fetched();
}

void IssuerKeys::fill(GatewayConfig& config) {
  std::set<KeySource> wanted;
  for (const TenantConfig& tenant : config.tenants) {
    for (const IssuerConfig& issuer : tenant.issuers) {
      if (issuer.key_source) wanted.insert(*issuer.key_source);
    }
  }
  follow(wanted);
  for (TenantConfig& tenant : config.tenants) {
    for (IssuerConfig& issuer : tenant.issuers)
      issuer.fetched = issuer.key_source ? fetched(*issuer.key_source) : nullptr;
  }
}

void IssuerKeys::collect(Exposition& out) const {
  std::map<std::string, std::pair<std::size_t, std::optional<std::chrono::seconds>>> by_issuer;
  for (const auto& [source, followed] : followed_) {
    auto& [keys, age] = by_issuer[source.issuer];
    if (const auto& set = followed->fetched()->set; set) keys += set->keys.size();
    age = std::max(age, followed->age());
  }
  const std::string keys_name = metrics_prefix_ + "_issuer_keys";
  const std::string age_name = keys_name + "_age_seconds";
  out.family(
      keys_name,
      "Keys known of a token issuer that publishes them. At 0 all of its tokens are refused.",
      "gauge");
  for (const auto& [issuer, known] : by_issuer) {
    out.sample(keys_name, {{"issuer", issuer}}, static_cast<double>(known.first));
  }
  out.family(age_name,
             "Since a token issuer's keys were last fetched. They are dropped a day after they "
             "should have been fetched again.",
             "gauge");
  for (const auto& [issuer, known] : by_issuer) {
    if (!known.second) continue;
    out.sample(age_name, {{"issuer", issuer}}, static_cast<double>(known.second->count()));
  }
}

}  // namespace insula::gateway
