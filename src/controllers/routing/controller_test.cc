#include "controllers/routing/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/platform_objects.h"
#include "controller/testing/harness.h"
#include "testing/certificate.h"

namespace insula::controllers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A gateway with TLS at port 8443, namespaces `a` and `b` of tenants of these names, each with a
/// Service `web`, and a Gateway in `a`.
class RoutingControllerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (controller::Mirror* mirror : std::initializer_list<controller::Mirror*>{
             &ingresses_, &classes_, &namespaces_, &services_, &certificates_, &config_maps_,
             &gateway_classes_, &gateways_, &routes_, &grants_, &accepted_}) {
      mirror->start();
    }
    controller_.start();
    world_.add_namespace(api::kSystemNamespace);
    api::GatewayClass ours;
    ours.metadata.name = api::kGatewayClassName;
    ours.spec.controller_name = api::kGatewayController;
    world_.create(ours);
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
      service.spec.ports.emplace_back().port = 80;
      world_.create(service);
    }
    world_.create(gateway());
  }

  static api::Gateway gateway() {
    api::Gateway made;
    made.metadata.namespace_ = "a";
    made.metadata.name = "gw";
    made.spec.gateway_class_name = api::kGatewayClassName;
    api::Listener& listener = made.spec.listeners.emplace_back();
    listener.name = "https";
    listener.port = 8443;
    listener.protocol = "HTTPS";
    listener.tls.emplace().certificate_refs.emplace_back().name = "cert";
    return made;
  }

  static api::HTTPRoute route(const std::string& host, const std::string& service = "web") {
    api::HTTPRoute made;
    made.metadata.namespace_ = "a";
    made.metadata.name = "web";
    made.spec.parent_refs.emplace_back().name = "gw";
    made.spec.hostnames = {host};
    api::HTTPBackendRef& backend = made.spec.rules.emplace_back().backend_refs.emplace_back();
    backend.name = service;
    backend.port = 80;
    return made;
  }

  void add_certificate(const std::string& certificate, const std::string& key) {
    api::Secret secret;
    secret.metadata.namespace_ = "a";
    secret.metadata.name = "cert";
    secret.type = api::kTlsSecretType;
    secret.data = {{api::kTlsCertificateEntry, certificate}, {api::kTlsKeyEntry, key}};
    world_.create(secret);
  }

  /// `Type=Status Reason` for each.
  static std::vector<std::string> texts(const std::vector<api::Condition>& conditions) {
    std::vector<std::string> list;
    for (const api::Condition& condition : conditions)
      list.push_back(condition.type + "=" + condition.status + " " + condition.reason);
    return list;
  }

  /// Of the Gateway with one more listener, without TLS.
  api::GatewayStatus status_with_plain_listener(std::int32_t port) {
    api::Gateway made = *world_.get<api::Gateway>("a", "gw");
    api::Listener& plain = made.spec.listeners.emplace_back();
    plain.name = "plain";
    plain.port = port;
    plain.protocol = "HTTP";
    world_.update(made);
    world_.settle();
    return gateway_status();
  }

  api::GatewayStatus gateway_status() { return world_.get<api::Gateway>("a", "gw")->status; }

  std::vector<std::string> route_conditions() {
    const auto parents = world_.get<api::HTTPRoute>("a", "web")->status.parents;
    return parents.empty() ? std::vector<std::string>() : texts(parents[0].conditions);
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
  RoutingController controller_{world_.api,
                                world_.runtime,
                                {ingresses_,
                                 classes_,
                                 namespaces_,
                                 services_,
                                 certificates_,
                                 config_maps_,
                                 {gateway_classes_, gateways_, routes_, grants_, accepted_}},
                                "https://10.1.2.3:8443"};
};

