#include "api/validation/gateway.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "api/validation/metadata.h"
#include "api/validation/names.h"

namespace insula::api {

namespace {

constexpr std::size_t kListenersMax = 64;
constexpr std::size_t kAddressesMax = 16;
constexpr std::size_t kKindsMax = 8;
constexpr std::size_t kGrantsMax = 16;
constexpr std::size_t kHostnamesMax = 16;
constexpr std::size_t kParentsMax = 32;
constexpr std::size_t kDescriptionMax = 64;

void validate_port(std::int32_t port, const FieldPath& path, FieldErrors& errors) {
  errors.invalid_each(path, port, check_port_number(port));
}

void validate_allowed(const AllowedRoutes& allowed, const FieldPath& path, FieldErrors& errors) {
  if (allowed.kinds.size() > kKindsMax)
    errors.too_many(path.child("kinds"), allowed.kinds.size(), kKindsMax);
  for (std::size_t i = 0; i < allowed.kinds.size(); ++i) {
    const RouteGroupKind& kind = allowed.kinds[i];
    validate_reference({.group = kind.group.value_or(""), .kind = kind.kind, .name = {}},
                       path.child("kinds").index(i), errors);
  }
  if (!allowed.namespaces) return;
  const FieldPath at = path.child("namespaces");
  const std::string from = allowed.namespaces->from.value_or("");
  if (from != "All" && from != "Selector" && from != "Same")
    errors.not_supported(at.child("from"), from, {"All", "Same", "Selector"});
  if (from == "Selector" && !allowed.namespaces->selector)
    errors.required(at.child("selector"), "must be specified when `from` is Selector");
  if (allowed.namespaces->selector)
    validate_label_selector(*allowed.namespaces->selector, at.child("selector"), errors);
}

void validate_tls(const Listener& listener, const FieldPath& path, FieldErrors& errors) {
  const std::string& protocol = listener.protocol;
  const FieldPath at = path.child("tls");
  if (!listener.tls) {
    if (protocol == "TLS") errors.required(at.child("mode"), "must be set for protocol TLS");
    return;
  }
  const ListenerTLSConfig& tls = *listener.tls;
  if (protocol == "HTTP" || protocol == "TCP" || protocol == "UDP")
    errors.invalid(at, "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']");
  const std::string mode = tls.mode.value_or("");
  if (mode != "Terminate" && mode != "Passthrough") {
    errors.not_supported(at.child("mode"), mode, {"Passthrough", "Terminate"});
  } else if (protocol == "HTTPS" && mode != "Terminate") {
    errors.invalid(at.child("mode"), mode, "tls mode must be Terminate for protocol HTTPS");
  }
  if (mode == "Terminate" && tls.certificate_refs.empty() && tls.options.empty())
    errors.required(at.child("certificateRefs"),
                    "certificateRefs or options must be specified when mode is Terminate");
  if (tls.certificate_refs.size() > kListenersMax)
    errors.too_many(at.child("certificateRefs"), tls.certificate_refs.size(), kListenersMax);
  for (std::size_t i = 0; i < tls.certificate_refs.size(); ++i) {
    const SecretObjectReference& ref = tls.certificate_refs[i];
    validate_reference({.group = ref.group.value_or(""),
                        .kind = ref.kind.value_or(""),
                        .name = ref.name,
                        .name_space = ref.namespace_},
                       at.child("certificateRefs").index(i), errors);
    if (ref.name.empty()) errors.required(at.child("certificateRefs").index(i).child("name"));
  }
}

void validate_listener(const Listener& listener, const FieldPath& path, FieldErrors& errors) {
  errors.invalid_each(path.child("name"), listener.name, check_dns1123_subdomain(listener.name));
  validate_port(listener.port, path.child("port"), errors);
  if (listener.protocol.empty()) errors.required(path.child("protocol"));
  if (listener.hostname) {
    validate_hostname(*listener.hostname, path.child("hostname"), errors);
    if (listener.protocol == "TCP" || listener.protocol == "UDP")
      errors.invalid(path.child("hostname"), *listener.hostname,
                     "hostname must not be specified for protocols ['TCP', 'UDP']");
  }
  validate_tls(listener, path, errors);
  if (listener.allowed_routes)
    validate_allowed(*listener.allowed_routes, path.child("allowedRoutes"), errors);
}

void validate_listeners(const std::vector<Listener>& listeners,
                        const FieldPath& path,
                        FieldErrors& errors) {
  if (listeners.empty()) errors.required(path, "must have at least one listener");
  if (listeners.size() > kListenersMax) errors.too_many(path, listeners.size(), kListenersMax);
  std::set<std::string_view> names;
  std::set<std::tuple<std::int32_t, std::string_view, std::string_view>> places;
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    const Listener& listener = listeners[i];
    validate_listener(listener, path.index(i), errors);
    if (!names.insert(listener.name).second)
      errors.duplicate(path.index(i).child("name"), listener.name);
    const std::string_view host =
        listener.hostname ? std::string_view(*listener.hostname) : std::string_view();
    if (!places.emplace(listener.port, listener.protocol, host).second)
      errors.invalid(path.index(i),
                     "Combination of port, protocol and hostname must be unique for each listener");
  }
}

void validate_parents(const std::vector<ParentReference>& parents,
                      const FieldPath& path,
                      FieldErrors& errors) {
  if (parents.size() > kParentsMax) errors.too_many(path, parents.size(), kParentsMax);
  const auto parent_of = [](const ParentReference& parent) {
    return std::tuple(parent.group.value_or(""), parent.kind.value_or(""),
                      parent.namespace_.value_or(""), parent.name);
  };
  for (std::size_t i = 0; i < parents.size(); ++i) {
    const ParentReference& parent = parents[i];
    const FieldPath at = path.index(i);
    validate_reference({.group = parent.group.value_or(""),
                        .kind = parent.kind.value_or(""),
                        .name = parent.name,
                        .name_space = parent.namespace_},
                       at, errors);
    if (parent.name.empty()) errors.required(at.child("name"));
    if (parent.section_name)
      errors.invalid_each(at.child("sectionName"), *parent.section_name,
                          check_dns1123_subdomain(*parent.section_name));
    if (parent.port) validate_port(*parent.port, at.child("port"), errors);
    for (std::size_t j = 0; j < i; ++j) {
      if (parent_of(parents[j]) != parent_of(parent)) continue;
      if (parent.section_name.has_value() != parents[j].section_name.has_value()) {
        errors.invalid(at,
                       "sectionName must be specified when parentRefs includes 2 or more "
                       "references to the same parent");
      } else if (parent.section_name == parents[j].section_name && parent.port == parents[j].port) {
        errors.invalid(at,
                       "sectionName must be unique when parentRefs includes 2 or more references "
                       "to the same parent");
      }
    }
  }
}

}  // namespace

