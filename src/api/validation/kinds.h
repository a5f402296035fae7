#pragma once

#include <string_view>

#include "api/field_errors.h"
#include "api/gen/apps_v1.h"
#include "api/gen/coordination_v1.h"
#include "api/gen/core_v1.h"
#include "api/gen/discovery_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/gen/networking_v1.h"
#include "api/gen/rbac_v1.h"

/// The rules of each kind but those on metadata, in Kubernetes' words. validate() sees an object as
/// it is to be stored, defaults included; validate_update() adds the rules on what may change.
/// Spec: Kubernetes 1.36, pkg/apis/*/validation (behaviour and texts).
namespace insula::api {

void validate(const Namespace& object, FieldErrors& errors);
void validate_update(const Namespace& object,
                     const Namespace& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const Pod& object, FieldErrors& errors);
void validate_create(const Pod& object, FieldErrors& errors);
void validate_update(const Pod& object,
                     const Pod& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const Service& object, FieldErrors& errors);
void validate_update(const Service& object,
                     const Service& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const Endpoints& object, FieldErrors& errors);

void validate(const EndpointSlice& object, FieldErrors& errors);
void validate_update(const EndpointSlice& object,
                     const EndpointSlice& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const ConfigMap& object, FieldErrors& errors);
void validate_update(const ConfigMap& object,
                     const ConfigMap& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const Secret& object, FieldErrors& errors);
void validate_update(const Secret& object,
                     const Secret& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const Event& object, FieldErrors& errors);

void validate(const Node& object, FieldErrors& errors);
void validate_update(const Node& object,
                     const Node& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const Lease& object, FieldErrors& errors);

void validate(const ResourceQuota& object, FieldErrors& errors);
void validate_update(const ResourceQuota& object,
                     const ResourceQuota& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const LimitRange& object, FieldErrors& errors);

void validate(const NetworkPolicy& object, FieldErrors& errors);

void validate(const Ingress& object, FieldErrors& errors);
void validate_create(const Ingress& object, FieldErrors& errors);
void validate_update(const Ingress& object,
                     const Ingress& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const IngressClass& object, FieldErrors& errors);
void validate_update(const IngressClass& object,
                     const IngressClass& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const Deployment& object, FieldErrors& errors);
void validate_update(const Deployment& object,
                     const Deployment& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const ReplicaSet& object, FieldErrors& errors);
void validate_update(const ReplicaSet& object,
                     const ReplicaSet& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const StatefulSet& object, FieldErrors& errors);
void validate_create(const StatefulSet& object, FieldErrors& errors);
void validate_update(const StatefulSet& object,
                     const StatefulSet& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const DaemonSet& object, FieldErrors& errors);
void validate_update(const DaemonSet& object,
                     const DaemonSet& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const ControllerRevision& object, FieldErrors& errors);
void validate_create(const ControllerRevision& object, FieldErrors& errors);
void validate_update(const ControllerRevision& object,
                     const ControllerRevision& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const ReplicationController& object, FieldErrors& errors);
void validate_update(const ReplicationController& object,
                     const ReplicationController& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const PodTemplate& object, FieldErrors& errors);

void validate(const Tenant& object, FieldErrors& errors);
void validate_update(const Tenant& object,
                     const Tenant& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const Role& object, FieldErrors& errors);
void validate(const ClusterRole& object, FieldErrors& errors);

void validate(const RoleBinding& object, FieldErrors& errors);
void validate_update(const RoleBinding& object,
                     const RoleBinding& old,
                     std::string_view subresource,
                     FieldErrors& errors);

void validate(const ClusterRoleBinding& object, FieldErrors& errors);
void validate_update(const ClusterRoleBinding& object,
                     const ClusterRoleBinding& old,
                     std::string_view subresource,
                     FieldErrors& errors);

}  // namespace insula::api
