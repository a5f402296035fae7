#include "api/routing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/http_route_support.h"
#include "api/route_annotations.h"
#include "api/test_objects.h"

namespace insula::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const std::string kHead = "apiVersion: gateway.networking.k8s.io/v1\nkind: ";

const std::string kOpen =
    "{name: x, port: 8080, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}";

/// Namespaces `a` and `b` of tenants of these names, `platform` of nobody, and a gateway that
/// listens at 8080 in plain HTTP.
class RoutingTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* tenant : {"a", "b"}) {
      auto made = std::make_shared<Namespace>();
      made->metadata.name = tenant;
      made->metadata.labels["team"] = tenant;
      OwnerReference& owner = made->metadata.owner_references.emplace_back();
      owner.api_version = "insula.dev/v1alpha1";
      owner.kind = "Tenant";
      owner.name = tenant;
      owner.controller = true;
      objects_.ingresses.namespaces.push_back(made);
    }
    auto platform = std::make_shared<Namespace>();
    platform->metadata.name = "platform";
    platform->metadata.labels["insula.dev/tenant"] = "a";  // which says nothing
    objects_.ingresses.namespaces.push_back(platform);
    auto ours = std::make_shared<GatewayClass>();
    ours->metadata.name = kGatewayClassName;
    ours->spec.controller_name = kGatewayController;
    objects_.classes.push_back(ours);
    objects_.entrance = {.ports = {8080}, .tls = false};
  }

  template <class T>
  std::shared_ptr<T> made(const std::string& name_space,
                          const std::string& name,
                          const std::string& yaml) {
    auto object = std::make_shared<T>(created(kHead + yaml).template as<T>());
    object->metadata.namespace_ = name_space;
    object->metadata.name = name;
    object->metadata.creation_timestamp.seconds = ++clock_;
    return object;
  }

  Gateway& gateway(const std::string& name_space, const std::string& listeners) {
    auto object =
        made<Gateway>(name_space, "gw",
                      "Gateway\nspec: {gatewayClassName: insula, listeners: [" + listeners + "]}");
    objects_.gateways.push_back(object);
    return *object;
  }

  HTTPRoute& route(const std::string& name_space,
                   const std::string& name,
                   const std::string& spec,
                   const std::string& parent = "{name: gw, namespace: platform}") {
    auto object = made<HTTPRoute>(name_space, name,
                                  "HTTPRoute\nspec: {parentRefs: [" + parent + "], " + spec + "}");
    objects_.routes.push_back(object);
    return *object;
  }

  void grant(const std::string& name_space,
             const std::string& from,
             const std::string& of,
             const std::string& to) {
    objects_.grants.push_back(made<ReferenceGrant>(
        name_space, "grant",
        "ReferenceGrant\nspec: {from: [{group: gateway.networking.k8s.io, "
        "kind: " +
            from + ", namespace: " + of + "}], to: [{group: '', kind: " + to + "}]}"));
  }

  /// Notes that the object was accepted as it is.
  template <class T>
  void remember(T& object) {
    object.metadata.uid = object.metadata.name + "-uid";
    object.metadata.generation = 1;
    objects_.accepted.push_back(
        std::make_shared<const ControllerRevision>(accepted_record(object)));
  }

  /// `name: Reason host host` for each parent of each route.
  std::vector<std::string> decided() {
    std::vector<std::string> all;
    const Routing routing = decide_routing(objects_);
    for (const AttachedRoute& one : routing.routes) {
      for (const RouteParent& parent : one.parents) {
        std::string text = one.route->metadata.name + ": " + parent.accepted.reason;
        for (const RouteParent::Place& place : parent.places)
          for (const std::string& host : place.hosts)
            text += " " + (host.empty() ? std::string("*") : host);
        all.push_back(text);
      }
    }
    return all;
  }

  /// `name: Accepted ResolvedRefs Conflicted routes` for each listener.
  std::vector<std::string> listeners() {
    std::vector<std::string> all;
    for (const ServedGateway& one : decide_routing(objects_).gateways) {
      for (const ServedListener& listener : one.listeners)
        all.push_back(listener.listener->name + ": " + listener.accepted.reason + " " +
                      listener.resolved.reason + " " + listener.conflicted.reason + " " +
                      std::to_string(listener.routes));
    }
    return all;
  }

  RoutingObjects objects_;
  std::int64_t clock_ = 0;
};

