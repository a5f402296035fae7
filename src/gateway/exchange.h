#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "gateway/balancer.h"
#include "gateway/body_relay.h"
#include "gateway/downstream.h"
#include "gateway/held_body.h"
#include "gateway/message_text.h"
#include "gateway/provider.h"
#include "gateway/request.h"
#include "gateway/waiting_room.h"
#include "net/stream.h"

namespace insula::gateway {

class HeaderEdits;
class Worker;

/// The life of a request is answer(): accept, authenticate, admit, route, relay; it settles when
/// its Request goes. Whatever the client speaks, its side is a Downstream; the upstream speaks
/// HTTP/1.1.
///
/// An HTTP/1 connection uses one exchange for all its requests, clear() in between.
///
/// Lifetime: worker and client outlive it. Threads: the worker's loop.
class Exchange {
 public:
  Exchange(Worker& worker, Downstream& client);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Answers one request. `head` is not looked at any more once the exchange waits. Returns whether
  /// the client's connection may carry another.
  Task<bool> answer(const http::RequestHead& head);

  /// Answers a request whose head is refused.
  Task<bool> refuse_head(http::Refusal why);

  /// Ready for the next request.
  void clear();

  /// Where the client's side puts the request's body.
  [[nodiscard]] HeldBody& body() { return body_; }

  /// Ends the relay at once, and with it the work upstream.
  void client_left();

  [[nodiscard]] bool client_is_gone() const { return client_gone_; }

  /// Ends a wait for the upstream that has lasted too long.
  void check_deadline(SteadyTime now);

  /// Gives back memory beyond what an idle connection may keep.
  void shrink(std::size_t bytes_max);

 private:
  /// What an attempt to have a request answered came to.
  enum class Attempt : std::uint8_t {
    kDone,
    kClientGone,
    kCutOff,     // the reply had begun; nothing can be put right
    kUnsent,     // no connection: nothing was sent
    kNoSocket,   // the same, for want of something here
    kStale,      // a pooled connection turned out closed before the request was written whole
    kLost,       // sent, and the connection ended without a byte of reply
    kMalformed,  // the reply is not HTTP
    kTimedOut,
    kToSibling,   // the reply said that another endpoint of the backend should be asked
    kPassedOver,  // the same of another backend
    kBusy,        // no endpoint of the backend may take the request
    kNotServed,   // a provider does not take the platform's own credential, or is elsewhere
  };

  /// What has been tried at one backend.
  struct Tries {
    /// Endpoints that may refuse the connection before the backend is given up.
    static constexpr int kUnsentMax = 4;
    /// Pooled connections that may turn out closed.
    static constexpr int kStaleMax = 3;
    /// Of a request that was sent, and lost or answered that the endpoint is not well. One that was
    /// lost may have been processed.
    static constexpr int kRetriesMax = 1;
    static constexpr std::size_t kMax = kUnsentMax + kRetriesMax + 1;

    std::array<Endpoint*, kMax> endpoints{};
    std::size_t count = 0;
    int unsent = 0;
    int stale = 0;
    int retries = 0;

    [[nodiscard]] std::span<Endpoint* const> list() const { return {endpoints.data(), count}; }

    void note(Endpoint& endpoint) {
      if (count < kMax) endpoints[count++] = &endpoint;
    }
  };

  /// How a request went upstream.
  struct Dispatch {
    bool reused = false;  // over a pooled connection
    bool whole = false;

    /// What it means when the connection now ends without a byte of reply. A request that was
    /// written whole may have been processed, whoever closed first.
    [[nodiscard]] Attempt if_silent() const {
      return reused && !whole ? Attempt::kStale : Attempt::kLost;
    }
  };

