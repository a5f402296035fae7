#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "client/client.h"
#include "client/kubeconfig.h"
#include "http/client.h"

namespace insula::client {

struct HttpClientOptions {
  std::string user_agent = "insula";
  /// For a request that is not a watch.
  std::chrono::nanoseconds request_timeout = std::chrono::seconds(30);
  /// The server is asked to end a watch after this long, so that one whose peer has vanished
  /// without a word does not wait for ever.
  std::chrono::seconds watch_timeout = std::chrono::minutes(5);
};

/// Connections to the server. Each watch has one for itself, and a control plane watches every
/// kind: what is beyond waits, and a watch that waits sees nothing.
inline constexpr std::size_t kConnectionsMax = 1'000;

/// Longest event of a watch.
inline constexpr std::size_t kWatchEventBytesMax = std::size_t{16} << 20;

/// Client over HTTPS, to an embedded server or any Kubernetes cluster.
///
/// Connections are kept and reopened by http::Client. Nothing is retried here: callers that loop
/// (informers, controllers) do, and a user at a command line wants the error.
class HttpClient final : public Client {
 public:
  /// Opens no connection yet. Errors: kInvalid for an address or PEM text that cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<HttpClient>> make(const Kubeconfig& config,
                                                                HttpClientOptions options = {});

  Task<Result<std::string>> get(Target target) override;
  Task<Result<std::string>> list(Target target, ListOptions options) override;
  Task<Result<std::unique_ptr<WatchStream>>> watch(Target target, WatchOptions options) override;
  Task<Result<std::string>> create(Target target,
                                   std::string object,
                                   WriteOptions options) override;
  Task<Result<std::string>> update(Target target,
                                   std::string object,
                                   WriteOptions options) override;
  Task<Result<std::string>> patch(Target target,
                                  PatchType type,
                                  std::string body,
                                  WriteOptions options) override;
  Task<Result<std::string>> remove(Target target, DeleteOptions options) override;
  Task<Result<std::string>> remove_collection(Target target,
                                              DeleteOptions options,
                                              ListOptions select) override;

  /// Any request, for what has no verb above: `/version`, `pods/x/log`. `content_type` may be
  /// empty.
  Task<Result<std::string>> send(std::string method,
                                 std::string path_and_query,
                                 std::string body,
                                 std::string content_type);

  /// The parts for protocols of their own (log -f, exec): where to and with which headers.
  [[nodiscard]] const http::Origin& origin() const { return origin_; }

  [[nodiscard]] http::Headers headers() const;

  [[nodiscard]] http::Client& http() { return http_; }

 private:
  HttpClient(http::Origin origin,
             http::ClientOptions http,
             std::string token,
             HttpClientOptions options);

  http::Origin origin_;
  std::string token_;
  HttpClientOptions options_;
  http::Client http_;
};

}  // namespace insula::client
