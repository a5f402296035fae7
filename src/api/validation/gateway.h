#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "api/field_errors.h"
#include "api/gen/gateway_v1.h"

/// The rules of the Gateway API's kinds, as kinds.h has those of other kinds. Those on regular
/// expressions and values of headers are our own: what could not be served is refused.
/// Spec: Gateway API 1.4, the schemas and rules of its standard channel.
namespace insula::api {

void validate(const GatewayClass& object, FieldErrors& errors);
void validate_update(const GatewayClass& object,
                     const GatewayClass& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const Gateway& object, FieldErrors& errors);
void validate_update(const Gateway& object,
                     const Gateway& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const HTTPRoute& object, FieldErrors& errors);
void validate_update(const HTTPRoute& object,
                     const HTTPRoute& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const ReferenceGrant& object, FieldErrors& errors);

/// Rules of an HTTPRoute, below `path`.
void validate_rules(const std::vector<HTTPRouteRule>& rules,
                    const FieldPath& path,
                    FieldErrors& errors);

/// What a reference to an object names.
struct ReferenceWords {
  std::string_view group;
  std::string_view kind;
  std::string_view name;  // empty: it needs none
  std::optional<std::string> name_space = std::nullopt;
};

void validate_reference(const ReferenceWords& words, const FieldPath& path, FieldErrors& errors);

/// A host, perhaps with `*` as its first label.
void validate_hostname(std::string_view host, const FieldPath& path, FieldErrors& errors);

/// `10s`, `1h30m`, `500ms`; nothing when it is none.
/// Spec: GEP-2257.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_route_duration(std::string_view text);

}  // namespace insula::api
