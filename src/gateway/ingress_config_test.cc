// What Ingresses become: sites and certificates of the gateway's configuration.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/platform_config.h"

namespace insula::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <class T>
std::shared_ptr<const T> shared(T object) {
  return std::make_shared<const T>(std::move(object));
}

/// Namespace `a`, of the tenant of that name, with the Service `web` and one pod behind it.
class IngressConfigTest : public ::testing::Test {
 protected:
  IngressConfigTest() {
    api::Namespace name_space;
    name_space.metadata.name = "a";
    api::OwnerReference& owner = name_space.metadata.owner_references.emplace_back();
    owner.api_version = "insula.dev/v1alpha1";
    owner.kind = "Tenant";
    owner.name = "a";
    owner.controller = true;
    objects_.routing.ingresses.namespaces = {shared(name_space)};
    api::IngressClass one;
    one.metadata.name = "insula";
    one.spec.controller = api::kIngressController;
    objects_.routing.ingresses.classes = {shared(one)};
    api::Service service;
    service.metadata.namespace_ = "a";
    service.metadata.name = "web";
    api::ServicePort& port = service.spec.ports.emplace_back();
    port.name = "http";
    port.port = 80;
    objects_.services = {shared(service)};
    api::EndpointSlice slice;
    slice.metadata.namespace_ = "a";
    slice.metadata.labels["kubernetes.io/service-name"] = "web";
    slice.address_type = "IPv4";
    api::EndpointSlicePort& target = slice.ports.emplace_back();
    target.name = "http";
    target.port = 4000;
    slice.endpoints.emplace_back().addresses = {"10.0.0.1"};
    objects_.slices = {shared(slice)};
  }

  static api::IngressBackend backend(const std::string& service, api::ServiceBackendPort port) {
    api::IngressBackend made;
    made.service.emplace().name = service;
    made.service->port = std::move(port);
    return made;
  }

  static api::Ingress ingress(const std::string& name, std::int64_t created) {
    api::Ingress made;
    made.metadata.namespace_ = "a";
    made.metadata.name = name;
    made.metadata.creation_timestamp.seconds = created;
    made.spec.ingress_class_name = "insula";
    return made;
  }

  static void add_path(api::Ingress& ingress,
                       const std::string& host,
                       const std::string& path,
                       const std::string& type,
                       api::IngressBackend backend) {
    api::IngressRule& rule = ingress.spec.rules.emplace_back();
    rule.host = host;
    api::HTTPIngressPath& made = rule.ingress_rule_value.http.emplace().paths.emplace_back();
    made.path = path;
    made.path_type = type;
    made.backend = std::move(backend);
  }

  void add(api::Ingress ingress) {
    objects_.routing.ingresses.ingresses.push_back(shared(std::move(ingress)));
  }

  /// `path exact? service endpoints` of each route, in order.
  static std::vector<std::string> paths(const SiteConfig& site) {
    std::vector<std::string> all;
    for (const PathConfig& path : site.paths) {
      std::string line = (path.exact ? "=" : "") + path.path + " " + path.backend.service_host;
      for (const std::string& endpoint : path.backend.endpoints)
        line += " " + endpoint;
      all.push_back(std::move(line));
    }
    return all;
  }

  PlatformObjects objects_;
};

TEST_F(IngressConfigTest, PathsLeadToTheEndpointsOfTheirServices) {
  api::Ingress one = ingress("one", 1);
  one.spec.default_backend = backend("web", {.number = 80});
  add_path(one, "www.example.com", "/a", "Exact", backend("web", {.name = "http"}));
  add_path(one, "www.example.com", "", "ImplementationSpecific", backend("web", {.number = 81}));
  add_path(one, "www.example.com", "/b", "Prefix", backend("gone", {.name = "http"}));
  add(one);
  const GatewayConfig config = make_config(objects_);
  ASSERT_EQ(config.sites.size(), 1U);
  EXPECT_EQ(config.sites[0].host, "www.example.com");
  EXPECT_EQ(config.sites[0].tenant, "a");
  EXPECT_THAT(paths(config.sites[0]),
              ElementsAre("=/a web.a.svc:80 10.0.0.1:4000", "/ web.a.svc:81", "/b gone.a.svc:http",
                          "/ web.a.svc:80 10.0.0.1:4000"));
}

