#include "apiserver/request_audit.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "apiserver/test_server.h"
#include "json/write.h"

namespace insula::apiserver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kMaps = "/api/v1/namespaces/a/configmaps";

/// Keeps the events, and takes care that each is one line of JSON.
class KeptEvents final : public AuditSink {
 public:
  void write(std::string_view event) override {
    INSULA_CHECK(event.find('\n') == std::string_view::npos, event);
    auto value = json::parse(event);
    INSULA_CHECK(value, event);
    events.push_back(*std::move(value));
  }

  std::vector<json::Value> events;
};

class RequestAuditTest : public ::testing::Test {
 protected:
  /// Before the requests; `rules` are those of a policy.
  void audit(std::string_view rules) {
    ApiServerOptions options;
    options.plain_user = system_user();
    options.audit =
        AuditOptions{AuditPolicy::parse(
                         fmt::format("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: {}", rules))
                         .value(),
                     &sink};
    server = std::make_unique<TestServer>(std::move(options));
    server->send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
    sink.events.clear();
  }

  /// The only event since the last call, of this stage.
  json::Value only(std::string_view stage = "ResponseComplete") {
    INSULA_CHECK(sink.events.size() == 1, std::to_string(sink.events.size()));
    json::Value event = std::move(sink.events.front());
    sink.events.clear();
    EXPECT_EQ(event["stage"].text(), stage);
    return event;
  }

  std::vector<std::string> stages() {
    std::vector<std::string> out;
    for (const json::Value& event : sink.events)
      out.emplace_back(event["stage"].text());
    return out;
  }

  static std::string config(std::string_view name) {
    return fmt::format(R"({{"metadata":{{"name":"{}"}},"data":{{"k":"v"}}}})", name);
  }

  KeptEvents sink;  // outlives the server
  std::unique_ptr<TestServer> server;
};

constexpr const char* kMetadata = "[{level: Metadata, omitStages: [RequestReceived]}]";

TEST_F(RequestAuditTest, SaysWhoDidWhatFromWhereAndHowItEnded) {
  audit(kMetadata);
  http::Request request =
      server->request("POST", std::string(kMaps) + "?fieldManager=me", config("c"));
  request.headers.set("User-Agent", "kubectl/v1.36.0");
  request.headers.set("X-Forwarded-For", "192.0.2.7, nonsense, 2001:db8::1");
  const http::Response made = server->send(std::move(request));
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value event = only();
  EXPECT_EQ(event["kind"].text(), "Event");
  EXPECT_EQ(event["apiVersion"].text(), "audit.k8s.io/v1");
  EXPECT_EQ(event["level"].text(), "Metadata");
  EXPECT_EQ(event["auditID"].text(), made.headers.get("Audit-Id"));
  EXPECT_EQ(event["requestURI"].text(), std::string(kMaps) + "?fieldManager=me");
  EXPECT_EQ(event["verb"].text(), "create");
  EXPECT_EQ(event["user"]["username"].text(), "system:insula:control");
  EXPECT_EQ(json::write(event["user"]["groups"]), R"(["system:masters"])");
  EXPECT_EQ(json::write(event["sourceIPs"]), R"(["192.0.2.7","2001:db8::1","127.0.0.1"])");
  EXPECT_EQ(event["userAgent"].text(), "kubectl/v1.36.0");
  EXPECT_EQ(json::write(event["objectRef"]),
            R"({"resource":"configmaps","namespace":"a","name":"c","apiVersion":"v1"})");
  EXPECT_EQ(json::write(event["responseStatus"]), R"({"metadata":{},"code":201})");
  EXPECT_EQ(event["annotations"]["authorization.k8s.io/decision"].text(), "allow");
  EXPECT_TRUE(event["requestObject"].is_null());
  EXPECT_TRUE(event["responseObject"].is_null());
  const auto received = api::MicroTime::parse(event["requestReceivedTimestamp"].text());
  const auto ended = api::MicroTime::parse(event["stageTimestamp"].text());
  ASSERT_TRUE(received && ended);
  EXPECT_LE(received->micros, ended->micros);
}

TEST_F(RequestAuditTest, NotesAFailureWithItsReason) {
  audit(kMetadata);
  server->send("GET", std::string(kMaps) + "/none");
  const json::Value event = only();
  EXPECT_EQ(json::write(event["responseStatus"]),
            R"({"metadata":{},"status":"Failure","message":"configmaps \"none\" not found",)"
            R"("reason":"NotFound","details":{"name":"none","kind":"configmaps"},"code":404})");
}