TEST_F(RoutingControllerTest, AcceptsItsClassOnly) {
  api::GatewayClass other;
  other.metadata.name = "other";
  other.spec.controller_name = "example.com/other";
  world_.create(other);
  world_.settle();
  const auto ours = world_.get<api::GatewayClass>("", "insula")->status;
  EXPECT_THAT(texts(ours.conditions),
              ElementsAre("Accepted=True Accepted", "SupportedVersion=True SupportedVersion"));
  EXPECT_TRUE(std::ranges::is_sorted(ours.supported_features, {}, &api::SupportedFeature::name));
  EXPECT_THAT(world_.get<api::GatewayClass>("", "other")->status.conditions, IsEmpty());
}

TEST_F(RoutingControllerTest, AGatewayIsProgrammedOnceItHasItsCertificate) {
  world_.create(route("www.example.com"));
  world_.settle();
  api::GatewayStatus status = gateway_status();
  EXPECT_THAT(texts(status.conditions),
              ElementsAre("Accepted=True Accepted", "Programmed=False Invalid"));
  ASSERT_EQ(status.listeners.size(), 1);
  EXPECT_THAT(
      texts(status.listeners[0].conditions),
      ElementsAre("Accepted=True Accepted", "Programmed=False Invalid",
                  "ResolvedRefs=False InvalidCertificateRef", "Conflicted=False NoConflicts"));
  const auto good =
      ::insula::testing::make_certificate({.common_name = "a", .alternative_name = "DNS:a"});
  add_certificate(good.pem, good.key);
  world_.settle();
  status = gateway_status();
  EXPECT_THAT(texts(status.conditions),
              ElementsAre("Accepted=True Accepted", "Programmed=True Programmed"));
  EXPECT_EQ(status.listeners[0].attached_routes, 1);
  EXPECT_EQ(status.listeners[0].supported_kinds.at(0).kind, "HTTPRoute");
  ASSERT_EQ(status.addresses.size(), 1);
  EXPECT_EQ(status.addresses[0].value, "10.1.2.3");
  EXPECT_EQ(status.addresses[0].type, "IPAddress");
}

TEST_F(RoutingControllerTest, SaysWhichListenersAreNotServed) {
  const api::GatewayStatus status = status_with_plain_listener(80);
  EXPECT_EQ(texts(status.conditions)[0], "Accepted=True ListenersNotValid");
  EXPECT_THAT(texts(status.listeners[1].conditions),
              ElementsAre("Accepted=False UnsupportedProtocol", "Programmed=False Invalid",
                          "ResolvedRefs=True ResolvedRefs", "Conflicted=False NoConflicts"));
  EXPECT_EQ(status.conditions[0].observed_generation, 2);
  EXPECT_EQ(status.listeners[1].conditions[0].observed_generation, 2);
}

TEST_F(RoutingControllerTest, AGatewayOfConflictedListenersOnlyIsNotAccepted) {
  EXPECT_THAT(texts(status_with_plain_listener(8443).conditions),
              ElementsAre("Accepted=False ListenersNotValid", "Programmed=False Invalid"));
}

TEST_F(RoutingControllerTest, AMissingCertificateIsToldWhateverElseIsWrong) {
  api::Gateway made = *world_.get<api::Gateway>("a", "gw");
  made.spec.listeners[0].allowed_routes.emplace().kinds.emplace_back().kind = "TCPRoute";
  world_.update(made);
  world_.settle();
  EXPECT_EQ(texts(gateway_status().conditions)[1], "Programmed=False Invalid");
  EXPECT_EQ(texts(gateway_status().listeners[0].conditions)[2],
            "ResolvedRefs=False InvalidCertificateRef");
}

TEST_F(RoutingControllerTest, AClassStaysForAsLongAsThereAreGatewaysOfIt) {
  const auto finalizers = [this] {
    const auto found = world_.get<api::GatewayClass>("", "insula");
    return found ? found->metadata.finalizers : std::vector<std::string>{"gone"};
  };
  world_.settle();
  EXPECT_THAT(finalizers(), ElementsAre("gateway-exists-finalizer.gateway.networking.k8s.io"));
  ASSERT_TRUE(world_.remove<api::GatewayClass>("", "insula"));
  world_.settle();
  EXPECT_TRUE(world_.get<api::GatewayClass>("", "insula")->metadata.deletion_timestamp);
  EXPECT_EQ(texts(gateway_status().conditions)[0], "Accepted=True Accepted");
  ASSERT_TRUE(world_.remove<api::Gateway>("a", "gw"));
  world_.settle();
  EXPECT_THAT(finalizers(), ElementsAre("gone"));
}

