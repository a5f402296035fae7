#include "cli/litellm.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/platform_objects.h"
#include "async/deadline.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "base/clock.h"
#include "cli/litellm_apply.h"
#include "cli/litellm_provider.h"
#include "cli/prices.h"
#include "client/testing/fake_api.h"
#include "client/typed.h"
#include "json/yaml.h"

namespace insula::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

LitellmImport imported(std::string_view yaml, std::map<std::string, std::string> environment = {}) {
  const auto look = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  };
  return import_litellm(yaml, {.tenant = "t", .environment = look}).value();
}

const api::TenantModel& model(const LitellmImport& import, const std::string& name) {
  const auto& models = import.tenant.spec.gateway.models;
  const auto found = std::ranges::find(models, name, &api::TenantModel::name);
  EXPECT_NE(found, models.end()) << name;
  return *found;
}

const api::TenantProvider& provider(const LitellmImport& import, const std::string& name) {
  return *model(import, name).backends.at(0).provider;
}

TEST(LitellmImport, TakesNumbersThatAreWrittenAsTexts) {
  const auto import = imported(R"(
model_list:
  - model_name: s
    litellm_params: {model: openai/x, api_key: k, rpm: "20", tpm: "100", weight: "3",
                     max_parallel_requests: "4"}
)");
  EXPECT_THAT(import.notes, IsEmpty());
  const api::TenantModel& s = model(import, "s");
  EXPECT_EQ(s.rate_limit.requests_per_hour, 1200);
  EXPECT_EQ(s.rate_limit.tokens_per_minute, 100);
  EXPECT_EQ(s.backends[0].weight, 3);
  EXPECT_EQ(s.backends[0].concurrent_requests_per_endpoint, 4);
}

TEST(LitellmImport, SaysWhichLimitsAreNotTakenOver) {
  const auto import = imported(R"(
model_list:
  - model_name: a
    litellm_params: {model: openai/x, api_key: k, rpm: many, weight: heavy, max_parallel_requests: -1}
  - model_name: b
    litellm_params: {model: openai/x, api_key: k, rpm: 10}
  - model_name: b
    litellm_params: {model: openai/y, api_key: k, rpm: 30, tpm: 500}
)");
  EXPECT_THAT(
      import.notes,
      ElementsAre(
          "model_list[0].litellm_params.max_parallel_requests: it is no whole number of at least 0",
          "model_list[0].litellm_params.rpm: it is no whole number of at least 0",
          "model_list[0].litellm_params.weight: it is no number",
          "model_list[2].litellm_params.tpm: not all deployments of b have one, so the model has "
          "none"));
  EXPECT_EQ(model(import, "b").rate_limit.requests_per_hour, 2400);
  EXPECT_FALSE(model(import, "b").rate_limit.tokens_per_minute);
}

TEST(LitellmImport, LeavesOutWhatTheApiWouldRefuse) {
  const auto import = imported(R"(
model_list:
  - model_name: b c
    litellm_params: {model: openai/x, api_key: k}
  - model_name: d
    litellm_params: {model: openai/x, api_key: k, extra_headers: {X-Foo: "a\r\nb"}}
  - model_name: e
    litellm_params: {model: openai/x, api_key: k, extra_headers: {Authorization: b}}
  - model_name: f
    litellm_params: {model: openai/x, api_key: k}
router_settings:
  model_group_alias: {g h: f}
)");
  EXPECT_THAT(import.notes, ElementsAre(HasSubstr("model_list[0]: name: Invalid value: \"b c\""),
                                        HasSubstr("model_list[1]: provider.headers[0].value"),
                                        HasSubstr("model_list[2]: provider.headers[0].name"),
                                        HasSubstr("router_settings.model_group_alias.g h: name")));
  EXPECT_EQ(import.tenant.spec.gateway.models.size(), 1U);
  ASSERT_TRUE(import.secret);
  EXPECT_EQ(import.secret->data.size(), 1U) << "keys of what is left out are, too";
  EXPECT_TRUE(import.secret->data.contains(provider(import, "f").api_key_ref->key));
}

