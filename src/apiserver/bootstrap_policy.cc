#include "apiserver/bootstrap_policy.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "api/gen/meta_v1.h"
#include "api/platform_objects.h"
#include "api/rbac.h"
#include "apiserver/object.h"

namespace insula::apiserver {

namespace {

/// The server itself owns the roles it begins with.
WriteContext policy_context() {
  WriteContext context;
  context.field_manager = "insula-apiserver";
  return context;
}

// Lists are written with commas between their words; the empty text is the core group.
constexpr const char* kRead = "get,list,watch";
constexpr const char* kWrite = "create,delete,deletecollection,patch,update";
constexpr const char* kReadWrite = "create,delete,deletecollection,get,list,patch,update,watch";

constexpr const char* kRecord = "create,patch,update";
constexpr const char* kEventGroups = ",events.k8s.io";

/// Lets API servers of others know by which certificates callers are known here.
constexpr const char* kReaderRole = "extension-apiserver-authentication-reader";

constexpr const char* kToAdmin = "rbac.authorization.k8s.io/aggregate-to-admin";
constexpr const char* kToEdit = "rbac.authorization.k8s.io/aggregate-to-edit";
constexpr const char* kToView = "rbac.authorization.k8s.io/aggregate-to-view";
constexpr const char* kDefaultsLabel = "kubernetes.io/bootstrapping";

struct RoleRow {
  const char* name;
  const char* label = nullptr;     // what it is aggregated to
  const char* collects = nullptr;  // the label of what it is aggregated from
};

constexpr auto kRoles = std::to_array<RoleRow>({
    {"cluster-admin"},
    {"admin", nullptr, kToAdmin},
    {"edit", kToAdmin, kToEdit},
    {"view", kToEdit, kToView},
    {"system:aggregate-to-admin", kToAdmin},
    {"system:aggregate-to-edit", kToEdit},
    {"system:aggregate-to-view", kToView},
    {"system:discovery"},
    {"system:basic-user"},
    {"system:public-info-viewer"},
    {"system:monitoring"},
    {"system:auth-delegator"},
    {"system:service-account-issuer-discovery"},
    {"system:node"},
    {"system:node-bootstrapper"},
    {"system:node-problem-detector"},
    {"system:node-proxier"},
    {"system:kubelet-api-admin"},
    {"system:kube-scheduler"},
    {"system:volume-scheduler"},
    {"system:kube-controller-manager"},
    {"system:kube-aggregator"},
    {"system:kube-dns"},
    {"system:persistent-volume-provisioner"},
    {"system:certificates.k8s.io:certificatesigningrequests:nodeclient"},
    {"system:certificates.k8s.io:certificatesigningrequests:selfnodeclient"},
    {"system:certificates.k8s.io:kube-apiserver-client-approver"},
    {"system:certificates.k8s.io:kube-apiserver-client-kubelet-approver"},
    {"system:certificates.k8s.io:kubelet-serving-approver"},
    {"system:certificates.k8s.io:legacy-unknown-approver"},
    {"insula:gateway"},
    {"insula:metrics"},
    {api::kTenantMemberRole},
});

struct RuleRow {
  const char* role;
  const char* verbs;
  const char* groups;
  const char* resources;
  const char* names = nullptr;  // of the objects; none: all
};

// What `view` shows; a tenant's members may all read, too, so that they can give that role to
// others.
constexpr const char* kSeenCore =
    "configmaps,endpoints,events,limitranges,namespaces,namespaces/status,persistentvolumeclaims,"
    "persistentvolumeclaims/status,pods,pods/log,pods/status,resourcequotas,resourcequotas/status,"
    "serviceaccounts,services,services/status";
constexpr const char* kSeenApps =
    "controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,"
    "deployments/status,replicasets,replicasets/scale,replicasets/status,statefulsets,"
    "statefulsets/scale,statefulsets/status";
constexpr const char* kSeenAutoscaling = "horizontalpodautoscalers,horizontalpodautoscalers/status";
constexpr const char* kSeenBatch = "cronjobs,cronjobs/status,jobs,jobs/status";
constexpr const char* kSeenNetworking = "ingresses,ingresses/status,networkpolicies";
constexpr const char* kGatewayGroup = "gateway.networking.k8s.io";
constexpr const char* kRouting = "gateways,httproutes,referencegrants";
constexpr const char* kSeenRouting =
    "gateways,gateways/status,httproutes,httproutes/status,referencegrants";
constexpr const char* kSeenPolicy = "poddisruptionbudgets,poddisruptionbudgets/status";

constexpr auto kRules = std::to_array<RuleRow>({
    {"cluster-admin", "*", "*", "*"},

    {"system:aggregate-to-admin", "create", "authorization.k8s.io", "localsubjectaccessreviews"},
    {"system:aggregate-to-admin", kReadWrite, "rbac.authorization.k8s.io", "rolebindings,roles"},

    {"system:aggregate-to-edit", kRead, "",
     "pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy"},
    {"system:aggregate-to-edit", "impersonate", "", "serviceaccounts"},
    {"system:aggregate-to-edit", kWrite, "",
     "pods,pods/attach,pods/exec,pods/portforward,pods/proxy"},
    {"system:aggregate-to-edit", "create", "", "pods/eviction"},
    {"system:aggregate-to-edit", kWrite, "",
     "configmaps,events,persistentvolumeclaims,secrets,serviceaccounts,services,services/proxy"},
    {"system:aggregate-to-edit", "create", "", "serviceaccounts/token"},
    {"system:aggregate-to-edit", kWrite, "apps",
     "daemonsets,deployments,deployments/scale,replicasets,replicasets/scale,statefulsets,"
     "statefulsets/scale"},
    {"system:aggregate-to-edit", kWrite, "autoscaling", "horizontalpodautoscalers"},
    {"system:aggregate-to-edit", kWrite, "batch", "cronjobs,jobs"},
    {"system:aggregate-to-edit", kWrite, "networking.k8s.io", "ingresses,networkpolicies"},
    {"system:aggregate-to-edit", kWrite, kGatewayGroup, kRouting},
    {"system:aggregate-to-edit", kWrite, "policy", "poddisruptionbudgets"},
    {"system:aggregate-to-edit", kReadWrite, "coordination.k8s.io", "leases"},

    {"system:aggregate-to-view", kRead, "", kSeenCore},
    {"system:aggregate-to-view", kRead, "apps", kSeenApps},
    {"system:aggregate-to-view", kRead, "autoscaling", kSeenAutoscaling},
    {"system:aggregate-to-view", kRead, "batch", kSeenBatch},
    {"system:aggregate-to-view", kRead, "discovery.k8s.io", "endpointslices"},
    {"system:aggregate-to-view", kRead, "networking.k8s.io", kSeenNetworking},
    {"system:aggregate-to-view", kRead, kGatewayGroup, kSeenRouting},
    {"system:aggregate-to-view", kRead, "policy", kSeenPolicy},

    {"system:basic-user", "create", "authorization.k8s.io",
     "selfsubjectaccessreviews,selfsubjectrulesreviews"},
    {"system:basic-user", "create", "authentication.k8s.io", "selfsubjectreviews"},

    {"system:auth-delegator", "create", "authentication.k8s.io", "tokenreviews"},
    {"system:auth-delegator", "create", "authorization.k8s.io", "subjectaccessreviews"},

    {"system:node", "create", "authentication.k8s.io", "tokenreviews"},
    {"system:node", "create", "authorization.k8s.io",
     "localsubjectaccessreviews,subjectaccessreviews"},
    {"system:node", kRead, "", "configmaps,pods,secrets,services"},
    {"system:node", "create,get,list,patch,update,watch", "", "nodes"},
    {"system:node", "patch,update", "", "nodes/status,pods/status"},
    {"system:node", kRecord, kEventGroups, "events"},
    {"system:node", "create,delete", "", "pods"},
    {"system:node", "create", "", "pods/eviction,serviceaccounts/token"},
    {"system:node", "get", "",
     "endpoints,persistentvolumeclaims,persistentvolumes,serviceaccounts"},
    {"system:node", "get,patch,update", "", "persistentvolumeclaims/status"},
    {"system:node", "create,get,list,watch", "certificates.k8s.io", "certificatesigningrequests"},
    {"system:node", "create,delete,get,patch,update", "coordination.k8s.io", "leases"},
    {"system:node", "get", "storage.k8s.io", "volumeattachments"},
    {"system:node", kRead, "storage.k8s.io", "csidrivers"},
    {"system:node", "create,delete,get,patch,update", "storage.k8s.io", "csinodes"},
    {"system:node", kRead, "node.k8s.io", "runtimeclasses"},
    {"system:node", "get", "resource.k8s.io", "resourceclaims"},
    {"system:node", "deletecollection", "resource.k8s.io", "resourceslices"},

    {"system:node-bootstrapper", "create,get,list,watch", "certificates.k8s.io",
     "certificatesigningrequests"},

    {"system:node-problem-detector", "get", "", "nodes"},
    {"system:node-problem-detector", "patch", "", "nodes/status"},
    {"system:node-problem-detector", kRecord, kEventGroups, "events"},

    {"system:node-proxier", "list,watch", "", "endpoints,services"},
    {"system:node-proxier", kRead, "", "nodes"},
    {"system:node-proxier", kRecord, kEventGroups, "events"},
    {"system:node-proxier", "list,watch", "networking.k8s.io", "servicecidrs"},
    {"system:node-proxier", "list,watch", "discovery.k8s.io", "endpointslices"},

    {"system:kubelet-api-admin", kRead, "", "nodes"},
    {"system:kubelet-api-admin", "proxy", "", "nodes"},
    {"system:kubelet-api-admin", "*", "",
     "nodes/configz,nodes/healthz,nodes/log,nodes/metrics,nodes/pods,nodes/proxy,nodes/stats"},

    {"system:kube-scheduler", kRecord, kEventGroups, "events"},
    {"system:kube-scheduler", "create", "coordination.k8s.io", "leases"},
    {"system:kube-scheduler", "get,list,update,watch", "coordination.k8s.io", "leases",
     "kube-scheduler"},
    {"system:kube-scheduler", kReadWrite, "coordination.k8s.io", "leasecandidates"},
    {"system:kube-scheduler", kRead, "",
     "namespaces,nodes,persistentvolumeclaims,persistentvolumes,pods,replicationcontrollers,"
     "services"},
    {"system:kube-scheduler", "delete", "", "pods"},
    {"system:kube-scheduler", "create", "", "bindings,pods/binding"},
    {"system:kube-scheduler", "patch,update", "", "pods/status"},
    {"system:kube-scheduler", "update", "", "pods/finalizers"},
    {"system:kube-scheduler", kRead, "apps,extensions", "replicasets"},
    {"system:kube-scheduler", kRead, "apps", "statefulsets"},
    {"system:kube-scheduler", kRead, "policy", "poddisruptionbudgets"},
    {"system:kube-scheduler", "create", "authentication.k8s.io", "tokenreviews"},
    {"system:kube-scheduler", "create", "authorization.k8s.io", "subjectaccessreviews"},
    {"system:kube-scheduler", kRead, "storage.k8s.io",
     "csidrivers,csinodes,csistoragecapacities,volumeattachments"},
    {"system:kube-scheduler", kRead, "resource.k8s.io", "deviceclasses,resourceslices"},
    {"system:kube-scheduler", "create,delete,get,list,patch,update,watch", "resource.k8s.io",
     "resourceclaims"},
    {"system:kube-scheduler", "get,list,patch,update,watch", "resource.k8s.io",
     "resourceclaims/status"},
    {"system:kube-scheduler", "patch,update", "resource.k8s.io", "resourceclaims/binding"},

    {"system:volume-scheduler", "get,list,patch,update,watch", "",
     "persistentvolumeclaims,persistentvolumes"},
    {"system:volume-scheduler", kRead, "storage.k8s.io", "storageclasses"},

    {"system:kube-controller-manager", kRecord, kEventGroups, "events"},
    {"system:kube-controller-manager", "create", "coordination.k8s.io", "leases"},
    {"system:kube-controller-manager", "get,update", "coordination.k8s.io", "leases",
     "kube-controller-manager"},
    {"system:kube-controller-manager", "create,get,update", "", "secrets,serviceaccounts"},
    {"system:kube-controller-manager", "delete", "", "secrets"},
    {"system:kube-controller-manager", "get", "", "configmaps,namespaces"},
    {"system:kube-controller-manager", "create", "authentication.k8s.io", "tokenreviews"},
    {"system:kube-controller-manager", "create", "authorization.k8s.io", "subjectaccessreviews"},
    {"system:kube-controller-manager", "list,watch", "*", "*"},
    {"system:kube-controller-manager", "create", "", "serviceaccounts/token"},

    {"system:kube-aggregator", kRead, "", "endpoints,services"},
    {"system:kube-dns", "list,watch", "", "endpoints,services"},

    {"system:persistent-volume-provisioner", "create,delete,get,list,watch", "",
     "persistentvolumes"},
    {"system:persistent-volume-provisioner", "get,list,update,watch", "", "persistentvolumeclaims"},
    {"system:persistent-volume-provisioner", kRead, "storage.k8s.io", "storageclasses"},
    {"system:persistent-volume-provisioner", "watch", "", "events"},
    {"system:persistent-volume-provisioner", kRecord, kEventGroups, "events"},

    {"system:certificates.k8s.io:certificatesigningrequests:nodeclient", "create",
     "certificates.k8s.io", "certificatesigningrequests/nodeclient"},
    {"system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", "create",
     "certificates.k8s.io", "certificatesigningrequests/selfnodeclient"},
    {"system:certificates.k8s.io:kube-apiserver-client-approver", "approve", "certificates.k8s.io",
     "signers", "kubernetes.io/kube-apiserver-client"},
    {"system:certificates.k8s.io:kube-apiserver-client-kubelet-approver", "approve",
     "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client-kubelet"},
    {"system:certificates.k8s.io:kubelet-serving-approver", "approve", "certificates.k8s.io",
     "signers", "kubernetes.io/kubelet-serving"},
    {"system:certificates.k8s.io:legacy-unknown-approver", "approve", "certificates.k8s.io",
     "signers", "kubernetes.io/legacy-unknown"},

    {kReaderRole, kRead, "", "configmaps", kAuthenticationConfig},

    // What routes are made of; of Secrets see component_rights.h.
    {"insula:gateway", kRead, "", "services,endpoints,namespaces,serviceaccounts"},
    {"insula:gateway", kRead, "discovery.k8s.io", "endpointslices"},
    {"insula:gateway", kRead, "insula.dev", "tenants"},
    {"insula:gateway", kRead, "networking.k8s.io", "ingressclasses,ingresses"},
    {"insula:gateway", kRead, kGatewayGroup, "gatewayclasses,gateways,httproutes,referencegrants"},
    {"insula:gateway", "create,patch", "", "events"},

    // A tenant's workloads and their configuration. What holds the tenant itself, its quota, its
    // limits and its isolation, is only read.
    {api::kTenantMemberRole, kReadWrite, "",
     "configmaps,persistentvolumeclaims,pods,secrets,serviceaccounts,services"},
    {api::kTenantMemberRole, "create,get", "", "pods/attach,pods/exec,pods/portforward"},
    {api::kTenantMemberRole, "get,patch,update", "", "pods/ephemeralcontainers,pods/resize"},
    {api::kTenantMemberRole, "create,delete,get,patch,update", "", "pods/proxy,services/proxy"},
    {api::kTenantMemberRole, "create", "", "pods/eviction,serviceaccounts/token"},
    {api::kTenantMemberRole, kReadWrite, "apps", "daemonsets,deployments,replicasets,statefulsets"},
    {api::kTenantMemberRole, "get,patch,update", "apps", "*/scale"},
    {api::kTenantMemberRole, kReadWrite, "autoscaling", "horizontalpodautoscalers"},
    {api::kTenantMemberRole, kReadWrite, "batch", "cronjobs,jobs"},
    {api::kTenantMemberRole, kReadWrite, "networking.k8s.io", "ingresses"},
    {api::kTenantMemberRole, kReadWrite, kGatewayGroup, kRouting},
    {api::kTenantMemberRole, kReadWrite, "policy", "poddisruptionbudgets"},
    {api::kTenantMemberRole, kRead, "", kSeenCore},
    {api::kTenantMemberRole, kRead, "apps", kSeenApps},
    {api::kTenantMemberRole, kRead, "autoscaling", kSeenAutoscaling},
    {api::kTenantMemberRole, kRead, "batch", kSeenBatch},
    {api::kTenantMemberRole, kRead, "discovery.k8s.io", "endpointslices"},
    {api::kTenantMemberRole, kRead, "networking.k8s.io", kSeenNetworking},
    {api::kTenantMemberRole, kRead, kGatewayGroup, kSeenRouting},
    {api::kTenantMemberRole, kRead, "policy", kSeenPolicy},
    {api::kTenantMemberRole, kReadWrite, "rbac.authorization.k8s.io", "rolebindings,roles"},
    {api::kTenantMemberRole, "create", "authorization.k8s.io", "localsubjectaccessreviews"},
});

struct PathRow {
  const char* role;
  const char* verbs;
  const char* paths;
};

constexpr auto kPaths = std::to_array<PathRow>({
    {"cluster-admin", "*", "*"},
    {"system:discovery", "get",
     "/api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/"},
    {"system:public-info-viewer", "get", "/healthz,/livez,/readyz,/version,/version/"},
    {"system:monitoring", "get",
     "/healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/node,/readyz,/readyz/*"},
    {"system:service-account-issuer-discovery", "get",
     "/.well-known/openid-configuration,/.well-known/openid-configuration/,/openid/v1/jwks,"
     "/openid/v1/jwks/"},
    {"insula:metrics", "get", "/metrics,/metrics/node"},
});

struct BindingRow {
  const char* role;  // also the binding's name
  std::array<const char*, 2> groups;
};

constexpr auto kBindings = std::to_array<BindingRow>({
    {"cluster-admin", {kMasters}},
    {"system:discovery", {kAuthenticated}},
    {"system:basic-user", {kAuthenticated}},
    {"system:public-info-viewer", {kAuthenticated, kUnauthenticated}},
    {"system:monitoring", {"system:monitoring"}},
    {"system:service-account-issuer-discovery", {"system:serviceaccounts", kUnauthenticated}},
    {"insula:gateway", {"insula:gateway"}},
    {"insula:metrics", {"insula:metrics"}},
});

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  while (true) {
    const std::size_t comma = text.find(',');
    out.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}

api::ObjectMeta metadata_of(const char* name) {
  api::ObjectMeta metadata;
  metadata.name = name;
  metadata.labels[kDefaultsLabel] = "rbac-defaults";
  metadata.annotations[kAutoUpdate] = "true";
  return metadata;
}

std::vector<api::PolicyRule> rules_of(std::string_view role) {
  std::vector<api::PolicyRule> rules;
  for (const RuleRow& row : kRules) {
    if (row.role != role) continue;
    api::PolicyRule& rule = rules.emplace_back();
    rule.verbs = words(row.verbs);
    rule.api_groups = words(row.groups);
    rule.resources = words(row.resources);
    if (row.names != nullptr) rule.resource_names = words(row.names);
  }
  for (const PathRow& row : kPaths) {
    if (row.role != role) continue;
    api::PolicyRule& rule = rules.emplace_back();
    rule.verbs = words(row.verbs);
    rule.non_resource_urls = words(row.paths);
  }
  return rules;
}

/// Rights that `wanted` has beyond `present` are added to it.
void add_rules(std::vector<api::PolicyRule>& present, const std::vector<api::PolicyRule>& wanted) {
  std::vector<const api::PolicyRule*> held;
  held.reserve(present.size());
  for (const api::PolicyRule& rule : present)
    held.push_back(&rule);
  std::vector<api::PolicyRule> missing;
  for (const api::PolicyRule& rule : wanted) {
    const auto beyond = api::uncovered(held, {&rule, 1});
    if (!beyond || !beyond->empty()) missing.push_back(rule);
  }
  std::ranges::move(missing, std::back_inserter(present));
}

void add_metadata(api::ObjectMeta& present, const api::ObjectMeta& wanted) {
  for (const auto& [key, value] : wanted.labels)
    present.labels[key] = value;
  for (const auto& [key, value] : wanted.annotations)
    present.annotations[key] = value;
}

bool is_left_alone(const api::ObjectMeta& metadata) {
  const auto it = metadata.annotations.find(kAutoUpdate);
  return it != metadata.annotations.end() && it->second == "false";
}

api::Role completed(const api::Role& present, const api::Role& wanted) {
  api::Role next = present;
  if (is_left_alone(present.metadata)) return next;
  add_metadata(next.metadata, wanted.metadata);
  add_rules(next.rules, wanted.rules);
  return next;
}

api::ClusterRole completed(const api::ClusterRole& present, const api::ClusterRole& wanted) {
  api::ClusterRole next = present;
  if (is_left_alone(present.metadata)) return next;
  add_metadata(next.metadata, wanted.metadata);
  if (wanted.aggregation_rule) {
    if (!next.aggregation_rule) next.aggregation_rule = wanted.aggregation_rule;
    auto& selectors = next.aggregation_rule->cluster_role_selectors;
    for (const api::LabelSelector& selector : wanted.aggregation_rule->cluster_role_selectors) {
      if (std::ranges::find(selectors, selector) == selectors.end()) selectors.push_back(selector);
    }
  } else {
    add_rules(next.rules, wanted.rules);
  }
  return next;
}

api::ClusterRoleBinding completed(const api::ClusterRoleBinding& present,
                                  const api::ClusterRoleBinding& wanted) {
  api::ClusterRoleBinding next = present;
  if (is_left_alone(present.metadata)) return next;
  add_metadata(next.metadata, wanted.metadata);
  for (const api::Subject& subject : wanted.subjects) {
    if (std::ranges::find(next.subjects, subject) == next.subjects.end())
      next.subjects.push_back(subject);
  }
  return next;
}

/// Stores `wanted`, or what the present object lacks of it.
template <class T>
Task<Result<>> ensure(Registry& registry, T wanted) {
  const std::string space = wanted.metadata.namespace_;
  const Target target{&api::kind_of<T>(), space, wanted.metadata.name, ""};
  const store::EntryPtr entry =
      registry.store().find(store_key(*target.kind, space, wanted.metadata.name));
  if (!entry) {
    INSULA_CO_TRY_VOID(co_await registry.create(
        {target.kind, space, "", ""}, std::make_shared<T>(std::move(wanted)), policy_context()));
    co_return Result<>{};
  }
  Registry::Change complete =
      [wanted = std::move(wanted)](const ConstObject& present) -> Result<Object> {
    return std::make_shared<T>(completed(*static_cast<const T*>(present.get()), wanted));
  };
  INSULA_CO_TRY_VOID(co_await registry.change(target, std::move(complete), policy_context()));
  co_return Result<>{};
}

/// A binding gives what it was made for, or it is made anew: its role cannot be changed.
Task<Result<>> drop_misdirected(Registry& registry, const api::ClusterRoleBinding& wanted) {
  const api::Kind& kind = api::kind_of<api::ClusterRoleBinding>();
  const store::EntryPtr entry = registry.store().find(store_key(kind, "", wanted.metadata.name));
  if (!entry) co_return Result<>{};
  const auto present = object_of<api::ClusterRoleBinding>(*entry);
  if (present->role_ref == wanted.role_ref || is_left_alone(present->metadata))
    co_return Result<>{};
  INSULA_CO_TRY_VOID(co_await registry.remove({&kind, "", wanted.metadata.name, ""}, DeleteQuery(),
                                              policy_context()));
  co_return Result<>{};
}

using RolePtr = std::shared_ptr<const api::ClusterRole>;

std::vector<RolePtr> stored_roles(Registry& registry) {
  std::vector<RolePtr> roles;
  const auto read = registry.store().scan(store_key(api::kind_of<api::ClusterRole>(), "", ""), "",
                                          0, [&roles](const store::EntryPtr& entry) {
                                            roles.push_back(object_of<api::ClusterRole>(*entry));
                                            return true;
                                          });
  if (!read) roles.clear();
  return roles;
}

/// Roles of roles of roles: as many passes as the defaults have levels.
Task<Result<>> fill_aggregated(Registry& registry) {
  for (const char* name : {"view", "edit", "admin"}) {
    const std::vector<RolePtr> roles = stored_roles(registry);
    Registry::Change fill = [&roles](const ConstObject& present) -> Result<Object> {
      auto next =
          std::make_shared<api::ClusterRole>(*static_cast<const api::ClusterRole*>(present.get()));
      if (next->aggregation_rule) next->rules = api::aggregated_rules(*next, roles);
      return Object(next);
    };
    INSULA_CO_TRY_VOID(co_await registry.change({&api::kind_of<api::ClusterRole>(), "", name, ""},
                                                std::move(fill), policy_context()));
  }
  co_return Result<>{};
}

}  // namespace

std::vector<api::ClusterRole> default_cluster_roles() {
  std::vector<api::ClusterRole> roles;
  for (const RoleRow& row : kRoles) {
    api::ClusterRole& role = roles.emplace_back();
    role.metadata = metadata_of(row.name);
    role.rules = rules_of(row.name);
    if (row.label != nullptr) role.metadata.labels[row.label] = "true";
    if (row.collects == nullptr) continue;
    auto& selectors = role.aggregation_rule.ensure().cluster_role_selectors;
    selectors.emplace_back().match_labels[row.collects] = "true";
  }
  return roles;
}

std::vector<api::Role> default_roles() {
  api::Role reader;
  reader.metadata = metadata_of(kReaderRole);
  reader.metadata.namespace_ = "kube-system";
  reader.rules = rules_of(kReaderRole);
  return {reader};
}

std::vector<api::ClusterRoleBinding> default_cluster_role_bindings() {
  std::vector<api::ClusterRoleBinding> bindings;
  for (const BindingRow& row : kBindings) {
    api::ClusterRoleBinding& binding = bindings.emplace_back();
    binding.metadata = metadata_of(row.role);
    binding.role_ref = {std::string(api::kRbacGroup), "ClusterRole", row.role};
    for (const char* group : row.groups) {
      if (group != nullptr)
        binding.subjects.push_back({"Group", std::string(api::kRbacGroup), group, {}});
    }
  }
  return bindings;
}

Task<Result<>> reconcile_policy(Registry& registry) {
  for (api::ClusterRole& role : default_cluster_roles())
    INSULA_CO_TRY_VOID(co_await ensure(registry, std::move(role)));
  INSULA_CO_TRY_VOID(co_await fill_aggregated(registry));
  for (api::ClusterRoleBinding& binding : default_cluster_role_bindings()) {
    INSULA_CO_TRY_VOID(co_await drop_misdirected(registry, binding));
    INSULA_CO_TRY_VOID(co_await ensure(registry, std::move(binding)));
  }
  co_return Result<>{};
}

Task<Result<>> reconcile_namespaced_policy(Registry& registry) {
  for (api::Role& role : default_roles())
    INSULA_CO_TRY_VOID(co_await ensure(registry, std::move(role)));
  co_return Result<>{};
}

}  // namespace insula::apiserver
