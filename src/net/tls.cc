#include "net/tls.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "async/deadline.h"
#include "net/tls_session.h"

namespace insula::net {
namespace {

std::string openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no further detail";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : fmt::format("OpenSSL error {:#x}", code);
}

struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

struct X509Free {
  void operator()(X509* certificate) const { X509_free(certificate); }
};

struct KeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

using BioPtr = std::unique_ptr<BIO, BioFree>;
using X509Ptr = std::unique_ptr<X509, X509Free>;
using KeyPtr = std::unique_ptr<EVP_PKEY, KeyFree>;

BioPtr memory_bio(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::unexpected<Error> unusable(std::string_view what) {
  return fail(ErrorCode::kInvalid, fmt::format("{}: {}", what, openssl_error()));
}

Result<> use_certificate(SSL_CTX* context, const std::string& chain, const std::string& key) {
  const BioPtr chain_bio = memory_bio(chain);
  const X509Ptr leaf(PEM_read_bio_X509_AUX(chain_bio.get(), nullptr, nullptr, nullptr));
  if (leaf == nullptr || SSL_CTX_use_certificate(context, leaf.get()) != 1)
    return unusable("TLS certificate");
  while (X509* next = PEM_read_bio_X509(chain_bio.get(), nullptr, nullptr, nullptr)) {
    if (SSL_CTX_add0_chain_cert(context, next) != 1) {
      X509_free(next);
      return unusable("TLS certificate chain");
    }
  }
  ERR_clear_error();  // the end of the PEM text is reported as an error
  const KeyPtr private_key(
      PEM_read_bio_PrivateKey(memory_bio(key).get(), nullptr, nullptr, nullptr));
  if (private_key == nullptr || SSL_CTX_use_PrivateKey(context, private_key.get()) != 1) {
    return unusable("TLS private key");
  }
  if (SSL_CTX_check_private_key(context) != 1)
    return unusable("TLS private key does not fit its certificate");
  return {};
}

Result<> trust(SSL_CTX* context, const std::string& ca) {
  const BioPtr bio = memory_bio(ca);
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int count = 0;
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    const X509Ptr certificate(next);
    if (X509_STORE_add_cert(store, next) != 1) return unusable("TLS CA certificate");
    ++count;
  }
  ERR_clear_error();
  if (count == 0) return fail(ErrorCode::kInvalid, "TLS CA: no certificate in it");
  return {};
}

std::string alpn_wire(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& protocol : protocols) {
    wire += static_cast<char>(protocol.size());
    wire += protocol;
  }
  return wire;
}

// NOLINTNEXTLINE(readability-function-size): OpenSSL says what it takes
int select_alpn(SSL* /*ssl*/,
                const unsigned char** out,
                unsigned char* out_size,
                const unsigned char* in,
                unsigned in_size,
                void* wire) {
  const auto& ours = *static_cast<const std::string*>(wire);
  unsigned char* chosen = nullptr;
  const int rc =
      SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned>(ours.size()), in, in_size);
  *out = chosen;
  return rc == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/// What a handshake needs to choose its certificate.
struct Choice {
  TlsChooser* chooser;
  /// Kept until the handshake is over: it owns what its callbacks are given.
  std::shared_ptr<TlsContext> chosen = nullptr;
};

/// Where an SSL keeps its Choice while it shakes hands.
int choice_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

int choose_certificate(SSL* ssl, int* /*alert*/, void* /*argument*/) {
  auto* choice = static_cast<Choice*>(SSL_get_ex_data(ssl, choice_index()));
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (choice == nullptr || name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  if (auto chosen = choice->chooser->choose(name)) {
    SSL_set_SSL_CTX(ssl, chosen->native());
    choice->chosen = std::move(chosen);
  }
  return SSL_TLSEXT_ERR_OK;
}

/// Of TLS 1.3, and of 1.2 with OpenSSL's other defaults behind.
constexpr const char* kCipherSuites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
// Of TLS 1.2 what keeps its secrets when a key is stolen later, and nothing that HTTP/2 forbids
// (RFC 9325 section 4.2, RFC 9113 section 9.2.2).
constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE+AESGCM:ECDHE+CHACHA20";

void set_common(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_read_ahead(context, 1);
  // Partial writes and moving buffers suit our retry; released buffers keep idle connections small.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
}

}  // namespace

TlsResumption::~TlsResumption() {
  SSL_SESSION_free(session_);
}

/// Brings the sessions that OpenSSL reports to the TlsResumption of their connection.
struct TlsResumptionKeeper {
  using Owner = std::shared_ptr<TlsResumption>;