void validate_hostname(std::string_view host, const FieldPath& path, FieldErrors& errors) {
  if (is_ipv4(host) || is_ipv6(host)) {
    errors.invalid(path, host, "must be a DNS name, not an IP address");
    return;
  }
  errors.invalid_each(
      path, host,
      host.contains('*') ? check_wildcard_subdomain(host) : check_dns1123_subdomain(host));
}

void validate_reference(const ReferenceWords& words, const FieldPath& path, FieldErrors& errors) {
  if (!words.group.empty())
    errors.invalid_each(path.child("group"), words.group, check_dns1123_subdomain(words.group));
  validate_reference_word(std::string(words.kind), path.child("kind"), errors);
  if (!words.name.empty())
    validate_reference_word(std::string(words.name), path.child("name"), errors);
  if (words.name_space)
    errors.invalid_each(path.child("namespace"), *words.name_space,
                        check_dns1123_label(*words.name_space));
}

void validate(const GatewayClass& object, FieldErrors& errors) {
  const FieldPath path("spec");
  const GatewayClassSpec& spec = object.spec;
  validate_domain_path(spec.controller_name, path.child("controllerName"), errors);
  if (spec.description && spec.description->size() > kDescriptionMax)
    errors.too_long(path.child("description"), kDescriptionMax);
  if (spec.parameters_ref) {
    const ParametersReference& ref = *spec.parameters_ref;
    validate_reference(
        {.group = ref.group, .kind = ref.kind, .name = ref.name, .name_space = ref.namespace_},
        path.child("parametersRef"), errors);
  }
}

