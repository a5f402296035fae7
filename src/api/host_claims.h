#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/gen/core_v1.h"

namespace insula::api {

/// The ConfigMap in kSystemNamespace that remembers whose each host is: the tenant by the host, in
/// which `_` stands for `*`. Hosts of HTTPRoutes are in it, too.
inline constexpr const char* kIngressHosts = "ingress-hosts";

/// What stands for a tenant where nobody gets the host: it is a name of the gateway itself.
inline constexpr std::string_view kNobodysHost = "-";

/// Hosts that a tenant may have: all of them are remembered in one object.
inline constexpr std::size_t kHostsOfTenantMax = 200;

/// The tenant that has a host; empty: none, so the platform. Or kNobodysHost.
using HostHolders = std::map<std::string, std::string>;

/// A host that an object names and does not get.
struct HostRefusal {
  std::string host;    // empty: all hosts
  std::string reason;  // one word for programs
  std::string message;

  bool operator==(const HostRefusal&) const = default;
};

/// The order in which claims are heard. Lifetime: of the metadata.
struct ClaimAge {
  explicit ClaimAge(const ObjectMeta& metadata)
      : created(metadata.creation_timestamp.seconds),
        name_space(metadata.namespace_),
        name(metadata.name) {}

  std::int64_t created;
  std::string_view name_space;
  std::string_view name;

  auto operator<=>(const ClaimAge&) const = default;
};

/// An Ingress or a route that asks for hosts.
struct HostClaim {
  ClaimAge age;
  std::string tenant;              // that its namespace belongs to; empty: none
  std::vector<std::string> hosts;  // that it asks for; empty text: all hosts. Then those it gets
  std::vector<HostRefusal> refused = {};
  /// Names hosts that it does not ask for at the moment, since nothing serves it; who has them
  /// keeps them for it.
  std::vector<std::string> named = {};
};

/// Leaves in each claim the hosts that it gets, and the reasons for the others.
///
/// A host is the tenant's whose object asked for it first, for as long as one of its objects asks
/// for it or names it: who has it keeps it, whatever older objects are changed to ask for, and of
/// several that ask for a free one the oldest gets it. With a wildcard a tenant has the hosts below
/// it that nobody had before. All hosts are for namespaces that belong to no tenant: they get what
/// nobody has, which may be meant for anybody.
///
/// Names of the cluster (`localhost`, `*.local`, `*.svc`) are nobody's. Hosts are in lower case.
///
/// Returns what of `held` some object of the holder still asks for or names. Cost: n log n in the
/// hosts.
HostHolders grant_hosts(std::vector<HostClaim>& claims, const HostHolders& held);

[[nodiscard]] HostHolders holders_in(const ConfigMap& record);
[[nodiscard]] ConfigMap record_of(const HostHolders& holders);

/// Whose each namespace is; empty: nobody's. Its owner says. Lifetime: views into the namespaces.
using NamespaceOwners = std::map<std::string_view, std::string_view>;
[[nodiscard]] NamespaceOwners owners_of(
    const std::vector<std::shared_ptr<const Namespace>>& namespaces);

/// `*.example.com` for `www.example.com`, `*.com` for `*.example.com`; empty where there is none.
[[nodiscard]] std::string wildcard_of(std::string_view host);

}  // namespace insula::api
