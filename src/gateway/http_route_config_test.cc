// What Gateways and HTTPRoutes become: sites, rules and certificates of the gateway's
// configuration.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/platform_config.h"
#include "gateway/platform_routes.h"

namespace insula::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

template <class T>
std::shared_ptr<const T> shared(T object) {
  return std::make_shared<const T>(std::move(object));
}

/// Namespaces `a` and `b` of tenants of these names, each with the Service `web` and one pod behind
/// it, and a Gateway of `a` at port 8443 that takes routes of all namespaces.
class HttpRouteConfigTest : public ::testing::Test {
 protected:
  HttpRouteConfigTest() {
    for (const char* name : {"a", "b"})
      add_namespace(name);
    api::GatewayClass one;
    one.metadata.name = "insula";
    one.spec.controller_name = api::kGatewayController;
    objects_.routing.classes = {shared(one)};
    objects_.routing.entrance = {.ports = {8443}, .tls = true};
    api::Gateway gateway;
    gateway.metadata.namespace_ = "a";
    gateway.metadata.name = "gw";
    gateway.spec.gateway_class_name = "insula";
    api::Listener& listener = gateway.spec.listeners.emplace_back();
    listener.name = "https";
    listener.port = 8443;
    listener.protocol = "HTTPS";
    listener.tls.emplace().certificate_refs.emplace_back().name = "cert";
    listener.allowed_routes.emplace().namespaces.emplace().from = "All";
    objects_.routing.gateways = {shared(gateway)};
  }

  void add_namespace(const std::string& name) {
    api::Namespace name_space;
    name_space.metadata.name = name;
    api::OwnerReference& owner = name_space.metadata.owner_references.emplace_back();
    owner.api_version = "insula.dev/v1alpha1";
    owner.kind = "Tenant";
    owner.name = name;
    owner.controller = true;
    objects_.routing.ingresses.namespaces.push_back(shared(name_space));
    api::Service service;
    service.metadata.namespace_ = name;
    service.metadata.name = "web";
    service.spec.ports.emplace_back().port = 80;
    objects_.services.push_back(shared(service));
    api::EndpointSlice slice;
    slice.metadata.namespace_ = name;
    slice.metadata.labels["kubernetes.io/service-name"] = "web";
    slice.address_type = "IPv4";
    slice.ports.emplace_back().port = 4000;
    slice.endpoints.emplace_back().addresses = {"10.0.0.1"};
    objects_.slices.push_back(shared(slice));
  }

  static api::HTTPRouteMatch match(const std::string& path,
                                   const std::string& type = "PathPrefix") {
    api::HTTPRouteMatch made;
    made.path.emplace().value = path;
    made.path->type = type;
    return made;
  }

  /// A route with one rule, which goes to the namespace's Service.
  api::HTTPRoute route(const std::string& name_space,
                       const std::string& name,
                       std::vector<std::string> hosts) {
    api::HTTPRoute made;
    made.metadata.namespace_ = name_space;
    made.metadata.name = name;
    made.metadata.creation_timestamp.seconds = ++clock_;
    api::ParentReference& parent = made.spec.parent_refs.emplace_back();
    parent.group = api::kGatewayGroup;
    parent.kind = "Gateway";
    parent.name = "gw";
    parent.namespace_ = "a";
    made.spec.hostnames = std::move(hosts);
    api::HTTPRouteRule& rule = made.spec.rules.emplace_back();
    rule.matches.push_back(match("/"));
    api::HTTPBackendRef& backend = rule.backend_refs.emplace_back();
    backend.name = "web";
    backend.port = 80;
    return made;
  }

  void add(api::HTTPRoute made) { objects_.routing.routes.push_back(shared(std::move(made))); }

  void add_certificate(const std::string& name_space, const std::string& name) {
    api::Secret secret;
    secret.metadata.namespace_ = name_space;
    secret.metadata.name = name;
    secret.data = {{"tls.crt", "chain"}, {"tls.key", "key"}};
    objects_.secrets.push_back(shared(secret));
  }

  PlatformObjects objects_;
  std::int64_t clock_ = 0;
};

TEST_F(HttpRouteConfigTest, ARouteIsASiteOfItsTenant) {
  add(route("b", "web", {"www.example.com"}));
  const GatewayConfig config = make_config(objects_);
  ASSERT_THAT(config.sites, SizeIs(1));
  EXPECT_EQ(config.sites[0].host, "www.example.com");
  EXPECT_EQ(config.sites[0].tenant, "b");
  EXPECT_THAT(config.sites[0].matches, ElementsAre(SiteMatchConfig{0, 0}));
  ASSERT_THAT(config.rules, SizeIs(1));
  EXPECT_EQ(config.rules[0].name, "b/web/0");
  ASSERT_THAT(config.rules[0].backends, SizeIs(1));
  const RouteBackendConfig& backend = config.rules[0].backends[0];
  EXPECT_EQ(backend.backend.service_host, "web.b.svc:80");
  EXPECT_THAT(backend.backend.endpoints, ElementsAre("10.0.0.1:4000"));
  EXPECT_EQ(backend.problem, "");
}

