#pragma once

#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"
#include "api/gen/discovery_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/gen/networking_v1.h"
#include "api/gen/rbac_v1.h"

/// What a field means that the user left out, written into the object. Idempotent.
/// Spec: the defaulting of Kubernetes 1.36, feature gates at their defaults.
namespace insula::api {

void set_defaults(Namespace& object);
void set_defaults(Pod& object);
void set_defaults(Service& object);
void set_defaults(Endpoints& object);
void set_defaults(Secret& object);
void set_defaults(Node& object);
void set_defaults(LimitRange& object);
void set_defaults(Deployment& object);
void set_defaults(ReplicaSet& object);
void set_defaults(StatefulSet& object);
void set_defaults(DaemonSet& object);
void set_defaults(ReplicationController& object);
void set_defaults(PodTemplate& object);
void set_defaults(PersistentVolume& object);
void set_defaults(PersistentVolumeClaim& object);
void set_defaults(EndpointSlice& object);
void set_defaults(NetworkPolicy& object);
void set_defaults(IngressClass& object);
void set_defaults(Tenant& object);
void set_defaults(RoleBinding& object);
void set_defaults(ClusterRoleBinding& object);

/// Whether requests are taken from limits: of a pod, but not of a template, whose pods get them
/// when they are made.
enum class RequestsFromLimits : bool { kNo, kYes };

void set_pod_spec_defaults(PodSpec& spec, RequestsFromLimits requests);
/// Of a volume's source, also of one that only an attachment names.
void set_volume_spec_defaults(PersistentVolumeSpec& spec);

}  // namespace insula::api