TEST_F(RoutingControllerTest, ARouteSaysWhatItsBackendsLack) {
  world_.create(route("www.example.com", "gone"));
  world_.settle();
  EXPECT_THAT(route_conditions(),
              ElementsAre("Accepted=True Accepted", "ResolvedRefs=False BackendNotFound"));
  const api::Time before =
      world_.get<api::HTTPRoute>("a", "web")->status.parents[0].conditions[0].last_transition_time;
  api::Service service;
  service.metadata.namespace_ = "a";
  service.metadata.name = "gone";
  service.spec.ports.emplace_back().port = 80;
  world_.advance(std::chrono::seconds(10));
  world_.create(service);
  world_.settle();
  EXPECT_THAT(route_conditions(),
              ElementsAre("Accepted=True Accepted", "ResolvedRefs=True ResolvedRefs"));
  const auto parent = world_.get<api::HTTPRoute>("a", "web")->status.parents[0];
  EXPECT_EQ(parent.controller_name, api::kGatewayController);
  EXPECT_EQ(parent.conditions[0].last_transition_time, before);
  EXPECT_GT(parent.conditions[1].last_transition_time, before);
}

TEST_F(RoutingControllerTest, ARouteIsLookedAtAgainWhenItsAnnotationsChange) {
  world_.create(route("www.example.com"));
  world_.settle();
  EXPECT_THAT(route_conditions(), ::testing::Contains("Accepted=True Accepted"));
  api::HTTPRoute changed = *world_.get<api::HTTPRoute>("a", "web");
  changed.metadata.annotations["insula.dev/auth"] = "tenat";
  world_.update(changed);
  world_.settle();
  EXPECT_THAT(route_conditions(), ::testing::Contains("Accepted=False UnsupportedValue"));
}

TEST_F(RoutingControllerTest, ARouteSaysWhichHostsItDoesNotGet) {
  api::ConfigMap record = api::record_of({{"www.example.com", "-"}});
  world_.create(record);
  api::HTTPRoute made = route("www.example.com");
  world_.create(made);
  world_.settle();
  EXPECT_THAT(route_conditions(),
              ElementsAre("Accepted=False HostReserved", "ResolvedRefs=True ResolvedRefs",
                          "insula.dev/HostsGranted=False HostReserved"));
  made = *world_.get<api::HTTPRoute>("a", "web");
  made.spec.hostnames.emplace_back("a.example.com");
  world_.update(made);
  world_.settle();
  EXPECT_EQ(route_conditions().at(0), "Accepted=True Accepted");
  EXPECT_EQ(route_conditions().at(2), "insula.dev/HostsGranted=False HostReserved");
}

TEST_F(RoutingControllerTest, LeavesWhatOtherControllersSay) {
  api::HTTPRoute made = world_.create(route("www.example.com"));
  world_.settle();
  made = *world_.get<api::HTTPRoute>("a", "web");
  api::RouteParentStatus& other = made.status.parents.emplace_back();
  other.parent_ref.name = "theirs";
  other.controller_name = "example.com/other";
  api::Condition& condition = other.conditions.emplace_back();
  condition.type = "Accepted";
  condition.status = "True";
  condition.reason = "Accepted";
  condition.last_transition_time.seconds = 5;
  made = world_.update_status(made);
  ASSERT_TRUE(world_.remove<api::Gateway>("a", "gw"));
  world_.settle();
  const auto parents = world_.get<api::HTTPRoute>("a", "web")->status.parents;
  ASSERT_EQ(parents.size(), 1);
  EXPECT_EQ(parents[0].controller_name, "example.com/other");
}

