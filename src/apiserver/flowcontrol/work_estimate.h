#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "api/kind.h"
#include "apiserver/request_info.h"
#include "store/store.h"

namespace insula::apiserver {

/// The seats that a request takes, and for how long beyond its answer. Source: KEP-1040, "Width of
/// requests".
struct WorkEstimate {
  std::size_t seats = 1;  // while it is served
  std::size_t final_seats = 0;
  std::chrono::nanoseconds additional_latency{0};  // for which `final_seats` are kept then

  [[nodiscard]] std::size_t seats_max() const { return std::max(seats, final_seats); }
};

/// The watches that are open, by what they see.
class WatchCounts {
 public:
  /// Counts a watch as long as it lives. Lifetime: the counts outlive it.
  class Entry {
   public:
    Entry(WatchCounts& counts, const api::Kind& kind, std::string name_space);
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry();

   private:
    WatchCounts& counts_;
    std::pair<const api::Kind*, std::string> key_;
  };

  /// How many of them see a change in the namespace; "" of a cluster-wide object.
  [[nodiscard]] std::size_t seeing(const api::Kind& kind, const std::string& name_space) const;

 private:
  std::map<std::pair<const api::Kind*, std::string>, std::size_t> counts_;
};

/// What is known of a request before it is served.
struct EstimatedRequest {
  const RequestInfo& info;
  const api::Kind* kind = nullptr;  // null: there is no such resource, or it is none
  std::size_t limit = 0;            // of a list; 0: none
  bool has_selectors = false;
  bool sends_initial_events = false;  // if it is a watch
};

/// Lists, and watches that begin with one: a seat for each 100 objects that are looked at. Writes:
/// a seat, and for ten watches that see them another for 5 ms when they are done. The rest: a seat.
/// `seats_max`: what a request may have in its priority level.
[[nodiscard]] WorkEstimate estimate_work(const EstimatedRequest& request,
                                         std::size_t seats_max,
                                         const store::Store& store,
                                         const WatchCounts& watches);

}  // namespace insula::apiserver
