#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/time.h"
#include "apiserver/audit_policy.h"
#include "apiserver/request_info.h"
#include "apiserver/user.h"
#include "base/clock.h"
#include "base/random.h"
#include "http/exchange.h"
#include "http/message.h"
#include "net/address.h"

namespace insula::apiserver {

/// Notes on a request that admission and authorisation make; the first one under a key holds.
using AuditAnnotations = std::map<std::string, std::string>;

/// Where events of the audit log go.
class AuditSink {
 public:
  virtual ~AuditSink() = default;
  /// `event`: one JSON object without newlines. Does not block and cannot fail.
  virtual void write(std::string_view event) = 0;
};

/// What a server audits by and where to; the sink outlives it.
struct AuditOptions {
  AuditPolicy policy;
  AuditSink* sink = nullptr;
};

/// A body of more than this is left out of an event, which is annotated with
/// `audit.k8s.io/truncated`.
inline constexpr std::size_t kAuditedBodyBytesMax = std::size_t{1} << 20;

/// The id that a request goes by in its events and its answer's `Audit-Id`: the client's own, if it
/// sends one that can be shown, or a new one.
[[nodiscard]] std::string audit_id_of(const http::Headers& headers, Random& random);

/// Where a request comes from: what `X-Forwarded-For` and `X-Real-Ip` say, which anybody can, and
/// at last the address of the connection.
[[nodiscard]] std::vector<std::string> source_addresses(const http::Headers& headers,
                                                        const net::Address& peer);

/// The events of one request: made when it is known who asks, it notes what it is told and writes
/// an event for each stage that the policy wants. The last one is written in any case, when the
/// request was cancelled by its destructor.
///
/// Lifetime: what Request refers to and the sink outlive it. Threads: one loop.
/// Spec: audit.k8s.io/v1 Event.
class RequestAudit {
 public:
  struct Request {
    const http::Request& head;
    const RequestInfo& info;
    std::string id;
    net::Address peer;
    WallTime received;
  };

  RequestAudit(AuditSink& sink, const Clock& clock, AuditDecision decision, Request request);
  RequestAudit(const RequestAudit&) = delete;
  RequestAudit& operator=(const RequestAudit&) = delete;
  ~RequestAudit();

  /// Who was authenticated; writes the first event.
  void received(const User& user);
  /// Nobody was authenticated, by these means; writes the only event.
  void refused(std::string_view attempted, int status);

  /// Who the request is treated as.
  void impersonated(const User& user) { impersonated_ = user; }

  [[nodiscard]] AuditAnnotations& annotations() { return annotations_; }

  /// Whether request and answer are noted themselves.
  [[nodiscard]] bool wants_request() const { return decision_.level >= AuditLevel::kRequest; }

  [[nodiscard]] bool wants_response() const {
    return decision_.level >= AuditLevel::kRequestResponse;
  }

  /// What the body says about the object that the URL does not; each may be empty.
  void about(std::string name, std::string uid, std::string resource_version);
  /// JSON on one line; blanks at its end do not count. Ignored when it is not wanted.
  void request_object(std::string_view json);
  /// The answer likewise; of a failure's Status something is noted in any case.
  void answered(int status, std::string_view json);

  /// The head of the answer of a request without an end of its own was sent.
  void started(int status);
  /// The request is over; `status` is 0 when it was not answered.
  void complete(int status);

 private:
  void write(AuditStage stage);
  [[nodiscard]] std::string event(AuditStage stage) const;
  void append_about(std::string& out) const;
  void append_bodies(AuditStage stage, std::string& out) const;
  [[nodiscard]] std::string kept(std::string_view json);

  AuditSink& sink_;
  const Clock& clock_;
  AuditDecision decision_;
  Request request_;
  User user_;
  std::optional<User> impersonated_;
  std::string name_;
  std::string uid_;
  std::string resource_version_;
  std::string request_object_;
  std::string response_object_;
  std::string status_;  // of a failure, from the member after apiVersion on; empty: none
  int code_ = 0;
  AuditAnnotations annotations_;
  bool over_ = false;
};

}  // namespace insula::apiserver
