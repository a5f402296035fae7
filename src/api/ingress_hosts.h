#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/gen/core_v1.h"
#include "api/gen/networking_v1.h"

namespace insula::api {

/// What an IngressClass names as its controller when the gateway serves its Ingresses.
inline constexpr std::string_view kIngressController = "insula.dev/gateway";
/// The IngressClass that a platform has from the start, which is the default one.
inline constexpr const char* kIngressClassName = "insula";
inline constexpr const char* kDefaultClassAnnotation =
    "ingressclass.kubernetes.io/is-default-class";
/// How clients named the class before there was `ingressClassName`.
inline constexpr const char* kOldClassAnnotation = "kubernetes.io/ingress.class";

/// Of an Ingress: who may send it requests. `tenant`: who has a credential of the tenant that the
/// namespace belongs to; `none`, or no annotation: everybody. Anything else is nobody.
inline constexpr const char* kIngressAuthAnnotation = "insula.dev/auth";

/// Entries of a Secret with a certificate.
inline constexpr const char* kTlsSecretType = "kubernetes.io/tls";
inline constexpr const char* kTlsCertificateEntry = "tls.crt";
inline constexpr const char* kTlsKeyEntry = "tls.key";

/// The ConfigMap in kSystemNamespace that remembers whose each host is: the tenant by the host, in
/// which `_` stands for `*`.
inline constexpr const char* kIngressHosts = "ingress-hosts";

/// What stands for a tenant where nobody gets the host: it is a name of the gateway itself.
inline constexpr std::string_view kNobodysHost = "-";

/// Hosts that a tenant may have: all of them are remembered in one object.
inline constexpr std::size_t kHostsOfTenantMax = 200;

/// The tenant that has a host; empty: none, so the platform. Or kNobodysHost.
using HostHolders = std::map<std::string, std::string>;

/// The objects that decide which Ingress has which host.
struct IngressObjects {
  std::vector<std::shared_ptr<const Ingress>> ingresses;
  std::vector<std::shared_ptr<const IngressClass>> classes;
  std::vector<std::shared_ptr<const Namespace>> namespaces;
  /// As it was before.
  HostHolders held;
};

/// A host that an Ingress names and does not get.
struct HostRefusal {
  std::string host;    // empty: all hosts
  std::string reason;  // one word for programs
  std::string message;

  bool operator==(const HostRefusal&) const = default;
};

/// An Ingress that the gateway serves.
struct AdmittedIngress {
  std::shared_ptr<const Ingress> ingress;
  std::string tenant;  // that its namespace belongs to; empty: none, so the platform's own
  std::vector<std::string> hosts;
  std::vector<HostRefusal> refused;

  [[nodiscard]] bool has(std::string_view host) const;
};

/// The Ingresses that the gateway serves, the oldest first, and the hosts that each has.
///
/// A host is the tenant's whose Ingress asked for it first, for as long as one of its Ingresses
/// asks: who has it keeps it, whatever older Ingresses are changed to ask for, and of several that
/// ask for a free one the oldest gets it. With a wildcard a tenant has the hosts below it that
/// nobody had before. Rules for all hosts are for namespaces that belong to no tenant: they get
/// what nobody has, which may be meant for anybody. Whose a namespace is, its owner says.
///
/// Names of the cluster (`localhost`, `*.local`, `*.svc`) are nobody's. Hosts are in lower case.
///
/// Cost: n log n in the hosts.
[[nodiscard]] std::vector<AdmittedIngress> admit_ingresses(const IngressObjects& objects);

/// What is to be remembered of it, beside the hosts that are nobody's.
[[nodiscard]] HostHolders holders_of(const std::vector<AdmittedIngress>& admitted);
[[nodiscard]] HostHolders holders_in(const ConfigMap& record);
[[nodiscard]] ConfigMap record_of(const HostHolders& holders);

/// `*.example.com` for `www.example.com`; empty where there is none.
[[nodiscard]] std::string wildcard_of(std::string_view host);

}  // namespace insula::api