TEST_F(RequestAuditTest, ASecretsContentIsNotedOnlyWhereThePolicySaysSo) {
  audit(
      "[{level: Metadata, resources: [{group: '', resources: [secrets]}]}, "
      "{level: RequestResponse, omitStages: [RequestReceived]}]");
  server->send("POST", "/api/v1/namespaces/a/secrets",
               R"({"metadata":{"name":"s"},"data":{"k":"aGlkZGVu"}})");
  ASSERT_THAT(stages(), ElementsAre("RequestReceived", "ResponseComplete"));
  for (const json::Value& event : sink.events)
    EXPECT_THAT(json::write(event), ::testing::Not(HasSubstr("aGlkZGVu")));
  sink.events.clear();
  server->send("POST", kMaps, config("c"));
  const json::Value event = only();
  EXPECT_EQ(event["requestObject"]["data"]["k"].text(), "v");
  EXPECT_EQ(event["requestObject"]["kind"].text(), "ConfigMap");
  EXPECT_FALSE(event["responseObject"]["metadata"]["uid"].text().empty());
}

TEST_F(RequestAuditTest, NotesRequestsWithoutTheirAnswersIfThatIsEnough) {
  audit("[{level: Request, omitStages: [RequestReceived]}]");
  server->send("POST", kMaps, config("c"));
  const json::Value made = only();
  EXPECT_EQ(made["requestObject"]["data"]["k"].text(), "v");
  EXPECT_TRUE(made["responseObject"].is_null());
  server->send("PATCH", std::string(kMaps) + "/c", "{\n \"data\": {\"k\": \"w\"}\n}",
               "application/merge-patch+json");
  EXPECT_EQ(json::write(only()["requestObject"]), R"({"data":{"k":"w"}})");
  server->send("PATCH", std::string(kMaps) + "/c?fieldManager=me&force=true",
               "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: x}\n",
               "application/apply-patch+yaml");
  EXPECT_EQ(only()["requestObject"]["data"]["k"].text(), "x");
  server->send("DELETE", std::string(kMaps) + "/c", R"({"gracePeriodSeconds":5})");
  EXPECT_EQ(only()["requestObject"]["gracePeriodSeconds"].as_int64(), 5);
}

TEST_F(RequestAuditTest, LeavesManagedFieldsOutIfThePolicySaysSo) {
  audit("[{level: RequestResponse, omitStages: [RequestReceived], omitManagedFields: true}]");
  server->send("POST", std::string(kMaps) + "?fieldManager=me", config("c"));
  EXPECT_THAT(json::write(only()), ::testing::Not(HasSubstr("managedFields")));
  server->send("GET", kMaps);
  const json::Value list = only();
  EXPECT_THAT(*list["responseObject"]["items"].as_array(), ::testing::Not(IsEmpty()));
  EXPECT_THAT(json::write(list), ::testing::Not(HasSubstr("managedFields")));
}

TEST_F(RequestAuditTest, NotesAnswersAsJsonWhateverTheClientGets) {
  audit("[{level: RequestResponse, omitStages: [RequestReceived]}]");
  server->send("POST", kMaps, config("c"));
  for (const char* accept : {"application/vnd.kubernetes.protobuf", "application/yaml"}) {
    for (const std::string& target : {std::string(kMaps), std::string(kMaps) + "/c"}) {
      sink.events.clear();
      auto request = server->request("GET", target);
      request.headers.set("Accept", accept);
      EXPECT_EQ(server->send(request).headers.get("Content-Type"), accept);
      const json::Value event = only();
      EXPECT_THAT(std::string(event["responseObject"]["kind"].text()),
                  ::testing::StartsWith("ConfigMap"));
    }
  }
}

TEST_F(RequestAuditTest, LeavesALargeBodyOutAndSaysSo) {
  audit("[{level: RequestResponse, omitStages: [RequestReceived]}]");
  const std::string large(kAuditedBodyBytesMax, 'x');
  server->send("POST", kMaps,
               fmt::format(R"({{"metadata":{{"name":"c"}},"data":{{"k":"{}"}}}})", large));
  const json::Value event = only();
  EXPECT_TRUE(event["requestObject"].is_null());
  EXPECT_EQ(event["annotations"]["audit.k8s.io/truncated"].text(), "true");
}

