#include "gateway/certificate_files.h"

#include <fstream>
#include <iterator>
#include <utility>

#include <sys/stat.h>

#include "gateway/connection.h"

namespace insula::gateway {
namespace {

Result<std::string> read_text(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return fail_errno("open " + file.string());
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

}  // namespace

std::vector<std::string> alpn_protocols() {
  return {std::string(kHttp2Protocol), "http/1.1"};
}

CertificateFiles::CertificateFiles(std::filesystem::path certificate,
                                   std::filesystem::path key,
                                   MetricsRegistry& registry,
                                   Log log)
    : certificate_(std::move(certificate)),
      key_(std::move(key)),
      refused_(registry.gauge(
          "insula_gateway_certificate_file_refused",
          "1 while the gateway's certificate file cannot be used and the last good one is shown. "
          "The gateway's log says what is wrong with it.")),
      log_(std::move(log)) {}

CertificateFiles::Stamp CertificateFiles::stamp_of(const std::filesystem::path& file) {
  struct stat found{};
  if (::stat(file.c_str(), &found) != 0) return {};
  return {found.st_mtim.tv_sec, found.st_mtim.tv_nsec, found.st_ino, found.st_size};
}

Result<std::shared_ptr<net::TlsContext>> CertificateFiles::load() {
  if (certificate_.empty() && key_.empty()) return nullptr;
  if (certificate_.empty() || key_.empty())
    return fail(ErrorCode::kInvalid, "TLS needs both a certificate and a key");
  seen_ = {stamp_of(certificate_), stamp_of(key_)};
  net::TlsServerOptions tls;
  INSULA_TRY(tls.certificate_chain, read_text(certificate_));
  INSULA_TRY(tls.private_key, read_text(key_));
  tls.alpn = alpn_protocols();
  return net::TlsContext::server(tls);
}

std::shared_ptr<net::TlsContext> CertificateFiles::look() {
  if (seen_ == Stamps{stamp_of(certificate_), stamp_of(key_)}) return nullptr;
  auto loaded = load();
  refused_.set(loaded ? 0 : 1);
  if (loaded) {
    log_.info("certificate file read again", "file", certificate_.string());
    return *std::move(loaded);
  }
  log_.error("certificate file not used: the last good one stays", "file", certificate_.string(),
             "err", loaded.error());
  return nullptr;
}

}  // namespace insula::gateway
