#include "apiserver/pod_security.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "api/gen/apps_v1.h"
#include "api/gen/batch_v1.h"
#include "api/gen/core_v1.h"
#include "api/invalid.h"
#include "api/tenant.h"
#include "apiserver/admission.h"
#include "apiserver/object.h"
#include "base/number.h"

namespace insula::apiserver {

namespace {

constexpr std::string_view kLabelPrefix = "pod-security.kubernetes.io/";
/// Pods that are looked at when a namespace enforces more than before; as in Kubernetes.
constexpr std::size_t kExistingPodsMax = 3000;
constexpr PodSecurityPolicy kTenantFloor{.level = PodSecurityLevel::kBaseline};

std::optional<PodSecurityLevel> parse_level(std::string_view text) {
  if (text == "privileged") return PodSecurityLevel::kPrivileged;
  if (text == "baseline") return PodSecurityLevel::kBaseline;
  if (text == "restricted") return PodSecurityLevel::kRestricted;
  return std::nullopt;
}

/// The minor version of `v1.24`.
std::optional<unsigned> parse_minor(std::string_view text) {
  if (!text.starts_with("v1.")) return std::nullopt;
  text.remove_prefix(3);
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return parse_whole<unsigned>(text);
}

/// Reads the labels of one mode.
class ModeReader {
 public:
  ModeReader(const std::map<std::string, std::string>& labels, std::vector<FieldCause>& errors)
      : labels_(labels), errors_(errors) {}

  /// What holds for `mode` (enforce, audit or warn); nullopt when there is no label for its level.
  std::optional<PodSecurityPolicy> read(std::string_view mode, PodSecurityLevel if_wrong) {
    const std::string name = std::string(kLabelPrefix).append(mode);
    std::optional<PodSecurityPolicy> policy;
    if (const auto level = labels_.find(name); level != labels_.end()) {
      const auto parsed = parse_level(level->second);
      if (!parsed) refuse(*level, "must be one of privileged, baseline, restricted");
      policy.emplace().level = parsed.value_or(if_wrong);
    }
    const auto version = labels_.find(name + "-version");
    if (version == labels_.end() || version->second == "latest") return policy;
    const std::optional<unsigned> minor = parse_minor(version->second);
    if (!minor) refuse(*version, "must be \"latest\" or \"v1.x\"");
    if (policy) policy->minor = minor;
    return policy;
  }

 private:
  void refuse(const std::pair<const std::string, std::string>& label, std::string_view why) {
    errors_.push_back({fmt::format("metadata.labels[{}]", label.first), "FieldValueInvalid",
                       fmt::format("Invalid value: \"{}\": {}", label.second, why)});
  }

