#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/request_info.h"
#include "apiserver/user.h"
#include "base/error.h"

namespace insula::apiserver {

/// How much of a request is noted; each has what those before it have.
enum class AuditLevel : std::uint8_t { kNone, kMetadata, kRequest, kRequestResponse };

enum class AuditStage : std::uint8_t { kRequestReceived, kResponseStarted, kResponseComplete };

/// As Kubernetes spells it: `RequestResponse`, `ResponseComplete`.
[[nodiscard]] std::string_view name_of(AuditLevel level);
[[nodiscard]] std::string_view name_of(AuditStage stage);

/// Some of the stages. A small value.
class AuditStages {
 public:
  constexpr void add(AuditStage stage) { bits_ |= bit(stage); }

  constexpr void add(AuditStages others) { bits_ |= others.bits_; }

  [[nodiscard]] constexpr bool contains(AuditStage stage) const {
    return (bits_ & bit(stage)) != 0;
  }

 private:
  static constexpr unsigned bit(AuditStage stage) { return 1U << static_cast<unsigned>(stage); }

  unsigned bits_ = 0;
};

/// What a policy says about one request.
struct AuditDecision {
  AuditLevel level = AuditLevel::kNone;
  AuditStages omitted;
  bool omit_managed_fields = false;
};

/// Which requests are noted, and how much of them: the first rule that matches a request decides,
/// and one that none matches is not noted.
///
/// Spec: Kubernetes, "Auditing"; audit.k8s.io/v1 Policy.
class AuditPolicy {
 public:
  /// From YAML or JSON. Errors: kInvalid with every problem and its path, such as
  /// `rules[0].level: ...`; kBadRequest for a text that is neither.
  [[nodiscard]] static Result<AuditPolicy> parse(std::string_view text);

  /// Who did what, but no bodies; nothing of what the platform's own parts read and renew all the
  /// time, nor of probes. See kDefaultAuditPolicy.
  [[nodiscard]] static AuditPolicy standard();

  /// `user`: null when it could not be found out who it is.
  [[nodiscard]] AuditDecision decide(const User* user, const RequestInfo& request) const;

 private:
  friend class AuditPolicyReader;

  struct Resources {
    std::string group;
    std::vector<std::string> resources;
    std::vector<std::string> names;

    [[nodiscard]] bool match(const RequestInfo& request) const;
  };

  struct Rule {
    AuditLevel level = AuditLevel::kNone;
    std::vector<std::string> users;
    std::vector<std::string> groups;
    std::vector<std::string> verbs;
    std::vector<Resources> resources;
    std::vector<std::string> namespaces;
    std::vector<std::string> urls;
    AuditStages omitted;
    std::optional<bool> omit_managed_fields;

    [[nodiscard]] bool match(const User* user, const RequestInfo& request) const;
  };

  std::vector<Rule> rules_;
  AuditStages omitted_;
  bool omit_managed_fields_ = false;
};

/// What `insula up` audits by when it is told to keep a log and no policy.
extern const std::string_view kDefaultAuditPolicy;

}  // namespace insula::apiserver
