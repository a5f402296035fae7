#include "api/validation/gateway.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gen/gateway_v1beta1.h"
#include "api/test_objects.h"
#include "api/version.h"
#include "json/write.h"

namespace insula::api {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kHead = "apiVersion: gateway.networking.k8s.io/v1\n";

std::string gateway(const std::string& listeners) {
  return kHead + "kind: Gateway\nspec: {gatewayClassName: insula, listeners: [" + listeners + "]}";
}

std::string route(const std::string& spec) {
  return kHead + "kind: HTTPRoute\nspec: {" + spec + "}";
}

std::string rule(const std::string& members) {
  return route("rules: [{" + members + "}]");
}

TEST(GatewayClass, KeepsItsController) {
  const auto made = [](const std::string& controller) {
    return kHead + "kind: GatewayClass\nspec: {controllerName: " + controller + "}";
  };
  EXPECT_THAT(wrong(made("insula.dev/gateway")), IsEmpty());
  EXPECT_THAT(wrong(made("x")),
              ElementsAre(HasSubstr("spec.controllerName: Invalid value: \"x\"")));
  EXPECT_THAT(wrong_change(made("a.com/c"), made("b.com/c")),
              ElementsAre("spec.controllerName: Invalid value: \"b.com/c\": field is immutable"));
}

TEST(Gateway, IsCompletedAndWaitsForItsController) {
  const TestObject made = created(
      gateway("{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: c}]}}"));
  EXPECT_THAT(causes_of(check_create(*made.kind, made.object.get())), IsEmpty());
  const Gateway& object = made.as<Gateway>();
  const Listener& listener = object.spec.listeners[0];
  EXPECT_EQ(listener.allowed_routes->namespaces->from, "Same");
  EXPECT_EQ(listener.tls->mode, "Terminate");
  EXPECT_EQ(listener.tls->certificate_refs[0].kind, "Secret");
  ASSERT_EQ(object.status.conditions.size(), 2);
  EXPECT_EQ(object.status.conditions[1].type, "Programmed");
  EXPECT_EQ(object.status.conditions[1].reason, "Pending");
  EXPECT_EQ(object.metadata.generation, 1);
}

TEST(Gateway, IsRefusedWhereItIsWrong) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"", "spec.listeners: Required value: must have at least one listener"},
      {"{name: a, port: 0, protocol: HTTP}", "spec.listeners[0].port: Invalid value: 0"},
      {"{name: A, port: 1, protocol: HTTP}", "spec.listeners[0].name: Invalid value: \"A\""},
      {"{name: a, port: 1, protocol: HTTP, hostname: 10.0.0.1}",
       "spec.listeners[0].hostname: Invalid value: \"10.0.0.1\": must be a DNS name"},
      {"{name: a, port: 1, protocol: HTTP, hostname: 'a.*.com'}",
       "spec.listeners[0].hostname: Invalid value"},
      {"{name: a, port: 1, protocol: HTTP, tls: {certificateRefs: [{name: c}]}}",
       "tls must not be specified for protocols"},
      {"{name: a, port: 1, protocol: HTTPS, tls: {mode: Passthrough}}",
       "tls mode must be Terminate for protocol HTTPS"},
      {"{name: a, port: 1, protocol: HTTPS, tls: {}}",
       "spec.listeners[0].tls.certificateRefs: Required value"},
      {"{name: a, port: 1, protocol: HTTP}, {name: a, port: 2, protocol: HTTP}",
       "spec.listeners[1].name: Duplicate value: \"a\""},
      {"{name: a, port: 1, protocol: HTTP}, {name: b, port: 1, protocol: HTTP}",
       "spec.listeners[1]: Invalid value: Combination of port, protocol and hostname"},
      {"{name: a, port: 1, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector}}}",
       "spec.listeners[0].allowedRoutes.namespaces.selector: Required value"},
      {"{name: a, port: 1, protocol: HTTP, allowedRoutes: {namespaces: {from: Some}}}",
       "Unsupported value: \"Some\": supported values: \"All\", \"Same\", \"Selector\""},
  };
  for (const auto& [listeners, message] : table)
    EXPECT_THAT(wrong(gateway(listeners)), Contains(HasSubstr(message))) << listeners;
}

TEST(Gateway, AsksForAnAddressOnce) {
  const std::string head = gateway("{name: a, port: 1, protocol: HTTP}");
  const std::string addresses = ", addresses: [{value: 10.0.0.1}, {value: 10.0.0.1}]}";
  EXPECT_THAT(wrong(head.substr(0, head.rfind('}')) + addresses),
              Contains(HasSubstr("spec.addresses[1].value: Duplicate value: \"10.0.0.1\"")));
}

