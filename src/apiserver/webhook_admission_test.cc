#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/gen/core_v1.h"
#include "api/gen/discovery_v1.h"
#include "api/gen/meta_v1.h"
#include "apiserver/object.h"
#include "apiserver/test_hook.h"
#include "apiserver/test_server.h"
#include "async/task_group.h"
#include "json/write.h"
#include "testing/certificate.h"

namespace insula::apiserver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kGroup = "/apis/admissionregistration.k8s.io/v1/";
constexpr const char* kMaps = "/api/v1/namespaces/a/configmaps";

class WebhookAdmissionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a","labels":{"team":"x"}}})");
  }

  [[nodiscard]] std::string client_of(const Hook& asked) const {
    return asked.client(certificate.pem);
  }

  static std::string webhook(std::string_view name,
                             std::string_view client,
                             std::string_view more = "",
                             std::string_view resources = R"(["configmaps"])") {
    return fmt::format(
        R"({{"name":"{}.hooks.test","clientConfig":{},"sideEffects":"None","admissionReviewVersions":["v1"],
            "rules":[{{"apiGroups":["*"],"apiVersions":["*"],"operations":["*"],"resources":{}}}]{}}})",
        name, client, resources, more);
  }

  void install(std::string_view kind, std::string_view name, std::string_view webhooks) {
    const auto made = server.send(
        "POST",
        fmt::format("{}{}webhookconfigurations", kGroup,
                    kind == "Mutating" ? "mutating" : "validating"),
        fmt::format(
            R"({{"apiVersion":"admissionregistration.k8s.io/v1","kind":"{}WebhookConfiguration",
                       "metadata":{{"name":"{}"}},"webhooks":[{}]}})",
            kind, name, webhooks));
    ASSERT_EQ(made.status, 201) << made.body;
  }

  http::Response create(std::string_view data = "{}", std::string_view query = "") {
    return server.send("POST", fmt::format("{}{}", kMaps, query),
                       fmt::format(R"({{"metadata":{{"name":"c"}},"data":{}}})", data));
  }

  std::string message(const http::Response& answer) {
    return std::string(server.parsed(answer)["message"].text());
  }

  json::Value stored() { return server.parsed(server.send("GET", std::string(kMaps) + "/c")); }

  static std::vector<std::string> warnings(const http::Response& answer) {
    std::vector<std::string> out;
    for (const auto& header : answer.headers) {
      if (header.name == "Warning") out.push_back(header.value);
    }
    return out;
  }

  /// Changes what is stored, past the registry.
  template <class T>
  Task<> edit(std::string key, std::function<void(T&)> change) {
    const auto written =
        co_await server.store->transact([&](store::Transaction& transaction) -> Result<> {
          const auto object = std::make_shared<T>(*object_of<T>(*transaction.find(key)));
          change(*object);
          transaction.put(key, [&](store::Revision revision) {
            object->metadata.resource_version = std::to_string(revision);
            return store::Encoded{encode(api::kind_of<T>(), object.get()), object};
          });
          return {};
        });
    EXPECT_TRUE(written);
  }

  TestServer server;
  testing::Certificate certificate = testing::make_certificate({});
  Hook hook{server.loop, certificate.pem, certificate.key};
  TaskGroup interloper;
};

TEST_F(WebhookAdmissionTest, AsksAndStoresWhatIsAllowed) {
  install("Validating", "v", webhook("v", client_of(hook)));
  const auto made = create(R"({"a":"1"})");
  ASSERT_EQ(made.status, 201) << made.body;
  ASSERT_THAT(hook.requests, SizeIs(1));
  const json::Value& request = hook.requests[0];
  EXPECT_EQ(hook.targets[0], "/review?timeout=10s");
  EXPECT_EQ(request["uid"].text().size(), 36U);
  EXPECT_EQ(request["operation"].text(), "CREATE");
  EXPECT_EQ(request["kind"]["kind"].text(), "ConfigMap");
  EXPECT_EQ(request["resource"]["resource"].text(), "configmaps");
  EXPECT_EQ(request["namespace"].text(), "a");
  EXPECT_EQ(request["name"].text(), "c");
  EXPECT_EQ(request["userInfo"]["username"].text(), "system:insula:control");
  EXPECT_EQ(request["object"]["data"]["a"].text(), "1");
  EXPECT_EQ(request["object"]["kind"].text(), "ConfigMap");
  EXPECT_TRUE(request["oldObject"].is_null());
  EXPECT_EQ(request["options"]["kind"].text(), "CreateOptions");
  EXPECT_EQ(stored()["metadata"]["uid"].text(), request["object"]["metadata"]["uid"].text())
      << "the object that was asked about is the one that is stored";
  server.send("PATCH", std::string(kMaps) + "/c", R"({"data":{"a":"2"}})",
              "application/merge-patch+json");
  server.send("DELETE", std::string(kMaps) + "/c");
  ASSERT_THAT(hook.requests, SizeIs(3));
  EXPECT_EQ(hook.requests[1]["operation"].text(), "UPDATE");
  EXPECT_EQ(hook.requests[1]["oldObject"]["data"]["a"].text(), "1");
  EXPECT_EQ(hook.requests[1]["object"]["data"]["a"].text(), "2");
  EXPECT_EQ(hook.requests[2]["operation"].text(), "DELETE");
  EXPECT_EQ(hook.requests[2]["oldObject"]["data"]["a"].text(), "2");
  EXPECT_TRUE(hook.requests[2]["object"].is_null());
}

