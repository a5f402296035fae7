#pragma once

#include "server/platform_state.h"

namespace insula::server {

/// GPUs that --demo simulates: three for its own tenants, one for the tenant that README creates.
inline constexpr int kDemoGpus = 4;

/// URLs, and what to type next.
void print_ready(const PlatformState& state);

/// Makes the tenants demo-a and demo-b with their models, waits until they serve, and prints a key
/// for each and a curl line. Tenants that are there already are left as they are, and so are their
/// keys: one is made only for a tenant that has none of ours, since its text cannot be read back.
/// Returns the exit code.
int make_demo(const PlatformState& state);

}  // namespace insula::server
