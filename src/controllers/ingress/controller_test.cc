#include "controllers/ingress/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/platform_objects.h"
#include "controller/testing/harness.h"
#include "testing/certificate.h"

namespace insula::controllers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class IngressControllerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    events_.start();
    for (controller::Mirror* mirror : std::initializer_list<controller::Mirror*>{
             &ingresses_, &classes_, &namespaces_, &services_, &certificates_, &config_maps_,
             &gateway_classes_, &gateways_, &routes_, &grants_, &accepted_}) {
      mirror->start();
    }
    controller_.start();
    world_.add_namespace(api::kSystemNamespace);
    api::IngressClass one;
    one.metadata.name = "insula";
    one.spec.controller = api::kIngressController;
    world_.create(one);
    for (const char* tenant : {"a", "b"}) {
      api::Namespace name_space;
      name_space.metadata.name = tenant;
      api::OwnerReference& owner = name_space.metadata.owner_references.emplace_back();
      owner.api_version = "insula.dev/v1alpha1";
      owner.kind = "Tenant";
      owner.name = tenant;
      owner.uid = tenant;
      owner.controller = true;
      world_.create(name_space);
      api::Service service;
      service.metadata.namespace_ = tenant;
      service.metadata.name = "web";
      api::ServicePort& port = service.spec.ports.emplace_back();
      port.name = "http";
      port.port = 80;
      world_.create(service);
    }
  }

  static api::Ingress ingress(const std::string& name_space,
                              const std::string& host,
                              const std::string& service = "web",
                              int port = 80) {
    api::Ingress made;
    made.metadata.namespace_ = name_space;
    made.metadata.name = "web";
    made.spec.ingress_class_name = "insula";
    api::IngressRule& rule = made.spec.rules.emplace_back();
    rule.host = host;
    api::HTTPIngressPath& path = rule.ingress_rule_value.http.emplace().paths.emplace_back();
    path.path = "/";
    path.path_type = "Prefix";
    path.backend.service.emplace().name = service;
    path.backend.service->port.number = port;
    return made;
  }

  std::string address(const std::string& name_space) {
    const auto list = world_.get<api::Ingress>(name_space, "web")->status.load_balancer.ingress;
    if (list.empty()) return "";
    return list[0].ip + list[0].hostname + ":" + std::to_string(list[0].ports.at(0).port);
  }

  /// Reasons of the events about an Ingress.
  std::vector<std::string> told(const std::string& name_space) {
    std::vector<std::string> reasons;
    for (const api::Event& event : world_.list<api::Event>(name_space))
      reasons.push_back(event.reason);
    return reasons;
  }

  controller::testing::Harness world_;
  controller::Informer<api::Ingress> ingresses_{world_.api};
  controller::Informer<api::IngressClass> classes_{world_.api};
  controller::Informer<api::Namespace> namespaces_{world_.api};
  controller::Informer<api::Service> services_{world_.api};
  controller::Informer<api::Secret> certificates_{world_.api};
  controller::Informer<api::ConfigMap> config_maps_{world_.api};
  controller::Informer<api::GatewayClass> gateway_classes_{world_.api};
  controller::Informer<api::Gateway> gateways_{world_.api};
  controller::Informer<api::HTTPRoute> routes_{world_.api};
  controller::Informer<api::ReferenceGrant> grants_{world_.api};
  controller::Informer<api::ControllerRevision> accepted_{world_.api};
  controller::EventRecorder events_{world_.api, world_.runtime, "ingress-controller"};
  IngressController controller_{world_.api,
                                world_.runtime,
                                {ingresses_,
                                 classes_,
                                 namespaces_,
                                 services_,
                                 certificates_,
                                 config_maps_,
                                 {gateway_classes_, gateways_, routes_, grants_, accepted_}},
                                events_,
                                "https://gw.example.net:8443"};
};

TEST_F(IngressControllerTest, SaysWhereAnIngressIsReachedAndWhoseItsHostIs) {
  world_.create(ingress("a", "www.example.com"));
  world_.settle();
  EXPECT_EQ(address("a"), "gw.example.net:8443");
  EXPECT_THAT(world_.get<api::ConfigMap>(api::kSystemNamespace, api::kIngressHosts)->data,
              ElementsAre(Pair("gw.example.net", "-"), Pair("www.example.com", "a")));
  EXPECT_THAT(told("a"), IsEmpty());
}

