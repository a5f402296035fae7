#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "async/blocking_pool.h"
#include "async/event.h"
#include "async/loop.h"
#include "async/task.h"
#include "base/error.h"
#include "gateway/config.h"
#include "net/address.h"
#include "net/network.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace insula::gateway {

/// Which addresses providers may have: those of the internet that are not this machine's own, and
/// those of networks that the platform's administrator has opened. Plain HTTP to the latter only.
class AddressPolicy {
 public:
  explicit AddressPolicy(std::vector<net::Network> opened) : opened_(std::move(opened)) {}

  /// Errors: kForbidden, which says why `host` is not asked there. `own`: this machine's addresses.
  [[nodiscard]] Result<> check(const std::string& host,
                               const net::Address& address,
                               bool secure,
                               const std::vector<net::Address>& own) const;

 private:
  std::vector<net::Network> opened_;
};

/// Finds the addresses of a name.
class HostResolver {
 public:
  virtual ~HostResolver() = default;

  /// Errors: as net::resolve().
  virtual Task<Result<std::vector<net::Address>>> resolve(std::string host, std::uint16_t port) = 0;
};

/// As the machine's resolver has them, on threads of its own.
class SystemResolver final : public HostResolver {
 public:
  static constexpr unsigned kThreads = 4;

  Task<Result<std::vector<net::Address>>> resolve(std::string host, std::uint16_t port) override;

 private:
  BlockingPool pool_{kThreads};
};

/// The addresses of providers, looked up beside the requests and again every kLifetime: a request
/// never waits for a look-up, and goes to an address that was checked. When a look-up fails, the
/// addresses that are known are kept.
///
/// Lifetime: loop, resolver, registry and log sink outlive it. Threads: the loop's.
class ProviderAddresses {
 public:
  /// getaddrinfo() does not tell for how long an answer holds.
  static constexpr std::chrono::seconds kLifetime{30};
  static constexpr std::chrono::seconds kRetryTime{5};
  static constexpr std::chrono::seconds kLookUpTime{10};
  /// Hosts that are followed; further ones have no addresses.
  static constexpr std::size_t kHostsMax = 1000;

  ProviderAddresses(
      Loop& loop, HostResolver& resolver, AddressPolicy policy, MetricsRegistry& registry, Log log);
  ProviderAddresses(const ProviderAddresses&) = delete;
  ProviderAddresses& operator=(const ProviderAddresses&) = delete;
  ~ProviderAddresses();

  /// Follows the providers that `config` names and no others, and gives each backend its endpoints
  /// as far as they are known. One that has a problem gets none.
  void fill(GatewayConfig& config);

  /// Set when fill() would give other endpoints. The caller resets it.
  [[nodiscard]] Event& changed() { return changed_; }

 private:
  class Followed;

  struct Host {
    std::string name;
    std::uint16_t port = 0;
    bool secure = false;

    auto operator<=>(const Host&) const = default;
  };

  struct LookUps {
    Counter& succeeded;
    Counter& failed;
    Counter& forbidden;
  };

  static LookUps register_look_ups(MetricsRegistry& registry);
  [[nodiscard]] static std::optional<Host> host_of(const BackendConfig& backend);
  Followed* follow(const Host& host);

  Loop& loop_;
  HostResolver& resolver_;
  AddressPolicy policy_;
  LookUps look_ups_;
  Log log_;
  Event changed_;
  bool said_too_many_ = false;
  std::map<Host, std::unique_ptr<Followed>> followed_;
};

}  // namespace insula::gateway