TEST(LitellmProvider, KnowsWhereAModelIsServed) {
  struct Case {
    std::string_view model;
    std::string_view api_base;
    std::string_view version;
    std::string_view url;
    std::string_view name;
    std::string_view header;
  };

  for (const Case& one : std::vector<Case>{
           {"openai/gpt-4o", "", "", "https://api.openai.com/v1", "gpt-4o", ""},
           {"gpt-4o", "", "", "https://api.openai.com/v1", "gpt-4o", ""},
           {"openai/my-model", "http://vllm:8000/v1/", "", "http://vllm:8000/v1", "my-model", ""},
           {"hosted_vllm/a/b", "http://vllm:8000/v1", "", "http://vllm:8000/v1", "a/b", ""},
           {"meta-llama/L3", "http://vllm/v1", "", "http://vllm/v1", "meta-llama/L3", ""},
           {"ollama/llama3", "http://o:11434", "", "http://o:11434/v1", "llama3", ""},
           {"groq/llama3", "", "", "https://api.groq.com/openai/v1", "llama3", ""},
           {"anthropic/claude-x", "", "", "https://api.anthropic.com/v1", "claude-x", "x-api-key"},
           {"claude-x", "", "", "https://api.anthropic.com/v1", "claude-x", "x-api-key"},
           {"azure/chat", "https://r.azure.com/", "2024-02-01",
            "https://r.azure.com/openai/deployments/chat?api-version=2024-02-01", "chat",
            "api-key"},
           {"azure/chat", "https://r.azure.com/openai/v1/", "", "https://r.azure.com/openai/v1",
            "chat", "api-key"},
       }) {
    const auto target = litellm_target(one.model, one.api_base, one.version);
    ASSERT_TRUE(target) << one.model;
    EXPECT_EQ(target->base_url, one.url);
    EXPECT_EQ(target->model, one.name);
    EXPECT_EQ(target->key_header, one.header);
  }
  for (const char* model : {"bedrock/x", "vertex_ai/gemini", "azure/x", "hosted_vllm/x", "unknown",
                            "some/thing", "openai/*"}) {
    EXPECT_FALSE(litellm_target(model, "", "")) << model;
  }
}

TEST(Litellm, AManifestsConfigMapBecomesItsNamespacesModels) {
  const auto import = import_litellm(R"(
apiVersion: v1
kind: ConfigMap
metadata: {name: litellm-config, namespace: tenant-a}
data:
  config.yaml: |
    model_list:
      - model_name: gpt-4
        litellm_params:
          model: openai/gpt-4
          api_key: os.environ/OPENAI_API_KEY
---
apiVersion: v1
kind: Secret
metadata: {name: openai-secret, namespace: tenant-a}
data: {OPENAI_API_KEY: c2stZXhhbXBsZWtleQ==}
)",
                                     {.tenant = "", .environment = [](const std::string&) {
                                        return std::optional<std::string>();
                                      }});
  ASSERT_TRUE(import) << import.error().message();
  EXPECT_EQ(import->tenant.metadata.name, "tenant-a");
  EXPECT_EQ(provider(*import, "gpt-4").base_url, "https://api.openai.com/v1");
  EXPECT_EQ(provider(*import, "gpt-4").api_key_ref->name, "openai-secret");
  EXPECT_EQ(provider(*import, "gpt-4").api_key_ref->key, "OPENAI_API_KEY");
  EXPECT_EQ(model(*import, "gpt-4").backends[0].model, "gpt-4");
  EXPECT_FALSE(import->secret);
  EXPECT_THAT(import->notes, IsEmpty());
}

constexpr std::string_view kRouted = R"(
model_list:
  - model_name: chat
    litellm_params:
      model: azure/chat-eu
      api_base: os.environ/AZURE_API_BASE
      api_version: "2024-10-21"
      api_key: os.environ/AZURE_API_KEY
      weight: 0.75
      rpm: 6
      tpm: 1000
      timeout: 30
    model_info: {input_cost_per_token: 0.0000025, output_cost_per_token: 1.0e-05, mode: chat}
  - model_name: chat
    litellm_params:
      model: gpt-4o
      api_key: sk-literal
      organization: org-1
      weight: 0.25
      rpm: 4
      max_parallel_requests: 8
  - model_name: local
    litellm_params:
      model: openai/llama
      api_base: http://10.0.0.5:8000/v1
      input_cost_per_token: 0
      output_cost_per_token: 0
  - model_name: sonnet
    litellm_params: {model: claude-sonnet, api_key: os.environ/ANTHROPIC_API_KEY}
  - model_name: bedrock
    litellm_params: {model: bedrock/claude}
  - model_name: "*"
    litellm_params: {model: "*"}
