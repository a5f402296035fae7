// What a Tenant says of the edge of its path: bounds, web pages, filters.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/cors.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/header_modifier.h"
#include "api/test_objects.h"

namespace insula::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string tenant(const std::string& gateway) {
  return "apiVersion: insula.dev/v1alpha1\nkind: Tenant\nspec:\n  gateway: {" + gateway + "}\n";
}

TEST(TenantBounds, AreBetweenWhatLetsSomebodyInAndTheGatewaysOwn) {
  EXPECT_THAT(wrong(tenant("bounds: {bodyBytes: 1, headerBytes: 1024}")), IsEmpty());
  EXPECT_THAT(wrong(tenant("bounds: {bodyBytes: 33554432, headerBytes: 65536}")), IsEmpty());
  EXPECT_THAT(wrong(tenant("bounds: {bodyBytes: 0, headerBytes: 1023}")),
              ElementsAre("spec.gateway.bounds.bodyBytes: Invalid value: 0: must be between 1 and "
                          "33554432, inclusive",
                          "spec.gateway.bounds.headerBytes: Invalid value: 1023: must be between "
                          "1024 and 65536, inclusive"));
  EXPECT_THAT(wrong(tenant("bounds: {bodyBytes: 33554433, headerBytes: 65537}")),
              testing::SizeIs(2));
}

TEST(TenantCors, RemembersForTenMinutesUnlessToldOtherwise) {
  EXPECT_EQ(created(tenant("cors: {allowOrigins: ['*']}"))
                .as<Tenant>()
                .spec.gateway.cors->max_age_seconds,
            600);
  EXPECT_FALSE(created(tenant("")).as<Tenant>().spec.gateway.cors);
}

TEST(TenantCors, NamesOriginsAsBrowsersWriteThem) {
  EXPECT_THAT(
      wrong(tenant("cors: {allowOrigins: [https://app.example.com, 'https://*.example.com', "
                   "'http://localhost:3000', 'http://[::1]:3000', 'tauri://localhost', '*'], "
                   "allowMethods: [PUT, '*'], allowHeaders: [X-A, '*'], "
                   "exposeHeaders: ['*'], maxAgeSeconds: 0}")),
      IsEmpty());
  EXPECT_THAT(wrong(tenant("cors: {}")),
              ElementsAre("spec.gateway.cors.allowOrigins: Required value: must name at least one "
                          "origin"));
  for (const char* origin : {"https://App.example.com",
                             "https://app.example.com/",
                             "app.example.com",
                             "null",
                             "https://app.example.com:443",
                             "http://app.example.com:80",
                             "https://u@app.example.com",
                             "https://",
                             "https://app.example.com:",
                             "https://app.example.com:70000",
                             "https://*",
                             "https://*.*.example.com",
                             "https://a*.example.com",
                             "*.example.com",
                             "https://a b",
                             "https://.example.com",
                             "https://a..b",
                             "HTTPS://app.example.com",
                             "://a",
                             "https://app.example.com?x",
                             "https://*.[::1]",
                             ""}) {
    EXPECT_FALSE(parse_origin_pattern(origin)) << origin;
  }
  EXPECT_THAT(
      wrong(tenant("cors: {allowOrigins: ['https://a.example/']}")),
      ElementsAre(HasSubstr("spec.gateway.cors.allowOrigins[0]: Invalid value: "
                            "\"https://a.example/\": must be *, or an origin as browsers")));
}

TEST(TenantCors, KeepsCredentialsFromWhatIsForEverybody) {
  EXPECT_THAT(
      wrong(tenant("cors: {allowOrigins: ['*'], allowCredentials: true, "
                   "allowMethods: [get, TRACE], allowHeaders: ['a b'], exposeHeaders: ['*'], "
                   "maxAgeSeconds: 86401}")),
      ElementsAre(HasSubstr("allowMethods[0]: Unsupported value: \"get\": supported values: "
                            "\"GET\", \"HEAD\""),
                  HasSubstr("allowMethods[1]: Unsupported value: \"TRACE\""),
                  HasSubstr("allowHeaders[0]: Invalid value: \"a b\""),
                  "spec.gateway.cors.allowCredentials: Forbidden: may not be set for every "
                  "origin: name the origins",
                  "spec.gateway.cors.exposeHeaders: Forbidden: * is no wildcard together "
                  "with `allowCredentials`: name the headers",
                  HasSubstr("maxAgeSeconds: Invalid value: 86401: must be between 0 and "
                            "86400")));
}