TEST_F(RequestAuditTest, AWatchHasAnEventAtItsBeginningAndOneAtItsEnd) {
  audit("[{level: Metadata}]");
  server->send("GET", std::string(kMaps) + "?watch=1&timeoutSeconds=1&resourceVersion=1");
  EXPECT_THAT(stages(), ElementsAre("RequestReceived", "ResponseStarted", "ResponseComplete"));
  EXPECT_EQ(sink.events[1]["auditID"].text(), sink.events[2]["auditID"].text());
  EXPECT_TRUE(sink.events[0]["responseStatus"].is_null());
  EXPECT_EQ(sink.events[1]["responseStatus"]["code"].as_int64(), 200);
}

TEST_F(RequestAuditTest, ARequestThatIsCutOffEndsAllTheSame) {
  audit(kMetadata);
  const auto stream = *server->run(server->client.open(
      server->origin, server->request("GET", std::string(kMaps) + "?watch=1"), server->deadline()));
  ASSERT_THAT(stages(), ElementsAre("ResponseStarted"));
  server->server.reset();
  EXPECT_THAT(stages(), ElementsAre("ResponseStarted", "ResponseComplete"));
}

TEST_F(RequestAuditTest, NotesWhoActsForWhomAndWhoIsForbidden) {
  audit(kMetadata);
  http::Request request = server->request("GET", kMaps);
  request.headers.set("Impersonate-User", "eve");
  EXPECT_EQ(server->send(std::move(request)).status, 403);
  const json::Value event = only();
  EXPECT_EQ(event["user"]["username"].text(), "system:insula:control");
  EXPECT_EQ(event["impersonatedUser"]["username"].text(), "eve");
  EXPECT_EQ(event["annotations"]["authorization.k8s.io/decision"].text(), "forbid");
  EXPECT_EQ(event["responseStatus"]["code"].as_int64(), 403);
}

TEST_F(RequestAuditTest, NotesTheBindingThatAllowed) {
  audit(kMetadata);
  server->send("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
               R"({"metadata":{"name":"b"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io",
                   "kind":"ClusterRole","name":"r"},
                   "subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"u"}]})");
  server->send("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles",
               R"({"metadata":{"name":"r"},"rules":[{"apiGroups":[""],"resources":["configmaps"],
                   "verbs":["list"]}]})");
  sink.events.clear();
  http::Request request = server->request("GET", kMaps);
  request.headers.set("Impersonate-User", "u");
  EXPECT_EQ(server->send(std::move(request)).status, 200);
  EXPECT_EQ(only()["annotations"]["authorization.k8s.io/reason"].text(),
            "RBAC: allowed by ClusterRoleBinding \"b\" of ClusterRole \"r\" to User \"u\"");
}

TEST_F(RequestAuditTest, TakesAnIdThatCanBeShown) {
  audit(kMetadata);
  const auto id_for = [&](std::string_view given) {
    http::Request request = server->request("GET", kMaps);
    request.headers.set("Audit-ID", given);
    const http::Response answer = server->send(std::move(request));
    EXPECT_EQ(only()["auditID"].text(), answer.headers.get("Audit-Id"));
    return std::string(answer.headers.get("Audit-Id"));
  };
  EXPECT_EQ(id_for("mine-1"), "mine-1");
  EXPECT_THAT(id_for(std::string(65, 'x')), SizeIs(36));
  EXPECT_THAT(id_for("two words"), SizeIs(36));
}

TEST_F(RequestAuditTest, RequestsThatNoRuleWantsHaveAnIdAndNoEvent) {
  audit("[{level: None}]");
  EXPECT_THAT(server->send("GET", kMaps).headers.get("Audit-Id"), SizeIs(36));
  EXPECT_THAT(sink.events, IsEmpty());
  EXPECT_THAT(server->metrics.expose(), HasSubstr("apiserver_audit_level_total{level=\"None\"} 2"));
}

TEST_F(RequestAuditTest, WithoutAPolicyNothingIsAddedToAnswers) {
  server = std::make_unique<TestServer>();
  EXPECT_FALSE(server->send("GET", kMaps).headers.contains("Audit-Id"));
}

