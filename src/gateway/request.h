#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "gateway/api_error.h"
#include "gateway/body_relay.h"
#include "gateway/credentials.h"
#include "gateway/limits.h"
#include "gateway/member_table.h"
#include "gateway/request_facts.h"
#include "gateway/snapshot.h"
#include "gateway/trace_context.h"
#include "gateway/usage_recorder.h"
#include "llm/request.h"
#include "llm/usage.h"

namespace insula::gateway {

class RequestObserver;

/// What the gateway answers by itself to whoever asks.
enum class OwnAnswer : std::uint8_t {
  kNone,
  kPreflight,    // what a web page may do
  kDescription,  // of the gateway's API
};

/// One request on its way through the gateway: what each step found out. Its destructor settles:
/// metrics and usage are recorded exactly once, whatever ended the request, and its observer is
/// told.
class Request {
 public:
  Request(std::shared_ptr<const Snapshot> snapshot,
          const TenantMetrics& nobody,
          UsageRecorder& recorder,
          const Clock& clock);
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  ~Request();

  /// From here on the request is this tenant's.
  void assign(const Tenant& owner);

  /// From here on it is this caller's. Requires: it has a tenant.
  void come_from(Principal caller);

  /// What it is held to. Requires: it has a tenant.
  [[nodiscard]] LimitSet limits() const;

  /// The most that `tokens` of its prompt and completion may cost; nothing when its model has no
  /// price.
  [[nodiscard]] std::optional<std::int64_t> cost_at_most(std::int64_t prompt,
                                                         std::int64_t completion) const;

  /// It has its share of all limits: from here on it will be on the bill, even if the process is
  /// killed.
  void admit();

  /// Takes note of what has passed of its reply.
  void note(const BodyRelay& body);

  /// Takes note of bytes of its reply that are sent to the client, the first of which come with its
  /// head.
  void note_sent(std::size_t bytes);

  /// Records the request. Called before the last bytes of the reply leave, so that what a client
  /// has seen is counted even if the process is killed in the next instant. Further calls do
  /// nothing.
  void settle();

  [[nodiscard]] std::int64_t micros_since_start(SteadyTime time) const;

  [[nodiscard]] const std::optional<SteadyTime>& first_token() const { return first_token_; }

  /// Its reply is a stream of events that is read.
  [[nodiscard]] bool is_stream() const { return streamed_; }

  // Kept for as long as the request lives: tenant and principal point into it.
  std::shared_ptr<const Snapshot> snapshot;
  const Tenant* tenant = nullptr;
  Principal principal;

  llm::Operation operation = llm::Operation::kOther;
  Billing billing = Billing::kNone;
  std::string id;
  std::optional<TraceContext> trace;  // nothing: it is of none
  /// Who is told when it is over; null: nobody. Outlives it.
  RequestObserver* observer = nullptr;
  RequestFacts facts;  // for the observer
  std::string model;
  /// What the tenant lists under that name; nullptr: nothing.
  const ModelRoute* route = nullptr;
  /// Where it goes when it is for a site and not for the gateway's own API; nothing of it is read
  /// or billed.
  const SiteRoute* site_route = nullptr;
  /// The backend of the route that was chosen for it; null: none yet, or it is redirected.
  const SiteBackend* site_backend = nullptr;
  /// Where its route sends the client instead; empty: nowhere.
  std::string location;
  /// Of a request for the list of models: the one it is about; empty: all.
  std::string listed;
  /// Of its tenant, once its caller is known; null: there are none. The snapshot's.
  const FilterChain* filters = nullptr;
  bool is_head = false;
  bool client_chunks = true;
  bool keep_alive = true;
  bool hide_usage = false;
  bool has_body = false;
  /// May be sent again although it may have been processed.
  bool is_idempotent = true;
  /// The client wants to go on with the WebSocket protocol.
  bool wants_websocket = false;
  std::size_t body_bytes = 0;

  llm::TokenDemand demand{.prompt = 0, .output = 0};
  /// Of a member that has limits: its place among those that are counted, and they. They outlive
  /// the admission, which points to them.
  std::optional<MemberTable::Hold> member_hold;
  std::optional<Limits> member_limits;
  Admission admission;
  /// The limit that it met, if it was refused for one.
  std::optional<LimitMet> limit_met;
  /// Why it was refused, and with which status, where those are not the usual ones of the error.
  std::optional<ApiError> refusal_code;
  std::optional<int> refusal_status;
  OwnAnswer own_answer = OwnAnswer::kNone;

  /// Of attempts to have it answered: how many, and where the last one went.
  int attempts = 0;
  const Endpoint* endpoint = nullptr;
  const Backend* backend = nullptr;

  /// Whether it waited in a queue, which charged its prompt.
  bool queued = false;

  /// Of the reply; 499 while there is none and the client may leave.
  int status = 499;
  llm::Usage usage;
  /// How it ended, where the status does not say it.
  std::optional<UsageOutcome> outcome;

 private:
  [[nodiscard]] UsageRecord identified() const;
  void count(const UsageRecord& record) const;
  [[nodiscard]] std::int64_t completion_reserved() const;

  const TenantMetrics* metrics_;
  UsageRecorder& recorder_;
  const Clock& clock_;
  SteadyTime started_;
  std::optional<SteadyTime> first_token_;
  bool admitted_ = false;
  bool streamed_ = false;
  std::size_t place_ = UsageRecorder::kUnnoted;  // in the table of what runs
  bool settled_ = false;
};

}  // namespace insula::gateway