TEST(TenantFilters, AreOneThingEach) {
  EXPECT_THAT(
      wrong(tenant("filters: [{requestHeaderModifier: {set: [{name: X-A, value: b}]}}, "
                   "{responseHeaderModifier: {add: [{name: X-B, value: ''}], remove: [Server]}}, "
                   "{promptDenyList: {phrases: [project x], patterns: ['\\bcat\\b']}}]")),
      IsEmpty());
  EXPECT_THAT(wrong(tenant("filters: [{}, {requestHeaderModifier: {remove: [A]}, promptDenyList: "
                           "{phrases: [a]}}]")),
              ElementsAre(HasSubstr("spec.gateway.filters[0]: Invalid value: must have exactly one "
                                    "of: `requestHeaderModifier`"),
                          HasSubstr("spec.gateway.filters[1]: Invalid value: must have exactly "
                                    "one of")));
}

TEST(TenantFilters, ChangeNoHeaderThatIsNotTheirs) {
  EXPECT_THAT(
      wrong(tenant("filters: [{requestHeaderModifier: {}}, {requestHeaderModifier: {set: "
                   "[{name: Authorization, value: x}, {name: x-a, value: \"a\\nb\"}], add: "
                   "[{name: X-A, value: b}], remove: ['a b', '']}}]")),
      ElementsAre("spec.gateway.filters[0].requestHeaderModifier: Required value: must have "
                  "at least one of: `set`, `add`, `remove`",
                  "spec.gateway.filters[1].requestHeaderModifier.set[0].name: Forbidden: "
                  "Authorization is the gateway's to say, or a credential",
                  "spec.gateway.filters[1].requestHeaderModifier.set[1].value: Invalid "
                  "value: \"a\\nb\": must be of printable ASCII characters",
                  "spec.gateway.filters[1].requestHeaderModifier.add[0].name: Duplicate "
                  "value: \"X-A\"",
                  HasSubstr("requestHeaderModifier.remove[0]: Invalid value: \"a b\""),
                  "spec.gateway.filters[1].requestHeaderModifier.remove[1]: Required value"));
  for (const char* name :
       {"authorization", "X-API-Key", "Cookie", "Host", "Content-Length", "Transfer-Encoding",
        "Connection", "TE", "Upgrade", "X-Forwarded-For", "x_forwarded_for", "X-Insula-Tenant",
        "X-Request-Id", "traceparent", "Accept-Encoding", "Content-Type", "Expect"})
    EXPECT_FALSE(may_modify_header(MessageSide::kRequest, name)) << name;
  for (const char* name :
       {"Content-Length", "Set-Cookie", "WWW-Authenticate", "X-RateLimit-Limit-A", "RateLimit",
        "Access-Control-Allow-Origin", "Retry-After", "Trailer", "X-Request-Id", "Content-Encoding",
        "X-Insula-Tenant", "x_forwarded_for"})
    EXPECT_FALSE(may_modify_header(MessageSide::kResponse, name)) << name;
  EXPECT_TRUE(may_modify_header(MessageSide::kRequest, "OpenAI-Beta"));
  EXPECT_TRUE(may_modify_header(MessageSide::kResponse, "Server"));
}

TEST(TenantFilters, HaveSoManyPhrasesAsThereIsMemoryFor) {
  std::string phrases;
  for (int i = 0; i < 64; ++i)
    phrases += std::string(256, 'p') + ", ";
  EXPECT_THAT(wrong(tenant("filters: [{promptDenyList: {phrases: [" + phrases + "]}}]")),
              IsEmpty());
  EXPECT_THAT(wrong(tenant("filters: [{promptDenyList: {phrases: [" + phrases + "q]}}]")),
              ElementsAre(HasSubstr("promptDenyList.phrases: Too long")));
}

TEST(TenantFilters, DenyWhatCanBeLookedFor) {
  std::string patterns;
  for (int i = 0; i < 5; ++i)
    patterns += "'x" + std::to_string(i) + "a{490}', ";
  EXPECT_THAT(
      wrong(tenant("filters: [{promptDenyList: {}}, {promptDenyList: {phrases: ['  '], "
                   "patterns: ['(', 'a{0,3}', 'a.*b'], message: \"a\\nb\"}}, {promptDenyList: "
                   "{patterns: [" +
                   patterns + "]}}]")),
      ElementsAre("spec.gateway.filters[0].promptDenyList: Required value: must have at "
                  "least one of: `phrases`, `patterns`",
                  "spec.gateway.filters[1].promptDenyList.phrases[0]: Required value: must "
                  "be more than white space",
                  "spec.gateway.filters[1].promptDenyList.patterns[0]: Invalid value: "
                  "\"(\": missing ): (",
                  "spec.gateway.filters[1].promptDenyList.patterns[1]: Invalid value: "
                  "\"a{0,3}\": is found in every text",
                  HasSubstr("promptDenyList.patterns[2]: Invalid value: \"a.*b\": has *, + "
                            "or {n,}"),
                  HasSubstr("promptDenyList.message: Invalid value"),
                  HasSubstr("spec.gateway.filters[2].promptDenyList.patterns: Invalid "
                            "value: compile to 2")));
}

}  // namespace
}  // namespace insula::api