TEST_F(RoutingControllerTest, AGatewayWithAnAddressOfItsOwnIsNotAccepted) {
  api::Gateway made = *world_.get<api::Gateway>("a", "gw");
  made.spec.addresses.emplace_back().value = "10.9.9.9";
  world_.update(made);
  world_.settle();
  const api::GatewayStatus status = gateway_status();
  EXPECT_THAT(texts(status.conditions),
              ElementsAre("Accepted=False UnsupportedAddress", "Programmed=False Invalid",
                          "insula.dev/Stale=True LastAcceptedServed"));
  EXPECT_THAT(status.addresses, IsEmpty());
  EXPECT_THAT(status.conditions[0].message, HasSubstr("leave spec.addresses out"));
}

TEST_F(RoutingControllerTest, RemembersWhatWasAcceptedAndSaysThatItIsServed) {
  world_.create(route("www.example.com"));
  world_.settle();
  const auto records = [&] {
    std::vector<std::string> names;
    for (const auto& [key, record] : accepted_.all())
      names.push_back(record->metadata.labels.at(api::kAcceptedLabel) + " " +
                      std::to_string(record->revision));
    std::ranges::sort(names);
    return names;
  };
  EXPECT_THAT(records(), ElementsAre("Gateway 1", "HTTPRoute 1"));
  api::HTTPRoute changed = *world_.get<api::HTTPRoute>("a", "web");
  changed.spec.hostnames = {"other.example.com"};
  world_.update(changed);
  world_.settle();
  EXPECT_THAT(records(), ElementsAre("Gateway 1", "HTTPRoute 2"));
  changed = *world_.get<api::HTTPRoute>("a", "web");
  changed.spec.hostnames = {"third.example.com"};
  api::HTTPRouteFilter& filter = changed.spec.rules[0].filters.emplace_back();
  filter.type = "ExtensionRef";
  filter.extension_ref.emplace() = {.group = "example.com", .kind = "X", .name = "x"};
  world_.update(changed);
  world_.settle();
  EXPECT_THAT(records(), ElementsAre("Gateway 1", "HTTPRoute 2"));
  EXPECT_THAT(route_conditions(),
              ElementsAre("Accepted=False UnsupportedValue", "ResolvedRefs=True ResolvedRefs",
                          "insula.dev/Stale=True LastAcceptedServed"));
  const auto conditions = world_.get<api::HTTPRoute>("a", "web")->status.parents[0].conditions;
  EXPECT_EQ(conditions[0].observed_generation, 3);
  EXPECT_THAT(conditions[2].message, HasSubstr("generation 3 is not accepted: what was accepted of "
                                               "generation 2 goes on"));
  // A Gateway, too.
  api::Gateway moved = *world_.get<api::Gateway>("a", "gw");
  moved.spec.listeners[0].port = 9;
  world_.update(moved);
  world_.settle();
  EXPECT_EQ(gateway_status().listeners[0].attached_routes, 1);
  EXPECT_THAT(texts(gateway_status().conditions),
              ElementsAre("Accepted=False ListenersNotValid", "Programmed=False Invalid",
                          "insula.dev/Stale=True LastAcceptedServed"));
  ASSERT_TRUE(world_.remove<api::HTTPRoute>("a", "web"));
  world_.settle();
  EXPECT_THAT(records(), ElementsAre("Gateway 1"));
}

TEST_F(RoutingControllerTest, SaysThatNobodyIsLetIn) {
  api::HTTPRoute one = route("www.example.com");
  one.metadata.annotations[api::kIngressAuthAnnotation] = "members";
  world_.create(one);
  world_.settle();
  EXPECT_THAT(route_conditions(),
              ElementsAre("Accepted=False UnsupportedValue", "ResolvedRefs=True ResolvedRefs"));
}

}  // namespace
}  // namespace insula::controllers