litellm_settings:
  fallbacks: [{chat: [local, gone]}]
  context_window_fallbacks: [{chat: [sonnet]}]
  default_fallbacks: [local]
  drop_params: true
  success_callback: [langfuse]
router_settings:
  routing_strategy: least-busy
  model_group_alias: {gpt-4: chat, hidden: {model: none, hidden: true}}
  num_retries: 2
general_settings:
  master_key: sk-1234
  database_url: postgresql://x
  something_new: 1
)";

constexpr std::string_view kBudgeted = R"(
model_list:
  - model_name: chat
    litellm_params:
      {model: gpt-4o, max_budget: 1.5, budget_duration: 1d, input_cost_per_token: 0.000001}
  - model_name: chat
    litellm_params: {model: gpt-4o-mini, max_budget: 2, budget_duration: 24h}
  - model_name: weekly
    litellm_params: {model: gpt-4o, max_budget: 1, budget_duration: 7d}
  - model_name: endless
    litellm_params: {model: gpt-4o, max_budget: 1}
litellm_settings:
  max_budget: 100
  budget_duration: 30d
  max_internal_user_budget: 0.25
  internal_user_budget_duration: 1mo
router_settings:
  provider_budget_config: {openai: {budget_limit: 1, time_period: 1d}}
)";

TEST(LitellmImport, TakesBudgetsOfDaysAndMonthsAndNamesOthers) {
  const LitellmImport import = imported(kBudgeted);
  const api::TenantGateway& gateway = import.tenant.spec.gateway;
  EXPECT_EQ(gateway.budget.spend_per_month, "100");
  EXPECT_EQ(gateway.budget.spend_per_day, "");
  EXPECT_EQ(gateway.member_budget.spend_per_month, "0.25");
  EXPECT_EQ(model(import, "chat").budget.spend_per_day, "3.5");
  EXPECT_EQ(model(import, "weekly").budget.spend_per_day, "");
  EXPECT_THAT(
      import.notes,
      ElementsAre(
          AllOf(HasSubstr("model_list[2].litellm_params.max_budget: "), HasSubstr("not for 7d")),
          AllOf(HasSubstr("model_list[3].litellm_params.max_budget: "), HasSubstr("for ever")),
          HasSubstr("weekly: it has a budget of money and no price"),
          HasSubstr("endless: it has a budget of money and no price"),
          HasSubstr("router_settings.provider_budget_config: ")));
}

TEST(LitellmImport, ABudgetThatIsNoAmountIsNamed) {
  for (const char* amount : {"-1", "much", "1e12"}) {
    const LitellmImport import = imported(fmt::format(
        "model_list: []\nlitellm_settings: {{max_budget: {}, budget_duration: 1d}}", amount));
    EXPECT_THAT(import.notes, ElementsAre(HasSubstr("must be an amount"))) << amount;
    EXPECT_EQ(import.tenant.spec.gateway.budget.spend_per_day, "");
  }
}

LitellmImport routed() {
  return imported(kRouted,
                  {{"AZURE_API_BASE", "https://r.azure.com"}, {"AZURE_API_KEY", "az-key"}});
}

TEST(Litellm, DeploymentsOfOneNameShareItsRequests) {
  const LitellmImport import = routed();
  const api::TenantModel& chat = model(import, "chat");
  ASSERT_EQ(chat.backends.size(), 2U);
  EXPECT_EQ(chat.backends[0].weight, 75);
  EXPECT_EQ(chat.backends[1].weight, 25);
  EXPECT_EQ(chat.backends[0].provider->base_url,
            "https://r.azure.com/openai/deployments/chat-eu?api-version=2024-10-21");
  EXPECT_EQ(chat.backends[0].provider->api_key_header, "api-key");
  EXPECT_EQ(chat.backends[1].concurrent_requests_per_endpoint, 8);
  ASSERT_EQ(chat.backends[1].provider->headers.size(), 1U);
  EXPECT_EQ(chat.backends[1].provider->headers[0].name, "OpenAI-Organization");
  // Each has an rpm, and only one a tpm.
  EXPECT_EQ(chat.rate_limit.requests_per_hour, 600);
  EXPECT_EQ(chat.rate_limit.tokens_per_minute, std::nullopt);
  EXPECT_EQ(model(import, "local").backends[0].weight, 1);
  EXPECT_EQ(model(import, "gpt-4").backends, chat.backends);
}

