#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "async/blocking_pool.h"
#include "async/task.h"
#include "base/error.h"
#include "net/stream.h"
#include "net/tls.h"
#include "redis/endpoint.h"
#include "redis/reply.h"
#include "redis/reply_parser.h"

namespace insula::redis {

struct ClientOptions {
  Endpoint endpoint;
  /// Read anew for each connection; its last line feed does not count. Empty: no password.
  std::filesystem::path password_file;
  /// Of endpoints with TLS; required for those.
  std::shared_ptr<net::TlsContext> tls;
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(2);
  std::chrono::nanoseconds reply_timeout = std::chrono::seconds(1);
  ReplyLimits replies = {};
};

/// One connection to a server, opened when a command needs it. Commands are sent one after the
/// other: call() is not called again before it has returned.
///
/// Whatever fails but an answer that is an error closes the connection, and the command may have
/// been done or not; the next one opens another. Nothing is sent twice.
///
/// Threads: one loop.
class Client {
 public:
  explicit Client(ClientOptions options);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  /// Sends a command and returns its answer, which is no error.
  /// Errors: kUpstream with what the server says, or why it cannot be reached; kTimeout;
  /// kUnauthenticated when it does not take the password.
  Task<Result<Reply>> call(std::vector<std::string> command);

  /// The same, by a script: by its hash, and by its source where the server does not have it yet.
  Task<Result<Reply>> run_script(const std::string& script, std::vector<std::string> arguments);

  /// The next command opens a connection of its own.
  void close() { stream_.reset(); }

  [[nodiscard]] const Endpoint& endpoint() const { return options_.endpoint; }

  /// Connections opened until now.
  [[nodiscard]] std::uint64_t connections() const { return connections_; }

 private:
  Task<Result<Reply>> answer(std::vector<std::string> command);
  Task<Result<Reply>> exchange(std::string request);
  Task<Result<>> connect();
  Task<Result<>> greet();

  ClientOptions options_;
  BlockingPool blocking_{1};
  std::unique_ptr<net::Stream> stream_;
  std::string received_;
  std::uint64_t connections_ = 0;
};

/// A command as it is sent: an array of texts.
[[nodiscard]] std::string command_bytes(std::span<const std::string> command);

}  // namespace insula::redis
