#include "api/host_claims.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "api/platform_objects.h"
#include "api/tenant.h"

namespace insula::api {

namespace {

bool is_name_of_cluster(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost") || host.ends_with(".local") ||
         host.ends_with(".svc");
}

/// Who has which host so far.
class Holders {
 public:
  explicit Holders(HostHolders held) : held_(std::move(held)) {
    for (const auto& [host, tenant] : held_)
      ++count_[tenant];
  }

  /// Gives the host to who claims it, or says why not.
  std::optional<HostRefusal> take(const HostClaim& claim, const std::string& host) {
    if (host.empty()) {
      if (claim.tenant.empty()) return std::nullopt;
      return HostRefusal{host, "HostRequired",
                         "a rule needs a host: requests for hosts that nobody has may be meant for "
                         "anybody"};
    }
    const auto found = find(host);
    if (is_name_of_cluster(host) || (found != held_.end() && found->second == kNobodysHost)) {
      return HostRefusal{host, "HostReserved",
                         fmt::format("{} is a name of the platform itself", host)};
    }
    if (found != held_.end() && found->second != claim.tenant)
      return HostRefusal{host, "HostTaken", taken_by(found->second, host, claim)};
    if (held_.contains(host)) return std::nullopt;
    std::size_t& count = count_[claim.tenant];
    if (!claim.tenant.empty() && count >= kHostsOfTenantMax) {
      return HostRefusal{host, "TooManyHosts",
                         fmt::format("a tenant may have {} hosts", kHostsOfTenantMax)};
    }
    ++count;
    held_.emplace(host, claim.tenant);
    return std::nullopt;
  }

 private:
  /// Who has the host, or the nearest wildcard above it: who has one need not have the other.
  [[nodiscard]] HostHolders::const_iterator find(const std::string& host) const {
    auto found = held_.find(host);
    for (std::string above = wildcard_of(host); found == held_.end() && !above.empty();
         above = wildcard_of(above))
      found = held_.find(above);
    return found;
  }

  /// A tenant is not told who another one is.
  static std::string taken_by(const std::string& holder,
                              const std::string& host,
                              const HostClaim& claim) {
    if (claim.tenant.empty()) return fmt::format("{} is the host of tenant {}", host, holder);
    return fmt::format("{} is the host of another tenant, who asked for it first", host);
  }

  HostHolders held_;
  std::map<std::string, std::size_t> count_;  // by tenant
};

/// The hosts that a tenant's objects ask for or name.
struct Wanted {
  std::set<std::string_view> hosts;
  std::vector<std::string_view> wildcards;  // among those that are named

  [[nodiscard]] bool contains(std::string_view host) const {
    return hosts.contains(host) || std::ranges::any_of(wildcards, [&](std::string_view wildcard) {
             return host.ends_with(wildcard.substr(1));
           });
  }
};

/// What of `held` is still asked for or named by who has it.
HostHolders still_held(const HostHolders& held, const std::vector<HostClaim>& claims) {
  std::map<std::string_view, Wanted> wanted;  // by tenant
  for (const HostClaim& claim : claims) {
    Wanted& of_tenant = wanted[claim.tenant];
    of_tenant.hosts.insert(claim.hosts.begin(), claim.hosts.end());
    for (const std::string& named : claim.named) {
      of_tenant.hosts.insert(named);
      if (named.starts_with("*.")) of_tenant.wildcards.push_back(named);
    }
  }
  HostHolders still;
  for (const auto& [host, tenant] : held) {
    const auto found = wanted.find(tenant);
    if (found != wanted.end() && found->second.contains(host)) still.emplace(host, tenant);
  }
  return still;
}

/// A key of a ConfigMap cannot have a `*`, and a host no `_`.
std::string swapped(std::string text, char from, char to) {
  std::ranges::replace(text, from, to);
  return text;
}

}  // namespace

HostHolders grant_hosts(std::vector<HostClaim>& claims, const HostHolders& held) {
  std::vector<HostClaim*> in_order;
  in_order.reserve(claims.size());
  for (HostClaim& claim : claims)
    in_order.push_back(&claim);
  // Of two of one age, the first: pointers are into one vector.
  std::ranges::sort(in_order, {},
                    [](const HostClaim* claim) { return std::pair(claim->age, claim); });
  HostHolders kept = still_held(held, claims);
  HostHolders taken = kept;
  std::ranges::copy_if(held, std::inserter(taken, taken.end()),
                       [](const auto& entry) { return entry.second == kNobodysHost; });
  Holders holders(std::move(taken));
  for (HostClaim* claim : in_order) {
    for (std::string& host : std::exchange(claim->hosts, {})) {
      if (auto refusal = holders.take(*claim, host)) {
        claim->refused.push_back(*std::move(refusal));
      } else {
        claim->hosts.push_back(std::move(host));
      }
    }
  }
  return kept;
}

HostHolders holders_in(const ConfigMap& record) {
  HostHolders holders;
  for (const auto& [key, tenant] : record.data)
    holders.emplace(swapped(key, '_', '*'), tenant);
  return holders;
}

ConfigMap record_of(const HostHolders& holders) {
  ConfigMap record;
  record.metadata.namespace_ = kSystemNamespace;
  record.metadata.name = kIngressHosts;
  for (const auto& [host, tenant] : holders)
    record.data.emplace(swapped(host, '*', '_'), tenant);
  return record;
}

NamespaceOwners owners_of(const std::vector<std::shared_ptr<const Namespace>>& namespaces) {
  NamespaceOwners owners;
  for (const auto& name_space : namespaces)
    owners.emplace(name_space->metadata.name, owning_tenant(name_space->metadata));
  return owners;
}

std::string wildcard_of(std::string_view host) {
  if (host.starts_with("*.")) host.remove_prefix(2);
  const std::size_t dot = host.find('.');
  if (dot == host.npos) return {};
  return fmt::format("*{}", host.substr(dot));
}

}  // namespace insula::api