TEST(Litellm, FallbacksAreThoseOfTheList) {
  const LitellmImport import = routed();
  EXPECT_THAT(model(import, "chat").fallbacks, ElementsAre("local"));
  EXPECT_THAT(model(import, "sonnet").fallbacks, ElementsAre("local"));
  EXPECT_THAT(model(import, "local").fallbacks, IsEmpty());
}

TEST(Litellm, KeysGoToASecretAndCostsToThePrices) {
  const LitellmImport import = routed();
  ASSERT_TRUE(import.secret);
  EXPECT_EQ(import.secret->metadata.namespace_, "t");
  EXPECT_EQ(import.secret->data, (std::map<std::string, std::string>{{"AZURE_API_KEY", "az-key"},
                                                                     {"key-1", "sk-literal"}}));
  EXPECT_EQ(provider(import, "chat").api_key_ref->key, "AZURE_API_KEY");
  EXPECT_EQ(import.prices.currency, "USD");
  EXPECT_EQ(import.prices.models.at("chat").prompt, 2'500'000);
  EXPECT_EQ(import.prices.models.at("chat").cached, 2'500'000);
  EXPECT_EQ(import.prices.models.at("chat").completion, 10'000'000);
  EXPECT_EQ(import.prices.models.at("gpt-4"), import.prices.models.at("chat"));
  EXPECT_EQ(import.prices.models.at("local").prompt, 0);
  EXPECT_FALSE(import.prices.models.contains("sonnet"));
}

TEST(Litellm, EverythingLeftOutIsNamedWithItsReason) {
  EXPECT_THAT(
      routed().notes,
      ElementsAre(HasSubstr("model_list[0].litellm_params.timeout: the gateway's own timeouts"),
                  HasSubstr("model_list[1].litellm_params.tpm: not all deployments of chat have"),
                  HasSubstr("model_list[2]: plain http: insula up must be told"),
                  HasSubstr("model_list[3]: requests are passed on as they are, so clients ask"),
                  HasSubstr("model_list[3]: ANTHROPIC_API_KEY is not in the environment"),
                  HasSubstr("model_list[4]: bedrock: its requests are signed"),
                  HasSubstr("model_list[5].model_name: a list names each model"),
                  HasSubstr("router_settings.model_group_alias.hidden: it must be a new name"),
                  HasSubstr("litellm_settings.fallbacks: gone for chat: both must be models"),
                  HasSubstr("litellm_settings.context_window_fallbacks: a fallback is asked when"),
                  HasSubstr("litellm_settings.drop_params: requests are passed on"),
                  HasSubstr("litellm_settings.success_callback: usage is on record"),
                  HasSubstr("router_settings.routing_strategy: least-busy: backends share"),
                  HasSubstr("router_settings.num_retries: what another endpoint may answer"),
                  HasSubstr("general_settings.master_key: keys are made by insula key create"),
                  HasSubstr("general_settings.database_url: the platform keeps its state"),
                  HasSubstr("general_settings.something_new: it has no counterpart")));
}

TEST(Litellm, WhatIsPrintedReadsBackAndHasNoKeyInItsComments) {
  const std::string text = to_yaml_text(routed());
  const auto documents = json::parse_yaml(text).value();
  ASSERT_EQ(documents.size(), 3U);
  EXPECT_EQ(documents[0]["kind"].text(), "Tenant");
  EXPECT_EQ(documents[1]["kind"].text(), "Secret");
  EXPECT_EQ(documents[1]["data"]["key-1"].text(), "c2stbGl0ZXJhbA==");
  EXPECT_EQ(documents[2]["metadata"]["name"].text(), api::kModelPrices);
  EXPECT_THAT(text, HasSubstr("# not translated: general_settings.master_key"));
  EXPECT_THAT(text, Not(HasSubstr("sk-1234")));
  EXPECT_THAT(text, Not(HasSubstr("sk-literal")));
}

