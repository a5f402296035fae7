#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "async/blocking_pool.h"
#include "async/event.h"
#include "async/loop.h"
#include "base/clock.h"
#include "base/random.h"
#include "gateway/config.h"
#include "gateway/issuer_key_files.h"
#include "gateway/key_source.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

/// Sources that are followed; the keys of further ones are not fetched.
inline constexpr std::size_t kKeySourcesMax = 1000;
/// How long keys that cannot be fetched again are used after they ceased to be fresh.
inline constexpr std::chrono::hours kKeysStaleMax{24};
/// For a whole fetch, look-ups and discovery included.
inline constexpr std::chrono::seconds kKeyFetchTime{10};
inline constexpr std::size_t kKeyFetchesAtOnce = 4;

struct IssuerKeysOptions {
  /// Is made and written to.
  std::filesystem::path directory;
  /// What the names of its metrics begin with.
  std::string metrics_prefix = "insula_gateway";
};

/// The keys of the token issuers that publish them: fetched, kept in memory and on disk, refreshed
/// before they are stale, and dropped when they are too old.
///
/// What has ceased to be fresh is used on while it is fetched anew. A request never waits for a
/// fetch; it can only ask for one (KeyDemand).
///
/// Lifetime: loop, registry, random and log sink outlive it, and the loop all KeyDemands that it
/// gave out. Threads: the loop's.
class IssuerKeys {
 public:
  IssuerKeys(
      IssuerKeysOptions options, Loop& loop, Random& random, MetricsRegistry& registry, Log log);
  IssuerKeys(const IssuerKeys&) = delete;
  IssuerKeys& operator=(const IssuerKeys&) = delete;
  ~IssuerKeys();

  /// Follows the sources that `config` names and no others, and puts what is known of their keys
  /// into it. Reads a file for each new source.
  void fill(GatewayConfig& config);

  /// Follows these sources and no others. Reads a file for each new one.
  void follow(const std::set<KeySource>& wanted);

  /// What is known of the keys of a source that is followed; null of others.
  [[nodiscard]] std::shared_ptr<const FetchedKeys> fetched(const KeySource& source) const;

  /// Set when fill() would put something else into the last configuration. The caller resets it.
  [[nodiscard]] Event& changed() { return changed_; }

 private:
  class Followed;

  /// Fetches by outcome.
  struct Fetches {
    Counter& changed;
    Counter& unchanged;
    Counter& failed;
  };

  static Fetches register_fetches(const std::string& prefix, MetricsRegistry& registry);
  void collect(Exposition& out) const;

  Loop& loop_;
  Random& random_;
  Log log_;
  std::string metrics_prefix_;
  Fetches fetches_;
  IssuerKeyFiles files_;
  Event changed_;
  BlockingPool resolving_{kKeyFetchesAtOnce};
  std::size_t fetching_ = 0;
  Event fetch_ended_;
  bool said_too_many_ = false;
  std::map<KeySource, std::unique_ptr<Followed>> followed_;
  MetricsRegistry::Registration collector_;
};

}  // namespace insula::gateway
