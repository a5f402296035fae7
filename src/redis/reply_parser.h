#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "redis/reply.h"

namespace insula::redis {

/// What one reply may be: a server that says more is not listened to any longer.
struct ReplyLimits {
  std::size_t bytes = std::size_t{8} << 20U;
  std::size_t items = std::size_t{1} << 18U;  // of all arrays together
  std::size_t depth = 8;
};

/// Reads the reply that `bytes` begin with: it, and how many bytes it is. Nothing while it is not
/// whole; call again with more. What a server sends unasked, and RESP3's attributes, are passed
/// over.
///
/// Errors: kUpstream when it is none, or goes beyond the limits.
/// Spec: redis.io/docs/latest/develop/reference/protocol-spec, RESP2 and RESP3.
[[nodiscard]] Result<std::optional<std::pair<Reply, std::size_t>>> parse_reply(
    std::string_view bytes, const ReplyLimits& limits = {});

}  // namespace insula::redis
