#include "gateway/limits_redis.h"

#include <utility>

#include <unistd.h>

#include "gateway/whole_file.h"
#include "net/tls.h"

namespace insula::gateway {
namespace {

std::unexpected<Error> wrong(std::string_view option, const Error& error) {
  return std::unexpected(Error(ErrorCode::kInvalid, error.message()).in(option));
}

}  // namespace

Result<redis::ClientOptions> LimitsRedis::client_options() const {
  auto endpoint = redis::Endpoint::parse(url);
  if (!endpoint) return wrong("--limits-redis", endpoint.error());
  redis::ClientOptions options{.endpoint = *std::move(endpoint), .password_file = password_file};
  if (!password_file.empty() && ::access(password_file.c_str(), R_OK) != 0)
    return wrong("--limits-redis-password-file", fail_errno("read " + password_file).error());
  if (!options.endpoint.user.empty() && password_file.empty())
    return fail(ErrorCode::kInvalid,
                "--limits-redis: a user has a password, which --limits-redis-password-file names");
  if (!options.endpoint.tls && !ca_file.empty())
    return fail(ErrorCode::kInvalid, "--limits-redis-ca is for rediss:// only");
  if (!options.endpoint.tls) return options;
  net::TlsClientOptions tls;
  if (!ca_file.empty()) {
    auto pem = read_whole(ca_file);
    if (!pem) return wrong("--limits-redis-ca", pem.error());
    tls.ca = *std::move(pem);
  }
  auto context = net::TlsContext::client(tls);
  if (!context) return wrong("--limits-redis-ca", context.error());
  options.tls = *std::move(context);
  return options;
}

}  // namespace insula::gateway
