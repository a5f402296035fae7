#include "server/control_loops.h"

#include <string>
#include <utility>

#include "api/gen/apiextensions_v1.h"
#include "api/gen/apps_v1.h"
#include "api/gen/batch_v1.h"
#include "api/gen/certificates_v1.h"
#include "api/gen/coordination_v1.h"
#include "api/gen/core_v1.h"
#include "api/gen/discovery_v1.h"
#include "api/gen/gateway_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/gen/networking_v1.h"
#include "api/gen/policy_v1.h"
#include "api/gen/rbac_v1.h"
#include "api/platform_objects.h"
#include "controller/event_recorder.h"
#include "controller/informer.h"
#include "controllers/certificates/controller.h"
#include "controllers/clusterroles/controller.h"
#include "controllers/cronjob/controller.h"
#include "controllers/customresources/controller.h"
#include "controllers/deployment/controller.h"
#include "controllers/disruption/controller.h"
#include "controllers/endpoints/controller.h"
#include "controllers/endpoints/mirror.h"
#include "controllers/garbage/controller.h"
#include "controllers/ingress/controller.h"
#include "controllers/job/controller.h"
#include "controllers/namespaces/controller.h"
#include "controllers/nodes/controller.h"
#include "controllers/replicaset/controller.h"
#include "controllers/routing/controller.h"
#include "controllers/tokens/controller.h"
#include "scheduler/scheduler.h"
#include "tenancy/controller.h"

namespace insula::server {

using controller::EventRecorder;
using controller::Informer;
using controller::Runtime;

namespace {

/// The Secrets of one type: the others are nobody's business.
controller::ReflectorOptions of_type(const char* type) {
  controller::ReflectorOptions options;
  options.field_selector = std::string("type=") + type;
  return options;
}

}  // namespace

/// In order of construction: mirrors, recorders, then the loops that read and use them.
struct ControlLoops::Parts {
  Parts(client::Client& client, const Runtime& runtime, const Options& options)
      : namespaces(client, {}, runtime.log),
        accounts(client, {}, runtime.log),
        token_secrets(client, of_type(controllers::kTokenSecretType), runtime.log),
        config_maps(client, {}, runtime.log),
        pods(client, {}, runtime.log),
        nodes(client, {}, runtime.log),
        leases(client, {}, runtime.log),
        services(client, {}, runtime.log),
        endpoints(client, {}, runtime.log),
        slices(client, {}, runtime.log),
        quotas(client, {}, runtime.log),
        limit_ranges(client, {}, runtime.log),
        deployments(client, {}, runtime.log),
        sets(client, {}, runtime.log),
        replications(client, {}, runtime.log),
        jobs(client, {}, runtime.log),
        cron_jobs(client, {}, runtime.log),
        stateful_sets(client, {}, runtime.log),
        budgets(client, {}, runtime.log),
        policies(client, {}, runtime.log),
        tenants(client, {}, runtime.log),
        signing_requests(client, {}, runtime.log),
        cluster_roles(client, {}, runtime.log),
        role_bindings(client, {}, runtime.log),
        cluster_role_bindings(client, {}, runtime.log),
        ingresses(client, {}, runtime.log),
        ingress_classes(client, {}, runtime.log),
        certificates(client, of_type(api::kTlsSecretType), runtime.log),
        gateway_classes(client, {}, runtime.log),
        gateways(client, {}, runtime.log),
        http_routes(client, {}, runtime.log),
        reference_grants(client, {}, runtime.log),
        accepted_routes(client, {.name_space = api::kSystemNamespace}, runtime.log),
        definitions(client, {}, runtime.log),
        deployment_events(client, runtime, "deployment-controller"),
        set_events(client, runtime, "replicaset-controller"),
        replication_events(client, runtime, "replication-controller"),
        job_events(client, runtime, "job-controller"),
        cron_job_events(client, runtime, "cronjob-controller"),
        budget_events(client, runtime, "controllermanager"),
        garbage_events(client, runtime, "garbage-collector-controller"),
        tenant_events(client, runtime, "tenant-controller"),
        ingress_events(client, runtime, "ingress-controller"),
        scheduler_events(client, runtime, scheduler::kSchedulerName),
        namespace_loop(client,
                       runtime,
                       {namespaces, accounts, config_maps, pods},
                       *options.kinds,
                       options.ca_pem),
        token_loop(client, runtime, {token_secrets, accounts}, options.ca_pem, options.make_token),
        deployment_loop(client, runtime, {deployments, sets, pods}, deployment_events),
        set_loop(client, runtime, {sets, pods, quotas, limit_ranges}, set_events),
        replication_loop(
            client, runtime, {replications, pods, quotas, limit_ranges}, replication_events),
        job_loop(client, runtime, {jobs, pods}, job_events),
        cron_job_loop(client, runtime, {cron_jobs, jobs}, cron_job_events),
        disruption_loop(client,
                        runtime,
                        {budgets, pods, deployments, sets, replications, stateful_sets},
                        budget_events),
        endpoints_loop(client, runtime, {services, pods, slices, endpoints}),
        mirror_loop(client, runtime, {services, slices, endpoints}),
        node_loop(client, runtime, {nodes, leases}),
        pod_garbage_loop(client, runtime, {pods, nodes}),
        garbage_loop(client, runtime, {*options.kinds, definitions}, garbage_events),
        custom_resource_loop(client, runtime, definitions, *options.kinds),
        certificate_loop(client, runtime, signing_requests, options.make_certificate),
        cluster_role_loop(client, runtime, cluster_roles),
        tenant_loop(client,
                    runtime,
                    {tenants,
                     namespaces,
                     accounts,
                     quotas,
                     limit_ranges,
                     policies,
                     services,
                     deployments,
                     pods,
                     {role_bindings, cluster_roles, cluster_role_bindings}},
                    tenant_events,
                    options.gateway_url),
        ingress_loop(client,
                     runtime,
                     {ingresses,
                      ingress_classes,
                      namespaces,
                      services,
                      certificates,
                      config_maps,
                      {gateway_classes, gateways, http_routes, reference_grants, accepted_routes}},
                     ingress_events,
                     options.gateway_url),
        routing_loop(client,
                     runtime,
                     {ingresses,
                      ingress_classes,
                      namespaces,
                      services,
                      certificates,
                      config_maps,
                      {gateway_classes, gateways, http_routes, reference_grants, accepted_routes}},
                     options.gateway_url),
        scheduler_loop(client, runtime, {pods, nodes}, scheduler_events) {}