TEST(HTTPRoute, IsCompleted) {
  const TestObject made = created(route(
      "parentRefs: [{name: g}], rules: [{backendRefs: [{name: web, port: 80}], filters: "
      "[{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: a, value: b}]}}]}, "
      "{matches: [{headers: [{name: a, value: b}]}], filters: [{type: RequestRedirect, "
      "requestRedirect: {hostname: e.com}}]}]"));
  EXPECT_THAT(causes_of(check_create(*made.kind, made.object.get())), IsEmpty());
  const HTTPRouteSpec& spec = made.as<HTTPRoute>().spec;
  EXPECT_EQ(spec.parent_refs[0].kind, "Gateway");
  EXPECT_EQ(spec.rules[0].matches.at(0).path->value, "/");
  EXPECT_EQ(spec.rules[0].backend_refs[0].weight, 1);
  EXPECT_EQ(spec.rules[1].matches[0].headers[0].type, "Exact");
  EXPECT_EQ(spec.rules[1].filters[0].request_redirect->status_code, 302);
  EXPECT_EQ(created(route("hostnames: [a.com]")).as<HTTPRoute>().spec.rules.size(), 1);
}

TEST(HTTPRoute, IsRefusedWhereItIsWrong) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {route("hostnames: [A.com]"), "spec.hostnames[0]: Invalid value: \"A.com\""},
      {route("parentRefs: [{name: g}, {name: g, sectionName: a}]"),
       "spec.parentRefs[1]: Invalid value: sectionName must be specified"},
      {route("parentRefs: [{name: g, sectionName: a}, {name: g, sectionName: a}]"),
       "sectionName must be unique"},
      {rule("matches: [{path: {value: a}}]"),
       "spec.rules[0].matches[0].path.value: Invalid value: \"a\": must be an absolute path"},
      {rule("matches: [{path: {value: /a/../b}}]"), "must not contain '/../'"},
      {rule("matches: [{path: {value: '/a b'}}]"), "RFC 3986"},
      {rule("matches: [{path: {type: RegularExpression, value: '/a('}}]"),
       "is no regular expression: missing )"},
      {rule("matches: [{headers: [{name: 'a b', value: c}]}]"),
       "spec.rules[0].matches[0].headers[0].name: Invalid value: \"a b\": must be a token"},
      {rule("matches: [{queryParams: [{name: a, value: '[', type: RegularExpression}]}]"),
       "spec.rules[0].matches[0].queryParams[0].value: Invalid value"},
      {rule("matches: [{method: get}]"), "Unsupported value: \"get\""},
      {rule("filters: [{type: URLRewrite}]"),
       "spec.rules[0].filters[0].urlRewrite: Required value: must be specified for URLRewrite"},
      {rule("filters: [{type: RequestRedirect, requestRedirect: {}, urlRewrite: {}}]"),
       "filter.urlRewrite must be nil if the filter.type is not URLRewrite"},
      {rule("filters: [{type: RequestRedirect, requestRedirect: {}}, {type: URLRewrite, "
            "urlRewrite: {}}]"),
       "but not both"},
      {rule("filters: [{type: RequestMirror, requestMirror: {backendRef: {name: m}}}]"),
       "requestMirror.backendRef.port: Required value: must have port for Service reference"},
      {rule("filters: [{type: RequestMirror, requestMirror: {backendRef: {name: m, port: 1}, "
            "percent: 101}}]"),
       "requestMirror.percent: Invalid value: 101: must be between 0 and 100"},
      {rule("filters: [{type: RequestMirror, requestMirror: {backendRef: {name: m, port: 1}, "
            "percent: 1, fraction: {numerator: 1}}}]"),
       "Only one of percent or fraction may be specified"},
      {rule("filters: [{type: RequestMirror, requestMirror: {backendRef: {name: m, port: 1}, "
            "fraction: {numerator: 3, denominator: 2}}}]"),
       "numerator must be less than or equal to denominator"},
      {rule("filters: [{type: RequestMirror, requestMirror: {backendRef: {name: m, port: 1}, "
            "fraction: {numerator: 0, denominator: 0}}}]"),
       "requestMirror.fraction.denominator: Invalid value: 0: must be greater than 0"},
      {rule("filters: [{type: RequestRedirect, requestRedirect: {statusCode: 200}}]"),
       "Unsupported value: 200"},
      {rule("filters: [{type: RequestRedirect, requestRedirect: {}}], backendRefs: [{name: a, "
            "port: 1}]"),
       "must not be used together with backendRefs"},
      {rule("filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: a, "
            "value: \"b\\r\\nc: d\"}]}}]"),
       "responseHeaderModifier.set[0].value: Invalid value"},
      {rule("filters: [{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: a, "
            "value: b}, {name: A, value: b}]}}]"),
       "Duplicate value: \"A\""},
      {rule("matches: [{path: {type: Exact, value: /a}}], filters: [{type: URLRewrite, urlRewrite: "
            "{path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}]"),
       "exactly one PathPrefix match must be specified"},
      {rule("filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath}}}]"),
       "urlRewrite.path.replaceFullPath: Required value"},
      {rule("backendRefs: [{name: a}]"), "spec.rules[0].backendRefs[0].port: Required value"},
      {rule("backendRefs: [{name: a, port: 1, weight: -1}]"), "backendRefs[0].weight"},
      {rule("timeouts: {request: 1x}"), "must be a duration such as 10s"},
      {rule("timeouts: {request: 1s, backendRequest: 2s}"),
       "backendRequest timeout cannot be longer than request timeout"},
  };
  for (const auto& [yaml, message] : table)
    EXPECT_THAT(wrong(yaml), Contains(HasSubstr(message))) << yaml;
  EXPECT_THAT(wrong(rule("timeouts: {request: 0s, backendRequest: 2s}")), IsEmpty());
}

