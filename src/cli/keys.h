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
#include "gateway/config.h"

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
  std::string name;                  // what it is for; may be empty
  std::string models;                // those that it is for, with commas between them; empty: all
  gateway::LimitConfig limits = {};  // beside those of the tenant
  std::optional<std::chrono::seconds> lifetime = std::nullopt;  // nothing: until it is revoked
};

struct KeyRow {
  std::string id;
  std::string tenant;
  std::string name;
  std::string created;          // RFC 3339
  std::string expires;          // RFC 3339; empty: never
  std::string models;           // as KeyOrder
  gateway::LimitConfig limits;  // 0 where the stored one cannot be read
};

/// Makes an API key and stores its hash.
/// Errors: kNotFound when there is no such tenant; kInvalid for a list of models with an empty one
/// and for a limit out of range.
Task<Result<NewKey>> create_key(client::Client& client,
                                Random& random,
                                const Clock& clock,
                                KeyOrder order);

/// How a key is replaced by one like it.
struct KeyRotation {
  std::string id;                // of the old one
  std::chrono::seconds overlap;  // how long that one stays good; each has the limits for itself
  std::optional<std::chrono::seconds> lifetime = std::nullopt;  // of the new one; as KeyOrder
};

struct RotatedKey {
  NewKey key;
  std::string old_expires;  // RFC 3339: the end of the old one
};

/// Makes a key like an old one, which from then on is good for the overlap only. When it fails, the
/// old key is as it was. Errors: kNotFound.
Task<Result<RotatedKey>> rotate_key(client::Client& client,
                                    Random& random,
                                    const Clock& clock,
                                    KeyRotation rotation);

/// Keys of one tenant, or of all when `tenant` is empty; oldest first.
/// Errors: kNotFound when there is no such tenant.
Task<Result<std::vector<KeyRow>>> list_keys(client::Client& client, std::string tenant);

/// Errors: kNotFound.
Task<Result<>> revoke_key(client::Client& client, std::string id);

}  // namespace insula::cli