  [[nodiscard]] std::vector<std::pair<const char*, controller::Mirror*>> mirrors() {
    return {{"namespaces", &namespaces},
            {"serviceaccounts", &accounts},
            {"secrets", &token_secrets},
            {"configmaps", &config_maps},
            {"pods", &pods},
            {"nodes", &nodes},
            {"leases", &leases},
            {"services", &services},
            {"endpoints", &endpoints},
            {"endpointslices", &slices},
            {"resourcequotas", &quotas},
            {"limitranges", &limit_ranges},
            {"deployments", &deployments},
            {"replicasets", &sets},
            {"replicationcontrollers", &replications},
            {"jobs", &jobs},
            {"cronjobs", &cron_jobs},
            {"statefulsets", &stateful_sets},
            {"poddisruptionbudgets", &budgets},
            {"networkpolicies", &policies},
            {"tenants", &tenants},
            {"certificatesigningrequests", &signing_requests},
            {"clusterroles", &cluster_roles},
            {"rolebindings", &role_bindings},
            {"clusterrolebindings", &cluster_role_bindings},
            {"ingresses", &ingresses},
            {"ingressclasses", &ingress_classes},
            {"certificates", &certificates},
            {"gatewayclasses", &gateway_classes},
            {"gateways", &gateways},
            {"httproutes", &http_routes},
            {"referencegrants", &reference_grants},
            {"controllerrevisions", &accepted_routes},
            {"customresourcedefinitions", &definitions}};
  }

