#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "gateway/limit_store.h"

namespace insula::gateway {

/// The rules of the store of shared limits once more, in plain C++: what the script is compared
/// with, and what replicas are tested against where there is no Redis.
class ModelLimitStore {
 public:
  [[nodiscard]] StoreAnswer apply(const StoreCall& call) {
    const auto found = state_.members.find(call.id);
    if (found != state_.members.end() && (call.incarnation < found->second.incarnation ||
                                          (call.incarnation == found->second.incarnation &&
                                           call.sequence <= found->second.sequence)))
      return {.kind = StoreAnswer::Kind::kStale};
    State before = state_;
    const bool known = call.generation == state_.generation;
    begin_if_lost(call, known);
    ++state_.version;
    if (!state_.members.contains(call.id)) {
      if (state_.order.size() >= kMembersMax) {
        state_ = std::move(before);
        return {.kind = StoreAnswer::Kind::kFull};
      }
      state_.order.push_back(call.id);
      state_.members[call.id].joined = state_.version;
    }
    Member& mine = state_.members[call.id];

    mine.incarnation = call.incarnation;
    mine.sequence = call.sequence;
    mine.acked = std::max(mine.acked, call.version);
    mine.silent = {};
    for (const StoreMember& seen : call.members)
      note(seen, call, known);
    if (call.complete) mine.generation = state_.generation;
    if (!known && call.witness) mine.witness = true;
    return answer(call);
  }

  /// Another process, with the same data.
  void restart() { ++server_; }

  /// All data is gone.
  void flush() { state_ = {}; }

  /// Somebody who knows says that nobody has used anything.
  void say_fresh() { state_.fresh = true; }

  struct Member {
    std::int64_t incarnation = 0;
    std::int64_t sequence = 0;
    std::int64_t joined = 0;
    std::int64_t acked = 0;
    std::chrono::milliseconds silent{};
    std::string generation = "-";
    bool witness = false;
  };

  struct Holding {
    std::string id;
    std::int64_t amount = 0;
    bool hungry = false;
  };

  struct State {
    std::string generation;
    std::uint64_t server = 0;
    std::int64_t version = 0;
    std::int64_t base = 0;
    std::chrono::milliseconds age{};
    int open = 0;
    bool lost = false;
    bool fresh = false;
    std::vector<std::string> order;
    std::map<std::string, Member> members;
    std::map<std::string, std::vector<Holding>> owners;
  };

  [[nodiscard]] const State& state() const { return state_; }

  /// What was saved once is all there is, in another process.
  void restore(State saved) {
    state_ = std::move(saved);
    restart();
  }

 private:
  static constexpr std::size_t kMembersMax = 64;
  static constexpr std::chrono::milliseconds kWitness{30'000};
  static constexpr std::chrono::milliseconds kForget{4'500'000};

  void begin_if_lost(const StoreCall& call, bool known) {
    const bool missing = state_.generation.empty();
    const bool behind = call.version > (known ? state_.version : state_.base);
    if (missing || state_.server != server_ || behind) {
      state_.lost = state_.lost || missing || behind;
      state_.base = std::max(state_.version, call.version);
      state_.version = state_.base + 1;
      state_.generation =
          fmt::format("{}-{}-{}-{}", state_.version, call.id, call.incarnation, call.sequence);
      state_.server = server_;
      state_.age = {};
      state_.open = 0;
      for (auto& [id, member] : state_.members) {
        member.silent = {};
        member.witness = false;
      }
    } else if (known) {
      state_.age = std::max(state_.age, call.age);
    }
    if (!std::exchange(state_.fresh, false)) return;
    state_.open = 2;
    state_.lost = false;
  }

  void note(const StoreMember& seen, const StoreCall& call, bool known) {
    const auto found = state_.members.find(seen.id);
    if (found == state_.members.end()) {
      if (known || !call.witness || state_.order.size() >= kMembersMax) return;
      state_.order.push_back(seen.id);
      state_.members[seen.id] = {
          .incarnation = seen.incarnation, .sequence = seen.sequence, .acked = -1};
    } else if (known && found->second.incarnation == seen.incarnation &&
               found->second.sequence == seen.sequence) {
      found->second.silent = std::max(found->second.silent, seen.silent);
    }
  }

  StoreAnswer answer(const StoreCall& call) {
    std::erase_if(state_.order, [&](const std::string& id) {
      return state_.members[id].silent >= kForget && state_.members.erase(id) > 0;
    });
    const Member& mine = state_.members[call.id];
    bool established = true;
    bool all_there = true;
    bool witnessed = false;
    std::int64_t live = 0;
    StoreAnswer answer{
        .generation = state_.generation, .version = state_.version, .age = state_.age};
    for (const std::string& id : state_.order) {
      const Member& member = state_.members[id];
      const bool there = member.generation == state_.generation;
      if (member.silent < kWitness) ++live;
      const bool hears = member.acked == 0 && member.joined > mine.joined;
      if (member.silent < kWitness && id != call.id && !hears && member.acked < mine.joined)
        established = false;
      all_there = all_there && there;
      witnessed = witnessed || member.witness;
      answer.members.push_back({id, member.incarnation, member.sequence, member.silent});
    }
    if (all_there && witnessed) state_.open = state_.lost ? std::max(state_.open, 1) : 2;
    answer.sound = state_.open > 0 || witnessed || state_.age >= kForget;
    const bool is_member = established && mine.generation == state_.generation;
    for (const LimitDemand& demand : call.demands)
      answer.loans.push_back(lend(call.id, demand, is_member, std::max<std::int64_t>(live, 1)));
    return answer;
  }

  LimitLoan lend(const std::string& me,
                 const LimitDemand& demand,
                 bool is_member,
                 std::int64_t live) {
    LimitLoan loan{.open = state_.open == 2 || (state_.open == 1 && !demand.keep) ||
                           state_.age >= demand.after,
                   .is_member = is_member};
    std::vector<Holding>& holdings = state_.owners[demand.owner];
    std::int64_t others = 0;
    if (demand.limit < 0) holdings.clear();
    std::erase_if(holdings, [&](const Holding& holding) {
      if (holding.id == me) return true;
      const auto member = state_.members.find(holding.id);
      const bool listed = member != state_.members.end();
      if (!demand.keep && (!listed || member->second.silent >= demand.after)) return true;
      others += holding.amount;
      loan.hungry = loan.hungry || (holding.hungry && listed && member->second.silent < kWitness);
      return false;
    });
    loan.free = demand.limit - others - demand.have;
    if (loan.open && is_member && loan.free > 0) {
      if (demand.need <= loan.free) {
        loan.granted = demand.need;
      } else if (demand.least <= loan.free) {
        loan.granted = loan.free;
      }
      loan.granted = std::max(loan.granted, std::min(demand.want, loan.free / (2 * live)));
    }
    loan.free -= loan.granted;
    const bool starved = demand.need > loan.granted;
    const std::int64_t have = demand.have + loan.granted;
    if (have > 0 || starved) holdings.push_back({me, have, starved});
    if (holdings.empty()) state_.owners.erase(demand.owner);
    return loan;
  }

  State state_;
  std::uint64_t server_ = 1;
};

}  // namespace insula::gateway
