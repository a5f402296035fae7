#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/gen/core_v1.h"
#include "api/gen/networking_v1.h"
#include "api/host_claims.h"

namespace insula::api {

/// What an IngressClass names as its controller when the gateway serves its Ingresses.
inline constexpr std::string_view kIngressController = "insula.dev/gateway";
/// The IngressClass that a platform has from the start, which is the default one.
inline constexpr const char* kIngressClassName = "insula";
inline constexpr const char* kDefaultClassAnnotation =
    "ingressclass.kubernetes.io/is-default-class";
/// How clients named the class before there was `ingressClassName`.
inline constexpr const char* kOldClassAnnotation = "kubernetes.io/ingress.class";

/// Of an Ingress or an HTTPRoute: who may send it requests. `tenant`: who has a credential of the
/// tenant that the namespace belongs to; `none`, or no annotation: everybody. Anything else is
/// nobody.
inline constexpr const char* kIngressAuthAnnotation = "insula.dev/auth";
/// Of an Ingress or an HTTPRoute: which of the tenant's `bounds` and `cors` hold for it.
inline constexpr const char* kRouteEdgeAnnotation = "insula.dev/edge";

/// Entries of a Secret with a certificate.
inline constexpr const char* kTlsSecretType = "kubernetes.io/tls";
inline constexpr const char* kTlsCertificateEntry = "tls.crt";
inline constexpr const char* kTlsKeyEntry = "tls.key";

/// The class of an Ingress that names none: the newest of the defaults, of several of one second
/// the first by name. Null: there is none.
[[nodiscard]] const IngressClass* default_class(
    std::span<const std::shared_ptr<const IngressClass>> classes);

/// The objects that decide which Ingress has which host.
struct IngressObjects {
  std::vector<std::shared_ptr<const Ingress>> ingresses;
  std::vector<std::shared_ptr<const IngressClass>> classes;
  std::vector<std::shared_ptr<const Namespace>> namespaces;
  /// As it was before.
  HostHolders held;
};

/// An Ingress that the gateway serves.
struct AdmittedIngress {
  std::shared_ptr<const Ingress> ingress;
  std::string tenant;  // that its namespace belongs to; empty: none, so the platform's own
  std::vector<std::string> hosts;
  std::vector<HostRefusal> refused;

  [[nodiscard]] bool has(std::string_view host) const;
};

/// The Ingresses of classes that the gateway serves, with the hosts that each asks for in `hosts`.
[[nodiscard]] std::vector<AdmittedIngress> served_ingresses(const IngressObjects& objects);

/// Those of a platform that has no other routes, the oldest first, with the hosts that each has:
/// see grant_hosts().
[[nodiscard]] std::vector<AdmittedIngress> admit_ingresses(const IngressObjects& objects);

/// What is to be remembered of it, beside the hosts that are nobody's.
[[nodiscard]] HostHolders holders_of(const std::vector<AdmittedIngress>& admitted);

}  // namespace insula::api