TEST_F(IngressConfigTest, OfOneHostTheOlderIngressComesFirstAndDefaultsLast) {
  api::Ingress young = ingress("young", 2);
  add_path(young, "www.example.com", "/a", "Prefix", backend("young", {.number = 1}));
  api::Ingress old = ingress("zold", 1);
  old.spec.default_backend = backend("default", {.number = 1});
  add_path(old, "www.example.com", "/a", "Prefix", backend("old", {.number = 1}));
  add(young);
  add(old);
  EXPECT_THAT(paths(make_config(objects_).sites.at(0)),
              ElementsAre("/a old.a.svc:1", "/a young.a.svc:1", "/ default.a.svc:1"));
}

TEST_F(IngressConfigTest, TheAnnotationSaysWhoMaySend) {
  for (const auto& [value, access] :
       std::vector<std::pair<std::string, RouteAccess>>{{"none", RouteAccess::kEverybody},
                                                        {"tenant", RouteAccess::kTenant},
                                                        {"Tenant", RouteAccess::kNobody},
                                                        {"", RouteAccess::kNobody}}) {
    api::Ingress one = ingress("one", 1);
    one.metadata.annotations[api::kIngressAuthAnnotation] = value;
    add_path(one, "www.example.com", "/", "Prefix", backend("web", {.number = 80}));
    objects_.routing.ingresses.ingresses = {shared(one)};
    EXPECT_EQ(make_config(objects_).sites.at(0).paths.at(0).access, access) << value;
  }
}

TEST_F(IngressConfigTest, TheAnnotationSaysWhatOfTheEdgeHolds) {
  using api::RouteEdge;
  for (const auto& [value, edge] : std::vector<std::pair<std::string, RouteEdge>>{
           {"bounds", {.bounds = true}},
           {" cors ", {.cors = true}},
           {"cors,bounds", {.bounds = true, .cors = true}},
           // Of what is not understood all holds.
           {"bound", {.bounds = true, .cors = true}},
           {"cors,", {.bounds = true, .cors = true}},
           {"", {.bounds = true, .cors = true}}}) {
    api::Ingress one = ingress("one", 1);
    one.metadata.annotations[api::kRouteEdgeAnnotation] = value;
    add_path(one, "www.example.com", "/", "Prefix", backend("web", {.number = 80}));
    objects_.routing.ingresses.ingresses = {shared(one)};
    const GatewayConfig config = make_config(objects_);
    EXPECT_EQ(config.sites.at(0).paths.at(0).edge, edge) << value;
    EXPECT_EQ(config_from_json(to_json(config)).value(), config);
    const bool known = value != "bound" && value != "cors," && !value.empty();
    EXPECT_EQ(api::judge_edge(one.metadata).good, known) << value;
  }
}

TEST_F(IngressConfigTest, ACertificateIsForTheHostsThatItsIngressHas) {
  api::Secret secret;
  secret.metadata.namespace_ = "a";
  secret.metadata.name = "cert";
  secret.data = {{api::kTlsCertificateEntry, "chain"}, {api::kTlsKeyEntry, "key"}};
  objects_.secrets = {shared(secret)};
  api::Ingress one = ingress("one", 1);
  add_path(one, "www.example.com", "/", "Prefix", backend("web", {.number = 80}));
  api::IngressTLS& tls = one.spec.tls.emplace_back();
  tls.secret_name = "cert";
  tls.hosts = {"www.example.com", "bank.example.com"};
  one.spec.tls.emplace_back().secret_name = "gone";
  one.spec.tls.emplace_back().secret_name = "cert";
  EXPECT_THAT(secrets_of(one),
              ElementsAre(SecretRef{"a", "cert"}, SecretRef{"a", "gone"}, SecretRef{"a", "cert"}));
  add(one);
  const CertificateConfig wanted{
      .name = "a/cert", .hosts = {"www.example.com"}, .chain = "chain", .key = "key"};
  EXPECT_THAT(make_config(objects_).certificates, ElementsAre(wanted, wanted));
}

TEST_F(IngressConfigTest, AHostOfTheGatewayIsASiteWithoutRoutes) {
  objects_.routing.ingresses.held = {{"gw.example.com", std::string(api::kNobodysHost)},
                                     {"gone.example.com", "a"}};
  const GatewayConfig config = make_config(objects_);
  ASSERT_EQ(config.sites.size(), 1U);
  EXPECT_EQ(config.sites[0].host, "gw.example.com");
  EXPECT_THAT(config.sites[0].paths, IsEmpty());
}

}  // namespace
}  // namespace insula::gateway
