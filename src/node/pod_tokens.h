#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "api/gen/core_v1.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "client/client.h"
#include "node/pod_facts.h"

namespace insula::node {

/// The tokens of a pod's ServiceAccount that its volumes ask for, bound to the pod and renewed when
/// four fifths of their life are over.
///
/// Lifetime: the client outlives it. Threads: one loop.
class PodTokens {
 public:
  explicit PodTokens(client::Client& client) : client_(client) {}

  /// Those that the pod's volumes name, asking for what is missing or grows old. While a renewal
  /// fails the token that is there is used until it ends.
  /// Errors: the API's, when a token cannot be had and there is none that is still good.
  Task<Result<TokenTexts>> current(const api::Pod& pod, WallTime now);

 private:
  struct Held {
    std::string text;
    WallTime renew;
    WallTime end;
  };

  Task<Result<Held>> request(api::Pod pod, TokenWanted wanted, WallTime now);

  client::Client& client_;
  std::map<TokenWanted, Held> held_;
};

}  // namespace insula::node
