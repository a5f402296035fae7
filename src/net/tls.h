#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/stream.h"

struct ssl_ctx_st;
struct ssl_session_st;

namespace insula::net {

/// PEM texts, not paths: who calls knows where they come from.
struct TlsServerOptions {
  std::string certificate_chain;
  std::string private_key;
  /// When set, client certificates are asked for (never demanded) and must chain to these.
  std::string client_ca;
  std::vector<std::string> alpn;  // in order of preference
};

struct TlsClientOptions {
  std::string ca;                 // empty: the machine's trust store
  std::string certificate_chain;  // empty: no client certificate
  std::string private_key;
  std::vector<std::string> alpn;
};

/// Keys and rules for many connections. TLS 1.2 and 1.3 only. Making one ignores SIGPIPE for the
/// process, which OpenSSL would raise on a closed connection.
///
/// Threads: shared freely once made.
class TlsContext {
 public:
  /// Errors: kInvalid, which says which of the PEM texts cannot be used and why.
  static Result<std::shared_ptr<TlsContext>> server(const TlsServerOptions& options);
  static Result<std::shared_ptr<TlsContext>> client(const TlsClientOptions& options);

  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  [[nodiscard]] ssl_ctx_st* native() const { return context_; }

 private:
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}

  ssl_ctx_st* context_;
  std::string alpn_wire_;  // referenced by the server's selection callback
  friend struct TlsContextMaker;
};

/// Chooses the certificate for the name that a client says it wants (Server Name Indication).
class TlsChooser {
 public:
  /// Called during a handshake, at most twice. Null: the context that the server began with.
  virtual std::shared_ptr<TlsContext> choose(std::string_view server_name) = 0;

 protected:
  ~TlsChooser() = default;
};

/// Shakes hands as a server on an accepted stream. `chooser`, if there is one, outlives the task;
/// of the context that it returns the certificate, the key and the protocols count.
/// Errors: kUpstream (the peer's fault), kTimeout.
Task<Result<std::unique_ptr<Stream>>> tls_accept(std::shared_ptr<TlsContext> context,
                                                 std::unique_ptr<Stream> stream,
                                                 Deadline deadline,
                                                 TlsChooser* chooser = nullptr);

/// What one server gave its client to shake hands faster the next time: the latest session.
///
/// Threads: one loop's, with all connections that share it. Spec: RFC 8446 section 2.2, RFC 5077.
class TlsResumption {
 public:
  TlsResumption() = default;
  TlsResumption(const TlsResumption&) = delete;
  TlsResumption& operator=(const TlsResumption&) = delete;
  ~TlsResumption();

  /// Whether the last handshake took up a session.
  [[nodiscard]] bool resumed() const { return resumed_; }

 private:
  friend struct TlsResumptionKeeper;

  ssl_session_st* session_ = nullptr;
  bool resumed_ = false;
};

/// Shakes hands as a client and verifies that the peer is `server_name` (a DNS name or an IP
/// address). `resumption`, if any, is used and kept up to date for as long as the stream lives.
Task<Result<std::unique_ptr<Stream>>> tls_connect(
    std::shared_ptr<TlsContext> context,
    std::unique_ptr<Stream> stream,
    std::string server_name,
    Deadline deadline,
    std::shared_ptr<TlsResumption> resumption = nullptr);

}  // namespace insula::net
