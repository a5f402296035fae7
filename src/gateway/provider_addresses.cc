#include "gateway/provider_addresses.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "async/deadline.h"
#include "async/task_group.h"
#include "http/url.h"
#include "net/resolve.h"

namespace insula::gateway {

Result<> AddressPolicy::check(const std::string& host,
                              const net::Address& address,
                              bool secure,
                              const std::vector<net::Address>& own) const {
  const bool opened = std::ranges::any_of(
      opened_, [&](const net::Network& network) { return network.contains(address); });
  if (opened) return {};
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::kForbidden,
                fmt::format("{} is {}, {}; see --provider-network", host, address.host(), why));
  };
  if (!net::is_public(address)) return refuse("which is not an address of the internet");
  if (std::ranges::find(own, address.with_port(0)) != own.end())
    return refuse("which is this machine");
  if (!secure) return refuse("where nothing is sent over plain http");
  return {};
}

Task<Result<std::vector<net::Address>>> SystemResolver::resolve(std::string host,
                                                                std::uint16_t port) {
  co_return co_await net::resolve(pool_, std::move(host), port);
}

/// One host and the task that keeps its addresses fresh.
class ProviderAddresses::Followed {
 public:
  Followed(ProviderAddresses& owner, Host host) : owner_(owner), host_(std::move(host)) {
    tasks_.spawn(keep_fresh());
  }

  /// As `ip:port`, sorted.
  [[nodiscard]] const std::vector<std::string>& endpoints() const { return endpoints_; }

 private:
  Task<> keep_fresh() {
    for (;;) {
      auto found = co_await with_deadline(owner_.loop_.now() + kLookUpTime,
                                          owner_.resolver_.resolve(host_.name, host_.port));
      const bool taken = take(found);
      co_await sleep_for(taken ? kLifetime : kRetryTime);
    }
  }

  /// Returns whether some of the addresses may be asked.
  bool take(const Result<std::vector<net::Address>>& found) {
    if (!found) {
      owner_.look_ups_.failed.add();
      tell(found.error());
      return false;
    }
    const std::vector<net::Address> own = net::own_addresses();
    std::vector<std::string> allowed;
    for (const net::Address& address : *found) {
      const auto checked = owner_.policy_.check(host_.name, address, host_.secure, own);
      if (checked) {
        allowed.push_back(address.text());
      } else {
        owner_.look_ups_.forbidden.add();
        tell(checked.error());
      }
    }
    std::ranges::sort(allowed);
    allowed.erase(std::ranges::unique(allowed).begin(), allowed.end());
    const bool some = !allowed.empty();
    if (some) {
      owner_.look_ups_.succeeded.add();
      problem_.clear();
    }
    // A name that now leads where nobody may be asked is not asked where it led before, either.
    if (allowed != endpoints_) {
      endpoints_ = std::move(allowed);
      owner_.changed_.set();
    }
    return some;
  }

  /// Once, and not with every try.
  void tell(const Error& why) {
    if (problem_ == why.message()) return;
    problem_ = why.message();
    owner_.log_.warn("provider has no address", "host", host_.name, "err", why);
  }

  ProviderAddresses& owner_;
  const Host host_;
  std::vector<std::string> endpoints_;
  std::string problem_;
  TaskGroup tasks_;
};

ProviderAddresses::LookUps ProviderAddresses::register_look_ups(MetricsRegistry& registry) {
  const auto counter = [&](const char* outcome) -> Counter& {
    return registry.counter(
        "insula_gateway_provider_lookups_total",
        "Times that the addresses of a provider were looked up, by outcome; of forbidden ones each "
        "address. When some failed or were forbidden, the gateway's log says which and why.",
        {{"outcome", outcome}});
  };
  return {counter("succeeded"), counter("failed"), counter("forbidden")};
}

ProviderAddresses::ProviderAddresses(
    Loop& loop, HostResolver& resolver, AddressPolicy policy, MetricsRegistry& registry, Log log)
    : loop_(loop),
      resolver_(resolver),
      policy_(std::move(policy)),
      look_ups_(register_look_ups(registry)),
      log_(std::move(log)) {}

ProviderAddresses::~ProviderAddresses() = default;

std::optional<ProviderAddresses::Host> ProviderAddresses::host_of(const BackendConfig& backend) {
  if (!backend.provider || !backend.provider->problem.empty()) return std::nullopt;
  const auto url = http::Url::parse(backend.provider->base_url);
  if (!url) return std::nullopt;
  return Host{url->host, url->port, url->secure()};
}

ProviderAddresses::Followed* ProviderAddresses::follow(const Host& host) {
  if (const auto known = followed_.find(host); known != followed_.end()) return known->second.get();
  if (followed_.size() >= kHostsMax) {
    if (!std::exchange(said_too_many_, true))
      log_.error("further providers are not asked", "most", kHostsMax);
    return nullptr;
  }
  return followed_.emplace(host, std::make_unique<Followed>(*this, host)).first->second.get();
}

void ProviderAddresses::fill(GatewayConfig& config) {
  const auto for_each_provider = [&config](auto f) {
    for (TenantConfig& tenant : config.tenants) {
      for (ModelConfig& model : tenant.models) {
        for (BackendConfig& backend : model.backends) {
          if (backend.provider) f(backend);
        }
      }
    }
  };
  std::set<Host> wanted;
  for_each_provider([&](const BackendConfig& backend) {
    if (auto host = host_of(backend); host) wanted.insert(*std::move(host));
  });
  std::erase_if(followed_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  for_each_provider([&](BackendConfig& backend) {
    const auto host = host_of(backend);
    const Followed* followed = host ? follow(*host) : nullptr;
    backend.endpoints = followed == nullptr ? std::vector<std::string>() : followed->endpoints();
  });
}

}  // namespace insula::gateway