  const std::map<std::string, std::string>& labels_;
  std::vector<FieldCause>& errors_;
};

/// What holds in a namespace, its tenant considered.
PodSecurityModes modes_of(const api::Namespace& name_space) {
  PodSecurityModes modes = PodSecurityModes::of(name_space.metadata.labels);
  if (api::owning_tenant(name_space.metadata).empty()) return modes;
  for (PodSecurityPolicy* policy : {&modes.enforce, &modes.warn}) {
    if (policy->level == PodSecurityLevel::kPrivileged) *policy = kTenantFloor;
    // An older baseline would let through what a newer one has found out about.
    if (policy->level == PodSecurityLevel::kBaseline) policy->minor.reset();
  }
  return modes;
}

std::string details_text(const std::vector<PodSecurityViolation>& violations) {
  std::vector<std::string> texts;
  texts.reserve(violations.size());
  for (const PodSecurityViolation& violation : violations)
    texts.push_back(fmt::format("{} ({})", violation.reason, violation.detail));
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string reasons_text(const std::vector<PodSecurityViolation>& violations) {
  std::vector<std::string> texts;
  texts.reserve(violations.size());
  for (const PodSecurityViolation& violation : violations)
    texts.push_back(violation.reason);
  return fmt::format("{}", fmt::join(texts, ", "));
}

/// Empty when there is nothing to say.
std::string would_violate(const PodSecurityPolicy& policy,
                          const api::ObjectMeta& metadata,
                          const api::PodSpec& spec) {
  const auto violations = violations_of(policy, metadata, spec);
  if (violations.empty()) return {};
  return fmt::format("would violate PodSecurity \"{}\": {}", policy.text(),
                     details_text(violations));
}

bool same_images(const std::vector<api::Container>& a, const std::vector<api::Container>& b) {
  return std::ranges::equal(a, b, {}, &api::Container::image, &api::Container::image);
}

/// Of the fields that a pod's update may change these are what a level can depend on.
bool is_significant(const api::Pod& pod, const api::Pod& old) {
  return !same_images(pod.spec.containers, old.spec.containers) ||
         !same_images(pod.spec.init_containers, old.spec.init_containers) ||
         pod.spec.ephemeral_containers != old.spec.ephemeral_containers;
}

struct Template {
  const api::ObjectMeta& metadata;
  const api::PodSpec& spec;
};

Template template_of(const api::PodTemplateSpec& made) {
  return {made.metadata, made.spec};
}

template <class Workload>
const Workload* as(const api::Kind& kind, const void* object) {
  return &kind == &api::kind_of<Workload>() ? static_cast<const Workload*>(object) : nullptr;
}

/// What the pods of a workload will look like; nullopt for other kinds.
std::optional<Template> template_of(const api::Kind& kind, const void* object) {
  if (const auto* made = as<api::Deployment>(kind, object))
    return template_of(made->spec.template_);
  if (const auto* made = as<api::ReplicaSet>(kind, object))
    return template_of(made->spec.template_);
  if (const auto* made = as<api::StatefulSet>(kind, object))
    return template_of(made->spec.template_);
  if (const auto* made = as<api::DaemonSet>(kind, object)) return template_of(made->spec.template_);
  if (const auto* made = as<api::Job>(kind, object)) return template_of(made->spec.template_);
  if (const auto* made = as<api::CronJob>(kind, object))
    return template_of(made->spec.job_template.spec.template_);
  if (const auto* made = as<api::PodTemplate>(kind, object)) return template_of(made->template_);
  if (const auto* made = as<api::ReplicationController>(kind, object)) {
    if (made->spec.template_) return template_of(*made->spec.template_);
  }
  return std::nullopt;
}

/// Warnings for the pods of a namespace that its new level would not let in again.
void warn_of_existing(const store::Transaction& transaction,
                      const std::string& name_space,
                      const PodSecurityPolicy& enforce,
                      std::vector<std::string>& warnings) {
  struct Same {
    std::string first;  // of the pods' names
    std::size_t pods = 0;
  };

  std::map<std::string, Same> by_reason;
  std::size_t total = 0;
  transaction.scan(store_key(api::kind_of<api::Pod>(), name_space, ""),
                   [&](const store::EntryPtr& entry) {
                     if (total++ >= kExistingPodsMax) return true;
                     const auto pod = object_of<api::Pod>(*entry);
                     const auto violations = violations_of(enforce, pod->metadata, pod->spec);
                     if (violations.empty()) return true;
                     Same& same = by_reason[reasons_text(violations)];
                     // The store's order is that of the names.
                     if (same.pods++ == 0) same.first = pod->metadata.name;
                     return true;
                   });
  if (total > kExistingPodsMax)
    warnings.push_back(
        fmt::format("new PodSecurity enforce level only checked against the first {} of {} "
                    "existing pods",
                    kExistingPodsMax, total));
  if (by_reason.empty()) return;
  warnings.push_back(
      fmt::format("existing pods in namespace \"{}\" violate the new PodSecurity enforce level "
                  "\"{}\"",
                  name_space, enforce.text()));
  std::vector<std::string> texts;
  texts.reserve(by_reason.size());
  for (const auto& [reason, same] : by_reason) {
    const std::string others = same.pods < 2 ? std::string()
                                             : fmt::format(" (and {} other {})", same.pods - 1,
                                                           same.pods == 2 ? "pod" : "pods");
    texts.push_back(fmt::format("{}{}: {}", same.first, others, reason));
  }
  std::ranges::sort(texts);
  warnings.insert(warnings.end(), texts.begin(), texts.end());
}

Result<> check_namespace(const store::Transaction& transaction,
                         const api::Kind& kind,
                         const api::Namespace& name_space,
                         const api::Namespace* old,
                         std::vector<std::string>* warnings) {
  const PodSecurityModes modes = modes_of(name_space);
  const PodSecurityModes before = old == nullptr ? PodSecurityModes() : modes_of(*old);
  // What was wrong before the change may stay so.
  if (!modes.errors.empty() && (old == nullptr || modes.errors != before.errors)) {
    return std::unexpected(
        api::invalid(kind.kind, kind.group, name_space.metadata.name, modes.errors));
  }
  if (old == nullptr || warnings == nullptr || modes.enforce == before.enforce) return {};
  const bool relaxed =
      modes.enforce.minor == before.enforce.minor && modes.enforce.level <= before.enforce.level;
  if (!relaxed) warn_of_existing(transaction, name_space.metadata.name, modes.enforce, *warnings);
  return {};
}

}  // namespace

PodSecurityModes PodSecurityModes::of(const std::map<std::string, std::string>& labels) {
  PodSecurityModes modes;
  ModeReader reader(labels, modes.errors);
  modes.enforce =
      reader.read("enforce", PodSecurityLevel::kRestricted).value_or(PodSecurityPolicy());
  modes.audit = reader.read("audit", PodSecurityLevel::kPrivileged).value_or(PodSecurityPolicy());
  modes.warn = reader.read("warn", PodSecurityLevel::kPrivileged).value_or(modes.enforce);
  return modes;
}

Result<> check_pod_security(const store::Transaction& transaction,
                            const api::Kind& kind,
                            const void* object,
                            const void* old,
                            const AdmissionRemarks& remarks) {
  if (const auto* made = as<api::Namespace>(kind, object))
    return check_namespace(transaction, kind, *made, static_cast<const api::Namespace*>(old),
                           remarks.warnings);
  const auto* pod = as<api::Pod>(kind, object);
  const std::optional<Template> made =
      pod != nullptr ? Template{pod->metadata, pod->spec} : template_of(kind, object);
  if (!made) return {};
  if (pod != nullptr && old != nullptr && !is_significant(*pod, *static_cast<const api::Pod*>(old)))
    return {};
  const store::EntryPtr entry = transaction.find(
      store_key(api::kind_of<api::Namespace>(), "", kind.metadata(object).namespace_));
  if (!entry) return {};
  const PodSecurityModes modes = modes_of(*object_of<api::Namespace>(*entry));
  if (remarks.annotations != nullptr) {
    if (std::string text = would_violate(modes.audit, made->metadata, made->spec); !text.empty())
      remarks.annotate("pod-security.kubernetes.io/audit-violations", std::move(text));
  }
  if (pod != nullptr) {
    remarks.annotate("pod-security.kubernetes.io/enforce-policy", modes.enforce.text());
    const auto violations = violations_of(modes.enforce, made->metadata, made->spec);
    if (!violations.empty()) {
      return forbidden(kind, pod->metadata.name,
                       fmt::format("violates PodSecurity \"{}\": {}", modes.enforce.text(),
                                   details_text(violations)));
    }
  }
  if (remarks.warnings == nullptr) return {};
  if (std::string text = would_violate(modes.warn, made->metadata, made->spec); !text.empty())
    remarks.warn(std::move(text));
  return {};
}

}  // namespace insula::apiserver
