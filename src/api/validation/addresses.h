#pragma once

#include <string_view>

#include "api/field_errors.h"
#include "api/gen/networking_v1_addresses.h"

/// The rules of addresses and of the ranges that Services get theirs from, as kinds.h has those of
/// other kinds. Spec: Kubernetes 1.36, pkg/apis/networking/validation (behaviour and texts).
namespace insula::api {

void validate(const IPAddress& object, FieldErrors& errors);
void validate_update(const IPAddress& object,
                     const IPAddress& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const ServiceCIDR& object, FieldErrors& errors);
void validate_update(const ServiceCIDR& object,
                     const ServiceCIDR& old,
                     std::string_view subresource,
                     FieldErrors& errors);

}  // namespace insula::api
