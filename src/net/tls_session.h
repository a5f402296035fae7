#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"
#include "net/stream.h"

struct ssl_st;

namespace insula::net {

/// OpenSSL's state of one connection, reading and writing the stream's socket itself.
class TlsSession {
 public:
  TlsSession(Stream& stream, ssl_st* ssl);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;
  ~TlsSession();

  /// One step; nullopt when the socket must become ready first.
  std::optional<Result<std::size_t>> handshake();
  std::optional<Result<std::size_t>> read(std::span<char> buffer);
  /// The two follow one another, in one record where they fit.
  std::optional<Result<std::size_t>> write(std::string_view first, std::string_view second);

  /// Decrypted bytes are waiting inside OpenSSL.
  [[nodiscard]] bool has_pending() const;
  void shutdown();

  [[nodiscard]] const TlsPeer& peer() const { return peer_; }

  [[nodiscard]] std::string_view alpn() const;

 private:
  std::optional<Result<std::size_t>> outcome(int rc, std::string_view what);
  void read_peer();

  Stream& stream_;
  ssl_st* ssl_;
  TlsPeer peer_;
  bool failed_ = false;  // nothing more may be sent then, not even the end
};

}  // namespace insula::net
