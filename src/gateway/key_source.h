#pragma once

#include <atomic>
#include <compare>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "jose/jwk_set.h"

namespace insula::gateway {

/// Where an issuer publishes its keys. Equal ones are fetched once for all tenants; with another CA
/// it is another source, so that no tenant decides whom a second one trusts.
struct KeySource {
  std::string issuer;
  /// Empty: the issuer's discovery document says it.
  std::string jwks_uri;
  /// PEM certificates that alone are trusted; nothing: the machine's. Empty: some are asked for and
  /// not there, so nobody is trusted.
  std::optional<std::string> ca;

  auto operator<=>(const KeySource&) const = default;
};

/// How requests tell whoever fetches an issuer's keys that one is missing, and learn whether
/// fetching fails. Threads: any, without a lock.
class KeyDemand {
 public:
  /// `wake` is called by the first ask() after each begin_fetch(), on the asking thread.
  explicit KeyDemand(std::function<void()> wake) : wake_(std::move(wake)) {}

  /// Asks for another fetch. Cheap to repeat: a flood of tokens wakes nobody twice.
  void ask() {
    if (!asked_.load(std::memory_order_relaxed) && !asked_.exchange(true)) wake_();
  }

  void begin_fetch() { asked_.store(false); }

  [[nodiscard]] bool failing() const { return failing_.load(std::memory_order_relaxed); }

  void set_failing(bool failing) { failing_.store(failing, std::memory_order_relaxed); }

 private:
  const std::function<void()> wake_;
  std::atomic<bool> asked_{false};
  std::atomic<bool> failing_{false};
};

/// What is known of a source's keys at one moment. Immutable; another set is another object.
struct FetchedKeys {
  /// Nothing: never fetched, or too long ago.
  std::optional<jose::JwkSet> set;
  std::shared_ptr<KeyDemand> demand;
};

}  // namespace insula::gateway
