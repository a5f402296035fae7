#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "async/blocking_pool.h"
#include "async/task.h"
#include "base/error.h"
#include "net/address.h"

namespace insula::net {

/// Addresses of one name that are looked at.
inline constexpr std::size_t kAddressesMax = 8;

/// The addresses of `host` in the order in which they should be tried (RFC 6724), as the machine's
/// resolver has it. An IP address and `localhost` are not looked up.
///
/// Errors: kUpstream when there is no such name or the resolver cannot say.
/// Cancellation: the look-up ends by itself and its thread of the pool is taken until then.
Task<Result<std::vector<Address>>> resolve(BlockingPool& pool,
                                           std::string host,
                                           std::uint16_t port);

}  // namespace insula::net