TEST_F(WebhookAdmissionTest, RefusesInTheWordsOfTheWebhook) {
  install("Validating", "v", webhook("v", client_of(hook)));

  const struct {
    json::Object status;
    int code;
    std::string message;
  } cases[] = {
      {{}, 400, R"(admission webhook "v.hooks.test" denied the request without explanation)"},
      {{{"message", "no"}}, 400, R"(admission webhook "v.hooks.test" denied the request: no)"},
      {{{"reason", "Because"}},
       400,
       R"(admission webhook "v.hooks.test" denied the request: Because)"},
      {{{"message", "no"}, {"code", 403}},
       403,
       R"(admission webhook "v.hooks.test" denied the request: no)"},
      {{{"message", "no"}, {"code", 200}},
       400,
       R"(admission webhook "v.hooks.test" denied the request: no)"},
  };

  for (const auto& each : cases) {
    hook.respond = [&](const json::Value&) {
      return json::Object{{"allowed", false}, {"status", each.status}};
    };
    const auto refused = create();
    EXPECT_EQ(refused.status, each.code) << refused.body;
    EXPECT_EQ(message(refused), each.message);
  }
  EXPECT_EQ(server.send("GET", std::string(kMaps) + "/c").status, 404);
}

TEST_F(WebhookAdmissionTest, AppliesPatchesInTurn) {
  Hook second(server.loop, certificate.pem, certificate.key);
  Hook checker(server.loop, certificate.pem, certificate.key);
  install("Mutating", "m",
          webhook("one", client_of(hook)) + "," + webhook("two", client_of(second)));
  install("Validating", "v", webhook("v", client_of(checker)));
  hook.patch(R"([{"op":"add","path":"/data/one","value":"1"}])");
  second.patch(R"([{"op":"add","path":"/metadata/labels","value":{"two":"2"}}])");
  const auto made = create(R"({"a":"b"})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(second.requests.at(0)["object"]["data"]["one"].text(), "1");
  EXPECT_EQ(checker.requests.at(0)["object"]["data"]["one"].text(), "1");
  EXPECT_EQ(checker.requests.at(0)["object"]["metadata"]["labels"]["two"].text(), "2");
  EXPECT_EQ(stored()["data"]["one"].text(), "1");
  EXPECT_EQ(stored()["data"]["a"].text(), "b");
  EXPECT_EQ(stored()["metadata"]["labels"]["two"].text(), "2");
  EXPECT_EQ(hook.requests.size(), 1U) << "reinvocationPolicy is Never";
}

TEST_F(WebhookAdmissionTest, AsksAgainWhenAnotherHasChangedTheObject) {
  Hook second(server.loop, certificate.pem, certificate.key);
  install("Mutating", "m",
          webhook("one", client_of(hook), R"(,"reinvocationPolicy":"IfNeeded")") + "," +
              webhook("two", client_of(second), R"(,"reinvocationPolicy":"IfNeeded")"));
  second.patch(R"([{"op":"add","path":"/metadata/labels","value":{"two":"2"}}])");
  ASSERT_EQ(create().status, 201);
  EXPECT_THAT(hook.requests, SizeIs(2));
  EXPECT_EQ(hook.requests[1]["object"]["metadata"]["labels"]["two"].text(), "2");
  EXPECT_THAT(second.requests, SizeIs(1)) << "nobody changed the object after it";
}

TEST_F(WebhookAdmissionTest, ChecksWhatAPatchMakes) {
  install("Mutating", "m", webhook("m", client_of(hook)));

  const struct {
    std::string patch;
    int status;
    std::string why;
  } cases[] = {
      {R"([{"op":"replace","path":"/metadata/name","value":"d"}])", 500,
       "attempted to change the object's name, namespace or uid"},
      {R"([{"op":"replace","path":"/nothing/there","value":1}])", 500,
       R"(Internal error occurred: applying the patch of admission webhook "m.hooks.test": )"},
      {R"([{"op":"add","path":"/data","value":7}])", 500,
       R"(Internal error occurred: applying the patch of admission webhook "m.hooks.test": )"},
      {R"([{"op":"add","path":"/metadata/labels","value":{"a b":"c"}}])", 422,
       "metadata.labels: Invalid value: \"a b\""},
      {"no patch", 500, R"(failed calling webhook "m.hooks.test": )"},
  };

  for (const auto& each : cases) {
    hook.patch(each.patch);
    const auto refused = create();
    EXPECT_EQ(refused.status, each.status) << refused.body;
    EXPECT_THAT(message(refused), HasSubstr(each.why));
  }
}

TEST_F(WebhookAdmissionTest, IsWaitedForNoLongerThanTheClientWants) {
  install("Validating", "v", webhook("v", client_of(hook)));
  hook.hangs = true;
  const auto late =
      server.send("POST", std::string(kMaps) + "?timeout=20ms", R"({"metadata":{"name":"late"}})");
  EXPECT_EQ(late.status, 504);
  EXPECT_EQ(message(late), "Timeout: request did not complete within the allotted timeout");
  EXPECT_THAT(late.body, HasSubstr(R"("reason":"Timeout","details":{},"code":504)"));
  EXPECT_EQ(server.send("GET", std::string(kMaps) + "/late").status, 404);
}

TEST_F(WebhookAdmissionTest, RefusesAnswersThatAreNone) {
  install("Mutating", "m", webhook("m", client_of(hook)));

  const struct {
    std::function<void(Hook&)> set;
    std::string why;
  } cases[] = {
      {[](Hook& asked) {
         asked.respond = [](const json::Value&) {
           return json::Object{{"uid", "other"}, {"allowed", true}};
         };
       },
       "received invalid webhook response: expected response.uid=\""},
      {[](Hook& asked) { asked.raw = "{}"; },
       "received invalid webhook response: expected webhook response of admission.k8s.io/v1, "
       "Kind=AdmissionReview, got /, Kind="},
      {[](Hook& asked) {
         asked.raw = R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"})";
       },
       "received invalid webhook response: webhook response was absent"},
      {[](Hook& asked) {
         asked.respond = [](const json::Value&) {
           return json::Object{{"allowed", true}, {"patch", "W10="}};
         };
       },
       "webhook returned response.patch but not response.patchType"},
      {[](Hook& asked) { asked.raw = "not JSON"; }, "failed to call webhook: "},
      {[](Hook& asked) { asked.raw = std::string(9U << 20U, 'x'); },
       "failed to call webhook: Post "},
      {[](Hook& asked) { asked.status = 503; },
       "failed to call webhook: the server responded with the status code 503 but did not return "
       "more information"},
  };

  for (const auto& each : cases) {
    hook.raw.reset();
    hook.respond = Hook::allow;
    hook.status = 200;
    each.set(hook);
    const auto refused = create();
    EXPECT_EQ(refused.status, 500) << refused.body;
    EXPECT_THAT(message(refused),
                HasSubstr(R"(Internal error occurred: failed calling webhook "m.hooks.test": )"));
    EXPECT_THAT(message(refused), HasSubstr(each.why));
  }
}

TEST_F(WebhookAdmissionTest, VerifiesWhoAnswers) {
  const testing::Certificate stranger = testing::make_certificate({});
  Hook other(server.loop, stranger.pem, stranger.key);
  install("Validating", "v", webhook("v", client_of(other)));
  const auto refused = create();
  EXPECT_EQ(refused.status, 500);
  EXPECT_THAT(
      message(refused),
      HasSubstr(
          R"(failed calling webhook "v.hooks.test": failed to call webhook: Post "https://127.0.0.1:)"));
  EXPECT_THAT(message(refused), HasSubstr("certificate"));
  EXPECT_THAT(other.requests, IsEmpty());
}

TEST_F(WebhookAdmissionTest, LetsWritesThroughWhoseWebhookFailsIfItSaysSo) {
  hook.status = 500;
  install("Validating", "v", webhook("v", client_of(hook), R"(,"failurePolicy":"Ignore")"));
  EXPECT_EQ(create().status, 201);
  EXPECT_THAT(server.metrics.expose(),
              HasSubstr("apiserver_admission_webhook_fail_open_count{name=\"v.hooks.test\","
                        "type=\"validating\"} 1"));
}

TEST_F(WebhookAdmissionTest, DoesNotLetOthersWait) {
  hook.hangs = true;
  install("Validating", "v",
          webhook("v", client_of(hook), R"(,"timeoutSeconds":1)", R"(["secrets"])"));
  std::optional<Result<http::Response>> slow;
  auto write = [&]() -> Task<> {
    slow = co_await server.client.send(
        server.origin,
        server.request("POST", "/api/v1/namespaces/a/secrets", R"({"metadata":{"name":"s"}})"),
        server.deadline());
  };
  TaskGroup tasks;
  auto both = [&]() -> Task<http::Response> {
    tasks.spawn(write());
    while (hook.requests.empty())
      co_await yield();
    auto answer = co_await server.client.send(
        server.origin, server.request("POST", kMaps, R"({"metadata":{"name":"c"}})"),
        server.deadline());
    co_return *answer;
  };
  EXPECT_EQ(server.run(both()).status, 201);
  EXPECT_FALSE(slow) << "the other is still waiting";
  run_until_complete(server.loop, tasks.drained());
  ASSERT_TRUE(slow && *slow);
  EXPECT_EQ((*slow)->status, 500);
  EXPECT_THAT(message(**slow), HasSubstr("context deadline exceeded"));
}

TEST_F(WebhookAdmissionTest, BeginsAnewWhenTheObjectHasChangedMeanwhile) {
  ASSERT_EQ(create(R"({"n":"1"})").status, 201);
  install("Validating", "v", webhook("v", client_of(hook)));
  hook.respond = [&](const json::Value& request) {
    // A write in between, as by another client whom this webhook is not asked about.
    if (hook.requests.size() == 1) {
      interloper.spawn(edit<api::ConfigMap>(
          "configmaps/a/c", [](api::ConfigMap& map) { map.data["theirs"] = "yes"; }));
    }
    return Hook::allow(request);
  };
  const auto patched = server.send("PATCH", std::string(kMaps) + "/c", R"({"data":{"mine":"yes"}})",
                                   "application/merge-patch+json");
  EXPECT_EQ(patched.status, 200) << patched.body;
  EXPECT_EQ(stored()["data"]["mine"].text(), "yes");
  EXPECT_EQ(stored()["data"]["theirs"].text(), "yes") << "nobody's change is lost";
  ASSERT_THAT(hook.requests, SizeIs(2));
  EXPECT_EQ(hook.requests[1]["oldObject"]["data"]["theirs"].text(), "yes");
}

TEST_F(WebhookAdmissionTest, TellsDryRunsAndWarnsOnce) {
  install("Validating", "v", webhook("v", client_of(hook)));
  hook.respond = [](const json::Value&) {
    return json::Object{
        {"allowed", true},
        {"warnings", json::Array{"mind the gap", "mind the gap", std::string(300, 'x')}}};
  };
  const auto made = create("{}", "?dryRun=All");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_THAT(warnings(made),
              ElementsAre("299 - \"mind the gap\"", "299 - \"" + std::string(256, 'x') + "\""));
  EXPECT_EQ(hook.requests.at(0)["dryRun"].as_bool(), true);
  EXPECT_EQ(server.send("GET", std::string(kMaps) + "/c").status, 404);
}

TEST_F(WebhookAdmissionTest, NotesForTheAuditLogUnderItsName) {
  install("Validating", "v", webhook("v", client_of(hook)));
  hook.respond = [](const json::Value&) {
    return json::Object{{"allowed", true}, {"auditAnnotations", json::Object{{"seen", "by me"}}}};
  };
  std::map<std::string, std::string> notes;
  WriteContext context;
  context.annotations = &notes;
  const auto map = std::make_shared<api::ConfigMap>();
  map->metadata.name = "c";
  const auto made = server.run(
      server.registry->create({&api::kind_of<api::ConfigMap>(), "a", "", ""}, map, context));
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_THAT(notes,
              ElementsAre(std::pair<const std::string, std::string>("v.hooks.test/seen", "by me")));
}

TEST_F(WebhookAdmissionTest, TakesTimeThatIsNotTheServersOwn) {
  std::chrono::nanoseconds waited{};
  WriteContext context;
  context.waited = &waited;
  const auto make = [&](std::string name) {
    const auto map = std::make_shared<api::ConfigMap>();
    map->metadata.name = std::move(name);
    const auto made = server.run(
        server.registry->create({&api::kind_of<api::ConfigMap>(), "a", "", ""}, map, context));
    ASSERT_TRUE(made) << made.error().message();
  };
  make("unasked");
  EXPECT_EQ(waited.count(), 0);
  install("Validating", "v", webhook("v", client_of(hook)));
  make("asked");
  EXPECT_GT(waited.count(), 0);
}

TEST_F(WebhookAdmissionTest, IsAskedOnlyAboutWhatItWants) {
  install(
      "Validating", "v",
      webhook("team", client_of(hook), R"(,"namespaceSelector":{"matchLabels":{"team":"y"}})") +
          "," +
          webhook("labels", client_of(hook), R"(,"objectSelector":{"matchLabels":{"l":"1"}})") +
          "," +
          webhook("condition", client_of(hook),
                  R"(,"matchConditions":[{"name":"c","expression":"object.data.ask == 'yes'"}])"));
  EXPECT_EQ(create(R"({"ask":"no"})").status, 201);
  EXPECT_THAT(hook.requests, IsEmpty());
  EXPECT_EQ(create(R"({"other":"x"})", "?dryRun=All").status, 403) << "a condition that fails";
  server.send("DELETE", std::string(kMaps) + "/c");
}

TEST_F(WebhookAdmissionTest, IsFoundByItsService) {
  const testing::Certificate named = testing::make_certificate(
      {.common_name = "hook", .organization = {}, .alternative_name = "DNS:hook.a.svc"});
  Hook behind(server.loop, named.pem, named.key);
  const auto client = [&](std::string_view service, std::string_view path = "/p") {
    return fmt::format(
        R"({{"service":{{"namespace":"a","name":"{}","path":"{}"}},"caBundle":"{}"}})", service,
        path, api::base64_encode(named.pem));
  };
  for (const char* name : {"hook", "other"}) {
    server.send(
        "POST", "/api/v1/namespaces/a/services",
        fmt::format(
            R"({{"metadata":{{"name":"{}"}},"spec":{{"ports":[{{"port":443,"targetPort":8443}}]}}}})",
            name));
    const auto slice = server.send(
        "POST", "/apis/discovery.k8s.io/v1/namespaces/a/endpointslices",
        fmt::format(
            R"({{"metadata":{{"name":"{}","labels":{{"kubernetes.io/service-name":"{}"}}}},"addressType":"IPv4",
                "ports":[{{"name":"","port":{}}}],"endpoints":[{{"addresses":["10.0.0.9"],"conditions":{{"ready":false}}}},
                {{"addresses":["10.0.0.10"],"conditions":{{"ready":true}}}}]}})",
            name, name, behind.port));
    ASSERT_EQ(slice.status, 201) << slice.body;
  }
  // Loopback addresses are no endpoints to the API; the store takes what it is given.
  for (const char* name : {"hook", "other"}) {
    const auto point_here = [](api::EndpointSlice& slice) {
      slice.endpoints.at(1).addresses = {"127.0.0.1"};
    };
    run_until_complete(server.loop,
                       edit<api::EndpointSlice>(
                           fmt::format("endpointslices.discovery.k8s.io/a/{}", name), point_here));
  }
  install("Validating", "root", webhook("root", client("hook", "")));
  EXPECT_EQ(create("{}", "?dryRun=All").status, 201);
  server.send("DELETE", std::string(kGroup) + "validatingwebhookconfigurations/root");
  install("Validating", "v", webhook("v", client("hook")));
  const auto made = create();
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_THAT(behind.targets, ElementsAre("/?timeout=10s", "/p?timeout=10s"));
  server.send("DELETE", std::string(kGroup) + "validatingwebhookconfigurations/v");
  install("Validating", "w", webhook("w", client("other")));
  const auto refused = create("{}", "?dryRun=All");
  EXPECT_EQ(refused.status, 500) << "the certificate is for another name";
  EXPECT_THAT(message(refused), HasSubstr("https://other.a.svc:443/p?timeout=10s"));
  server.send("DELETE", std::string(kGroup) + "validatingwebhookconfigurations/w");
  install("Validating", "n", webhook("n", client("nobody")));
  EXPECT_THAT(message(create("{}", "?dryRun=All")), HasSubstr("service \"nobody\" not found"));
}

