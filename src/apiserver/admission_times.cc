#include "apiserver/admission_times.h"

#include <span>
#include <string>
#include <string_view>

namespace insula::apiserver {

namespace {

struct Plugin {
  std::string_view name;
  bool validates;
};

/// In the order of AdmissionPlugin.
constexpr std::array<Plugin, kAdmissionPlugins> kPlugins = {{
    {"NamespaceLifecycle", false},
    {"RuntimeClass", false},
    {"Priority", false},
    {"ServiceAccount", false},
    {"DefaultTolerationSeconds", false},
    {"DefaultIngressClass", false},
    {"LimitRanger", false},
    {"MutatingAdmissionPolicy", false},
    {"MutatingAdmissionWebhook", false},
    {"PodSecurity", true},
    {"ValidatingAdmissionPolicy", true},
    {"ValidatingAdmissionWebhook", true},
    {"ResourceQuota", true},
}};

/// Seconds, as in kube-apiserver.
constexpr std::array<double, 6> kBounds = {0.005, 0.025, 0.1, 0.5, 1, 2.5};

const Plugin& known(AdmissionPlugin plugin) {
  return kPlugins[static_cast<std::size_t>(plugin)];
}

Labels labels_of(bool validates, AdmissionOperation operation, bool rejected) {
  return {{"operation", std::string(text_of(operation))},
          {"rejected", rejected ? "true" : "false"},
          {"type", validates ? "validate" : "admit"}};
}

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

void AdmissionTimes::plugin(AdmissionPlugin plugin,
                            AdmissionOperation operation,
                            std::chrono::nanoseconds took,
                            bool rejected) {
  const std::size_t of_plugin =
      static_cast<std::size_t>(plugin) * kOperations + static_cast<std::size_t>(operation);
  Histogram*& series = plugins_[of_plugin * 2 + (rejected ? 1 : 0)];
  if (series == nullptr) {
    Labels labels = labels_of(known(plugin).validates, operation, rejected);
    labels.insert(labels.begin(), {"name", std::string(known(plugin).name)});
    series = &registry_.histogram(
        "apiserver_admission_controller_admission_duration_seconds",
        "Time that one part of admission takes for a write; when it grows, look at what that part "
        "reads: policies, webhooks, quotas.",
        kBounds, labels);
  }
  series->observe(seconds(took));
}

void AdmissionTimes::step(bool validates,
                          AdmissionOperation operation,
                          std::chrono::nanoseconds took,
                          bool rejected) {
  const std::size_t of_step = (validates ? kOperations : 0) + static_cast<std::size_t>(operation);
  Histogram*& series = steps_[of_step * 2 + (rejected ? 1 : 0)];
  if (series == nullptr) {
    series = &registry_.histogram(
        "apiserver_admission_step_admission_duration_seconds",
        "Time that all who change an object, or all who check it, take for a write; when it grows, "
        "the times of the controllers say which.",
        kBounds, labels_of(validates, operation, rejected));
  }
  series->observe(seconds(took));
}

void AdmissionTimer::record(AdmissionPlugin plugin, std::chrono::nanoseconds took, bool rejected) {
  if (times_ == nullptr) return;
  times_->plugin(plugin, operation_, took, rejected);
  Step& step = steps_[known(plugin).validates ? 1 : 0];
  step.took += took;
  step.begun = true;
  step.rejected |= rejected;
}

void AdmissionTimer::finish() {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    if (step.begun) times_->step(i == 1, operation_, step.took, step.rejected);
    step = {};
  }
}

}  // namespace insula::apiserver
