#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "gateway/limit_store.h"
#include "redis/client.h"
#include "redis/reply.h"

namespace insula::gateway {

/// A LimitStore in Redis: one hash, changed by one script. Threads: one loop.
class RedisLimitStore final : public LimitStore {
 public:
  /// The hash, in the database that the endpoint names.
  static constexpr const char* kKey = "insula:limits";

  explicit RedisLimitStore(redis::ClientOptions options) : client_(std::move(options)) {}

  /// Errors: as redis::Client; kUpstream when the answer is not the script's. The connection is
  /// opened anew after any.
  Task<Result<StoreAnswer>> exchange(StoreCall call) override;

  [[nodiscard]] const redis::Client& client() const { return client_; }

 private:
  redis::Client client_;
};

/// The script's arguments, after the names of keys.
[[nodiscard]] std::vector<std::string> arguments_of(const StoreCall& call);

/// Errors: kUpstream when it is no answer to so many demands.
[[nodiscard]] Result<StoreAnswer> answer_from(const redis::Reply& reply, std::size_t demands);

}  // namespace insula::gateway
