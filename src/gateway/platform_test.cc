#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/platform_objects.h"
#include "async/deadline.h"
#include "async/loop.h"
#include "client/testing/fake_api.h"
#include "client/typed.h"
#include "gateway/platform_config.h"
#include "gateway/platform_watch.h"

namespace insula::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

api::Tenant tenant(std::string name) {
  api::Tenant tenant;
  tenant.metadata.name = std::move(name);
  tenant.spec.gateway.service = {.name = "llm-service", .namespace_ = "", .port = 8000};
  tenant.spec.gateway.rate_limit.requests_per_hour = 1000;
  tenant.spec.gateway.rate_limit.tokens_per_minute = 6000;
  return tenant;
}

api::Service service(std::string name_space) {
  api::Service service;
  service.metadata.name = "llm-service";
  service.metadata.namespace_ = std::move(name_space);
  api::ServicePort port;
  port.name = "http";
  port.port = 8000;
  service.spec.ports = {port};
  return service;
}

api::Endpoint endpoint(std::string address,
                       std::optional<bool> ready,
                       bool terminating = false,
                       bool serving = true) {
  api::Endpoint endpoint;
  endpoint.addresses = {std::move(address)};
  endpoint.conditions.ready = ready;
  endpoint.conditions.terminating = terminating;
  endpoint.conditions.serving = serving;
  return endpoint;
}

api::EndpointSlice slice(std::string name_space, std::vector<api::Endpoint> endpoints) {
  api::EndpointSlice slice;
  slice.metadata.name = "llm-service-1";
  slice.metadata.namespace_ = std::move(name_space);
  slice.metadata.labels["kubernetes.io/service-name"] = "llm-service";
  slice.address_type = "IPv4";
  api::EndpointSlicePort port;
  port.name = "http";
  port.port = 4000;
  slice.ports = {port};
  slice.endpoints = std::move(endpoints);
  return slice;
}

api::Secret secret(std::string name_space,
                   std::string name,
                   std::map<std::string, std::string> data) {
  api::Secret secret;
  secret.metadata.name = std::move(name);
  secret.metadata.namespace_ = std::move(name_space);
  secret.data = std::move(data);
  return secret;
}

template <class T>
std::shared_ptr<const T> shared(T object) {
  return std::make_shared<const T>(std::move(object));
}

TEST(PlatformConfig, RoutesToTheTargetPortOfReadyEndpoints) {
  const GatewayConfig config = make_config(
      {.tenants = {shared(tenant("a"))},
       .services = {shared(service("a")), shared(service("b"))},
       .slices = {shared(
                      slice("a", {endpoint("10.0.0.2", true), endpoint("10.0.0.1", std::nullopt),
                                  endpoint("10.0.0.3", false), endpoint("10.0.0.4", true, true)})),
                  shared(slice("b", {endpoint("10.0.9.9", true)}))},
       .secrets = {}});
  ASSERT_EQ(config.tenants.size(), 1U);
  EXPECT_THAT(config.tenants[0].endpoints, ElementsAre("10.0.0.1:4000", "10.0.0.2:4000"));
  EXPECT_EQ(config.tenants[0].service_host, "llm-service.a.svc:8000");
  EXPECT_EQ(config.tenants[0].limits.requests_per_hour, 1000);
  EXPECT_EQ(config.tenants[0].limits.tokens_per_minute, 6000);
  EXPECT_EQ(config.tenants[0].limits.concurrent_requests, std::nullopt);
}

TEST(PlatformConfig, EndpointsBeingStoppedServeWhileThereIsNoOther) {
  PlatformObjects objects{
      .tenants = {shared(tenant("a"))},
      .services = {shared(service("a"))},
      .slices = {shared(slice(
          "a", {endpoint("10.0.0.1", false, true), endpoint("10.0.0.2", false, true, false)}))},
      .secrets = {}};
  EXPECT_THAT(make_config(objects).tenants[0].endpoints, ElementsAre("10.0.0.1:4000"));
  objects.services.clear();
  EXPECT_THAT(make_config(objects).tenants[0].endpoints, IsEmpty());
}