  Informer<api::Namespace> namespaces;
  Informer<api::ServiceAccount> accounts;
  Informer<api::Secret> token_secrets;
  Informer<api::ConfigMap> config_maps;
  Informer<api::Pod> pods;
  Informer<api::Node> nodes;
  Informer<api::Lease> leases;
  Informer<api::Service> services;
  Informer<api::Endpoints> endpoints;
  Informer<api::EndpointSlice> slices;
  Informer<api::ResourceQuota> quotas;
  Informer<api::LimitRange> limit_ranges;
  Informer<api::Deployment> deployments;
  Informer<api::ReplicaSet> sets;
  Informer<api::ReplicationController> replications;
  Informer<api::Job> jobs;
  Informer<api::CronJob> cron_jobs;
  Informer<api::StatefulSet> stateful_sets;
  Informer<api::PodDisruptionBudget> budgets;
  Informer<api::NetworkPolicy> policies;
  Informer<api::Tenant> tenants;
  Informer<api::CertificateSigningRequest> signing_requests;
  Informer<api::ClusterRole> cluster_roles;
  Informer<api::RoleBinding> role_bindings;
  Informer<api::ClusterRoleBinding> cluster_role_bindings;
  Informer<api::Ingress> ingresses;
  Informer<api::IngressClass> ingress_classes;
  Informer<api::Secret> certificates;
  Informer<api::GatewayClass> gateway_classes;
  Informer<api::Gateway> gateways;
  Informer<api::HTTPRoute> http_routes;
  Informer<api::ReferenceGrant> reference_grants;
  Informer<api::ControllerRevision> accepted_routes;
  Informer<api::CustomResourceDefinition> definitions;

  EventRecorder deployment_events;
  EventRecorder set_events;
  EventRecorder replication_events;
  EventRecorder job_events;
  EventRecorder cron_job_events;
  EventRecorder budget_events;
  EventRecorder garbage_events;
  EventRecorder tenant_events;
  EventRecorder ingress_events;
  EventRecorder scheduler_events;

  controllers::NamespaceController namespace_loop;
  controllers::TokenSecretController token_loop;
  controllers::DeploymentController deployment_loop;
  controllers::ReplicaSetController set_loop;
  controllers::ReplicationControllerController replication_loop;
  controllers::JobController job_loop;
  controllers::CronJobController cron_job_loop;
  controllers::DisruptionController disruption_loop;
  controllers::EndpointsController endpoints_loop;
  controllers::EndpointsMirror mirror_loop;
  controllers::NodeLifecycleController node_loop;
  controllers::PodGarbageCollector pod_garbage_loop;
  controllers::GarbageCollector garbage_loop;
  controllers::CustomResourceController custom_resource_loop;
  controllers::CertificateSigner certificate_loop;
  controllers::ClusterRoleAggregator cluster_role_loop;
  tenancy::TenantController tenant_loop;
  controllers::IngressController ingress_loop;
  controllers::RoutingController routing_loop;
  scheduler::Scheduler scheduler_loop;
};

ControlLoops::ControlLoops(client::Client& client, const Runtime& runtime, const Options& options)
    : parts_(std::make_unique<Parts>(client, runtime, options)) {}

ControlLoops::~ControlLoops() = default;

void ControlLoops::start() {
  parts_->deployment_events.start();
  parts_->set_events.start();
  parts_->replication_events.start();
  parts_->job_events.start();
  parts_->cron_job_events.start();
  parts_->budget_events.start();
  parts_->garbage_events.start();
  parts_->tenant_events.start();
  parts_->ingress_events.start();
  parts_->scheduler_events.start();
  parts_->namespace_loop.start();
  parts_->token_loop.start();
  parts_->deployment_loop.start();
  parts_->set_loop.start();
  parts_->replication_loop.start();
  parts_->job_loop.start();
  parts_->cron_job_loop.start();
  parts_->disruption_loop.start();
  parts_->endpoints_loop.start();
  parts_->mirror_loop.start();
  parts_->node_loop.start();
  parts_->pod_garbage_loop.start();
  parts_->garbage_loop.start();
  parts_->custom_resource_loop.start();
  parts_->certificate_loop.start();
  parts_->cluster_role_loop.start();
  parts_->tenant_loop.start();
  parts_->ingress_loop.start();
  parts_->routing_loop.start();
  parts_->scheduler_loop.start();
  for (const auto& [name, mirror] : parts_->mirrors())
    mirror->start();
}

std::vector<std::string> ControlLoops::not_ready() const {
  std::vector<std::string> waiting;
  for (const auto& [name, mirror] : parts_->mirrors()) {
    if (!mirror->synced().is_set()) waiting.emplace_back(name);
  }
  return waiting;
}

}  // namespace insula::server