TEST(Litellm, ANameWithLinesInItStaysOneComment) {
  const LitellmImport import =
      imported("model_list: [{model_name: m, litellm_params: {model: \"bad\\nkind: Secret\"}}]");
  EXPECT_THAT(to_yaml_text(import), Not(HasSubstr("\nkind: Secret")));
}

TEST(Litellm, WhatIsNoConfigurationIsRefused) {
  const LitellmOptions options{.tenant = "t", .environment = [](const std::string&) {
                                 return std::optional<std::string>();
                               }};
  EXPECT_EQ(import_litellm("a: [", options).error().code(), ErrorCode::kBadRequest);
  EXPECT_EQ(import_litellm("general_settings: {}", options).error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(import_litellm("", options).error().code(), ErrorCode::kInvalid);
  const auto nameless =
      import_litellm("model_list: []", {.tenant = "", .environment = options.environment});
  ASSERT_FALSE(nameless);
  EXPECT_THAT(nameless.error().message(), HasSubstr("--tenant"));
  // Shapes that no reader of it would expect.
  for (const char* odd :
       {"model_list: {}", "model_list: [1, x, {}]",
        "model_list: [{model_name: m, litellm_params: [], model_info: 3}]",
        "{model_list: [], router_settings: [], litellm_settings: {fallbacks: 1}}"}) {
    EXPECT_THAT(imported(odd).tenant.spec.gateway.models, IsEmpty()) << odd;
  }
}

class LitellmApplyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {api::kSystemNamespace, "t"}) {
      api::Namespace made;
      made.metadata.name = name;
      ASSERT_TRUE(wait(client::create(api_, made)));
    }
  }

  template <class T>
  Result<T> wait(Task<Result<T>> task) {
    std::optional<Result<T>> out;
    run_until_complete(loop_, keep(std::move(task), out));
    return *std::move(out);
  }

  template <class T>
  static Task<> keep(Task<Result<T>> task, std::optional<Result<T>>& out) {
    out.emplace(co_await std::move(task));
  }

  /// Stands in for the tenant controller.
  Task<> report_ready() {
    for (;;) {
      auto tenant = co_await client::get<api::Tenant>(api_, "", "t");
      if (tenant && tenant->status.observed_generation < tenant->metadata.generation) {
        tenant->status.phase = "Ready";
        tenant->status.observed_generation = tenant->metadata.generation;
        static_cast<void>(co_await client::update_status(api_, *tenant));
      }
      co_await yield();
    }
  }

  Result<> apply(const LitellmImport& import) {
    TaskGroup controller;
    controller.spawn(report_ready());
    return wait(apply_litellm(api_, import, loop_.now() + std::chrono::seconds(20)));
  }

  Loop loop_;
  client::testing::FakeApi api_{system_clock()};
};

TEST_F(LitellmApplyTest, WritesAllAndKeepsWhatIsThere) {
  ASSERT_TRUE(apply(routed()));
  LitellmImport more = imported(
      "model_list: [{model_name: chat, litellm_params: {model: gpt-5, api_key: sk-2, "
      "input_cost_per_token: 1.0e-06}}]");
  more.secret->data = {{"key-2", "sk-2"}};
  ASSERT_TRUE(apply(more));

  const api::Tenant tenant = wait(client::get<api::Tenant>(api_, "", "t")).value();
  std::vector<std::string> names;
  names.reserve(tenant.spec.gateway.models.size());
  for (const api::TenantModel& one : tenant.spec.gateway.models)
    names.push_back(one.name);
  EXPECT_THAT(names, ElementsAre("chat", "local", "sonnet", "gpt-4"));
  EXPECT_EQ(tenant.spec.gateway.models[0].backends.at(0).model, "gpt-5");
  const api::Secret secret = wait(client::get<api::Secret>(api_, "t", "litellm-keys")).value();
  EXPECT_EQ(secret.data.at("key-1"), "sk-literal");
  EXPECT_EQ(secret.data.at("key-2"), "sk-2");
  const gateway::PriceList prices = wait(list_prices(api_)).value();
  EXPECT_EQ(prices.models.at("chat").prompt, 1'000'000);
  EXPECT_TRUE(prices.models.contains("local"));
}

}  // namespace
}  // namespace insula::cli