  /// Where a connection has its Owner.
  static int slot() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, release);
    return index;
  }

  static void prepare(SSL_CTX* context) {
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context, keep);
  }

  static void attach(SSL* ssl, const Owner& owner) {
    SSL_set_ex_data(ssl, slot(), new Owner(owner));
    if (owner->session_ != nullptr) SSL_set_session(ssl, owner->session_);
  }

  static void note(TlsResumption& owner, const SSL* ssl) {
    owner.resumed_ = SSL_session_reused(ssl) == 1;
  }

 private:
  /// Returns whether the reference to the session is ours now.
  static int keep(SSL* ssl, SSL_SESSION* session) {
    const auto* owner = static_cast<Owner*>(SSL_get_ex_data(ssl, slot()));
    if (owner == nullptr) return 0;
    SSL_SESSION_free((*owner)->session_);
    (*owner)->session_ = session;
    return 1;
  }

  // NOLINTNEXTLINE(readability-function-size): OpenSSL says what it takes
  static void release(void* /*ssl*/,
                      void* owner,
                      CRYPTO_EX_DATA* /*data*/,
                      int /*index*/,
                      long /*number*/,
                      void* /*pointer*/) {
    delete static_cast<Owner*>(owner);
  }
};

struct TlsContextMaker {
  static std::shared_ptr<TlsContext> make(const SSL_METHOD* method) {
    // OpenSSL writes to the socket without MSG_NOSIGNAL.
    std::signal(SIGPIPE, SIG_IGN);
    std::shared_ptr<TlsContext> context(new TlsContext(SSL_CTX_new(method)));
    set_common(context->context_);
    return context;
  }

  static std::string& wire(TlsContext& context) { return context.alpn_wire_; }
};

Result<std::shared_ptr<TlsContext>> TlsContext::server(const TlsServerOptions& options) {
  auto context = TlsContextMaker::make(TLS_server_method());
  SSL_CTX* native = context->context_;
  INSULA_TRY_VOID(use_certificate(native, options.certificate_chain, options.private_key));
  if (!options.client_ca.empty()) {
    INSULA_TRY_VOID(trust(native, options.client_ca));
    SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  }
  // As Go's servers choose: 128 bits are as good (RFC 9325, 4.2) and cost less, above all the hash
  // of a handshake, for which processors have instructions. A client that begins with ChaCha20 has
  // none for AES.
  SSL_CTX_set_ciphersuites(native, kCipherSuites);
  SSL_CTX_set_cipher_list(native, kCiphers);
  SSL_CTX_set_options(native, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // Each is a message of its own. They hold no state here, so one serves as often as a client
  // likes.
  SSL_CTX_set_num_tickets(native, 1);
  // The chain is what was given; else OpenSSL looks for a longer one in each handshake.
  SSL_CTX_set_mode(native, SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_session_id_context(native, reinterpret_cast<const unsigned char*>("insula"), 6);
  SSL_CTX_set_tlsext_servername_callback(native, choose_certificate);
  if (!options.alpn.empty()) {
    TlsContextMaker::wire(*context) = alpn_wire(options.alpn);
    SSL_CTX_set_alpn_select_cb(native, select_alpn, &TlsContextMaker::wire(*context));
  }
  return context;
}

Result<std::shared_ptr<TlsContext>> TlsContext::client(const TlsClientOptions& options) {
  auto context = TlsContextMaker::make(TLS_client_method());
  SSL_CTX* native = context->context_;
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  TlsResumptionKeeper::prepare(native);
  if (options.ca.empty()) {
    SSL_CTX_set_default_verify_paths(native);
  } else {
    INSULA_TRY_VOID(trust(native, options.ca));
  }
  if (!options.certificate_chain.empty()) {
    INSULA_TRY_VOID(use_certificate(native, options.certificate_chain, options.private_key));
  }
  if (!options.alpn.empty()) {
    const std::string wire = alpn_wire(options.alpn);
    SSL_CTX_set_alpn_protos(native, reinterpret_cast<const unsigned char*>(wire.data()),
                            static_cast<unsigned>(wire.size()));
  }
  return context;
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

namespace {

/// What TLS 1.2 and 1.3 put into one record at most.
constexpr std::size_t kRecordBytes = std::size_t{16} << 10U;

int socket_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  auto& stream = *static_cast<Stream*>(BIO_get_data(bio));
  const ssize_t n = stream.receive({into, static_cast<std::size_t>(size)});
  if (n < 0 && errno == EAGAIN) BIO_set_retry_read(bio);
  return static_cast<int>(n);
}

int socket_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  auto& stream = *static_cast<Stream*>(BIO_get_data(bio));
  const ssize_t n = stream.send({bytes, static_cast<std::size_t>(size)});
  if (n < 0 && errno == EAGAIN) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

long socket_control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

/// OpenSSL over a Stream's socket: it knows when the socket is empty, which OpenSSL would ask the
/// kernel for after every message.
const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    BIO_meth_set_read(made, socket_read);
    BIO_meth_set_write(made, socket_write);
    BIO_meth_set_ctrl(made, socket_control);
    return made;
  }();
  return method;
}

}  // namespace

