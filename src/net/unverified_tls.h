#pragma once

#include <memory>

#include "net/tls.h"

namespace insula::net {

/// For clients to whom it is all the same who answers: any certificate will do. What they send and
/// are told is then secret from nobody, and may come from anybody.
[[nodiscard]] std::shared_ptr<TlsContext> unverified_tls_client();

}  // namespace insula::net