TEST_F(HttpRouteConfigTest, AWildcardIsForAnyNumberOfLabels) {
  add(route("b", "web", {"*.example.com"}));
  const GatewayConfig config = make_config(objects_);
  ASSERT_THAT(config.sites, SizeIs(2));
  EXPECT_EQ(config.sites[0].host, "**.example.com");
  EXPECT_EQ(config.sites[1].host, "*.example.com");
  EXPECT_EQ(config.sites[0].matches, config.sites[1].matches);
}

TEST_F(HttpRouteConfigTest, MatchesAreInTheOrderOfTheGatewayApi) {
  api::HTTPRoute one = route("b", "one", {"www.example.com"});
  auto& matches = one.spec.rules[0].matches;
  matches = {match("/a"),
             match("/a"),
             match("/a"),
             match("/a"),
             match("/a.*", "RegularExpression"),
             match("/a.*longer", "RegularExpression")};
  matches[1].query_params.emplace_back().name = "q";
  matches[2].headers.emplace_back().name = "h";
  matches[3].method = "GET";
  api::HTTPRoute older = route("b", "older", {"www.example.com"});
  older.metadata.creation_timestamp.seconds = 0;
  add(one);
  add(older);
  const GatewayConfig config = make_config(objects_);
  // Rule 0 is the older route's.
  EXPECT_THAT(config.sites.at(0).matches,
              ElementsAre(SiteMatchConfig{1, 5}, SiteMatchConfig{1, 4}, SiteMatchConfig{1, 3},
                          SiteMatchConfig{1, 2}, SiteMatchConfig{1, 1}, SiteMatchConfig{0, 0},
                          SiteMatchConfig{1, 0}));
}

TEST_F(HttpRouteConfigTest, OfHeadersWhoseNamesDifferInCaseTheFirstCounts) {
  api::HTTPRoute one = route("b", "one", {"www.example.com"});
  auto& matches = one.spec.rules[0].matches;
  matches = {match("/a")};
  for (const auto& [name, value] : {std::pair{"x", "1"}, {"X", "2"}, {"y", "3"}}) {
    api::HTTPHeaderMatch& header = matches[0].headers.emplace_back();
    header.name = name;
    header.value = value;
  }
  add(one);
  const GatewayConfig config = make_config(objects_);
  const auto& headers = config.rules.at(0).matches.at(0).headers;
  ASSERT_EQ(headers.size(), 2U);
  EXPECT_EQ(headers[0].value, "1");
  EXPECT_EQ(headers[1].value, "3");
}

TEST_F(HttpRouteConfigTest, WhatARuleChangesIsTakenOver) {
  api::HTTPRoute one = route("b", "one", {"www.example.com"});
  api::HTTPRouteRule& rule = one.spec.rules[0];
  api::HTTPRouteFilter& filter = rule.filters.emplace_back();
  filter.type = "URLRewrite";
  filter.url_rewrite.emplace().path.emplace().type = "ReplacePrefixMatch";
  filter.url_rewrite->path->replace_prefix_match = "/x";
  rule.timeouts.emplace().request = "1m";
  rule.timeouts->backend_request = "500ms";
  rule.backend_refs[0].weight = 7;
  api::HTTPRouteRule& moved = one.spec.rules.emplace_back();
  moved.matches.push_back(match("/old", "Exact"));
  api::HTTPRouteFilter& redirect = moved.filters.emplace_back();
  redirect.type = "RequestRedirect";
  redirect.request_redirect.emplace().status_code = 308;
  one.metadata.annotations[api::kIngressAuthAnnotation] = "tenant";
  add(one);
  const GatewayConfig config = make_config(objects_);
  ASSERT_THAT(config.rules, SizeIs(2));
  EXPECT_EQ(config.rules[0].rewrite->path, (PathChangeConfig{true, "/x"}));
  EXPECT_EQ(config.rules[0].request_time, std::chrono::minutes(1));
  EXPECT_EQ(config.rules[0].backend_time, std::chrono::milliseconds(500));
  EXPECT_EQ(config.rules[0].backends[0].backend.weight, 7);
  EXPECT_EQ(config.rules[0].access, RouteAccess::kTenant);
  EXPECT_EQ(config.rules[1].matches[0].kind, PathKind::kExact);
  EXPECT_EQ(config.rules[1].redirect->status, 308);
  // The listener's, since nothing else was asked for.
  EXPECT_EQ(config.rules[1].redirect->port, 8443);
}

