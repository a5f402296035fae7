#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "async/blocking_pool.h"
#include "async/event.h"
#include "async/loop.h"
#include "async/task.h"
#include "async/task_group.h"
#include "base/clock.h"
#include "gateway/balancer.h"
#include "gateway/body_memory.h"
#include "gateway/buffer_pool.h"
#include "gateway/connection_list.h"
#include "gateway/metrics.h"
#include "gateway/request_mirror.h"
#include "gateway/request_observer.h"
#include "gateway/snapshot.h"
#include "gateway/token_cache.h"
#include "gateway/upstream_pool.h"
#include "gateway/usage_recorder.h"
#include "http/parser.h"
#include "llm/prompt_reader.h"
#include "llm/request.h"
#include "net/listener.h"
#include "net/tls.h"
#include "telemetry/log.h"

namespace insula::gateway {

class Request;
class SharedLimits;
class WaitingRoom;

/// How long things may take. Deadlines are checked every kSweepInterval, so each may last that much
/// longer.
struct Timeouts {
  std::chrono::nanoseconds idle = std::chrono::seconds(75);  // between two requests
  std::chrono::nanoseconds head = std::chrono::seconds(10);  // for a whole request head
  /// Between two pieces of a body; the whole of it must also keep up a minimum rate.
  std::chrono::nanoseconds body_gap = std::chrono::seconds(30);
  std::chrono::nanoseconds client_write = std::chrono::seconds(60);  // a client that does not read
  std::chrono::nanoseconds connect = std::chrono::seconds(5);
  std::chrono::nanoseconds first_byte = std::chrono::seconds(600);   // of an upstream's reply
  std::chrono::nanoseconds reply_gap = std::chrono::seconds(300);    // between two pieces of it
  std::chrono::nanoseconds tunnel_idle = std::chrono::seconds(300);  // without a byte either way
};

/// Connections of clients to one loop, however many descriptors there are.
inline constexpr std::size_t kConnectionsMax = 20'000;

/// How many connections each of `loops` may accept when the process may open `descriptors`: as many
/// as can have one to an upstream each, with some left for files and the rest of the process.
[[nodiscard]] std::size_t connections_max(std::uint64_t descriptors, unsigned loops);

/// Request bodies that a loop holds while they arrive and their requests wait, at most; further
/// ones are answered 503. See BodyMemory for what a tenant has of it.
inline constexpr std::size_t kBufferedBytesMax = std::size_t{256} << 20U;

/// What all loops of a gateway share. Everything outlives the workers.
struct WorkerSettings {
  const Clock& clock;
  GatewayMetrics& metrics;
  Log log;
  std::shared_ptr<net::TlsContext> tls;  // of the start; null: plain HTTP
  std::size_t body_bytes_max = 32U << 20U;
  std::size_t buffered_bytes_max = kBufferedBytesMax;
  std::size_t connections_max = kConnectionsMax;
  Timeouts timeouts;
  /// Where requests wait for an endpoint; null: nowhere.
  WaitingRoom* waiting_room = nullptr;
  /// What limits are shared with other gateways; null: none is.
  SharedLimits* shared_limits = nullptr;
};

/// One event loop of the gateway with its connections, pools and caches. Nothing in it is shared
/// with another loop but what the snapshot holds, so a request takes no lock.
///
/// Threads: made and run on one thread; post() work to its loop from others.
class Worker {
 public:
  static constexpr std::chrono::milliseconds kSweepInterval{250};
  static constexpr int kFailureLinesMax = 10;

  Worker(Loop& loop,
         const WorkerSettings& settings,
         UsageRecorder& usage,
         const ObserverSettings& observer);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  /// Accepts from `listener` until drain().
  void serve(std::unique_ptr<net::Listener> listener);

  /// New connections are shown this certificate unless they ask for one that the snapshot has.
  void use_tls(std::shared_ptr<net::TlsContext> tls) { tls_ = std::move(tls); }

  /// New requests follow `snapshot`; those that run keep theirs.
  void apply(std::shared_ptr<const Snapshot> snapshot);

  /// Stops accepting, closes idle connections and returns when every request has been answered or
  /// `deadline` has passed; what then still runs is cut off.
  Task<> drain(Deadline deadline);

  // What connections use.
  [[nodiscard]] const WorkerSettings& settings() const { return settings_; }

  [[nodiscard]] const std::shared_ptr<const Snapshot>& snapshot() const { return snapshot_; }

