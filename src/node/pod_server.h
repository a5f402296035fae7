#pragma once

#include <string>
#include <string_view>

#include "async/task.h"
#include "base/random.h"
#include "http/exchange.h"
#include "node/agent.h"
#include "node/exec_session.h"
#include "node/log_reader.h"
#include "telemetry/metrics.h"

namespace insula::node {

/// What the API server relays to the node, on a Unix socket that only it can reach:
///
///   GET       /api/v1/namespaces/NS/pods/NAME/log
///   GET, POST /api/v1/namespaces/NS/pods/NAME/exec    WebSocket, v5.channel.k8s.io or v4
///   GET       /metrics, /metrics/node                 Prometheus text, GPUs included
///   GET       /pods                                   the state of each pod worker, one line each
///
/// Who may do what was decided before; here nothing is checked but that it makes sense.
/// Errors: Kubernetes `Status` objects.
class PodServer final : public http::Handler {
 public:
  PodServer(NodeServices& services,
            const Agent& agent,
            MetricsRegistry& metrics,
            std::string node_name,
            Random& random);

  Task<> handle(http::Exchange& exchange) override;

 private:
  struct PodPath {
    std::string name_space;
    std::string name;
    std::string subresource;
  };

  [[nodiscard]] static std::optional<PodPath> parse(std::string_view path);
  Task<Result<>> answer(http::Exchange& exchange);
  Task<Result<>> answer_pod(http::Exchange& exchange, PodPath path);
  Task<Result<>> answer_log(http::Exchange& exchange, PodPath path);
  Task<Result<>> answer_exec(http::Exchange& exchange, PodPath path);
  [[nodiscard]] Result<const PodWorker*> worker_of(const PodPath& path) const;
  [[nodiscard]] Result<std::string> log_file(const PodWorker& worker, const LogQuery& query) const;
  [[nodiscard]] std::string metrics_text();
  [[nodiscard]] std::string pods_text() const;

  NodeServices& services_;
  const Agent& agent_;
  MetricsRegistry& metrics_;
  std::string node_name_;
  Random& random_;
};

/// The body and status of an error, as Kubernetes answers it.
[[nodiscard]] http::Response status_response(const Error& error);

}  // namespace insula::node
