#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>

namespace insula::apiserver {

/// Who is asked to change the object of one write, one after the other: policies and webhooks.
///
/// In a first round all are. In a second one those who want that, if somebody else has changed the
/// object after them; there is no third.
/// Spec: Kubernetes, "Dynamic Admission Control", "Reinvocation policy".
class Reinvocation {
 public:
  [[nodiscard]] bool wants(const std::string& who) const {
    if (!again_) return true;
    const auto seen = seen_.find(who);
    return seen != seen_.end() && seen->second != changes_;
  }

  /// `who` has seen the object, and has changed it if it wanted to; `if_needed`: is to see it again
  /// when it is changed.
  void was_asked(std::string who, bool if_needed) {
    if (if_needed) seen_.insert_or_assign(std::move(who), changes_);
  }

  /// Somebody has changed the object.
  void changed() { ++changes_; }

  /// Whether there is a second round: false when it has begun before, and when nobody wants one.
  bool begin_again() { return !std::exchange(again_, true) && !seen_.empty(); }

 private:
  bool again_ = false;
  std::size_t changes_ = 0;
  std::map<std::string, std::size_t> seen_;  // how many changes there had been
};

}  // namespace insula::apiserver