TEST_F(WebhookAdmissionTest, IsNotAskedAboutWebhooks) {
  hook.hangs = true;
  install("Validating", "v", webhook("v", client_of(hook), R"(,"timeoutSeconds":1)", R"(["*/*"])"));
  EXPECT_EQ(server.send("DELETE", std::string(kGroup) + "validatingwebhookconfigurations/v").status,
            200);
  EXPECT_EQ(create().status, 201);
  EXPECT_THAT(hook.requests, IsEmpty());
}

TEST_F(WebhookAdmissionTest, IsAskedAboutEachOfACollection) {
  for (const char* name : {"one", "two"})
    server.send("POST", kMaps,
                fmt::format(R"({{"metadata":{{"name":"{}","labels":{{"x":"y"}}}}}})", name));
  install("Validating", "v", webhook("v", client_of(hook)));
  const auto gone = server.send("DELETE", std::string(kMaps) + "?labelSelector=x%3Dy");
  EXPECT_EQ(gone.status, 200) << gone.body;
  EXPECT_THAT(hook.requests, SizeIs(2));
  EXPECT_EQ(server.send("GET", std::string(kMaps) + "/one").status, 404);
}

TEST_F(WebhookAdmissionTest, CannotChangeAScaleButMayRefuseIt) {
  const std::string deployments = "/apis/apps/v1/namespaces/a/deployments";
  server.send("POST", deployments,
              R"({"metadata":{"name":"d"},"spec":{"replicas":1,"selector":{"matchLabels":{"a":"b"}},
    "template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})");
  install("Mutating", "m", webhook("m", client_of(hook), "", R"(["deployments/scale"])"));
  const auto scale = [&] {
    return server.send("PATCH", deployments + "/d/scale", R"({"spec":{"replicas":3}})",
                       "application/merge-patch+json");
  };
  EXPECT_EQ(scale().status, 200);
  EXPECT_EQ(hook.requests.at(0)["kind"]["kind"].text(), "Scale");
  EXPECT_EQ(hook.requests.at(0)["subResource"].text(), "scale");
  EXPECT_EQ(hook.requests.at(0)["object"]["spec"]["replicas"].as_int64(), 3);
  server.send("PATCH", deployments + "/d/scale", R"({"spec":{"replicas":1}})",
              "application/merge-patch+json");
  hook.patch(R"([{"op":"replace","path":"/spec/replicas","value":9}])");
  EXPECT_THAT(message(scale()), HasSubstr("attempted to modify the object, which is not supported "
                                          "for this operation"));
}

TEST_F(WebhookAdmissionTest, RefusesConfigurationsThatCannotWork) {
  const auto refusal = [&](const std::string& webhooks) {
    const auto answer =
        server.send("POST", std::string(kGroup) + "validatingwebhookconfigurations",
                    fmt::format(R"({{"metadata":{{"name":"v"}},"webhooks":[{}]}})", webhooks));
    EXPECT_EQ(answer.status, 422) << webhooks;
    return message(answer);
  };
  const std::string url = R"({"url":"https://a.test/p"})";
  EXPECT_THAT(
      refusal(webhook("v", R"({"url":"http://a.test/p?q=1"})")),
      HasSubstr("webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only "
                "allowed URL scheme; desired format: https://host[/path]"));
  EXPECT_THAT(
      refusal(webhook("v", "{}")),
      HasSubstr("webhooks[0].clientConfig: Required value: exactly one of url or service is "
                "required"));
  EXPECT_THAT(refusal(webhook("v", url, R"(,"timeoutSeconds":31)")),
              HasSubstr("webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be "
                        "between 1 and 30 seconds"));
  EXPECT_THAT(
      refusal(webhook("v", url, "", R"(["*","pods"])")),
      HasSubstr("webhooks[0].rules[0].resources: Invalid value: [\"*\",\"pods\"]: if '*' is "
                "present, must not specify other resources without subresources"));
  EXPECT_THAT(
      refusal(webhook("v", url, R"(,"matchConditions":[{"name":"c","expression":"object."}])")),
      HasSubstr("webhooks[0].matchConditions[0].expression: Invalid value: \"object.\": "
                "compilation failed: ERROR: <input>:1:"));
  EXPECT_THAT(refusal(webhook("v", url) + "," + webhook("v", url)),
              HasSubstr("webhooks[1].name: Duplicate value: \"v.hooks.test\""));
}

}  // namespace
}  // namespace insula::apiserver