TlsSession::TlsSession(Stream& stream, ssl_st* ssl) : stream_(stream), ssl_(ssl) {
  BIO* bio = BIO_new(socket_method());
  BIO_set_data(bio, &stream);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
}

TlsSession::~TlsSession() {
  SSL_free(ssl_);
}

std::optional<Result<std::size_t>> TlsSession::outcome(int rc, std::string_view what) {
  if (rc > 0) return static_cast<std::size_t>(rc);
  const int saved_errno = errno;
  switch (SSL_get_error(ssl_, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return std::nullopt;
    case SSL_ERROR_ZERO_RETURN:
      return std::size_t{0};
    case SSL_ERROR_SYSCALL:
      failed_ = true;
      ERR_clear_error();
      return fail(ErrorCode::kUpstream,
                  fmt::format("{}: {}", stream_.peer().text(),
                              fail_errno(what, saved_errno).error().message()));
    default: {
      failed_ = true;
      const long verified = SSL_get_verify_result(ssl_);
      const std::string reason = verified != X509_V_OK
                                     ? std::string(X509_verify_cert_error_string(verified))
                                     : openssl_error();
      ERR_clear_error();
      return fail(ErrorCode::kUpstream,
                  fmt::format("{}: {}: {}", stream_.peer().text(), what, reason));
    }
  }
}

std::optional<Result<std::size_t>> TlsSession::handshake() {
  ERR_clear_error();
  auto result = outcome(SSL_do_handshake(ssl_), "TLS handshake");
  if (result && *result && **result == 0) {
    return fail(ErrorCode::kUpstream,
                fmt::format("{}: closed during the TLS handshake", stream_.peer().text()));
  }
  if (result && *result) read_peer();
  return result;
}

std::optional<Result<std::size_t>> TlsSession::read(std::span<char> buffer) {
  ERR_clear_error();
  const int size = static_cast<int>(std::min<std::size_t>(buffer.size(), INT_MAX));
  return outcome(SSL_read(ssl_, buffer.data(), size), "TLS read");
}

std::optional<Result<std::size_t>> TlsSession::write(std::string_view first,
                                                     std::string_view second) {
  // A write that has to be repeated comes with the same bytes, so they are joined in the same way.
  thread_local std::array<char, kRecordBytes> joined;
  std::string_view bytes = first.empty() ? second : first;
  if (!first.empty() && !second.empty() && first.size() < joined.size()) {
    const std::size_t of_second = std::min(second.size(), joined.size() - first.size());
    std::memcpy(joined.data(), first.data(), first.size());
    std::memcpy(joined.data() + first.size(), second.data(), of_second);
    bytes = {joined.data(), first.size() + of_second};
  }
  ERR_clear_error();
  const int size = static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX));
  return outcome(SSL_write(ssl_, bytes.data(), size), "TLS write");
}

