#pragma once

#include <map>
#include <string>

#include "async/waiter.h"

namespace insula::apiserver {

/// Long answers between two pieces, by their flows. The flows take turns, however many answers each
/// of them has; within a flow the answer that has waited longest is next.
///
/// Threads: one loop.
class PausedAnswers {
 public:
  /// Where an answer of this flow waits; good until the next call.
  [[nodiscard]] WaiterList& list_of(const std::string& flow) { return flows_[flow]; }

  /// Whether nobody waits. Forgets flows that have nobody left.
  [[nodiscard]] bool empty();

  /// Has one answer go on, if there is one.
  void resume_next();

 private:
  std::map<std::string, WaiterList> flows_;
  std::string last_;  // the flow that had its turn last
};

}  // namespace insula::apiserver