TEST(HTTPRoute, HasABoundOfMatches) {
  std::string rules = "rules: [";
  for (int i = 0; i < 3; ++i) {
    rules += "{matches: [";
    for (int j = 0; j < 43; ++j)
      rules += "{path: {value: /" + std::to_string(i * 100 + j) + "}}, ";
    rules += "]}, ";
  }
  EXPECT_THAT(wrong(route(rules + "]")),
              ElementsAre("spec.rules: Invalid value: all rules together may have 128 matches, and "
                          "have 129"));
}

TEST(ReferenceGrant, SaysWhoMayReferToWhat) {
  const auto made = [](const std::string& spec) {
    return kHead + "kind: ReferenceGrant\nspec: {" + spec + "}";
  };
  EXPECT_THAT(wrong(made("from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: a}], "
                         "to: [{group: '', kind: Secret}]")),
              IsEmpty());
  EXPECT_THAT(wrong(made("from: [{group: '', kind: '', namespace: A}], to: []")),
              ElementsAre(HasSubstr("spec.to: Required value"), HasSubstr("spec.from[0].kind"),
                          HasSubstr("spec.from[0].namespace")));
}

TEST(GatewayKinds, RowsAreAsTheirDefinitionsPrintThem) {
  const WallTime now = Time::parse("2026-11-23T12:00:00Z")->wall();
  EXPECT_THAT(row_of(kHead + "kind: GatewayClass\nspec: {controllerName: a.com/b}\nstatus: "
                             "{conditions: [{type: Accepted, status: 'True'}]}",
                     now),
              ElementsAre("x", "a.com/b", "True", "5m", ""));
  EXPECT_THAT(row_of(kHead + "kind: Gateway\nspec: {gatewayClassName: c}\nstatus: {addresses: "
                             "[{value: 10.0.0.1}, {value: 10.0.0.2}], conditions: [{type: "
                             "Programmed, status: 'False'}]}",
                     now),
              ElementsAre("x", "c", "10.0.0.1,10.0.0.2", "False", "5m"));
  EXPECT_THAT(row_of(kHead + "kind: HTTPRoute\nspec: {hostnames: [a.com, b.com]}", now),
              ElementsAre("x", R"(["a.com","b.com"])", "5m"));
  EXPECT_THAT(row_of("apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant", now),
              ElementsAre("x", "5m"));
}

TEST(GatewayKinds, AreTheSameInBothVersions) {
  const TestObject first = read_object(
      "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: HTTPRoute\nspec: {hostnames: [a.com]}");
  HTTPRoute stored;
  version_of(*first.kind).store(first.object.get(), &stored);
  EXPECT_THAT(stored.spec.hostnames, ElementsAre("a.com"));
  HTTPRouteV1beta1 again;
  version_of(*first.kind).show(&stored, &again);
  EXPECT_EQ(json::write(to_json(again)), json::write(to_json(first.as<HTTPRouteV1beta1>())));
}

TEST(RouteDuration, IsASumOfParts) {
  using std::chrono::milliseconds;
  EXPECT_EQ(parse_route_duration("1h30m"), milliseconds(5'400'000));
  EXPECT_EQ(parse_route_duration("500ms"), milliseconds(500));
  EXPECT_EQ(parse_route_duration("0s"), milliseconds(0));
  for (const char* text : {"", "1", "s", "1.5s", "-1s", "100000s", "1s1s1s1s1s", "1d", " 1s"})
    EXPECT_EQ(parse_route_duration(text), std::nullopt) << text;
}

}  // namespace
}  // namespace insula::api
