#pragma once

#include <string>
#include <vector>

#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "client/client.h"

namespace insula::cli {

inline constexpr const char* kTenantLabel = "insula.dev/tenant";

/// A key at the moment it is made: the only time its text is known. Not logged, not stored.
struct NewKey {
  std::string id;
  std::string text;  // ins_<id>_<secret>
  std::string url;   // of the tenant at the gateway
};

struct KeyRow {
  std::string id;
  std::string tenant;
  std::string name;
  std::string created;  // RFC 3339
};

/// Makes an API key and stores its hash. `name` says what the key is for; may be empty.
/// Errors: kNotFound when there is no such tenant.
Task<Result<NewKey>> create_key(client::Client& client,
                                Random& random,
                                const Clock& clock,
                                std::string tenant,
                                std::string name);

/// Keys of one tenant, or of all when `tenant` is empty; oldest first.
/// Errors: kNotFound when there is no such tenant.
Task<Result<std::vector<KeyRow>>> list_keys(client::Client& client, std::string tenant);

/// Errors: kNotFound.
Task<Result<>> revoke_key(client::Client& client, std::string id);

}  // namespace insula::cli