  void name(Request& request, const http::RequestHead* head);
  Result<> accept(Request& request, const http::RequestHead& head);
  Result<> accept_for_site(Request& request, const http::RequestHead& head, const Site& site);
  Result<> accept_preflight(Request& request,
                            const http::RequestHead& head,
                            const Site& site,
                            std::string_view path);
  Result<> accept_without_tenant(Request& request, const http::RequestHead& head, const Error& why);
  Result<> apply_cors(Request& request, const http::RequestHead& head, const Tenant& tenant);
  void note_for_routing(const Tenant& tenant,
                        const http::RequestHead& head,
                        const TenantTarget& target);
  Result<> check_bounds(Request& request, const http::RequestHead& head);
  Task<bool> answer_here(Request& request);
  Task<Result<>> filter_request(Request& request);
  void filter_attempt(const Request& request, std::string& head);
  Task<Attempt> end_refused_stream(Request& request, BodyRelay& body);
  bool is_misdirected(const Request& request, const http::RequestHead& head) const;
  const Site* find_site(const Request& request, const http::RequestHead& head);
  void note_mirrors(const Request& request, const http::RequestHead& head, const SiteRoute& route);
  void send_mirrors(const Request& request);
  void write_head_for(Request& request, const http::RequestHead& head, const SiteMatch& match);
  [[nodiscard]] std::string_view scheme() const;
  void redirect(Request& request, const http::RequestHead& head, const SiteMatch& match);
  Task<bool> answer_redirect(Request& request);
  void begin_attempt(const Request& request);
  [[nodiscard]] SteadyTime end_of_attempt() const;
  std::span<const HeaderEdits* const> edit_reply(const Request& request);
  Result<> inspect(Request& request);
  Result<> plan(Request& request);
  Result<> expect_admission(Request& request);
  Result<> admit(Request& request);
  Task<Result<>> admit_in_turn(Request& request);
  Result<> refuse_for_want(Request& request);
  Result<> refuse_for_limit(const Request& request);
  Task<bool> answer_list(Request& request);
  Task<bool> route(Request& request);
  Task<bool> route_while_lent(Request& request);
  void find_affinity(const Request& request);
  Task<Attempt> ask(Request& request, const Backend& backend, Visit first);
  Task<Visit> wait_for_seat(Request& request);
  Task<bool> refuse_unseated(Request& request);
  static bool is_awaited(const Backend& backend);
  static bool may_wait(const Request& request);
  void charge_for(const Request& request);
  std::string& head_for(const Request& request, const Backend& backend);
  void address_to(const Request& request, const Backend& backend);
  bool may_try_again(const Request& request, Endpoint& endpoint, Attempt result);
  bool take_retry(const Request& request);
  std::optional<Attempt> pass_over(const Request& request, Endpoint& endpoint, int status);
  void judge(const Request& request, const Visit& visit, Attempt result);
  void note_failure(const Request& request, const Visit& visit, EndpointHealth::Failure failure);
  void note_reply(const Request& request, const Visit& visit, int status);
  Task<Attempt> attempt(Request& request, const Visit& visit);
  Task<bool> write_on(std::string_view head, std::string_view body);
  bool take_provider_reply(const Request& request, http::ResponseHead& head);
  RelayedHead head_for_client(const Request& request, const BodyRelay& body);
  Task<Attempt> relay(Request& request, const Visit& visit, Dispatch dispatch);
  Task<std::optional<Attempt>> read_reply_head(const Request& request,
                                               std::string& partial,
                                               Dispatch dispatch,
                                               std::span<char>& rest);
  static http::ParseStatus parse_final_head(std::span<char>& rest,
                                            std::size_t seen,
                                            bool may_switch,
                                            http::ResponseHead& head);
  Task<Attempt> tunnel(Request& request, std::string_view received);
  Task<> pump(Request& request, net::Stream& from, net::Stream& to, Counter& bytes);
  Task<Attempt> relay_body(Request& request, BodyRelay& body);
  static std::optional<LimitMet> reserve_for_stream(Request& request, const BodyRelay& body);
  Task<std::optional<LimitMet>> reserve_in_turn(Request& request, const BodyRelay& body);
  Task<Attempt> end_stream(Request& request, BodyRelay& body, LimitMet met);
  bool take_piece(BodyRelay& body, const Result<std::size_t>& got, std::string_view& out);
  void keep_upstream(const Request& request, Endpoint& endpoint);
  Task<bool> finish_attempt(Request& request, Attempt result);

  Task<bool> refuse(Request& request, Error error);
  Task<bool> reply(Request& request, std::string_view body);
  void append_date();
  Task<bool> taken(Downstream::Sent sent);
  void wait_for_upstream(std::chrono::nanoseconds patience);

  Worker& worker_;
  Downstream& client_;
  std::unique_ptr<net::Stream> upstream_;

  HeldBody body_;
  std::string_view payload_;              // the request's body, in body_ or with the client's side
  llm::BodyPart model_at_;                // where it names its model
  std::uint64_t session_ = 0;             // hash of what names its session; 0: nothing does
  std::optional<std::size_t> prompt_at_;  // where in payload_ its prompt begins
  PrefixBlocks blocks_;                   // of its prompt, for backends that want them
  Candidates candidates_;
  Tries tries_;
  bool last_candidate_ = true;
  std::string unsent_why_;  // of the last endpoint to which there was no connection
  std::vector<const HeaderEdits*> reply_edits_;  // of filters, or of a route
  ProviderRequest for_provider_;                 // of a tenant that has providers
  std::string attempt_head_;                     // see head_for()
  /// While the request waits for an endpoint; and how that ended.
  WaitingTicket* ticket_ = nullptr;
  std::optional<WaitEnd> queue_end_;
  std::string upstream_head_;
  std::size_t head_bytes_ = 0;  // of it, that are the same for every backend
  std::string own_headers_;
  std::string trace_lines_;
  std::string host_;  // what a site's servers see as Host
  /// Where copies of the request go; empty: nowhere. And what they begin with.
  std::vector<const SiteMirror*> mirrors_;
  std::string mirror_head_;
  std::string mirror_host_;

  /// Of the wait for the upstream; none while the exchange waits for the client.
  std::optional<SteadyTime> deadline_;
  /// When the request, and the present attempt, must be over, if its route says so.
  std::optional<SteadyTime> request_end_;
  std::optional<SteadyTime> attempt_end_;
  bool client_gone_ = false;
  bool expired_ = false;
  /// Of the request that is being answered: what it was admitted by.
  const Admission* admission_ = nullptr;
};

}  // namespace insula::gateway
