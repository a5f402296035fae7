#include "api/ingress_hosts.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "api/platform_objects.h"
#include "api/tenant.h"

namespace insula::api {

namespace {

/// What the classes say together.
struct Classes {
  std::set<std::string> ours;
  bool ours_by_default = false;
};

Classes classes_of(const IngressObjects& objects) {
  Classes classes;
  for (const auto& one : objects.classes) {
    if (one->spec.controller != kIngressController) continue;
    classes.ours.insert(one->metadata.name);
    const auto found = one->metadata.annotations.find(kDefaultClassAnnotation);
    if (found != one->metadata.annotations.end() && found->second == "true")
      classes.ours_by_default = true;
  }
  return classes;
}

bool is_served(const Ingress& ingress, const Classes& classes) {
  if (ingress.metadata.deletion_timestamp) return false;
  const auto old = ingress.metadata.annotations.find(kOldClassAnnotation);
  if (ingress.spec.ingress_class_name)
    return classes.ours.contains(*ingress.spec.ingress_class_name);
  if (old != ingress.metadata.annotations.end()) return classes.ours.contains(old->second);
  return classes.ours_by_default;
}

bool is_name_of_cluster(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost") || host.ends_with(".local") ||
         host.ends_with(".svc");
}

/// The hosts that an Ingress asks for, each once; empty: all hosts.
std::vector<std::string> hosts_of(const Ingress& ingress) {
  std::vector<std::string> hosts;
  hosts.reserve(ingress.spec.rules.size() + 1);
  for (const IngressRule& rule : ingress.spec.rules)
    hosts.push_back(rule.host);
  if (ingress.spec.rules.empty() && ingress.spec.default_backend) hosts.emplace_back();
  std::ranges::sort(hosts);
  hosts.erase(std::ranges::unique(hosts).begin(), hosts.end());
  return hosts;
}

/// Who has which host so far.
class Holders {
 public:
  explicit Holders(HostHolders held) : held_(std::move(held)) {
    for (const auto& [host, tenant] : held_)
      ++count_[tenant];
  }

  /// Gives the host to the Ingress, or says why it does not get it.
  std::optional<HostRefusal> take(const AdmittedIngress& asking, const std::string& host) {
    if (host.empty()) {
      if (asking.tenant.empty()) return std::nullopt;
      return HostRefusal{host, "HostRequired",
                         "a rule needs a host: requests for hosts that nobody has may be meant for "
                         "anybody"};
    }
    // Who has the host itself need not have the wildcard.
    auto found = held_.find(host);
    if (found == held_.end()) found = held_.find(wildcard_of(host));
    if (is_name_of_cluster(host) || (found != held_.end() && found->second == kNobodysHost)) {
      return HostRefusal{host, "HostReserved",
                         fmt::format("{} is a name of the platform itself", host)};
    }
    if (found != held_.end() && found->second != asking.tenant)
      return HostRefusal{host, "HostTaken", taken_by(found->second, host, asking)};
    if (held_.contains(host)) return std::nullopt;
    std::size_t& count = count_[asking.tenant];
    if (!asking.tenant.empty() && count >= kHostsOfTenantMax) {
      return HostRefusal{host, "TooManyHosts",
                         fmt::format("a tenant may have {} hosts", kHostsOfTenantMax)};
    }
    ++count;
    held_.emplace(host, asking.tenant);
    return std::nullopt;
  }

 private:
  /// A tenant is not told who another one is.
  static std::string taken_by(const std::string& holder,
                              const std::string& host,
                              const AdmittedIngress& asking) {
    if (asking.tenant.empty()) return fmt::format("{} is the host of tenant {}", host, holder);
    return fmt::format("{} is the host of another tenant, whose Ingress asked for it first", host);
  }

  HostHolders held_;
  std::map<std::string, std::size_t> count_;  // by tenant
};

/// What of `held` is still asked for by who has it.
HostHolders still_held(const HostHolders& held, const std::vector<AdmittedIngress>& asking) {
  HostHolders still;
  std::ranges::copy_if(held, std::inserter(still, still.end()),
                       [](const auto& entry) { return entry.second == kNobodysHost; });
  for (const AdmittedIngress& one : asking) {
    for (const std::string& host : hosts_of(*one.ingress)) {
      const auto found = held.find(host);
      if (found != held.end() && found->second == one.tenant) still.insert(*found);
    }
  }
  return still;
}

/// A key of a ConfigMap cannot have a `*`, and a host no `_`.
std::string swapped(std::string text, char from, char to) {
  std::ranges::replace(text, from, to);
  return text;
}

}  // namespace

bool AdmittedIngress::has(std::string_view host) const {
  return std::ranges::find(hosts, host) != hosts.end();
}

HostHolders holders_of(const std::vector<AdmittedIngress>& admitted) {
  HostHolders holders;
  for (const AdmittedIngress& one : admitted) {
    for (const std::string& host : one.hosts) {
      if (!host.empty()) holders.emplace(host, one.tenant);
    }
  }
  return holders;
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

std::string wildcard_of(std::string_view host) {
  const std::size_t dot = host.find('.');
  if (dot == host.npos || host.starts_with('*')) return {};
  return fmt::format("*{}", host.substr(dot));
}

std::vector<AdmittedIngress> admit_ingresses(const IngressObjects& objects) {
  const Classes classes = classes_of(objects);
  std::map<std::string_view, std::string_view> owners;
  for (const auto& name_space : objects.namespaces)
    owners.emplace(name_space->metadata.name, owning_tenant(name_space->metadata));
  std::vector<AdmittedIngress> admitted;
  for (const auto& ingress : objects.ingresses) {
    const auto owner = owners.find(ingress->metadata.namespace_);
    if (owner == owners.end() || !is_served(*ingress, classes)) continue;
    admitted.push_back(
        {.ingress = ingress, .tenant = std::string(owner->second), .hosts = {}, .refused = {}});
  }
  std::ranges::sort(admitted, {}, [](const AdmittedIngress& one) {
    const ObjectMeta& metadata = one.ingress->metadata;
    return std::tuple(metadata.creation_timestamp.seconds, std::string_view(metadata.namespace_),
                      std::string_view(metadata.name));
  });
  Holders holders(still_held(objects.held, admitted));
  for (AdmittedIngress& one : admitted) {
    for (std::string& host : hosts_of(*one.ingress)) {
      if (auto refusal = holders.take(one, host)) {
        one.refused.push_back(*std::move(refusal));
      } else {
        one.hosts.push_back(std::move(host));
      }
    }
  }
  return admitted;
}

}  // namespace insula::api
