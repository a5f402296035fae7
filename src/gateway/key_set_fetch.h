#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "async/blocking_pool.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "gateway/key_source.h"
#include "http/message.h"
#include "http/url.h"
#include "net/address.h"

namespace insula::gateway {

/// How long an answer without a `max-age` counts as fresh.
inline constexpr std::chrono::seconds kFreshDefault = std::chrono::minutes(10);
/// Largest discovery document or key set that is read.
inline constexpr std::size_t kKeyDocumentBytesMax = jose::kKeySetBytesMax;

struct KeySetText {
  std::string text;
  std::chrono::seconds fresh;
};

/// Fetches the key set of a source, by way of its discovery document when it names no URL. The set
/// itself is not looked into.
///
/// HTTPS, with the name in the URL verified; plain HTTP only to this machine's loopback addresses.
/// Redirects are not followed. Addresses are looked up on `pool`.
/// Errors: kInvalid for a URL or a CA that cannot be used; kForbidden for an address that may not
/// be asked; kUpstream, kTimeout, kTooLarge. Messages hold nothing of the answer.
/// Spec: OpenID Connect Discovery 1.0, section 4.
Task<Result<KeySetText>> fetch_key_set(BlockingPool& pool, KeySource source, Deadline deadline);

/// The URL of a document that keys may be trusted from: https, or http with a loopback address or
/// `localhost` as its host. Errors: kInvalid.
[[nodiscard]] Result<http::Url> parse_key_url(std::string_view text);

/// Whether `address` may be asked for what is at `url`: nothing link-local, multicast or
/// unspecified, and of this machine's loopback only what the URL itself calls so. Errors:
/// kForbidden.
[[nodiscard]] Result<> check_key_address(const http::Url& url, const net::Address& address);

/// For how long the answer with these headers is fresh, its `Age` taken off.
/// Spec: RFC 9111 section 4.2.1.
[[nodiscard]] std::chrono::seconds freshness_of(const http::Headers& headers);

}  // namespace insula::gateway
