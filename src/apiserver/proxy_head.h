#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace insula::apiserver {

/// What a proxied request's head says on its way to the pod besides what it came with.
struct ForwardedRequest {
  /// Path and query at the pod.
  std::string_view target;
  /// Path of the request as its client knows it.
  std::string_view uri;
  /// Address of the client; empty: not known.
  std::string_view client;
  /// Length of its body; nothing: it comes in chunks.
  std::optional<std::uint64_t> body_length;
};

/// Whether the client wants another protocol on its connection.
[[nodiscard]] bool asks_for_upgrade(const http::Request& request);

/// The head of a proxied request as the pod gets it: without credentials and without what speaks
/// of the client's connection.
[[nodiscard]] std::string forwarded_head(const http::Request& request,
                                         const ForwardedRequest& forwarded);

/// The headers of a pod's answer as the client gets them: without what speaks of the pod's
/// connection, and without the pod's word on which web pages may read it.
[[nodiscard]] http::Headers returned_headers(const http::Headers& headers);

}  // namespace insula::apiserver
