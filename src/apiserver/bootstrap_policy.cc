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
    {"insula:gateway"},
    {"insula:metrics"},
    {api::kTenantMemberRole},
});

struct RuleRow {
  const char* role;
  const char* verbs;
  const char* groups;
  const char* resources;
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
  const Target target{&api::kind_of<T>(), "", wanted.metadata.name, ""};
  const store::EntryPtr entry =
      registry.store().find(store_key(*target.kind, "", wanted.metadata.name));
  if (!entry) {
    INSULA_CO_TRY_VOID(co_await registry.create(
        {target.kind, "", "", ""}, std::make_shared<T>(std::move(wanted)), policy_context()));
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

}  // namespace insula::apiserver
