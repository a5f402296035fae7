#include "gateway/limit_replica.h"

#include <algorithm>
#include <utility>

namespace insula::gateway {
namespace {

/// A witness is believed to have missed nothing; others wait for it no longer than the script's
/// WITNESS_MS.
constexpr std::chrono::seconds kWitnessLease{25};

// Between two calls.
constexpr std::chrono::milliseconds kBusy{50};
constexpr std::chrono::milliseconds kIdle{250};
constexpr std::chrono::milliseconds kQuiet{1000};

std::chrono::milliseconds between(SteadyTime from, SteadyTime to) {
  return std::chrono::floor<std::chrono::milliseconds>(to - from);
}

}  // namespace

/// A limit that no snapshot knows any more counts until what was used of it has left its window.
void LimitReplica::forget_unused() {
  std::erase_if(limits_, [](const std::shared_ptr<SharedLimit>& limit) {
    if (limit.use_count() != 1 || !limit->is_over()) return false;
    limit->leave_list();
    if (limit.use_count() == 1) return true;
    // Somebody has just begun to use it.
    return !limit->enter_list();
  });
}

std::vector<StoreMember> LimitReplica::members_at(SteadyTime now) const {
  std::vector<StoreMember> members = members_;
  for (StoreMember& member : members)
    member.silent += between(heard_, now);
  return members;
}

Result<StoreCall> LimitReplica::begin(SteadyTime now) {
  if (!registering_) forget_unused();
  StoreCall call{.id = identity_.id,
                 .incarnation = identity_.incarnation,
                 .sequence = ++sequence_,
                 .generation = generation_,
                 .version = version_,
                 .age = version_ == 0 ? age_ : age_ + between(heard_, now),
                 .witness = version_ != 0 && sound_ && now - heard_ < kWitnessLease};
  if (version_ != 0) call.members = members_at(now);
  asked_.clear();
  sent_ = now;
  INSULA_TRY(const bool at_end, registering_ ? say_all(call) : say_news(call));
  complete_ = registering_ && at_end && knows_all_;
  call.complete = complete_;
  return call;
}

Result<> LimitReplica::say(StoreCall& call, const std::shared_ptr<SharedLimit>& limit) {
  INSULA_TRY(auto demand, limit->demand(sent_, registering_));
  if (auto leftover = limit->take_leftover()) {
    call.demands.push_back(*leftover);
    asked_.push_back({nullptr, *std::move(leftover)});
  }
  if (!demand) return {};
  call.demands.push_back(*demand);
  asked_.push_back({limit, *std::move(demand)});
  return {};
}

/// Goes on where the last call stopped. Whether that was all of it.
Result<bool> LimitReplica::say_all(StoreCall& call) {
  std::size_t at = next_;
  for (; at < limits_.size() && asked_.size() < kDemandsMax; ++at)
    INSULA_TRY_VOID(say(call, limits_[at]));
  const bool at_end = at >= limits_.size();
  next_ = at_end ? 0 : at;
  return at_end;
}

/// Begins where the last call had no room for more, so that each has its turn.
Result<bool> LimitReplica::say_news(StoreCall& call) {
  const std::size_t count = limits_.size();
  const std::size_t first = count == 0 ? 0 : next_ % count;
  std::size_t looked = 0;
  for (; looked < count && asked_.size() < kDemandsMax; ++looked) {
    const auto& limit = limits_[(first + looked) % count];
    if (limit->has_news(sent_)) INSULA_TRY_VOID(say(call, limit));
  }
  next_ = looked == count ? 0 : (first + looked) % count;
  return looked == count;
}

void LimitReplica::note_members(const StoreAnswer& answer, SteadyTime now) {
  const std::vector<StoreMember> known = members_at(now);
  meets_another_ = std::ranges::any_of(answer.members, [&](const StoreMember& member) {
    return std::ranges::find(known, member.id, &StoreMember::id) == known.end();
  });
  members_ = answer.members;
  for (StoreMember& member : members_) {
    const auto before = std::ranges::find_if(known, [&](const StoreMember& other) {
      return other.id == member.id && other.incarnation == member.incarnation &&
             other.sequence == member.sequence;
    });
    // In another generation its silence is counted anew: what it did at last may be lost.
    if (before != known.end() && answer.generation == generation_)
      member.silent = std::max(member.silent, before->silent);
  }
}

Result<> LimitReplica::finish(const StoreAnswer& answer, SteadyTime now) {
  if (now - sent_ > kAnswerWithin) {
    fail_call();
    return fail(ErrorCode::kTimeout, "the answer came too late");
  }
  if (answer.kind != StoreAnswer::Kind::kDone) {
    fail_call();
    return answer.kind == StoreAnswer::Kind::kFull
               ? fail(ErrorCode::kUnavailable, "there are as many replicas as there may be")
               : fail(ErrorCode::kConflict,
                      "another gateway uses the identity of this one; a data directory is for one "
                      "gateway and is not copied");
  }
  note_members(answer, now);
  const bool is_new = answer.generation != generation_;
  age_ = is_new ? answer.age
                : std::max(answer.age, version_ == 0 ? answer.age : age_ + between(heard_, now));
  generation_ = answer.generation;
  version_ = answer.version;
  sound_ = answer.sound;
  heard_ = now;
  if (!answer.loans.empty())
    closed_ = std::ranges::any_of(answer.loans, [](const LimitLoan& loan) { return !loan.open; });
  for (std::size_t i = 0; i < asked_.size() && i < answer.loans.size(); ++i)
    if (asked_[i].limit != nullptr) asked_[i].limit->settle(asked_[i].demand, answer.loans[i], now);
  asked_.clear();
  if (complete_) registering_ = false;
  if (is_new && !complete_) {
    registering_ = true;
    next_ = 0;
  }
  lease_->renew(sent_);
  lease_->set_away(false);
  return {};
}

void LimitReplica::fail_call() {
  asked_.clear();
  lease_->set_away(true);
  // What was said may not have been heard.
  registering_ = true;
  next_ = 0;
}

std::chrono::milliseconds LimitReplica::pause() const {
  if (registering_ && knows_all_ && version_ != 0) return std::chrono::milliseconds(0);
  const auto any = [&](bool (SharedLimit::*is)() const) {
    return std::ranges::any_of(limits_, [&](const auto& limit) { return ((*limit).*is)(); });
  };
  if (meets_another_) return std::chrono::milliseconds(0);
  if (any(&SharedLimit::is_busy)) return kBusy;
  return any(&SharedLimit::has_idle) ? kIdle : kQuiet;
}

}  // namespace insula::gateway