TEST(PlatformConfig, AModelHasTheEndpointsOfItsServices) {
  api::Tenant with_models = tenant("a");
  with_models.metadata.creation_timestamp.seconds = 1'700'000'000;
  api::TenantBackend own;
  own.service = with_models.spec.gateway.service;
  own.model = "vendor/m";
  own.weight = 9;
  own.concurrent_requests_per_endpoint = 4;
  api::TenantBackend absent;
  absent.service = {.name = "absent", .namespace_ = "", .port = 1};
  api::TenantBackend foreign;
  foreign.service = {.name = "llm-service", .namespace_ = "b", .port = 8000};
  api::TenantModel model;
  model.name = "m";
  model.backends = {own, absent, foreign};
  model.fallbacks = {"n"};
  model.rate_limit.tokens_per_minute = 600;
  model.routing.policy = "PrefixCache";
  model.health_check.emplace().path = "/health";
  model.health_check->period_seconds = 7;
  api::TenantModel fallback;
  fallback.name = "n";
  with_models.spec.gateway.models = {model, fallback};
  with_models.spec.gateway.member_rate_limit.requests_per_hour = 60;
  api::TenantMember member;
  member.name = "ann";
  member.rate_limit.tokens_per_minute = 100;
  member.budget.tokens_per_day = 7;
  with_models.spec.gateway.budget.spend_per_month = "2.5";
  with_models.spec.gateway.queue.requests = 50;
  with_models.spec.gateway.queue.weight = 2;
  with_models.spec.gateway.member_budget.tokens_per_month = 9;
  with_models.spec.gateway.members = {member};
  with_models.spec.gateway.bounds.body_bytes = 1000;
  with_models.spec.gateway.cors.emplace().allow_origins = {"https://a.test"};
  with_models.spec.gateway.cors->max_age_seconds = 5;
  with_models.spec.gateway.filters.resize(2);
  with_models.spec.gateway.filters[0].response_header_modifier.emplace().remove = {"Server"};
  with_models.spec.gateway.filters[1].prompt_deny_list.emplace().phrases = {"a"};
  const PlatformObjects objects{.tenants = {shared(with_models)},
                                .services = {shared(service("a")), shared(service("b"))},
                                .slices = {shared(slice("a", {endpoint("10.0.0.1", true)})),
                                           shared(slice("b", {endpoint("10.0.9.9", true)}))}};
  const TenantConfig config = make_config(objects).tenants.at(0);
  EXPECT_EQ(config.created, 1'700'000'000);
  EXPECT_EQ(config.edge,
            (EdgeConfig{.bounds = {.body_bytes = 1000},
                        .cors = CorsConfig{.allow_origins = {"https://a.test"},
                                           .max_age = std::chrono::seconds(5)},
                        .filters = {HeaderModifierConfig{.side = api::MessageSide::kResponse,
                                                         .edits = {.remove = {"Server"}}},
                                    PromptDenyListConfig{.phrases = {"a"}}}}));
  EXPECT_EQ(config.queue, (QueueConfig{.requests = 50, .wait_seconds = 30, .weight = 2}));
  EXPECT_EQ(config.limits.budget, (BudgetConfig{.spend_per_month = 2'500'000'000}));
  EXPECT_EQ(config.member_limits,
            (LimitConfig{.requests_per_hour = 60, .budget = {.tokens_per_month = 9}}));
  EXPECT_THAT(config.members,
              ElementsAre(MemberConfig{
                  "ann", {.tokens_per_minute = 100, .budget = {.tokens_per_day = 7}}}));
  EXPECT_THAT(
      config.models,
      ElementsAre(ModelConfig{"m",
                              {{"llm-service.a.svc:8000", {"10.0.0.1:4000"}, "vendor/m", 9, 4},
                               {"absent.a.svc:1", {}, "", 1},
                               {"", {}, "", 1}},
                              {"n"},
                              {.tokens_per_minute = 600},
                              RoutingPolicy::kPrefixCache,
                              HealthCheckConfig{"/health", std::chrono::seconds(7)}},
                  ModelConfig{"n", {}, {}}));
}

api::TenantBackend provider(std::string url, std::optional<api::TenantKeyRef> key) {
  api::TenantBackend backend;
  backend.provider.emplace().base_url = std::move(url);
  if (key) backend.provider->api_key_ref = *std::move(key);
  return backend;
}

api::Secret provider_key(std::string name, std::string tenants) {
  api::Secret key = secret(api::kSystemNamespace, std::move(name),
                           {{"k", "platforms"}, {"tenants", std::move(tenants)}});
  key.type = api::kProviderKeyType;
  return key;
}

TEST(PlatformConfig, AProviderHasTheKeyOfASecretThatTheTenantMayUse) {
  api::Tenant with_providers = tenant("a");
  const std::string system = api::kSystemNamespace;
  api::TenantBackend with_ca = provider("https://b", api::TenantKeyRef{"own", "", "k"});
  with_ca.provider->ca_ref = api::TenantKeyRef{"ca", "", "ca.crt"};
  with_ca.provider->headers = {{.name = "x", .value = "y"}};
  api::TenantModel model;
  model.name = "m";
  model.backends = {provider("https://a", std::nullopt),
                    with_ca,
                    provider("https://c", api::TenantKeyRef{"shared", system, "k"}),
                    provider("https://d", api::TenantKeyRef{"others", system, "k"}),
                    provider("https://e", api::TenantKeyRef{"plain", system, "k"}),
                    provider("https://f", api::TenantKeyRef{"own", "b", "k"}),
                    provider("https://g", api::TenantKeyRef{"own", "", "other"}),
                    provider("https://h", api::TenantKeyRef{"none", "", "k"})};
  with_providers.spec.gateway.models = {model};
  const TenantConfig config =
      make_config({.tenants = {shared(with_providers)},
                   .services = {},
                   .slices = {},
                   .secrets = {shared(secret("a", "own", {{"k", " tenants\n"}})),
                               shared(secret("a", "ca", {{"ca.crt", "PEM"}})),
                               shared(secret("b", "own", {{"k", "foreign"}})),
                               shared(provider_key("shared", "z, a")),
                               shared(provider_key("others", "aa,b")),
                               shared(secret(system, "plain", {{"k", "p"}, {"tenants", "*"}}))}})
          .tenants.at(0);
  std::vector<std::string> keys;
  std::vector<std::string> problems;
  for (const BackendConfig& backend : config.models.at(0).backends) {
    keys.push_back(backend.provider.value().key);
    problems.push_back(backend.provider->problem);
  }
  EXPECT_THAT(keys, ElementsAre("", "tenants", "platforms", "", "", "", "", ""));
  EXPECT_THAT(problems,
              ElementsAre("", "", "", HasSubstr("insula-system/others is not for this tenant"),
                          HasSubstr("insula-system/plain is not for this tenant"),
                          HasSubstr("b/own is not for this tenant"),
                          "Secret a/own has no entry other", "Secret a/none does not exist"));
  const ProviderConfig& second = *config.models[0].backends[1].provider;
  EXPECT_EQ(second.ca, "PEM");
  EXPECT_EQ(second.key_header, "Authorization");
  EXPECT_THAT(second.headers, ElementsAre(std::pair<std::string, std::string>("x", "y")));
}

TEST(PlatformConfig, ATenantReachesItsOwnNamespacesOnly) {
  api::Tenant greedy = tenant("a");
  greedy.spec.gateway.service.namespace_ = "b";
  greedy.spec.gateway.jwt = {
      {.issuer = "i", .audiences = {"x"}, .secret_ref = api::TenantKeyRef{"s", "b", "k"}}};
  EXPECT_THAT(secrets_of(greedy), IsEmpty());
  const PlatformObjects objects{.tenants = {shared(greedy)},
                                .services = {shared(service("b"))},
                                .slices = {shared(slice("b", {endpoint("10.0.9.9", true)}))},
                                .secrets = {shared(secret("b", "s", {{"k", "v"}}))}};
  const GatewayConfig config = make_config(objects);
  EXPECT_THAT(config.tenants[0].endpoints, IsEmpty());
  EXPECT_THAT(config.tenants[0].issuers[0].secrets, IsEmpty());
}

TEST(PlatformConfig, KeysAreFetchedWhenAnIssuerHasNoneHere) {
  api::Tenant tenant_a = tenant("a");
  tenant_a.spec.gateway.jwt = {
      {.issuer = "https://found", .audiences = {"x"}},
      {.issuer = "named", .audiences = {"x"}, .jwks_uri = "https://named/keys"},
      {.issuer = "private",
       .audiences = {"x"},
       .jwks_uri = "https://private/keys",
       .ca_ref = api::TenantKeyRef{"ca", "", "ca.crt"}},
      {.issuer = "without",
       .audiences = {"x"},
       .jwks_uri = "https://without/keys",
       .ca_ref = api::TenantKeyRef{"ca", "", "other"}},
      {.issuer = "greedy",
       .audiences = {"x"},
       .jwks_uri = "https://greedy/keys",
       .ca_ref = api::TenantKeyRef{"ca", "b", "ca.crt"}},
      {.issuer = "public", .audiences = {"x"}, .public_keys = {"PEM"}},
      // Its Secret is not there yet; that is no reason to ask the issuer.
      {.issuer = "https://shared",
       .audiences = {"x"},
       .secret_ref = api::TenantKeyRef{"s", "", "k"}}};
  const GatewayConfig config =
      make_config({.tenants = {shared(tenant_a)},
                   .services = {},
                   .slices = {},
                   .secrets = {shared(secret("a", "ca", {{"ca.crt", "PEM"}})),
                               shared(secret("b", "ca", {{"ca.crt", "PEM"}}))}});
  std::vector<std::optional<KeySource>> sources;
  for (const IssuerConfig& issuer : config.tenants[0].issuers)
    sources.push_back(issuer.key_source);
  EXPECT_THAT(
      sources,
      ElementsAre(KeySource{.issuer = "https://found"},
                  KeySource{.issuer = "named", .jwks_uri = "https://named/keys"},
                  KeySource{.issuer = "private", .jwks_uri = "https://private/keys", .ca = "PEM"},
                  // Nobody is trusted, least of all whom the machine trusts.
                  KeySource{.issuer = "without", .jwks_uri = "https://without/keys", .ca = ""},
                  KeySource{.issuer = "greedy", .jwks_uri = "https://greedy/keys", .ca = ""},
                  std::nullopt, std::nullopt));
  EXPECT_THAT(secrets_of(tenant_a),
              ElementsAre(SecretRef{"a", "ca"}, SecretRef{"a", "ca"}, SecretRef{"a", "s"}));
}

TEST(PlatformConfig, ReadsKeysAndIssuers) {
  api::Tenant with_issuer = tenant("a");
  with_issuer.spec.gateway.jwt = {
      {.issuer = "i", .audiences = {"x"}, .secret_ref = api::TenantKeyRef{"s", "", "k"}}};
  api::Secret key = secret("insula-system", "key-abc",
                           {{"hash", "00"},
                            {"tenant", "a"},
                            {"expires", "2027-01-01T00:00:00Z"},
                            {"models", "m,n"},
                            {"requestsPerHour", "20"},
                            {"concurrentRequests", "many"}});
  key.type = api::kApiKeyType;
  api::Secret planted = key;
  planted.metadata.namespace_ = "a";
  const GatewayConfig config = make_config(
      {.tenants = {shared(with_issuer)},
       .services = {},
       .slices = {},
       .secrets = {
           shared(key), shared(planted), shared(secret("a", "s", {{"k", "hush"}})),
           shared(secret("insula-system", "token-issuer-public", {{"public.pem", "PEM"}}))}});
  EXPECT_THAT(config.api_keys,
              ElementsAre(ApiKeyConfig{
                  "abc",
                  "a",
                  "00",
                  "2027-01-01T00:00:00Z",
                  {"m", "n"},
                  {.requests_per_hour = 20, .concurrent_requests = kLimitUnreadable}}));
  // Limits of requests or tokens alone would let some requests through.
  key.data["concurrentRequests"] = "4";
  key.data["tokensPerMinute"] = "6000\n";
  EXPECT_EQ(key_config(key).limits.concurrent_requests, kLimitUnreadable);
  key.data["tokensPerMinute"] = "6000";
  key.data["tokensPerDay"] = "500";
  key.data["spendPerMonth"] = "0.25";
  EXPECT_EQ(key_config(key).limits.budget,
            (BudgetConfig{.tokens_per_day = 500, .spend_per_month = 250'000'000}));
  EXPECT_EQ(key_config(key).limits.concurrent_requests, 4);
  key.data["spendPerMonth"] = "1,5";
  EXPECT_EQ(key_config(key).limits.concurrent_requests, kLimitUnreadable);
  key.data.erase("spendPerMonth");
  key.data["tokensPerMinute"] = "6000\n";
  EXPECT_THAT(config.builtin_keys, ElementsAre("PEM"));
  EXPECT_THAT(config.tenants[0].issuers[0].secrets, ElementsAre("hush"));
}

api::ConfigMap prices(std::string text) {
  api::ConfigMap map;
  map.metadata.name = api::kModelPrices;
  map.metadata.namespace_ = api::kSystemNamespace;
  map.data[api::kModelPricesEntry] = std::move(text);
  return map;
}

TEST(PlatformConfig, APriceListSaysWhereItIsWrong) {
  EXPECT_EQ(price_list(nullptr).value(), PriceList{});
  api::ConfigMap map = prices("models: {m: {prompt: 1, completion: 2}}");
  EXPECT_EQ(price_list(&map)->of("m").completion, 2'000'000);
  map = prices("models: {m: {prompt: x, completion: 2}}");
  EXPECT_THAT(price_list(&map).error().message(),
              ::testing::StartsWith("ConfigMap insula-system/model-prices, prices.yaml: "
                                    "models[\"m\"].prompt: must be a number"));
  map.data.clear();
  EXPECT_EQ(price_list(&map).error().message(),
            "ConfigMap insula-system/model-prices has no prices.yaml");
}

api::Namespace owned_by(std::string name, const std::string& owner, const char* kind = "Tenant") {
  api::Namespace made;
  made.metadata.name = std::move(name);
  api::OwnerReference& reference = made.metadata.owner_references.emplace_back();
  reference.api_version = "insula.dev/v1alpha1";
  reference.kind = kind;
  reference.name = owner;
  reference.controller = true;
  return made;
}

api::ServiceAccount account(std::string name_space, std::string name) {
  api::ServiceAccount made;
  made.metadata.uid = "uid-of-" + name;
  made.metadata.name = std::move(name);
  made.metadata.namespace_ = std::move(name_space);
  return made;
}

TEST(PlatformConfig, AcceptsTheAccountsOfTheNamespacesThatATenantOwns) {
  PlatformObjects objects{
      .tenants = {shared(tenant("a")), shared(tenant("b"))},
      .namespaces = {shared(owned_by("a", "a")), shared(owned_by("more", "a")),
                     shared(owned_by("b", "a", "Deployment"))},
      .accounts = {shared(account("a", "bot")), shared(account("more", "other")),
                   shared(account("b", "third")), shared(account("elsewhere", "fourth"))}};
  EXPECT_THAT(make_config(objects).tenants.at(0).issuers, IsEmpty());
  objects.cluster_keys = {.issuer = "cluster", .jwks_uri = "https://api/openid/v1/jwks", .ca = "C"};
  const GatewayConfig config = make_config(objects);
  const IssuerConfig& issuer = config.tenants.at(0).issuers.at(0);
  EXPECT_EQ(issuer.issuer, "cluster");
  EXPECT_THAT(issuer.audiences, ElementsAre("insula-gateway"));
  EXPECT_EQ(issuer.key_source, objects.cluster_keys);
  EXPECT_THAT(*issuer.accounts, ElementsAre(std::pair("a/bot", "uid-of-bot"),
                                            std::pair("more/other", "uid-of-other")));
  // One without accounts accepts none, instead of all.
  EXPECT_THAT(*config.tenants.at(1).issuers.at(0).accounts, IsEmpty());
  const auto again = config_from_json(to_json(config));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, config);
}

TEST(PlatformWatch, KeepsTheLastGoodPricesWhileTheConfigMapIsWrong) {
  Loop loop;
  client::testing::FakeApi api(system_clock());
  MetricsRegistry registry;
  const PriceList saved{.currency = "USD", .models = {{"m", {1, 1, 1}}}};
  PlatformWatch watch(api, registry,
                      {.tenants = {}, .api_keys = {}, .builtin_keys = {}, .prices = saved},
                      std::nullopt, {}, {});
  const auto refused = [&] { return registry.gauge("insula_gateway_prices_refused", "").value(); };
  const auto scenario = [&]() -> Task<> {
    api::Namespace system;
    system.metadata.name = api::kSystemNamespace;
    EXPECT_TRUE(co_await client::create(api, system));
    EXPECT_TRUE(co_await client::create(api, prices("models: {m: {prompt: x}}")));
    watch.start();
    EXPECT_EQ((co_await watch.next()).prices, saved);
    EXPECT_EQ(refused(), 1);
    EXPECT_TRUE(co_await client::update(api, prices("models: {m: {prompt: 2, completion: 3}}")));
    const GatewayConfig good = co_await watch.next();
    EXPECT_EQ(good.prices.of("m").prompt, 2'000'000);
    EXPECT_EQ(refused(), 0);
    EXPECT_TRUE(co_await client::update(api, prices("nothing: {}")));
    EXPECT_TRUE(co_await client::create(api, tenant("a")));
    EXPECT_EQ((co_await watch.next()).prices, good.prices);
    EXPECT_TRUE(
        co_await client::remove<api::ConfigMap>(api, api::kSystemNamespace, api::kModelPrices));
    EXPECT_EQ((co_await watch.next()).prices, PriceList{});
    EXPECT_EQ(refused(), 0);
  };
  std::optional<std::variant<std::monostate, std::monostate>> ended;
  const auto bounded = [&]() -> Task<> {
    ended = co_await race(scenario(), sleep_until(loop.now() + std::chrono::seconds(20)));
  };
  run_until_complete(loop, bounded());
  EXPECT_EQ(ended->index(), 0U) << "a change was never seen";
}

TEST(PlatformWatch, FollowsChangesAndSkipsThoseThatChangeNothing) {
  Loop loop;
  client::testing::FakeApi api(system_clock());
  MetricsRegistry registry;
  PlatformWatch watch(api, registry, {}, std::nullopt, {}, {});
  const auto scenario = [&]() -> Task<> {
    watch.start();
    EXPECT_THAT((co_await watch.next()).tenants, IsEmpty());
    EXPECT_TRUE(co_await client::create(api, tenant("default")));
    const GatewayConfig with_tenant = co_await watch.next();
    EXPECT_EQ(with_tenant.tenants.size(), 1U);
    api::Service other = service("default");
    other.metadata.name = "nobody-asked";
    EXPECT_TRUE(co_await client::create(api, other));
    EXPECT_TRUE(co_await client::create(api, service("default")));
    EXPECT_TRUE(co_await client::create(api, slice("default", {endpoint("10.0.0.1", true)})));
    const GatewayConfig with_endpoint = co_await watch.next();
    EXPECT_THAT(with_endpoint.tenants[0].endpoints, ElementsAre("10.0.0.1:4000"));
  };
  std::optional<std::variant<std::monostate, std::monostate>> ended;
  const auto bounded = [&]() -> Task<> {
    ended = co_await race(scenario(), sleep_until(loop.now() + std::chrono::seconds(20)));
  };
  run_until_complete(loop, bounded());
  EXPECT_EQ(ended->index(), 0U) << "a change was never seen";
}

/// The configuration that is told of first when there is a Tenant with an issuer, and the Secret
/// that it names.
GatewayConfig first_config(client::testing::FakeApi& api, Loop& loop) {
  MetricsRegistry registry;
  PlatformWatch watch(api, registry, {}, std::nullopt, {}, {});
  GatewayConfig config;
  const auto scenario = [&]() -> Task<> {
    api::Tenant with_issuer = tenant("default");
    with_issuer.spec.gateway.jwt = {
        {.issuer = "i", .audiences = {"x"}, .secret_ref = api::TenantKeyRef{"s", "", "k"}}};
    EXPECT_TRUE(co_await client::create(api, with_issuer));
    EXPECT_TRUE(co_await client::create(api, secret("default", "s", {{"k", "hush"}})));
    watch.start();
    config = co_await watch.next();
  };
  run_until_complete(loop, scenario());
  return config;
}

TEST(PlatformWatch, TellsOfAnIssuerTogetherWithTheSecretThatItNames) {
  Loop loop;
  client::testing::FakeApi api(system_clock());
  EXPECT_THAT(first_config(api, loop).tenants.at(0).issuers.at(0).secrets, ElementsAre("hush"));
}

TEST(PlatformWatch, ASecretThatMayNotBeReadHoldsNothingUpForLong) {
  Loop loop;
  client::testing::FakeApi api(system_clock());
  api.set_hook([](std::string_view verb, const client::Target& target) -> std::optional<Error> {
    const bool refused =
        verb != "create" && target.name_space == "default" && target.kind->plural == "secrets";
    if (!refused) return std::nullopt;
    return Error(ErrorCode::kForbidden, "no");
  });
  EXPECT_THAT(first_config(api, loop).tenants.at(0).issuers.at(0).secrets, IsEmpty());
}

}  // namespace
}  // namespace insula::gateway