TEST(CommonHost, IsTheNarrowerOfBoth) {
  EXPECT_EQ(common_host("", ""), "");
  EXPECT_EQ(common_host("", "a.com"), "a.com");
  EXPECT_EQ(common_host("a.com", ""), "a.com");
  EXPECT_EQ(common_host("a.com", "a.com"), "a.com");
  EXPECT_EQ(common_host("*.a.com", "w.a.com"), "w.a.com");
  EXPECT_EQ(common_host("*.a.com", "v.w.a.com"), "v.w.a.com");
  EXPECT_EQ(common_host("w.a.com", "*.a.com"), "w.a.com");
  EXPECT_EQ(common_host("*.com", "*.a.com"), "*.a.com");
  EXPECT_EQ(common_host("*.a.com", "*.com"), "*.a.com");
  EXPECT_EQ(common_host("*.a.com", "a.com"), std::nullopt);
  EXPECT_EQ(common_host("*.a.com", "wa.com"), std::nullopt);
  EXPECT_EQ(common_host("a.com", "b.com"), std::nullopt);
}

TEST_F(RoutingTest, ARouteHasTheHostsThatItsListenersHaveToo) {
  gateway("platform",
          "{name: all, port: 8080, protocol: HTTP, hostname: '*.example.com', allowedRoutes: "
          "{namespaces: {from: All}}}");
  route("a", "one", "hostnames: [www.example.com, www.example.org]");
  route("b", "two", "hostnames: ['*.b.example.com']");
  route("b", "three", "hostnames: [b.example.org]");
  EXPECT_THAT(decided(),
              ElementsAre("one: Accepted www.example.com", "two: Accepted *.b.example.com",
                          "three: NoMatchingListenerHostname"));
  EXPECT_THAT(listeners(), ElementsAre("all: Accepted ResolvedRefs NoConflicts 2"));
  EXPECT_THAT(
      decide_routing(objects_).holders(),
      ElementsAre(testing::Pair("*.b.example.com", "b"), testing::Pair("www.example.com", "a")));
}

TEST_F(RoutingTest, AHostOfAnotherTenantIsNotGiven) {
  gateway("platform",
          "{name: all, port: 8080, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}");
  route("a", "old", "hostnames: [www.example.com]");
  route("b", "young", "hostnames: [www.example.com, b.example.com]");
  route("b", "greedy", "rules: [{}]");
  route("b", "below", "hostnames: [x.www.example.com]");
  EXPECT_THAT(decided(),
              ElementsAre("old: Accepted www.example.com", "young: Accepted b.example.com",
                          "greedy: HostRequired", "below: Accepted x.www.example.com"));
  objects_.ingresses.held = {{"www.example.com", "b"}};
  EXPECT_THAT(decided()[0], "old: HostTaken");
  EXPECT_THAT(decided()[1], "young: Accepted www.example.com b.example.com");
}

TEST_F(RoutingTest, AHostStaysWithItsRouteWhileNothingServesIt) {
  gateway("platform",
          "{name: all, port: 8080, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}");
  route("b", "older", "hostnames: [b.example.com]");
  route("a", "web", "hostnames: [www.example.com]");
  objects_.ingresses.held = decide_routing(objects_).holders();
  const auto gateways = std::exchange(objects_.gateways, {});
  const auto a_has_it = testing::Contains(testing::Pair("www.example.com", "a"));
  EXPECT_THAT(decide_routing(objects_).holders(), a_has_it);
  // Who comes first meanwhile does not get it.
  objects_.gateways = gateways;
  auto changed = std::make_shared<HTTPRoute>(*objects_.routes[0]);
  changed->spec.hostnames = {"www.example.com"};
  objects_.routes[0] = changed;
  EXPECT_THAT(decided()[0], "older: HostTaken");
  objects_.routes.pop_back();
  EXPECT_THAT(decide_routing(objects_).holders(),
              ElementsAre(testing::Pair("www.example.com", "b")));
}

TEST_F(RoutingTest, HostsOfIngressesAndRoutesAreGrantedTogether) {
  gateway("b", "{name: all, port: 8080, protocol: HTTP}");
  const TestObject read = created(
      "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {namespace: a, name: web}\nspec: "
      "{ingressClassName: insula, rules: [{host: www.example.com}]}");
  objects_.ingresses.ingresses.push_back(std::make_shared<Ingress>(read.as<Ingress>()));
  auto ours = std::make_shared<IngressClass>();
  ours->metadata.name = "insula";
  ours->spec.controller = kIngressController;
  objects_.ingresses.classes.push_back(ours);
  route("b", "late", "hostnames: [www.example.com]", "{name: gw}");
  EXPECT_THAT(decided(), ElementsAre("late: HostTaken"));
}

