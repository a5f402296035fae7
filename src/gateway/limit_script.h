#pragma once

#include <string>

namespace insula::gateway {

/// What the store of shared limits does with a StoreCall, as one atomic step in Redis. Its rules
/// and why they hold are in docs/decisions/0039-limits-over-replicas.md.
extern const std::string kLimitScript;

}  // namespace insula::gateway
