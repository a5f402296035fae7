#include "net/unverified_tls.h"

#include <utility>

#include <openssl/ssl.h>

#include "base/check.h"

namespace insula::net {

std::shared_ptr<TlsContext> unverified_tls_client() {
  auto context = TlsContext::client({});
  INSULA_CHECK(context, "a context without PEM texts can be made");
  SSL_CTX_set_verify((*context)->native(), SSL_VERIFY_NONE, nullptr);
  return *std::move(context);
}

}  // namespace insula::net