TEST_F(RoutingTest, OnlyThePlatformHasRoutesForAllHosts) {
  gateway("platform", "{name: all, port: 8080, protocol: HTTP}");
  route("platform", "all", "rules: [{}]");
  EXPECT_THAT(decided(), ElementsAre("all: Accepted *"));
}

TEST_F(RoutingTest, ListenersSayWhoseRoutesTheyTake) {
  gateway("platform",
          "{name: same, port: 8080, protocol: HTTP, hostname: same.com}, {name: some, port: 8080, "
          "protocol: HTTP, hostname: some.com, allowedRoutes: {namespaces: {from: Selector, "
          "selector: {matchLabels: {team: a}}}}}, {name: none, port: 8080, protocol: HTTP, "
          "hostname: none.com, allowedRoutes: {namespaces: {from: All}, kinds: [{kind: "
          "GRPCRoute}]}}");
  route("a", "a", "rules: [{}]");
  route("b", "b", "rules: [{}]");
  route("platform", "p", "rules: [{}]");
  route("a", "gone", "rules: [{}]", "{name: gw, namespace: platform, sectionName: other}");
  route("a", "port", "rules: [{}]", "{name: gw, namespace: platform, port: 81}");
  route("a", "nowhere", "rules: [{}]", "{name: other, namespace: platform}");
  EXPECT_THAT(decided(), ElementsAre("a: Accepted some.com", "b: NotAllowedByListeners",
                                     "p: Accepted same.com", "gone: NoMatchingParent",
                                     "port: NoMatchingParent"));
  EXPECT_THAT(listeners(), ElementsAre("same: Accepted ResolvedRefs NoConflicts 1",
                                       "some: Accepted ResolvedRefs NoConflicts 1",
                                       "none: Accepted InvalidRouteKinds NoConflicts 0"));
}

TEST_F(RoutingTest, WhatTheGatewayDoesNotListenToIsNotServed) {
  gateway("a",
          "{name: port, port: 80, protocol: HTTP}, {name: https, port: 8080, protocol: HTTPS, tls: "
          "{certificateRefs: [{name: c}]}}, {name: tcp, port: 9, protocol: TCP}");
  route("a", "web", "hostnames: [www.example.com]", "{name: gw}");
  EXPECT_THAT(listeners(), ElementsAre("port: PortUnavailable ResolvedRefs NoConflicts 1",
                                       "https: UnsupportedProtocol ResolvedRefs NoConflicts 1",
                                       "tcp: UnsupportedProtocol ResolvedRefs NoConflicts 0"));
  // Attached it is all the same, and has no host by them.
  EXPECT_THAT(decided(), ElementsAre("web: Accepted"));
  EXPECT_THAT(decide_routing(objects_).holders(), IsEmpty());
  objects_.entrance = {.ports = {8080}, .tls = true};
  EXPECT_THAT(decided(), ElementsAre("web: Accepted www.example.com"));
}

TEST_F(RoutingTest, TwoProtocolsCannotShareAPort) {
  gateway("a",
          "{name: one, port: 8080, protocol: HTTP}, {name: two, port: 8080, protocol: HTTPS, tls: "
          "{certificateRefs: [{name: c}]}}");
  EXPECT_THAT(listeners(), ElementsAre("one: Accepted ResolvedRefs ProtocolConflict 0",
                                       "two: UnsupportedProtocol ResolvedRefs ProtocolConflict 0"));
}

TEST_F(RoutingTest, CertificatesOfOtherNamespacesNeedAGrant) {
  objects_.entrance.tls = true;
  gateway("a",
          "{name: https, port: 8080, protocol: HTTPS, tls: {certificateRefs: [{name: own}, {name: "
          "theirs, namespace: b}]}}");
  grant("b", "HTTPRoute", "a", "Secret");
  grant("a", "Gateway", "a", "Secret");
  EXPECT_THAT(listeners(), ElementsAre("https: Accepted RefNotPermitted NoConflicts 0"));
  EXPECT_EQ(decide_routing(objects_).gateways[0].listeners[0].certificates.size(), 1);
  grant("b", "Gateway", "a", "Secret, name: theirs");
  EXPECT_THAT(listeners(), ElementsAre("https: Accepted ResolvedRefs NoConflicts 0"));
  EXPECT_THAT(decide_routing(objects_).gateways[0].listeners[0].certificates,
              ElementsAre(SecretRef{"a", "own"}, SecretRef{"b", "theirs"}));
}

