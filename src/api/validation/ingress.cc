#include <array>

#include <fmt/format.h>

#include "api/validation/kinds.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

constexpr std::size_t kControllerMax = 250;
constexpr std::string_view kNoAddress = "must be a DNS name, not an IP address";

bool is_address(const std::string& value) {
  return is_ipv4(value) || is_ipv6(value);
}

void validate_host(const std::string& host, const FieldPath& path, FieldErrors& errors) {
  errors.invalid_each(
      path, host,
      host.contains('*') ? check_wildcard_subdomain(host) : check_dns1123_subdomain(host));
}

void validate_resource(const TypedLocalObjectReference& resource,
                       const FieldPath& path,
                       FieldErrors& errors) {
  if (resource.api_group) {
    errors.invalid_each(path.child("apiGroup"), *resource.api_group,
                        check_dns1123_subdomain(*resource.api_group));
  }
  validate_reference_word(resource.kind, path.child("kind"), errors);
  validate_reference_word(resource.name, path.child("name"), errors);
}

void validate_service(const IngressServiceBackend& service,
                      const FieldPath& backend,
                      FieldErrors& errors) {
  const FieldPath path = backend.child("service");
  if (service.name.empty()) {
    errors.required(path.child("name"));
  } else {
    errors.invalid_each(path.child("name"), service.name, check_dns1123_label(service.name));
  }
  const ServiceBackendPort& port = service.port;
  const FieldPath at = path.child("port");
  if (!port.name.empty() && port.number != 0) {
    errors.invalid(backend, "", "cannot set both port name & port number");
  } else if (!port.name.empty()) {
    errors.invalid_each(at.child("name"), port.name, check_port_name(port.name));
  } else if (port.number != 0) {
    errors.invalid_each(at.child("number"), port.number, check_port_number(port.number));
  } else {
    errors.required(backend, "port name or number is required");
  }
}

void validate_backend(const IngressBackend& backend, const FieldPath& path, FieldErrors& errors) {
  if (backend.resource && backend.service) {
    errors.invalid(path, "", "cannot set both resource and service backends");
  } else if (backend.resource) {
    validate_resource(*backend.resource, path.child("resource"), errors);
  } else if (backend.service) {
    validate_service(*backend.service, path, errors);
  } else {
    errors.invalid(path, "", "resource or service backend is required");
  }
}

/// Paths are compared as they are written, so there must be one way to write them.
void validate_plain_path(const std::string& value, const FieldPath& path, FieldErrors& errors) {
  constexpr std::array<std::string_view, 5> kParts = {"//", "/./", "/../", "%2f", "%2F"};
  constexpr std::array<std::string_view, 2> kEnds = {"/..", "/."};
  for (const std::string_view part : kParts) {
    if (value.contains(part))
      errors.invalid(path, value, fmt::format("must not contain '{}'", part));
  }
  for (const std::string_view end : kEnds) {
    if (value.ends_with(end)) errors.invalid(path, value, fmt::format("cannot end with '{}'", end));
  }
}

void validate_path(const HTTPIngressPath& rule, const FieldPath& path, FieldErrors& errors) {
  constexpr std::string_view kAbsolute = "must be an absolute path";
  if (!rule.path_type) {
    errors.required(path.child("pathType"), "pathType must be specified");
    return;
  }
  const std::string& type = *rule.path_type;
  const FieldPath at = path.child("path");
  const bool absolute = rule.path.starts_with('/');
  if (type == "Exact" || type == "Prefix") {
    if (!absolute) errors.invalid(at, rule.path, kAbsolute);
    validate_plain_path(rule.path, at, errors);
  } else if (type != "ImplementationSpecific") {
    errors.not_supported(path.child("pathType"), type,
                         {"Exact", "ImplementationSpecific", "Prefix"});
  } else if (!rule.path.empty() && !absolute) {
    errors.invalid(at, rule.path, kAbsolute);
  }
  validate_backend(rule.backend, path.child("backend"), errors);
}

void validate_rule(const IngressRule& rule, const FieldPath& path, FieldErrors& errors) {
  if (!rule.host.empty()) {
    if (is_address(rule.host)) errors.invalid(path.child("host"), rule.host, kNoAddress);
    validate_host(rule.host, path.child("host"), errors);
  }
  if (!rule.ingress_rule_value.http) return;
  const auto& paths = rule.ingress_rule_value.http->paths;
  const FieldPath at = path.child("http").child("paths");
  if (paths.empty()) errors.required(at);
  for (std::size_t i = 0; i < paths.size(); ++i)
    validate_path(paths[i], at.index(i), errors);
}