void validate_update(const GatewayClass& object,
                     const GatewayClass& old,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource == "status")
    validate_conditions(object.status.conditions, FieldPath("status.conditions"), errors);
  if (object.spec.controller_name != old.spec.controller_name)
    errors.invalid(FieldPath("spec.controllerName"), object.spec.controller_name, kFieldImmutable);
}

void validate(const Gateway& object, FieldErrors& errors) {
  const FieldPath path("spec");
  const GatewaySpec& spec = object.spec;
  if (spec.gateway_class_name.empty()) {
    errors.required(path.child("gatewayClassName"));
  } else {
    validate_reference_word(spec.gateway_class_name, path.child("gatewayClassName"), errors);
  }
  validate_listeners(spec.listeners, path.child("listeners"), errors);
  const FieldPath at = path.child("addresses");
  if (spec.addresses.size() > kAddressesMax)
    errors.too_many(at, spec.addresses.size(), kAddressesMax);
  std::set<std::pair<std::string_view, std::string_view>> known;
  for (std::size_t i = 0; i < spec.addresses.size(); ++i) {
    const GatewaySpecAddress& address = spec.addresses[i];
    const FieldPath value = at.index(i).child("value");
    if (address.value.empty()) continue;
    const std::string_view type = address.type ? std::string_view(*address.type) : "IPAddress";
    if (!known.emplace(type, address.value).second) errors.duplicate(value, address.value);
    if (address.type == "IPAddress")
      errors.invalid_each(value, address.value, check_ip(address.value));
    if (address.type == "Hostname") validate_hostname(address.value, value, errors);
  }
}

void validate_update(const Gateway& object,
                     const Gateway&,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource != "status") return;
  const FieldPath path("status");
  validate_conditions(object.status.conditions, path.child("conditions"), errors);
  for (std::size_t i = 0; i < object.status.listeners.size(); ++i) {
    validate_conditions(object.status.listeners[i].conditions,
                        path.child("listeners").index(i).child("conditions"), errors);
  }
}

void validate(const HTTPRoute& object, FieldErrors& errors) {
  const FieldPath path("spec");
  const HTTPRouteSpec& spec = object.spec;
  validate_parents(spec.parent_refs, path.child("parentRefs"), errors);
  const FieldPath hosts = path.child("hostnames");
  if (spec.hostnames.size() > kHostnamesMax)
    errors.too_many(hosts, spec.hostnames.size(), kHostnamesMax);
  for (std::size_t i = 0; i < spec.hostnames.size(); ++i)
    validate_hostname(spec.hostnames[i], hosts.index(i), errors);
  validate_rules(spec.rules, path.child("rules"), errors);
}

void validate_update(const HTTPRoute& object,
                     const HTTPRoute&,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource != "status") return;
  const FieldPath path("status.parents");
  const auto& parents = object.status.parents;
  if (parents.size() > kParentsMax) errors.too_many(path, parents.size(), kParentsMax);
  for (std::size_t i = 0; i < parents.size(); ++i) {
    validate_domain_path(parents[i].controller_name, path.index(i).child("controllerName"), errors);
    validate_conditions(parents[i].conditions, path.index(i).child("conditions"), errors);
  }
}

void validate(const ReferenceGrant& object, FieldErrors& errors) {
  const FieldPath from("spec.from");
  const FieldPath to("spec.to");
  const ReferenceGrantSpec& spec = object.spec;
  if (spec.from.empty()) errors.required(from, "must say who may refer");
  if (spec.to.empty()) errors.required(to, "must say what may be referred to");
  if (spec.from.size() > kGrantsMax) errors.too_many(from, spec.from.size(), kGrantsMax);
  if (spec.to.size() > kGrantsMax) errors.too_many(to, spec.to.size(), kGrantsMax);
  for (std::size_t i = 0; i < spec.from.size(); ++i) {
    const ReferenceGrantFrom& one = spec.from[i];
    validate_reference(
        {.group = one.group, .kind = one.kind, .name = {}, .name_space = one.namespace_},
        from.index(i), errors);
  }
  for (std::size_t i = 0; i < spec.to.size(); ++i) {
    validate_reference(
        {.group = spec.to[i].group, .kind = spec.to[i].kind, .name = spec.to[i].name.value_or("")},
        to.index(i), errors);
  }
}

}  // namespace insula::api