TEST_F(RoutingTest, OnlyGatewaysOfOurClassesCount) {
  Gateway& one = gateway("a", "{name: x, port: 8080, protocol: HTTP}");
  route("a", "web", "hostnames: [www.example.com]", "{name: gw}");
  one.spec.gateway_class_name = "other";
  EXPECT_THAT(decided(), IsEmpty());
  one.spec.gateway_class_name = "insula";
  one.spec.addresses.emplace_back().value = "10.0.0.1";
  EXPECT_EQ(decide_routing(objects_).gateways[0].accepted.reason, "UnsupportedAddress");
  EXPECT_THAT(decided(), ElementsAre("web: Accepted"));
}

TEST_F(RoutingTest, WhatTheGatewayCannotDoIsNotAccepted) {
  gateway("a", "{name: x, port: 8080, protocol: HTTP}");
  const auto reason = [&](const std::string& rule) {
    objects_.routes.clear();
    route("a", "web", "hostnames: [www.example.com], rules: [{" + rule + "}]", "{name: gw}");
    const Verdict verdict = decide_routing(objects_).routes.at(0).parents.at(0).accepted;
    return verdict ? std::string() : verdict.reason + " " + verdict.message;
  };
  const std::string mirror =
      "{type: RequestMirror, requestMirror: {backendRef: {name: m, port: 1}}}";
  EXPECT_THAT(reason("filters: [" + mirror + "]"), "");
  EXPECT_THAT(reason("filters: [" + mirror + ", " + mirror + ", " + mirror + ", " + mirror + ", " +
                     mirror + "]"),
              "UnsupportedValue spec.rules[0].filters: a rule may have 4 filters RequestMirror");
  EXPECT_THAT(reason("backendRefs: [{name: w, port: 1, filters: [" + mirror + "]}]"),
              HasSubstr("the gateway has no filter RequestMirror of a backend"));
  EXPECT_THAT(reason("filters: [{type: ExtensionRef, extensionRef: {group: g, kind: K, name: n}}]"),
              "UnsupportedValue spec.rules[0].filters[0]: the gateway has no filter ExtensionRef");
  EXPECT_THAT(reason("filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: "
                     "Host, value: h}]}}]"),
              HasSubstr("requestHeaderModifier.set[0]: the header Host is the gateway's own"));
  for (const char* name : {"X_Forwarded_For", "content_length", "X_Insula_Tenant"}) {
    EXPECT_THAT(reason("filters: [{type: RequestHeaderModifier, requestHeaderModifier: {add: "
                       "[{name: " +
                       std::string(name) + ", value: h}]}}]"),
                HasSubstr("is the gateway's own"))
        << name;
  }
  EXPECT_THAT(reason("filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {remove: "
                     "[Transfer-Encoding]}}]"),
              HasSubstr("UnsupportedValue"));
  EXPECT_THAT(reason("backendRefs: [{name: w, port: 1, filters: [{type: RequestRedirect, "
                     "requestRedirect: {}}]}]"),
              HasSubstr("no filter RequestRedirect of a backend"));
  EXPECT_THAT(reason("filters: [{type: URLRewrite, urlRewrite: {hostname: h.com}}]"), "");
  objects_.routes.clear();
  route("a", "web", "hostnames: [www.example.com]", "{name: gw}")
      .metadata.annotations[kIngressAuthAnnotation] = "members";
  // Served, so that everybody is told that nobody is let in.
  EXPECT_THAT(decided(), ElementsAre("web: Accepted www.example.com"));
  EXPECT_TRUE(decide_routing(objects_).routes[0].is_served());
  const Verdict access = judge_access(objects_.routes[0]->metadata);
  EXPECT_EQ(access.reason, "UnsupportedValue");
  EXPECT_THAT(access.message, HasSubstr("must be tenant or none"));
}