TEST_F(IngressControllerTest, RemembersTheHostsOfRoutesToo) {
  api::GatewayClass ours;
  ours.metadata.name = api::kGatewayClassName;
  ours.spec.controller_name = api::kGatewayController;
  world_.create(ours);
  api::Gateway gateway;
  gateway.metadata.namespace_ = "b";
  gateway.metadata.name = "gw";
  gateway.spec.gateway_class_name = api::kGatewayClassName;
  api::Listener& listener = gateway.spec.listeners.emplace_back();
  listener.name = "https";
  listener.port = 8443;
  listener.protocol = "HTTPS";
  listener.tls.emplace().certificate_refs.emplace_back().name = "cert";
  world_.create(gateway);
  api::HTTPRoute route;
  route.metadata.namespace_ = "b";
  route.metadata.name = "web";
  api::ParentReference& parent = route.spec.parent_refs.emplace_back();
  parent.name = "gw";
  route.spec.hostnames = {"www.example.com"};
  world_.create(route);
  world_.settle();
  world_.create(ingress("a", "www.example.com"));
  world_.settle();
  EXPECT_THAT(world_.get<api::ConfigMap>(api::kSystemNamespace, api::kIngressHosts)->data,
              ElementsAre(Pair("gw.example.net", "-"), Pair("www.example.com", "b")));
  EXPECT_THAT(told("a"), ElementsAre("HostTaken"));
}

TEST_F(IngressControllerTest, AHostStaysWithWhoHasIt) {
  world_.create(ingress("a", "other.example.com"));
  world_.settle();
  world_.create(ingress("b", "www.example.com"));
  world_.settle();
  api::Ingress older = *world_.get<api::Ingress>("a", "web");
  older.spec.rules.push_back(ingress("a", "www.example.com").spec.rules[0]);
  older.spec.rules.push_back(ingress("a", "gw.example.net").spec.rules[0]);
  world_.update(older);
  world_.settle();
  EXPECT_EQ(world_.get<api::ConfigMap>(api::kSystemNamespace, api::kIngressHosts)
                ->data.at("www.example.com"),
            "b");
  EXPECT_THAT(told("a"), UnorderedElementsAre("HostReserved", "HostTaken"));
  EXPECT_THAT(told("b"), IsEmpty());
  ASSERT_TRUE(world_.remove<api::Ingress>("b", "web"));
  world_.settle();
  EXPECT_EQ(world_.get<api::ConfigMap>(api::kSystemNamespace, api::kIngressHosts)
                ->data.at("www.example.com"),
            "a");
}

TEST_F(IngressControllerTest, AnIngressWithoutAHostOfItsOwnIsReachedNowhere) {
  world_.create(ingress("a", "gw.example.net"));
  world_.settle();
  EXPECT_EQ(address("a"), "");
}

TEST_F(IngressControllerTest, TellsOfWhatIsMissingOnce) {
  world_.create(ingress("a", "a.example.com", "gone"));
  world_.create(ingress("b", "b.example.com", "web", 81));
  world_.settle();
  api::Service more;
  more.metadata.namespace_ = "a";
  more.metadata.name = "more";
  world_.create(more);
  world_.settle();
  EXPECT_THAT(told("a"), ElementsAre("ServiceNotFound"));
  EXPECT_THAT(told("b"), ElementsAre("PortNotFound"));
}

TEST_F(IngressControllerTest, TellsOfCertificatesThatCannotBeUsed) {
  api::Ingress with_tls = ingress("a", "a.example.com");
  with_tls.spec.tls.emplace_back().secret_name = "cert";
  world_.create(with_tls);
  world_.settle();
  EXPECT_THAT(told("a"), ElementsAre("SecretNotFound"));
  api::Secret secret;
  secret.metadata.namespace_ = "a";
  secret.metadata.name = "cert";
  secret.type = api::kTlsSecretType;
  secret.data = {{api::kTlsCertificateEntry, "no certificate"}, {api::kTlsKeyEntry, "no key"}};
  secret = world_.create(secret);
  world_.settle();
  EXPECT_THAT(told("a"), UnorderedElementsAre("CertificateRefused", "SecretNotFound"));
  const auto good = ::insula::testing::make_certificate(
      {.common_name = "a", .alternative_name = "DNS:a.example.com"});
  secret.data = {{api::kTlsCertificateEntry, good.pem}, {api::kTlsKeyEntry, good.key}};
  world_.update(secret);
  world_.settle();
  EXPECT_THAT(told("a"), UnorderedElementsAre("CertificateRefused", "SecretNotFound"));
}

TEST_F(IngressControllerTest, WhatIsNotOursAnyMoreDoesNotSayThatItIsReachedHere) {
  world_.create(ingress("a", "a.example.com"));
  world_.settle();
  EXPECT_NE(address("a"), "");
  api::Ingress other = *world_.get<api::Ingress>("a", "web");
  other.spec.ingress_class_name = "nginx";
  world_.update(other);
  world_.settle();
  EXPECT_EQ(address("a"), "");
}

}  // namespace
}  // namespace insula::controllers