bool TlsSession::has_pending() const {
  return SSL_pending(ssl_) > 0;
}

void TlsSession::shutdown() {
  if (!failed_ && SSL_is_init_finished(ssl_) != 0) SSL_shutdown(ssl_);
  ERR_clear_error();
}

std::string_view TlsSession::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

namespace {

std::string fingerprint_of(const X509& certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (X509_digest(&certificate, EVP_sha256(), digest, &size) != 1) return {};
  return fmt::format("{:02x}", fmt::join(std::span(digest, size), ""));
}

}  // namespace

void TlsSession::read_peer() {
  const X509* certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr || SSL_get_verify_result(ssl_) != X509_V_OK) return;
  peer_.fingerprint = fingerprint_of(*certificate);
  const X509_NAME* subject = X509_get_subject_name(certificate);
  for (int i = 0; i < X509_NAME_entry_count(subject); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(subject, i);
    const int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    if (size < 0) continue;
    std::string value(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
    OPENSSL_free(utf8);
    if (nid == NID_commonName) {
      peer_.common_name = std::move(value);
    } else if (nid == NID_organizationName) {
      peer_.organizations.push_back(std::move(value));
    }
  }
}

namespace {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

Task<Result<std::size_t>> shake_hands(Stream& stream) {
  co_return co_await stream.handshake();
}

Task<Result<std::unique_ptr<Stream>>> secure(std::unique_ptr<SSL, SslFree> ssl,
                                             std::unique_ptr<Stream> stream,
                                             Deadline deadline) {
  stream->adopt_tls(std::make_unique<TlsSession>(*stream, ssl.release()));
  auto shaken = co_await with_deadline(deadline, shake_hands(*stream));
  if (!shaken) co_return std::unexpected(std::move(shaken).error());
  co_return std::move(stream);
}

}  // namespace

Task<Result<std::unique_ptr<Stream>>> tls_accept(std::shared_ptr<TlsContext> context,
                                                 std::unique_ptr<Stream> stream,
                                                 Deadline deadline,
                                                 TlsChooser* chooser) {
  std::unique_ptr<SSL, SslFree> ssl(SSL_new(context->native()));
  SSL_set_accept_state(ssl.get());
  Choice choice{.chooser = chooser};
  SSL* const own = ssl.get();
  if (chooser != nullptr) SSL_set_ex_data(own, choice_index(), &choice);
  auto secured = co_await secure(std::move(ssl), std::move(stream), deadline);
  // The stream has it now.
  if (secured) SSL_set_ex_data(own, choice_index(), nullptr);
  co_return secured;
}

Task<Result<std::unique_ptr<Stream>>> tls_connect(std::shared_ptr<TlsContext> context,
                                                  std::unique_ptr<Stream> stream,
                                                  std::string server_name,
                                                  Deadline deadline,
                                                  std::shared_ptr<TlsResumption> resumption) {
  std::unique_ptr<SSL, SslFree> ssl(SSL_new(context->native()));
  SSL_set_connect_state(ssl.get());
  X509_VERIFY_PARAM* verify = SSL_get0_param(ssl.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(verify, server_name.c_str()) != 1) {
    X509_VERIFY_PARAM_set1_host(verify, server_name.c_str(), server_name.size());
    SSL_set_tlsext_host_name(ssl.get(), server_name.c_str());
  }
  if (resumption == nullptr) co_return co_await secure(std::move(ssl), std::move(stream), deadline);
  TlsResumptionKeeper::attach(ssl.get(), resumption);
  const SSL* const connection = ssl.get();
  auto secured = co_await secure(std::move(ssl), std::move(stream), deadline);
  if (secured) TlsResumptionKeeper::note(*resumption, connection);
  co_return secured;
}

}  // namespace insula::net