TEST_F(RoutingTest, ARouteThatIsNotAcceptedIsServedAsItWasLast) {
  gateway("platform", kOpen);
  HTTPRoute& web = route("a", "web", "hostnames: [www.example.com]");
  remember(web);
  web.spec.hostnames = {"new.example.com"};
  web.spec.rules[0].filters.emplace_back().type = "ExtensionRef";
  web.metadata.generation = 2;
  Routing routing = decide_routing(objects_);
  ASSERT_EQ(routing.routes.size(), 1);
  AttachedRoute& one = routing.routes[0];
  ASSERT_TRUE(one.wanted);
  EXPECT_EQ(one.wanted->route.get(), &web);
  EXPECT_EQ(one.wanted->parents[0].accepted.reason, "UnsupportedValue");
  EXPECT_EQ(one.route->metadata.generation, 1);
  EXPECT_THAT(one.hosts, ElementsAre("www.example.com"));
  EXPECT_EQ(routing.gateways[0].listeners[0].routes, 1);
  // Who may send requests is asked of the route as it is.
  web.metadata.annotations[kIngressAuthAnnotation] = "tenant";
  EXPECT_EQ(decide_routing(objects_).routes[0].route->metadata.annotations.size(), 1);
  // Good again.
  web.spec.rules[0].filters.clear();
  routing = decide_routing(objects_);
  EXPECT_FALSE(routing.routes[0].wanted);
  EXPECT_THAT(routing.routes[0].hosts, ElementsAre("new.example.com"));
}

TEST_F(RoutingTest, WhatWasAcceptedMustBeAcceptedNow) {
  Gateway& gw = gateway("platform", kOpen);
  HTTPRoute& web = route("a", "web", "hostnames: [www.example.com]");
  remember(web);
  web.spec.rules[0].filters.emplace_back().type = "ExtensionRef";
  EXPECT_THAT(decided(), ElementsAre("web: Accepted www.example.com"));
  // The Gateway does not let this namespace in any more.
  gw.spec.listeners[0].allowed_routes->namespaces->from = "Same";
  EXPECT_THAT(decided(), ElementsAre("web: NotAllowedByListeners"));
  EXPECT_FALSE(decide_routing(objects_).routes[0].wanted);
  gw.spec.listeners[0].allowed_routes->namespaces->from = "All";
  // The host is another tenant's.
  objects_.ingresses.held = {{"www.example.com", "b"}};
  route("b", "theirs", "hostnames: [www.example.com]");
  Routing routing = decide_routing(objects_);
  EXPECT_FALSE(routing.routes[0].is_served());
  EXPECT_FALSE(routing.routes[0].wanted);
  EXPECT_EQ(routing.routes[0].parents[0].accepted.reason, "UnsupportedValue");
  EXPECT_THAT(routing.routes[1].hosts, ElementsAre("www.example.com"));
  objects_.ingresses.held.clear();
  objects_.routes.pop_back();
  // It is being deleted, or its namespace is gone.
  web.metadata.deletion_timestamp = Time{};
  EXPECT_THAT(decide_routing(objects_).routes, IsEmpty());
  web.metadata.deletion_timestamp.reset();
  std::erase_if(objects_.ingresses.namespaces,
                [](const auto& one) { return one->metadata.name == "a"; });
  EXPECT_THAT(decide_routing(objects_).routes, IsEmpty());
}

TEST_F(RoutingTest, NothingEarlierIsServedOfWhatIsForOtherGateways) {
  gateway("platform", kOpen);
  HTTPRoute& web = route("a", "web", "hostnames: [www.example.com]");
  remember(web);
  web.spec.parent_refs[0].name = "others";
  EXPECT_THAT(decide_routing(objects_).routes, IsEmpty());
  // What it was accepted as was for others only.
  HTTPRoute& moved = route("a", "moved", "hostnames: [m.example.com]");
  moved.spec.parent_refs[0].name = "others";
  remember(moved);
  moved.spec.parent_refs[0].name = "gw";
  moved.spec.rules[0].filters.emplace_back().type = "ExtensionRef";
  EXPECT_THAT(decided(), ElementsAre("moved: UnsupportedValue m.example.com"));
}

TEST_F(RoutingTest, AHostThatIsTakenLeavesARouteItsEarlierOnes) {
  gateway("platform", kOpen);
  objects_.ingresses.held = {{"www.example.com", "a"}, {"b.example.com", "b"}};
  route("b", "theirs", "hostnames: [b.example.com]");
  HTTPRoute& web = route("a", "web", "hostnames: [www.example.com]");
  remember(web);
  web.spec.hostnames = {"b.example.com"};
  const Routing routing = decide_routing(objects_);
  ASSERT_TRUE(routing.routes[1].wanted);
  EXPECT_EQ(routing.routes[1].wanted->parents[0].accepted.reason, "HostTaken");
  EXPECT_THAT(routing.routes[1].hosts, ElementsAre("www.example.com"));
  EXPECT_THAT(routing.routes[0].hosts, ElementsAre("b.example.com"));
}

