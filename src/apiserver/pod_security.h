#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/kind.h"
#include "apiserver/admission_remarks.h"
#include "apiserver/pod_security_standards.h"
#include "base/error.h"
#include "store/store.h"

namespace insula::apiserver {

/// What the labels `pod-security.kubernetes.io/...` of a namespace ask for.
struct PodSecurityModes {
  PodSecurityPolicy enforce;
  PodSecurityPolicy audit;
  PodSecurityPolicy warn;
  /// What cannot be read: then enforce is restricted, and warn and audit ask for nothing.
  std::vector<FieldCause> errors;

  /// Without a label for it, warn asks for what is enforced, so that who makes a workload is told
  /// what its pods will meet.
  [[nodiscard]] static PodSecurityModes of(const std::map<std::string, std::string>& labels);
};

/// The last look at a write of a pod, of a workload or of a namespace, with the object as it will
/// be stored. `old` is the one before (null: a new object).
///
/// A pod that the namespace's enforced level forbids is refused. One that `warn` asks for, and the
/// template of a workload, are warned of, and what `audit` asks for is noted in the audit log. A
/// namespace whose labels cannot be read is refused, and one that enforces more than before warned
/// of pods that are there. A tenant's namespace enforces at least `baseline:latest`, whatever its
/// labels say: its pods run beside those of others.
///
/// Errors: kForbidden and kInvalid in Kubernetes' words.
/// Spec: Kubernetes, "Pod Security Admission".
[[nodiscard]] Result<> check_pod_security(const store::Transaction& transaction,
                                          const api::Kind& kind,
                                          const void* object,
                                          const void* old,
                                          const AdmissionRemarks& remarks);

}  // namespace insula::apiserver
