#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "gateway/limit_replica.h"
#include "gateway/limit_store.h"
#include "gateway/shared_limit.h"
#include "testing/fake_clock.h"

namespace insula::gateway {

inline constexpr std::int64_t kLimit = 200;
inline constexpr std::int64_t kBudget = 2000;
inline constexpr std::chrono::nanoseconds kWindow = kTokenWindow;

inline constexpr std::int64_t kRunning = 12;
/// What a budget is for; replicas' clocks differ by some minutes.
inline constexpr std::chrono::seconds kDay{1200};

/// When what was used of a limit in a window was used, as a list.
class UseTimes {
 public:
  void add(SteadyTime when) { times_.push_back(when); }

  [[nodiscard]] std::int64_t counted(SteadyTime now) const {
    return std::ranges::count_if(times_, [&](SteadyTime time) { return time > now - kWindow; });
  }

  void forget_before(SteadyTime time) {
    while (!times_.empty() && times_.front() <= time)
      times_.pop_front();
  }

 private:
  std::deque<SteadyTime> times_;
};

/// One gateway with a window and a budget that it shares. What it has used survives the process,
/// until somebody takes its disk away.
class SharingGateway {
 public:
  SharingGateway(std::string id, std::chrono::nanoseconds offset) : id_(std::move(id)) {
    own_.advance(offset);
    start();
  }

  /// A new process over what is on the disk.
  void start() {
    call_.reset();
    lease_ = std::make_shared<ReplicaLease>(own_);
    replica_.emplace(ReplicaIdentity{.id = id_, .incarnation = ++incarnation_}, lease_);
    window_ = std::make_shared<SharedLimit>("window", LendingTerms::tokens(), lease_,
                                            [this] { return log_.counted(own_.now()); });
    budget_ = std::make_shared<SharedLimit>(
        "budget", LendingTerms::budget(), lease_, [this] { return spent_[day()]; },
        LendingPeriod{.now = [this] { return day(); },
                      .age =
                          [this](std::int64_t day) {
                            return std::chrono::floor<std::chrono::milliseconds>(
                                own_.now().time_since_epoch() - kDay * day);
                          }});
    running_ = 0;
    running_limit_ = std::make_shared<SharedLimit>("running", LendingTerms::running(), lease_,
                                                   [this] { return running_; });
    window_->set_limit(kLimit);
    budget_->set_limit(kBudget);
    running_limit_->set_limit(kRunning);
    replica_->add(window_);
    replica_->add(budget_);
    replica_->add(running_limit_);
  }

  [[nodiscard]] std::int64_t day() const { return own_.now().time_since_epoch() / kDay; }

  void advance(std::chrono::nanoseconds by) {
    own_.advance(by);
    log_.forget_before(own_.now() - 2 * kWindow);
    // As a loop does with what it sweeps.
    if (!running_limit_->is_lent()) running_ = 0;
  }

  void begin_request() {
    {
      const SharedLimit::Use use(*running_limit_);
      if (running_ < use.most()) {
        ++running_;
        running_limit_->took(1);
        return;
      }
    }
    running_limit_->miss(1);
  }

  void end_request() { running_ = std::max<std::int64_t>(running_ - 1, 0); }

  [[nodiscard]] std::int64_t running() const { return running_; }

  /// Whether a request passed the window; why not.
  std::optional<Shortage> use_window() {
    {
      const SharedLimit::Use use(*window_);
      if (log_.counted(own_.now()) < use.most()) {
        log_.add(own_.now());
        window_->took(1);
        return std::nullopt;
      }
    }
    return window_->miss(1);
  }

  bool use_budget(std::int64_t amount) {
    {
      const SharedLimit::Use use(*budget_);
      if (use.period() == day() && spent_[day()] + amount <= use.most()) {
        spent_[day()] += amount;
        budget_->took(amount);
        return true;
      }
    }
    budget_->miss(amount);
    return false;
  }

  /// Begins a call, if none is under way.
  std::optional<StoreCall> begin() {
    if (call_) return std::nullopt;
    auto call = replica_->begin(own_.now());
    if (!call) return std::nullopt;
    call_ = *call;
    return *std::move(call);
  }

  void finish(const StoreCall& call, const StoreAnswer& answer) {
    if (!is_waiting_for(call)) return;
    call_.reset();
    finished_ = replica_->finish(answer, own_.now());
  }

  void fail() {
    if (!call_) return;
    call_.reset();
    replica_->fail_call();
  }

  [[nodiscard]] bool is_waiting_for(const StoreCall& call) const {
    return call_ && call_->id == call.id && call_->incarnation == call.incarnation &&
           call_->sequence == call.sequence;
  }

  [[nodiscard]] std::chrono::milliseconds pause() const { return replica_->pause(); }

  [[nodiscard]] const Result<>& finished() const { return finished_; }

  [[nodiscard]] const LimitReplica& replica() const { return *replica_; }

  [[nodiscard]] std::int64_t held() const { return window_->held(); }

 private:
  insula::testing::FakeClock own_;
  std::string id_;
  std::int64_t incarnation_ = 0;
  UseTimes log_;
  std::map<std::int64_t, std::int64_t> spent_;  // by day
  std::int64_t running_ = 0;
  std::shared_ptr<ReplicaLease> lease_;
  std::optional<LimitReplica> replica_;
  std::shared_ptr<SharedLimit> window_;
  std::shared_ptr<SharedLimit> budget_;
  std::shared_ptr<SharedLimit> running_limit_;
  std::optional<StoreCall> call_;
  Result<> finished_;
};

}  // namespace insula::gateway
