#include "api/ingress_hosts.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

namespace insula::api {

namespace {

/// Whether it is for Ingresses that name none.
bool is_default(const IngressClass& one) {
  const auto found = one.metadata.annotations.find(kDefaultClassAnnotation);
  return found != one.metadata.annotations.end() && found->second == "true";
}

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
    if (is_default(*one)) classes.ours_by_default = true;
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

}  // namespace

const IngressClass* default_class(std::span<const std::shared_ptr<const IngressClass>> classes) {
  const IngressClass* chosen = nullptr;
  const auto rank = [](const IngressClass& one) {
    return std::tuple(-one.metadata.creation_timestamp.seconds,
                      std::string_view(one.metadata.name));
  };
  for (const auto& one : classes) {
    if (is_default(*one) && (chosen == nullptr || rank(*one) < rank(*chosen))) chosen = one.get();
  }
  return chosen;
}

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

std::vector<AdmittedIngress> served_ingresses(const IngressObjects& objects) {
  const Classes classes = classes_of(objects);
  const NamespaceOwners owners = owners_of(objects.namespaces);
  std::vector<AdmittedIngress> served;
  for (const auto& ingress : objects.ingresses) {
    const auto owner = owners.find(ingress->metadata.namespace_);
    if (owner == owners.end() || !is_served(*ingress, classes)) continue;
    served.push_back({.ingress = ingress,
                      .tenant = std::string(owner->second),
                      .hosts = hosts_of(*ingress),
                      .refused = {}});
  }
  return served;
}

std::vector<AdmittedIngress> admit_ingresses(const IngressObjects& objects) {
  std::vector<AdmittedIngress> admitted = served_ingresses(objects);
  std::ranges::sort(admitted, {},
                    [](const AdmittedIngress& one) { return ClaimAge(one.ingress->metadata); });
  std::vector<HostClaim> claims;
  claims.reserve(admitted.size());
  for (AdmittedIngress& one : admitted)
    claims.push_back({ClaimAge(one.ingress->metadata), one.tenant, std::move(one.hosts), {}});
  grant_hosts(claims, objects.held);
  for (std::size_t i = 0; i < admitted.size(); ++i) {
    admitted[i].hosts = std::move(claims[i].hosts);
    admitted[i].refused = std::move(claims[i].refused);
  }
  return admitted;
}

}  // namespace insula::api
