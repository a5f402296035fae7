#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "http/exchange.h"
#include "http/server.h"
#include "json/value.h"
#include "net/listener.h"
#include "simulator/options.h"
#include "simulator/prefix_cache.h"
#include "telemetry/metrics.h"

namespace insula::simulator {

/// An OpenAI-compatible model server that invents its replies: chat and text completions (streamed
/// or not), embeddings, models, /health, and /metrics under vLLM's names. Usage is exact.
///
/// Lifetime: the clock outlives it. Threads: the loop it was made on.
class Simulator final : public http::Handler {
 public:
  Simulator(SimulatorOptions options, const Clock& clock);
  ~Simulator() override;

  void serve(std::unique_ptr<net::Listener> listener);

  /// Says on /health that it is not ready, stops accepting and finishes the replies under way.
  Task<> drain(Deadline deadline);

  Task<> handle(http::Exchange& exchange) override;

  /// Replies that their client did not wait for.
  [[nodiscard]] std::uint64_t aborted() const;

  /// Requests that reached an operation of a model, whatever came of them.
  [[nodiscard]] std::uint64_t requests() const { return requests_; }

 private:
  struct Call;
  struct Series;

  Task<> answer_model_call(http::Exchange& exchange, bool chat);
  Task<> answer_embeddings(http::Exchange& exchange);
  Task<> answer_models(http::Exchange& exchange) const;
  Task<> generate(http::Exchange& exchange, const Call& call);
  Task<> stream(http::Exchange& exchange, const Call& call);
  Task<> fail_on_purpose(http::Exchange& exchange, std::string fault);
  Task<Result<json::Value>> read_json(http::Exchange& exchange);
  [[nodiscard]] Result<std::string> model_of(const json::Value& body) const;
  [[nodiscard]] std::string fault_of(const http::Request& request, std::string_view prompt);
  [[nodiscard]] Result<Call> read_call(const json::Value& body, bool chat);
  [[nodiscard]] Deadline token_time(const Call& call, std::size_t token) const;
  [[nodiscard]] std::int64_t unix_now() const;

  SimulatorOptions options_;
  const Clock& clock_;
  MetricsRegistry registry_;
  std::unique_ptr<Series> series_;
  PrefixCache prefix_cache_;
  std::uint64_t requests_ = 0;
  std::uint64_t errors_state_;
  bool ready_ = true;
  http::Server server_;
};

/// Serves until SIGTERM or SIGINT, then drains. Returns the exit code: 1 when it could not start.
int run(const SimulatorOptions& options);

/// The same from a command line, without the program's name. 2: an option is wrong.
int run_command(std::span<const std::string_view> arguments);

}  // namespace insula::simulator
