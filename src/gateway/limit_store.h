#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/error.h"

namespace insula::gateway {

/// A replica as the store knows it, by its latest call, and for how long it has been silent since,
/// as far as anybody has measured.
struct StoreMember {
  std::string id;
  std::int64_t incarnation = 0;
  std::int64_t sequence = 0;
  std::chrono::milliseconds silent{};

  bool operator==(const StoreMember&) const = default;
};

/// What a replica says of one limit, and asks for.
struct LimitDemand {
  std::string owner;
  /// Negative: the limit is over for all, and forgotten.
  std::int64_t limit = 0;
  /// All that the replica holds, used or not: nothing else of it counts any longer.
  std::int64_t have = 0;
  /// Requests wait for so much more, the smallest of them for `least`.
  std::int64_t need = 0;
  std::int64_t least = 0;
  /// It would like so much more.
  std::int64_t want = 0;
  /// When nothing of a replica that is silent counts any longer: its lease and the window are over.
  std::chrono::milliseconds after{};
  /// Of a budget: what is used stays so until the period is over, whoever used it.
  bool keep = false;

  bool operator==(const LimitDemand&) const = default;
};

/// What the store answers to a demand.
struct LimitLoan {
  std::int64_t granted = 0;
  std::int64_t free = 0;   // afterwards; negative when more is held than the limit
  bool hungry = false;     // another replica needs what this one does not use
  bool open = false;       // the store knows what is held
  bool is_member = false;  // all others know of the replica

  bool operator==(const LimitLoan&) const = default;
};

/// One step of a replica: it says that it is there, and what it holds.
struct StoreCall {
  std::string id;
  std::int64_t incarnation = 0;
  std::int64_t sequence = 0;
  std::string generation = "-";  // as last seen
  std::int64_t version = 0;
  std::chrono::milliseconds age{};  // of the generation, as far as it knows
  /// It heard of the store so lately, and the members were so sound then, that it knows everybody
  /// who could hold something.
  bool witness = false;
  /// With this call it has said all that it holds in this generation.
  bool complete = false;
  std::vector<StoreMember> members;
  std::vector<LimitDemand> demands;
};

struct StoreAnswer {
  enum class Kind : std::uint8_t {
    kDone,
    kStale,  // another process has taken the replica's place, or a later call was faster
    kFull    // there are as many replicas as there may be
  };

  Kind kind = Kind::kDone;
  std::string generation;
  std::int64_t version = 0;
  std::chrono::milliseconds age{};
  /// Nobody is missing among the members who could hold something.
  bool sound = false;
  std::vector<StoreMember> members;
  std::vector<LimitLoan> loans;  // in the order of the demands

  bool operator==(const StoreAnswer&) const = default;
};

/// What the replicas of a gateway share: who holds how much of each limit.
class LimitStore {
 public:
  virtual ~LimitStore() = default;

  /// Does all of the call or nothing; after an error nobody knows which, or when.
  virtual Task<Result<StoreAnswer>> exchange(StoreCall call) = 0;
};

}  // namespace insula::gateway