void validate_tls(const IngressTLS& tls, const FieldPath& path, FieldErrors& errors) {
  for (std::size_t i = 0; i < tls.hosts.size(); ++i)
    validate_host(tls.hosts[i], path.child("hosts").index(i), errors);
  if (!tls.secret_name.empty()) {
    errors.invalid_each(path.child("secretName"), tls.secret_name,
                        check_dns1123_subdomain(tls.secret_name));
  }
}

void validate_parameters(const IngressClassParametersReference& parameters,
                         const FieldPath& path,
                         FieldErrors& errors) {
  validate_resource(
      {.api_group = parameters.api_group, .kind = parameters.kind, .name = parameters.name}, path,
      errors);
  const FieldPath name_space = path.child("namespace");
  const std::string scope = parameters.scope.value_or("");
  if (scope.empty()) {
    errors.required(path.child("scope"));
  } else if (scope == "Namespace") {
    if (!parameters.namespace_) {
      errors.required(name_space, "`parameters.scope` is set to 'Namespace'");
    } else {
      errors.invalid_each(name_space, *parameters.namespace_,
                          check_dns1123_label(*parameters.namespace_));
    }
  } else if (scope != "Cluster") {
    errors.not_supported(path.child("scope"), scope, {"Cluster", "Namespace"});
  } else if (parameters.namespace_) {
    errors.forbidden(name_space, "`parameters.scope` is set to 'Cluster'");
  }
}

}  // namespace

void validate(const Ingress& object, FieldErrors& errors) {
  const IngressSpec& spec = object.spec;
  const FieldPath path("spec");
  if (spec.rules.empty() && !spec.default_backend) {
    errors.invalid(path, ShownValue::json("null"),
                   "either `defaultBackend` or `rules` must be specified");
  }
  if (spec.default_backend)
    validate_backend(*spec.default_backend, path.child("defaultBackend"), errors);
  for (std::size_t i = 0; i < spec.rules.size(); ++i)
    validate_rule(spec.rules[i], path.child("rules").index(i), errors);
  for (std::size_t i = 0; i < spec.tls.size(); ++i)
    validate_tls(spec.tls[i], path.child("tls").index(i), errors);
  if (spec.ingress_class_name) {
    errors.invalid_each(path.child("ingressClassName"), *spec.ingress_class_name,
                        check_dns1123_subdomain(*spec.ingress_class_name));
  }
}

void validate_create(const Ingress& object, FieldErrors& errors) {
  constexpr const char* kClass = "kubernetes.io/ingress.class";
  const auto found = object.metadata.annotations.find(kClass);
  if (found == object.metadata.annotations.end() || !object.spec.ingress_class_name) return;
  if (found->second != *object.spec.ingress_class_name) {
    errors.invalid(FieldPath("annotations").child(kClass), found->second,
                   "must match `ingressClassName` when both are specified");
  }
}

void validate_update(const Ingress& object,
                     const Ingress&,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (subresource != "status") return;
  const FieldPath path("status.loadBalancer.ingress");
  const auto& addresses = object.status.load_balancer.ingress;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto& [ip, hostname, ports] = addresses[i];
    const FieldPath at = path.index(i);
    if (!ip.empty()) errors.invalid_each(at.child("ip"), ip, check_ip(ip));
    if (hostname.empty()) continue;
    errors.invalid_each(at.child("hostname"), hostname, check_dns1123_subdomain(hostname));
    if (is_address(hostname)) errors.invalid(at.child("hostname"), hostname, kNoAddress);
  }
}

void validate(const IngressClass& object, FieldErrors& errors) {
  const FieldPath path("spec");
  if (object.spec.controller.size() > kControllerMax)
    errors.too_long(path.child("controller"), kControllerMax);
  validate_domain_path(object.spec.controller, path.child("controller"), errors);
  if (object.spec.parameters)
    validate_parameters(*object.spec.parameters, path.child("parameters"), errors);
}

void validate_update(const IngressClass& object,
                     const IngressClass& old,
                     std::string_view,
                     FieldErrors& errors) {
  if (object.spec.controller != old.spec.controller)
    errors.invalid(FieldPath("spec.controller"), object.spec.controller, kFieldImmutable);
}

}  // namespace insula::api