TEST_F(HttpRouteConfigTest, ABackendOfAnotherTenantNeedsItsGrant) {
  api::HTTPRoute one = route("a", "one", {"www.example.com"});
  one.spec.rules[0].backend_refs[0].namespace_ = "b";
  add(one);
  GatewayConfig config = make_config(objects_);
  EXPECT_EQ(config.rules.at(0).backends.at(0).problem,
            "a backend of the route cannot be asked (RefNotPermitted)");
  EXPECT_THAT(config.rules[0].backends[0].backend.endpoints, IsEmpty());
  api::ReferenceGrant grant;
  grant.metadata.namespace_ = "b";
  grant.spec.from.push_back({std::string(api::kGatewayGroup), "HTTPRoute", "a"});
  grant.spec.to.push_back({"", "Service", std::nullopt});
  objects_.routing.grants = {shared(grant)};
  config = make_config(objects_);
  EXPECT_EQ(config.rules.at(0).backends.at(0).problem, "");
  EXPECT_THAT(config.rules[0].backends[0].backend.endpoints, ElementsAre("10.0.0.1:4000"));
}

TEST_F(HttpRouteConfigTest, ACertificateIsForTheHostsOfTheListenersRoutes) {
  EXPECT_THAT(secrets_of(api::decide_routing(objects_.routing)),
              ElementsAre(SecretRef{"a", "cert"}));
  add_certificate("a", "cert");
  EXPECT_THAT(make_config(objects_).certificates, IsEmpty());
  add(route("b", "web", {"www.example.com", "*.b.example.com"}));
  const auto certificates = make_config(objects_).certificates;
  ASSERT_THAT(certificates, SizeIs(1));
  EXPECT_EQ(certificates[0].name, "a/cert");
  EXPECT_THAT(certificates[0].hosts,
              ElementsAre("**.b.example.com", "*.b.example.com", "www.example.com"));
}

TEST_F(HttpRouteConfigTest, AHostOfAnotherTenantIsNoSite) {
  add(route("a", "first", {"www.example.com"}));
  add(route("b", "second", {"www.example.com"}));
  const auto routing = api::decide_routing(objects_.routing);
  const GatewayConfig config = make_config(objects_, routing);
  ASSERT_THAT(config.sites, SizeIs(1));
  EXPECT_EQ(config.sites[0].tenant, "a");
  EXPECT_THAT(config.rules, SizeIs(1));
  EXPECT_EQ(refused_routes(routing), 1);
}

TEST_F(HttpRouteConfigTest, CopiesGoWhereTheyMay) {
  api::HTTPRoute one = route("a", "one", {"www.example.com"});
  const auto mirror = [&](const std::string& name) -> api::HTTPRequestMirrorFilter& {
    api::HTTPRouteFilter& filter = one.spec.rules[0].filters.emplace_back();
    filter.type = "RequestMirror";
    api::HTTPRequestMirrorFilter& made = filter.request_mirror.emplace();
    made.backend_ref.name = name;
    made.backend_ref.port = 80;
    return made;
  };
  mirror("web").percent = 5;
  mirror("web").fraction.emplace().numerator = 1;
  one.spec.rules[0].filters.back().request_mirror->fraction->denominator = 3;
  mirror("web");
  mirror("nowhere");
  mirror("web").backend_ref.namespace_ = "b";
  one.metadata.annotations[api::kRouteEdgeAnnotation] = "cors, bounds";
  one.spec.rules[0].filters.resize(4);
  add(one);
  const GatewayConfig config = make_config(objects_);
  ASSERT_THAT(config.rules, SizeIs(1));
  const auto& mirrors = config.rules[0].mirrors;
  ASSERT_THAT(mirrors, SizeIs(3));
  EXPECT_EQ(mirrors[0].backend, config.rules[0].backends[0].backend);
  EXPECT_EQ(mirrors[0].numerator * 20, mirrors[0].denominator);
  EXPECT_EQ(mirrors[1].numerator * 3, mirrors[1].denominator);
  EXPECT_EQ(mirrors[2].numerator, mirrors[2].denominator);
  EXPECT_EQ(config.rules[0].edge, (api::RouteEdge{.bounds = true, .cors = true}));
  // It is what is written down.
  EXPECT_EQ(config_from_json(to_json(config)).value(), config);
}

}  // namespace
}  // namespace insula::gateway
