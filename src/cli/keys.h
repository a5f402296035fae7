#pragma once

#include <chrono>
#include <optional>
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
  std::string tenant;
  std::string url;  // of the tenant at the gateway
};

/// Which key is wanted.
struct KeyOrder {
  std::string tenant;
  std::string name;    // what it is for; may be empty
  std::string models;  // those that it is for, with commas between them; empty: all
  std::optional<std::chrono::seconds> lifetime = std::nullopt;  // nothing: until it is revoked
};

struct KeyRow {
  std::string id;
  std::string tenant;
  std::string name;
  std::string created;  // RFC 3339
  std::string expires;  // RFC 3339; empty: never
  std::string models;   // as KeyOrder
};

/// Makes an API key and stores its hash.
/// Errors: kNotFound when there is no such tenant; kInvalid for a list of models with an empty one.
Task<Result<NewKey>> create_key(client::Client& client,
                                Random& random,
                                const Clock& clock,
                                KeyOrder order);

/// Makes a key like the one with this id, which from then on is good for `overlap` only. `lifetime`
/// is the new one's; nothing: until it is revoked. When it fails, the old key is as it was.
/// Errors: kNotFound.
Task<Result<NewKey>> rotate_key(client::Client& client,
                                Random& random,
                                const Clock& clock,
                                std::string id,
                                std::chrono::seconds overlap,
                                std::optional<std::chrono::seconds> lifetime);

/// Keys of one tenant, or of all when `tenant` is empty; oldest first.
/// Errors: kNotFound when there is no such tenant.
Task<Result<std::vector<KeyRow>>> list_keys(client::Client& client, std::string tenant);

/// Errors: kNotFound.
Task<Result<>> revoke_key(client::Client& client, std::string id);

}  // namespace insula::cli