TEST_F(RoutingTest, AListenerThatIsNotServedIsServedAsItWasLast) {
  Gateway& gw = gateway("platform", kOpen +
                                        ", {name: other, port: 8080, protocol: HTTP, "
                                        "hostname: '*.example.com'}");
  remember(gw);
  route("a", "web", "hostnames: [www.example.com]");
  gw.spec.listeners[0].port = 9;
  gw.spec.listeners[1].hostname = "*.example.org";
  gw.metadata.generation = 2;
  Routing routing = decide_routing(objects_);
  ASSERT_TRUE(routing.gateways[0].wanted);
  EXPECT_EQ(routing.gateways[0].wanted->listeners[0].accepted.reason, "PortUnavailable");
  EXPECT_EQ(routing.gateways[0].gateway->metadata.generation, 1);
  // The other one is good as it is.
  EXPECT_EQ(routing.gateways[0].gateway->spec.listeners[1].hostname, "*.example.org");
  EXPECT_THAT(routing.routes[0].hosts, ElementsAre("www.example.com"));
  // All of it is wrong.
  gw.spec.addresses.emplace_back().value = "192.0.2.1";
  routing = decide_routing(objects_);
  ASSERT_TRUE(routing.gateways[0].wanted);
  EXPECT_EQ(routing.gateways[0].wanted->accepted.reason, "UnsupportedAddress");
  EXPECT_EQ(routing.gateways[0].gateway->spec.listeners[1].hostname, "*.example.com");
  EXPECT_THAT(routing.routes[0].hosts, ElementsAre("www.example.com"));
  // A listener that is gone is gone.
  gw.spec.addresses.clear();
  gw.spec.listeners.erase(gw.spec.listeners.begin());
  EXPECT_FALSE(decide_routing(objects_).gateways[0].wanted);
}

TEST_F(RoutingTest, ATenantHasSoManyRoutesAndExpressions) {
  gateway("a", "{name: x, port: 8080, protocol: HTTP}");
  const auto add = [&](const std::string& name, std::size_t expressions) {
    std::string matches;
    for (std::size_t i = 0; i < expressions; ++i)
      matches += "{path: {type: RegularExpression, value: /" + std::to_string(i) + "}}, ";
    route("a", name, "hostnames: [a.com], rules: [{matches: [" + matches + "]}]", "{name: gw}");
  };
  add("first", 60);
  add("over", 5);
  add("last", 4);
  EXPECT_THAT(decided(), ElementsAre("first: Accepted a.com", "over: TooManyRoutes a.com",
                                     "last: Accepted a.com"));
  objects_.routes.clear();
  for (std::size_t i = 0; i <= kRoutesOfTenantMax; ++i)
    add("r" + std::to_string(i), 0);
  EXPECT_EQ(decided()[kRoutesOfTenantMax - 1].substr(0, 14), "r199: Accepted");
  EXPECT_EQ(decided()[kRoutesOfTenantMax].substr(0, 19), "r200: TooManyRoutes");
}

TEST_F(RoutingTest, BackendsAreServicesThatMayBeReferredTo) {
  Service service;
  service.metadata.name = "web";
  service.spec.ports.emplace_back().port = 80;
  service.spec.ports.emplace_back().port = 81;
  service.spec.ports[1].app_protocol = "kubernetes.io/h2c";
  const FindService find = [&](std::string_view, std::string_view name) {
    return name == "web" ? &service : nullptr;
  };
  const auto reason = [&](const std::string& backend) {
    objects_.routes.clear();
    const HTTPRoute& one = route("a", "r", "rules: [{backendRefs: [{" + backend + "}]}]");
    return judge_backends(one, objects_.grants, find).reason;
  };
  EXPECT_EQ(reason("name: web, port: 80"), "ResolvedRefs");
  EXPECT_EQ(reason("name: web, port: 82"), "BackendNotFound");
  EXPECT_EQ(reason("name: web, port: 81"), "UnsupportedProtocol");
  EXPECT_EQ(reason("name: gone, port: 80"), "BackendNotFound");
  EXPECT_EQ(reason("kind: Pod, name: web"), "InvalidKind");
  EXPECT_EQ(reason("name: web, namespace: b, port: 80"), "RefNotPermitted");
  grant("b", "HTTPRoute", "a", "Service");
  EXPECT_EQ(reason("name: web, namespace: b, port: 80"), "ResolvedRefs");
  service.spec.type = "ExternalName";
  EXPECT_EQ(reason("name: web, port: 80"), "BackendNotFound");
}

}  // namespace
}  // namespace insula::api
