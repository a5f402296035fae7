#include "api/validation/test_creation.h"

namespace insula::api {
namespace {

using testing::ElementsAreArray;

class TenantCreationTest : public testing::TestWithParam<Creation> {};

TEST_P(TenantCreationTest, IsAnsweredAsKubernetesDoes) {
  EXPECT_THAT(causes_of(GetParam()), ElementsAreArray(GetParam().wrong));
}

#define TENANT(text) \
  "apiVersion: insula.dev/v1alpha1\nkind: Tenant\nmetadata: {name: t}\nspec:\n" text

const Creation kTenants[] = {
    {"a tenant of defaults",
     "apiVersion: insula.dev/v1alpha1\nkind: Tenant\nmetadata: {name: t}",
     {}},
    {"less than nothing",
     TENANT("  quota: {gpus: -1, memory: -1Gi}\n  gateway: {rateLimit: {requestsPerHour: -5, "
            "tokensPerMinute: -1, concurrentRequests: 1000001}}"),
     {"spec.quota.gpus: Invalid value: -1: must be greater than or equal to 0",
      "spec.quota.memory: Invalid value: \"-1Gi\": must be greater than or equal to 0",
      "spec.gateway.rateLimit.requestsPerHour: Invalid value: -5: must be between 0 and 10000000, "
      "inclusive",
      "spec.gateway.rateLimit.tokensPerMinute: Invalid value: -1: must be between 0 and "
      "1000000000, "
      "inclusive",
      "spec.gateway.rateLimit.concurrentRequests: Invalid value: 1000001: must be between 0 and "
      "1000000, inclusive"}},
    {"a namespace of the system, and one twice",
     TENANT("  namespaces: [kube-system, a, a]"),
     {"spec.namespaces[0]: Invalid value: \"kube-system\": belongs to the system and to no tenant",
      "spec.namespaces[2]: Duplicate value: \"a\""}},
    {"a Service of somebody else",
     TENANT("  gateway: {service: {name: llm, namespace: other, port: 0}}"),
     {"spec.gateway.service.namespace: Invalid value: \"other\": must be one of "
      "`spec.namespaces`"}},
    {"an issuer without keys or audience",
     TENANT("  gateway: {jwt: [{issuer: idp}]}"),
     {"spec.gateway.jwt[0].audiences: Required value: must name at least one audience",
      "spec.gateway.jwt[0]: Required value: must specify one of: `secretRef`, `publicKeys`, "
      "`jwksURI`, or an issuer that is an https URL with a discovery document"}},
    {"issuers whose keys can be fetched",
     TENANT("  gateway: {jwt: [{issuer: https://idp/realms/x, audiences: [a]}, "
            "{issuer: idp, audiences: [a], jwksURI: 'https://idp:8443/keys?v=1'}, "
            "{issuer: http://localhost:8080, audiences: [a]}, "
            "{issuer: i, audiences: [a], jwksURI: 'http://127.0.0.1/k'}, "
            "{issuer: j, audiences: [a], jwksURI: 'http://[::1]:80/k', "
            "caRef: {name: ca, key: ca.crt}}]}"),
     {}},
    {"keys over plain HTTP from elsewhere",
     TENANT("  gateway: {jwt: [{issuer: http://idp, audiences: [a]}, "
            "{issuer: i, audiences: [a], jwksURI: 'http://127.0.0.1.evil.example/k'}]}"),
     {"spec.gateway.jwt[0]: Required value: must specify one of: `secretRef`, `publicKeys`, "
      "`jwksURI`, or an issuer that is an https URL with a discovery document",
      "spec.gateway.jwt[1].jwksURI: Invalid value: \"http://127.0.0.1.evil.example/k\": must be an "
      "https URL, or an http one of this machine (localhost, 127.0.0.1, [::1])"}},
    {"URLs that hide where they lead",
     TENANT("  gateway: {jwt: [{issuer: i, audiences: [a], jwksURI: 'https://a@b/k'}, "
            "{issuer: j, audiences: [a], jwksURI: 'https:///k'}, "
            "{issuer: k, audiences: [a], jwksURI: 'file:///etc/passwd'}]}"),
     {"spec.gateway.jwt[0].jwksURI: Invalid value: \"https://a@b/k\": must be an https URL, or an "
      "http one of this machine (localhost, 127.0.0.1, [::1])",
      "spec.gateway.jwt[1].jwksURI: Invalid value: \"https:///k\": must be an https URL, or an "
      "http "
      "one of this machine (localhost, 127.0.0.1, [::1])",
      "spec.gateway.jwt[2].jwksURI: Invalid value: \"file:///etc/passwd\": must be an https URL, "
      "or "
      "an http one of this machine (localhost, 127.0.0.1, [::1])"}},
    {"two ways to have keys",
     TENANT("  gateway: {jwt: [{issuer: i, audiences: [a], secretRef: {name: s, key: k}, "
            "jwksURI: 'https://idp/k', caRef: {name: ca, key: ca.crt, namespace: other}}]}"),
     {"spec.gateway.jwt[0].jwksURI: Forbidden: may not be set together with `secretRef` or "
      "`publicKeys`",
      "spec.gateway.jwt[0].caRef: Forbidden: may not be set when no keys are fetched",
      "spec.gateway.jwt[0].caRef.namespace: Invalid value: \"other\": must be one of "
      "`spec.namespaces`"}},
    {"an algorithm that would confuse the keys",
     TENANT("  gateway: {jwt: [{issuer: i, audiences: [a], secretRef: {name: s, key: k}, "
            "algorithms: [RS256, none]}]}"),
     {"spec.gateway.jwt[0].algorithms[0]: Invalid value: \"RS256\": needs public keys; the "
      "shared key of `secretRef` serves HS256 only",
      "spec.gateway.jwt[0].algorithms[1]: Unsupported value: \"none\": supported values: "
      "\"HS256\", \"RS256\", \"RS384\", \"RS512\", \"PS256\", \"PS384\", \"PS512\", \"ES256\", "
      "\"ES384\", \"ES512\", \"EdDSA\""}},
    {"members of no name, of one name, and with limits out of range",
     TENANT("  gateway: {memberRateLimit: {requestsPerHour: -1}, members: [{name: a}, {name: a, "
            "rateLimit: {concurrentRequests: 1000001}}, {}]}"),
     {"spec.gateway.memberRateLimit.requestsPerHour: Invalid value: -1: must be between 0 and "
      "10000000, inclusive",
      "spec.gateway.members[1].name: Duplicate value: \"a\"",
      "spec.gateway.members[1].rateLimit.concurrentRequests: Invalid value: 1000001: must be "
      "between 0 and 1000000, inclusive",
      "spec.gateway.members[2].name: Required value"}},
    {"a queue out of range",
     TENANT("  gateway: {queue: {requests: 10001, waitSeconds: -1, weight: 0}}"),
     {"spec.gateway.queue.requests: Invalid value: 10001: must be between 0 and 10000, inclusive",
      "spec.gateway.queue.waitSeconds: Invalid value: -1: must be between 0 and 600, inclusive",
      "spec.gateway.queue.weight: Invalid value: 0: must be between 1 and 1000, inclusive"}},
    {"models that lead nowhere",
     TENANT(
         "  gateway: {models: [{name: a, fallbacks: [a, gone, b, b], rateLimit: {tokensPerMinute: "
         "-1}}, {name: 'b c'}, {backends: ["
         "{weight: -1, concurrentRequestsPerEndpoint: 0}, {service: {name: not, namespace: other}, "
         "model: '\"'}]}]}"),
     {"spec.gateway.models[0].fallbacks[0]: Invalid value: \"a\": is the model itself",
      "spec.gateway.models[0].fallbacks[1]: Invalid value: \"gone\": must be one of "
      "`spec.gateway.models`",
      "spec.gateway.models[0].fallbacks[2]: Invalid value: \"b\": must be one of "
      "`spec.gateway.models`",
      "spec.gateway.models[0].fallbacks[3]: Invalid value: \"b\": must be one of "
      "`spec.gateway.models`",
      "spec.gateway.models[0].fallbacks[3]: Duplicate value: \"b\"",
      "spec.gateway.models[0].rateLimit.tokensPerMinute: Invalid value: -1: must be between 0 and "
      "1000000000, inclusive",
      "spec.gateway.models[1].name: Invalid value: \"b c\": must be of printable ASCII characters "
      "but spaces, commas, quotes and backslashes",
      "spec.gateway.models[2].name: Required value",
      "spec.gateway.models[2].backends[0].weight: Invalid value: -1: must be between 0 and "
      "1000000, inclusive",
      "spec.gateway.models[2].backends[0].concurrentRequestsPerEndpoint: Invalid value: 0: must be "
      "between 1 and 1000000, inclusive",
      "spec.gateway.models[2].backends[1].service.namespace: Invalid value: \"other\": must be one "
      "of `spec.namespaces`",
      "spec.gateway.models[2].backends[1].model: Invalid value: \"\\\"\": must be of printable "
      "ASCII characters but spaces, commas, quotes and backslashes"}},
    {"providers that cannot be asked",
     TENANT("  gateway: {models: [{name: a, backends: ["
            "{provider: {baseURL: ''}}, {provider: {baseURL: 'ftp://x'}}, "
            "{provider: {baseURL: 'https://u@x'}, service: {name: s, port: 1}}, "
            "{provider: {baseURL: 'https://x/v1', apiKeyHeader: X-Key, "
            "apiKeyRef: {name: k, namespace: other, key: k}, "
            "caRef: {name: c, namespace: insula-system, key: c}, "
            "headers: [{name: Host, value: y}, {name: A, value: \"b\\n\"}, {name: a}]}}, "
            "{provider: {baseURL: 'http://x', apiKeyRef: "
            "{name: k, namespace: insula-system, key: k}}}]}]}"),
     {"spec.gateway.models[0].backends[0].provider.baseURL: Required value",
      "spec.gateway.models[0].backends[1].provider.baseURL: Invalid value: \"ftp://x\": must be an "
      "https or http URL with a host, without a user name or a fragment",
      "spec.gateway.models[0].backends[2].service: Forbidden: may not be set together with "
      "`provider`",
      "spec.gateway.models[0].backends[2].provider.baseURL: Invalid value: \"https://u@x\": must "
      "be "
      "an https or http URL with a host, without a user name or a fragment",
      "spec.gateway.models[0].backends[3].provider.apiKeyHeader: Unsupported value: \"X-Key\": "
      "supported values: \"Authorization\", \"x-api-key\", \"api-key\"",
      "spec.gateway.models[0].backends[3].provider.headers[0].name: Forbidden: Host is the "
      "gateway's to say",
      "spec.gateway.models[0].backends[3].provider.headers[1].value: Invalid value: \"b\\n\": must "
      "be of printable ASCII characters",
      "spec.gateway.models[0].backends[3].provider.headers[2].name: Duplicate value: \"a\"",
      "spec.gateway.models[0].backends[3].provider.apiKeyRef.namespace: Invalid value: \"other\": "
      "must be one of `spec.namespaces`",
      "spec.gateway.models[0].backends[3].provider.caRef.namespace: Invalid value: "
      "\"insula-system\": must be one of `spec.namespaces`"}},
    {"a model whose routing and health check nobody knows",
     TENANT("  gateway: {models: [{name: a, routing: {policy: Random}, healthCheck: {path: health, "
            "periodSeconds: 0, failureThreshold: 101}}, {name: b, healthCheck: {path: ''}}]}"),
     {"spec.gateway.models[0].routing.policy: Unsupported value: \"Random\": supported values: "
      "\"LeastRequests\", \"Session\", \"PrefixCache\"",
      "spec.gateway.models[0].healthCheck.path: Invalid value: \"health\": must be a path such as "
      "/health",
      "spec.gateway.models[0].healthCheck.periodSeconds: Invalid value: 0: must be between 1 and "
      "3600, inclusive",
      "spec.gateway.models[0].healthCheck.failureThreshold: Invalid value: 101: must be between 1 "
      "and 100, inclusive",
      "spec.gateway.models[1].healthCheck.path: Required value"}},
    {"a model twice",
     TENANT("  gateway: {models: [{name: a}, {name: a}]}"),
     {"spec.gateway.models[1].name: Duplicate value: \"a\""}},
    {"a model server without an image",
     TENANT("  serve: {replicas: -1}"),
     {"spec.serve.image: Required value",
      "spec.serve.replicas: Invalid value: -1: must be greater than or equal to "
      "0"}},
};

INSTANTIATE_TEST_SUITE_P(Tenant, TenantCreationTest, testing::ValuesIn(kTenants));

}  // namespace
}  // namespace insula::api
