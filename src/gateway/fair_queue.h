#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace insula::gateway {

/// Which of the requests that wait is served next: one of the tenant that has been served least for
/// its weight, and of a tenant's own the one that has waited longest.
///
/// Each tenant has a counter of the tokens it was served, those of completions twice, divided by
/// its weight. One that begins to wait when it had nothing waiting is lifted to the least counter
/// of those that wait, so that nobody saves up what was not used; when nobody waits, to that of the
/// tenant that was served last. The prompt is charged when a request leaves the queue, the
/// completion when it is known. Source: virtual token counter, Sheng et al., "Fairness in Serving
/// Large Language Models", OSDI 2024, algorithm 2.
///
/// Of two tenants that always have something waiting, what they were served for their weights
/// differs by at most 2 * unfairness(), whatever they send.
///
/// Threads: one at a time.
class FairQueue {
 public:
  static constexpr std::int64_t kInputWeight = 1;
  static constexpr std::int64_t kOutputWeight = 2;
  static constexpr std::int64_t kTenantWeightMax = 1000;
  /// Counters that are kept of tenants that have nothing waiting.
  static constexpr std::size_t kIdleMax = 4096;

  struct Waiting {
    std::uint64_t number = 0;
    std::string tenant;
    std::int64_t weight = 1;
    std::int64_t input = 0;  // tokens of its prompt
  };

  enum class Added : std::uint8_t { kYes, kTenantFull, kFull };

  explicit FairQueue(std::size_t waiting_max) : waiting_max_(waiting_max) {}

  /// `tenant_max`: how many of its tenant may wait.
  [[nodiscard]] Added add(Waiting request, std::size_t tenant_max);

  /// The next one that `can_run`, which is asked in the order in which they would be served; it is
  /// not in the queue any more.
  [[nodiscard]] std::optional<Waiting> next(const std::function<bool(const Waiting&)>& can_run);

  /// Takes one out that is not served. False when it is not there.
  bool remove(const std::string& tenant, std::uint64_t number);

  /// What a tenant was served beside prompts, in weighted tokens.
  void charge(const std::string& tenant, std::int64_t weight, std::int64_t tokens);

  [[nodiscard]] std::size_t size() const { return waiting_; }

  /// By how much counters of tenants that wait can differ, when no prompt has more than
  /// `input_most` tokens and no more than `running_output_most` tokens of completions are on their
  /// way at one time.
  [[nodiscard]] static constexpr std::int64_t unfairness(std::int64_t input_most,
                                                         std::int64_t running_output_most) {
    return kInputWeight * input_most + kOutputWeight * running_output_most;
  }

  /// The tenant's counter in tokens of a tenant of weight 1.
  [[nodiscard]] std::int64_t counter(const std::string& tenant) const;

 private:
  struct Tenant {
    std::int64_t counter = 0;  // in kTenantWeightMax-ths of a token
    std::deque<Waiting> waiting;
  };

  [[nodiscard]] std::optional<std::int64_t> least_waiting() const;
  void forget_idle();

  std::size_t waiting_max_;
  std::size_t waiting_ = 0;
  std::map<std::string, Tenant> tenants_;
  /// The counter of the tenant whose request left last.
  std::int64_t last_ = 0;
};

}  // namespace insula::gateway