TEST_F(RequestAuditTest, NotesWhoCouldNotBeAuthenticated) {
  ApiServerOptions options;
  options.audit = AuditOptions{
      AuditPolicy::parse("{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: Metadata}]}")
          .value(),
      &sink};
  server = std::make_unique<TestServer>(std::move(options));
  http::Request request = server->request("GET", kMaps);
  request.headers.set("Authorization", "Bearer stolen-token");
  EXPECT_EQ(server->send(std::move(request)).status, 401);
  const json::Value event = only("ResponseStarted");
  EXPECT_EQ(json::write(event["user"]), "{}");
  EXPECT_EQ(event["responseStatus"]["code"].as_int64(), 401);
  EXPECT_EQ(event["responseStatus"]["message"].text(), "Authentication failed, attempted: bearer");
  EXPECT_THAT(json::write(event), ::testing::Not(HasSubstr("stolen-token")));
}

TEST_F(RequestAuditTest, NotesWhatPodSecurityFinds) {
  audit(kMetadata);
  server->send("POST", "/api/v1/namespaces",
               R"({"metadata":{"name":"s","labels":{
                   "pod-security.kubernetes.io/enforce":"privileged",
                   "pod-security.kubernetes.io/audit":"baseline"}}})");
  sink.events.clear();
  const http::Response made = server->send(
      "POST", "/api/v1/namespaces/s/pods",
      R"({"metadata":{"name":"p"},"spec":{"hostNetwork":true,"containers":[{"name":"c","image":"i"}]}})");
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value event = only();
  EXPECT_EQ(event["annotations"]["pod-security.kubernetes.io/audit-violations"].text(),
            "would violate PodSecurity \"baseline:latest\": host namespaces (hostNetwork=true)");
  EXPECT_EQ(event["annotations"]["pod-security.kubernetes.io/enforce-policy"].text(),
            "privileged:latest");
}

constexpr const char* kPolicies = "/apis/admissionregistration.k8s.io/v1/";

class AuditOfPoliciesTest : public RequestAuditTest {
 protected:
  void put_in_force(std::string_view actions) {
    audit(kMetadata);
    const auto policy = server->send(
        "POST", std::string(kPolicies) + "validatingadmissionpolicies",
        R"json({"metadata":{"name":"p"},"spec":{"matchConstraints":{"resourceRules":[{"apiGroups":[""],
            "apiVersions":["v1"],"operations":["CREATE"],"resources":["configmaps"]}]},
            "validations":[{"expression":"true"},{"expression":"false","message":"rather not"}],
            "auditAnnotations":[{"key":"size","valueExpression":"string(object.data.size())"},
                                {"key":"none","valueExpression":"null"}]}})json");
    ASSERT_EQ(policy.status, 201) << policy.body;
    const auto binding =
        server->send("POST", std::string(kPolicies) + "validatingadmissionpolicybindings",
                     fmt::format(R"({{"metadata":{{"name":"b"}},"spec":{{"policyName":"p",
                         "validationActions":{}}}}})",
                                 actions));
    ASSERT_EQ(binding.status, 201) << binding.body;
    sink.events.clear();
  }

  static constexpr const char* kFailure = "validation.policy.admission.k8s.io/validation_failure";
};

TEST_F(AuditOfPoliciesTest, NotesAFailureThatIsOnlyAudited) {
  put_in_force(R"(["Audit"])");
  EXPECT_EQ(server->send("POST", kMaps, config("c")).status, 201);
  const json::Value event = only();
  EXPECT_EQ(event["annotations"][kFailure].text(),
            R"([{"message":"rather not","policy":"p","binding":"b","expressionIndex":1,)"
            R"("validationActions":["Audit"]}])");
  EXPECT_EQ(event["annotations"]["p/size"].text(), "1");
  EXPECT_TRUE(event["annotations"]["p/none"].is_null());
}

TEST_F(AuditOfPoliciesTest, NotesAFailureThatIsDeniedToo) {
  put_in_force(R"(["Audit","Deny"])");
  EXPECT_EQ(server->send("POST", kMaps, config("c")).status, 422);
  EXPECT_THAT(std::string(only()["annotations"][kFailure].text()), HasSubstr("rather not"));
}

TEST_F(AuditOfPoliciesTest, NotesNothingOfAFailureThatIsNotAudited) {
  put_in_force(R"(["Deny"])");
  EXPECT_EQ(server->send("POST", kMaps, config("c")).status, 422);
  EXPECT_TRUE(only()["annotations"][kFailure].is_null());
}

}  // namespace
}  // namespace insula::apiserver