  [[nodiscard]] bool draining() const { return draining_; }

  /// The time as of the last sweep; for deadlines that need no more precision.
  [[nodiscard]] SteadyTime coarse_now() const { return coarse_now_; }

  /// The time, as headers have it. Valid until the next call.
  [[nodiscard]] std::string_view date();

  /// 64 KiB into which a connection reads. What is in it is gone when the connection next waits.
  [[nodiscard]] std::span<char> buffer() { return buffer_; }

  /// Parsed heads; valid until the connection next waits, as buffer() is.
  [[nodiscard]] http::RequestHead& request_head() { return request_head_; }

  [[nodiscard]] http::ResponseHead& response_head() { return response_head_; }

  [[nodiscard]] llm::RequestReader& reader() { return reader_; }

  [[nodiscard]] llm::PromptReader& prompts() { return prompts_; }

  [[nodiscard]] TokenCache& tokens() { return tokens_; }

  [[nodiscard]] UpstreamPool& pool() { return pool_; }

  [[nodiscard]] Balancer& balancer() { return balancer_; }

  [[nodiscard]] BufferPool& buffers() { return buffers_; }

  [[nodiscard]] UsageRecorder& usage() { return usage_; }

  [[nodiscard]] RequestObserver& observer() { return observer_; }

  /// Whether there may be one more connection, or stream of one: each may need a connection to an
  /// upstream. Ends a connection that waits for its client if it must.
  [[nodiscard]] bool make_room();

  void count_stream(int change) { streams_ += static_cast<std::size_t>(change); }

  [[nodiscard]] BodyMemory& body_memory() { return body_memory_; }

  [[nodiscard]] RequestMirror& mirror() { return mirror_; }

  /// One thread for what filters may not do on the loop. It leaves processors to the loops.
  [[nodiscard]] BlockingPool& pool_for_filters();

  /// Writes a line about a request that was answered 5xx, unless there were kFailureLinesMax in
  /// this second; the next line that is written says how many were left out.
  void log_failure(const Request& request, std::string_view reason);

  /// Notes that an endpoint failed this request and gets no others for a while.
  /// `why`: why it could not be reached, if that was it.
  void log_ejection(const Request& request, std::chrono::seconds time, std::string_view why);
  void log_return(const Endpoint& endpoint);

  /// Counts that a provider does not take the platform's credential; says so like log_failure().
  void log_refused_by_provider(const Request& request, int status);

  /// Appends a fresh request id: a UUID, as some model servers refuse any other.
  /// Spec: RFC 9562, version 4.
  void append_request_id(std::string& out);

 private:
  struct Opened;
  class NameChoice;  // NOLINT(cppcoreguidelines-virtual-class-destructor): it is final

  Task<> accept_all(std::unique_ptr<net::Listener> listener);
  Task<> run(std::unique_ptr<Opened> opened, std::unique_ptr<net::Stream> stream);
  Task<> sweep();

  /// Whether one more line about a request may be written in this second.
  bool may_log_failure();

  /// Says that clients are not let in, not more often than kWarnInterval.
  void warn_not_accepted(const Error& why);

  Loop& loop_;
  const WorkerSettings& settings_;
  UsageRecorder& usage_;
  RequestObserver observer_;
  std::shared_ptr<net::TlsContext> tls_;
  std::shared_ptr<const Snapshot> snapshot_ = std::make_shared<Snapshot>();
  SteadyTime coarse_now_;
  std::chrono::sys_seconds dated_{};  // what date_ says
  std::string date_;
  bool draining_ = false;
  std::uint64_t id_state_;
  std::optional<SteadyTime> warned_;
  SteadyTime failures_since_;
  int failure_lines_ = 0;
  std::int64_t failures_unsaid_ = 0;
  Balancer balancer_;
  BodyMemory body_memory_;
  std::array<char, std::size_t{64} * 1024> buffer_{};
  http::RequestHead request_head_;
  http::ResponseHead response_head_;
  llm::RequestReader reader_;
  llm::PromptReader prompts_;
  TokenCache tokens_;
  UpstreamPool pool_;
  BufferPool buffers_;
  ConnectionList connections_;
  std::size_t streams_ = 0;
  std::optional<BlockingPool> pool_for_filters_;  // once a filter has asked for it
  RequestMirror mirror_{*this};
  TaskGroup running_;
  TaskGroup accepting_;
};

}  // namespace insula::gateway
