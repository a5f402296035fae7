#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "apiserver/admission_request.h"
#include "base/error.h"
#include "telemetry/metrics.h"

namespace insula::apiserver {

/// What has a say in a write, by the names that it has in Kubernetes.
enum class AdmissionPlugin : std::uint8_t {
  kNamespaceLifecycle,
  kRuntimeClass,
  kPriority,
  kServiceAccount,
  kDefaultTolerationSeconds,
  kDefaultIngressClass,
  kLimitRanger,
  kMutatingPolicy,
  kMutatingWebhook,
  kPodSecurity,
  kValidatingPolicy,
  kValidatingWebhook,
  kResourceQuota,
};

inline constexpr std::size_t kAdmissionPlugins = 13;

/// How long admission takes, under the names kube-apiserver uses. A series is there from its first
/// write, for most can never have one.
///
/// Threads: the store's loop.
class AdmissionTimes {
 public:
  explicit AdmissionTimes(MetricsRegistry& registry) : registry_(registry) {}

  void plugin(AdmissionPlugin plugin,
              AdmissionOperation operation,
              std::chrono::nanoseconds took,
              bool rejected);
  /// All that change the object, or all that check it.
  void step(bool validates,
            AdmissionOperation operation,
            std::chrono::nanoseconds took,
            bool rejected);

 private:
  static constexpr std::size_t kOperations = 4;

  MetricsRegistry& registry_;
  std::array<Histogram*, kAdmissionPlugins * kOperations * 2> plugins_{};
  std::array<Histogram*, 2 * kOperations * 2> steps_{};
};

/// Takes the times of one write, which are told when it ends.
///
/// Lifetime: the times, which may be null, outlive it.
class AdmissionTimer {
 public:
  explicit AdmissionTimer(AdmissionTimes* times) : times_(times) {}

  AdmissionTimer(const AdmissionTimer&) = delete;
  AdmissionTimer& operator=(const AdmissionTimer&) = delete;

  ~AdmissionTimer() { finish(); }

  void begin(AdmissionOperation operation) { operation_ = operation; }

  /// Tells how long the steps have taken, if there were any, and begins with the next object.
  void finish();

  /// What `check` says, with the time that it took.
  template <class Check>
  Result<> run(AdmissionPlugin plugin, Check check) {
    if (times_ == nullptr) return check();
    const auto began = std::chrono::steady_clock::now();
    Result<> said = check();
    record(plugin, std::chrono::steady_clock::now() - began, !said);
    return said;
  }

  void record(AdmissionPlugin plugin, std::chrono::nanoseconds took, bool rejected);

 private:
  struct Step {
    std::chrono::nanoseconds took{};
    bool begun = false;
    bool rejected = false;
  };

  AdmissionTimes* times_;
  AdmissionOperation operation_ = AdmissionOperation::kCreate;
  std::array<Step, 2> steps_{};
};

}  // namespace insula::apiserver
