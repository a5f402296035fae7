#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A container that the level restricted lets in.
constexpr std::string_view kCareful =
    R"({"name":"c","image":"i","securityContext":{"allowPrivilegeEscalation":false,"runAsNonRoot":true,
    "capabilities":{"drop":["ALL"]},"seccompProfile":{"type":"RuntimeDefault"}}})";

std::string pod(std::string_view containers,
                std::string_view more = "",
                std::string_view name = "x",
                std::string_view annotations = "{}") {
  return fmt::format(
      R"({{"metadata":{{"name":"{}","annotations":{}}},"spec":{{"containers":[{}]{}}}}})", name,
      annotations, containers, more);
}

std::string container(std::string_view members) {
  return fmt::format(R"({{"name":"c","image":"i"{}}})", members);
}

std::string security(std::string_view members) {
  return container(fmt::format(R"(,"securityContext":{{{}}})", members));
}

class PodSecurityTest : public ::testing::Test {
 protected:
  http::Response make_namespace(std::string_view name, std::string_view labels) {
    return server.send("POST", "/api/v1/namespaces",
                       fmt::format(R"({{"metadata":{{"name":"{}","labels":{}}}}})", name, labels));
  }

  void enforce(std::string_view name, std::string_view level, std::string_view version = "latest") {
    const auto made =
        make_namespace(name, fmt::format(R"({{"pod-security.kubernetes.io/enforce":"{}",
                         "pod-security.kubernetes.io/enforce-version":"{}"}})",
                                         level, version));
    ASSERT_EQ(made.status, 201) << made.body;
  }

  http::Response create(std::string_view name_space,
                        const std::string& body,
                        std::string_view plural = "pods",
                        std::string_view api = "/api/v1") {
    return server.send("POST", fmt::format("{}/namespaces/{}/{}", api, name_space, plural), body);
  }

  /// What the pod is refused for; empty when it is let in.
  std::string why_not(std::string_view name_space, const std::string& body) {
    const auto answer = create(name_space, body, "pods?dryRun=All");
    if (answer.status == 201) return {};
    EXPECT_EQ(answer.status, 403) << answer.body;
    const std::string message(server.parsed(answer)["message"].text());
    const std::size_t at = message.find("\": ", message.find("PodSecurity \""));
    return at == message.npos ? message : message.substr(at + 3);
  }

  /// But for those about what no node does anything about.
  static std::vector<std::string> warnings(const http::Response& answer) {
    std::vector<std::string> out;
    for (const auto& header : answer.headers) {
      const bool told = header.name == "Warning" &&
                        header.value.find("not enforced by this server yet") == std::string::npos;
      if (told) out.push_back(header.value);
    }
    return out;
  }

  TestServer server;
};

struct Control {
  std::string body;
  std::string why;
};

TEST_F(PodSecurityTest, HoldsPodsToEachControlOfBaseline) {
  enforce("b", "baseline");
  const Control controls[] = {
      {pod(container(""), R"(,"hostNetwork":true,"hostPID":true)"),
       "host namespaces (hostNetwork=true, hostPID=true)"},
      {pod(container(""), R"(,"volumes":[{"name":"v","hostPath":{"path":"/"}},
                                        {"name":"w","hostPath":{"path":"/w"}}])"),
       R"(hostPath volumes (volumes "v", "w"))"},
      {pod(container(
           R"(,"ports":[{"containerPort":80,"hostPort":8080},{"containerPort":81,"hostPort":8081}])")),
       R"(hostPort (container "c" uses hostPorts 8080, 8081))"},
      {pod(security(R"("privileged":true)")),
       R"(privileged (container "c" must not set securityContext.privileged=true))"},
      {pod(security(R"("capabilities":{"add":["CHOWN","SYS_ADMIN","NET_ADMIN"]})")),
       R"(non-default capabilities (container "c" must not include "NET_ADMIN", "SYS_ADMIN" in securityContext.capabilities.add))"},
      {pod(security(R"("seccompProfile":{"type":"Unconfined"})"),
           R"(,"securityContext":{"seccompProfile":{"type":"Unconfined"}})"),
       R"(seccompProfile (pod and container "c" must not set securityContext.seccompProfile.type to "Unconfined"))"},
      {pod(security(R"("appArmorProfile":{"type":"Unconfined"})")),
       R"(forbidden AppArmor profile (container "c" must not set AppArmor profile type to "Unconfined"))"},
      {pod(container(""), "", "x",
           R"({"container.apparmor.security.beta.kubernetes.io/c":"unconfined"})"),
       R"(forbidden AppArmor profile (annotation must not set AppArmor profile type to "container.apparmor.security.beta.kubernetes.io/c="unconfined""))"},
      {pod(security(R"("seLinuxOptions":{"type":"spc_t","user":"u","role":"r"})")),
       R"(seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set; role may not be set))"},
      {pod(container(""), R"(,"securityContext":{"sysctls":[{"name":"kernel.msgmax","value":"1"},
                                                            {"name":"net.ipv4.tcp_rmem","value":"1"}]})"),
       "forbidden sysctls (kernel.msgmax)"},
      {pod(container(R"(,"livenessProbe":{"tcpSocket":{"host":"10.0.0.1","port":80}},
                         "lifecycle":{"preStop":{"httpGet":{"host":"10.0.0.2","port":80}}})")),
       R"(probe or lifecycle host (container "c" uses probe or lifecycle hosts "10.0.0.1", "10.0.0.2"))"},
  };
  for (const Control& control : controls)
    EXPECT_EQ(why_not("b", control.body), control.why) << control.body;
  EXPECT_EQ(why_not("b", pod(container(""))), "");
}

TEST_F(PodSecurityTest, HoldsPodsToEachControlOfRestricted) {
  enforce("r", "restricted");
  EXPECT_EQ(
      why_not("r", pod(container(""))),
      R"(allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), )"
      R"(unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), )"
      R"(runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), )"
      R"(seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"))");
  EXPECT_EQ(why_not("r", pod(kCareful)), "");
  const Control controls[] = {
      {pod(kCareful, R"(,"hostNetwork":true)"), "host namespaces (hostNetwork=true)"},
      {pod(kCareful, R"(,"volumes":[{"name":"v","hostPath":{"path":"/"}},
                                    {"name":"w","nfs":{"server":"s","path":"/"}},
                                    {"name":"e","emptyDir":{}}])"),
       R"(restricted volume types (volumes "v", "w" use restricted volume types "hostPath", "nfs"))"},
      {pod(kCareful, R"(,"securityContext":{"runAsUser":0})"),
       "runAsUser=0 (pod must not set runAsUser=0)"},
      {pod(kCareful, R"(,"securityContext":{"runAsNonRoot":false})"),
       "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)"},
      {pod(kCareful, R"(,"securityContext":{"seccompProfile":{"type":"Unconfined"}})"),
       R"(seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined"))"},
      {pod(security(
           R"("allowPrivilegeEscalation":false,"runAsNonRoot":true,"seccompProfile":{"type":"Localhost","localhostProfile":"p"},
              "capabilities":{"drop":["CHOWN"],"add":["NET_BIND_SERVICE","CHOWN"]})")),
       R"(unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]; )"
       R"(container "c" must not include "CHOWN" in securityContext.capabilities.add))"},
  };
  for (const Control& control : controls)
    EXPECT_EQ(why_not("r", control.body), control.why) << control.body;
}

TEST_F(PodSecurityTest, JudgesByTheVersionThatTheNamespaceNames) {
  enforce("old", "baseline", "v1.26");
  const std::string keepalive =
      pod(container(""),
          R"(,"securityContext":{"sysctls":[{"name":"net.ipv4.tcp_keepalive_time","value":"1"}]})");
  EXPECT_EQ(why_not("old", keepalive), "forbidden sysctls (net.ipv4.tcp_keepalive_time)");
  EXPECT_EQ(
      why_not("old",
              pod(container(R"(,"livenessProbe":{"tcpSocket":{"host":"10.0.0.1","port":80}})"))),
      "")
      << "a control of 1.34";
  enforce("new", "baseline", "v1.29");
  EXPECT_EQ(why_not("new", keepalive), "");
  const auto refused = create("old", keepalive);
  EXPECT_EQ(server.parsed(refused)["message"].text(),
            "pods \"x\" is forbidden: violates PodSecurity \"baseline:v1.26\": forbidden sysctls "
            "(net.ipv4.tcp_keepalive_time)");
}

TEST_F(PodSecurityTest, LetsAnythingInWhereNoLabelAsksForALevel) {
  ASSERT_EQ(make_namespace("a", "{}").status, 201);
  const auto made = create("a", pod(security(R"("privileged":true)"), R"(,"hostPID":true)"));
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_THAT(warnings(made), IsEmpty());
}

TEST_F(PodSecurityTest, WarnsOfPodsAndOfTheTemplatesOfWorkloads) {
  ASSERT_EQ(make_namespace("w", R"({"pod-security.kubernetes.io/warn":"baseline"})").status, 201);
  const std::string text =
      R"x(299 - "would violate PodSecurity \"baseline:latest\": host namespaces (hostPID=true)")x";
  const std::string spec = R"("spec":{"hostPID":true,"containers":[{"name":"c","image":"i"}]})";
  EXPECT_THAT(warnings(create("w", fmt::format(R"({{"metadata":{{"name":"x"}},{}}})", spec))),
              ElementsAre(text));
  const std::string workload = fmt::format(
      R"({{"metadata":{{"name":"x"}},"spec":{{"selector":{{"matchLabels":{{"a":"b"}}}},
          "template":{{"metadata":{{"labels":{{"a":"b"}}}},{}}}}}}})",
      spec);
  for (const char* plural : {"deployments", "replicasets"}) {
    const auto made = create("w", workload, plural, "/apis/apps/v1");
    EXPECT_EQ(made.status, 201) << made.body;
    EXPECT_THAT(warnings(made), ::testing::Contains(text)) << plural;
  }
}

TEST_F(PodSecurityTest, WarnsOfWorkloadsWhosePodsWillBeRefused) {
  enforce("r", "baseline");
  const auto made = create(
      "r",
      R"({"metadata":{"name":"x"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},
          "spec":{"hostIPC":true,"containers":[{"name":"c","image":"i"}]}}}})",
      "deployments", "/apis/apps/v1");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_THAT(
      warnings(made),
      ElementsAre(
          R"x(299 - "would violate PodSecurity \"baseline:latest\": host namespaces (hostIPC=true)")x"));
}

TEST_F(PodSecurityTest, RefusesLabelsThatItCannotRead) {
  const auto refused = make_namespace("x", R"({"pod-security.kubernetes.io/enforce":"strict",
                             "pod-security.kubernetes.io/warn-version":"v1.030"})");
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(server.parsed(refused)["message"].text(),
            "Namespace \"x\" is invalid: [metadata.labels[pod-security.kubernetes.io/enforce]: "
            "Invalid value: \"strict\": must be one of privileged, baseline, restricted, "
            "metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: \"v1.030\": "
            "must be \"latest\" or \"v1.x\"]");
}

TEST_F(PodSecurityTest, WarnsOfPodsThatAHigherLevelOfTheirNamespaceWouldNotLetIn) {
  ASSERT_EQ(make_namespace("a", "{}").status, 201);
  for (const char* name : {"one", "two", "three"})
    ASSERT_EQ(create("a", pod(container(""), R"(,"hostPID":true)", name)).status, 201);
  ASSERT_EQ(create("a", pod(security(R"("privileged":true)"), "", "four")).status, 201);
  ASSERT_EQ(create("a", pod(container(""), "", "good")).status, 201);
  const auto label = [&](std::string_view level) {
    return server.send(
        "PATCH", "/api/v1/namespaces/a",
        fmt::format(R"({{"metadata":{{"labels":{{"pod-security.kubernetes.io/enforce":"{}"}}}}}})",
                    level),
        "application/merge-patch+json");
  };
  const auto raised = label("baseline");
  EXPECT_EQ(raised.status, 200) << raised.body;
  EXPECT_THAT(
      warnings(raised),
      ElementsAre(
          R"(299 - "existing pods in namespace \"a\" violate the new PodSecurity enforce level \"baseline:latest\"")",
          R"(299 - "four: privileged")", R"(299 - "one (and 2 other pods): host namespaces")"));
  EXPECT_THAT(warnings(label("privileged")), IsEmpty());
  EXPECT_EQ(server.send("GET", "/api/v1/namespaces/a/pods/one").status, 200) << "they stay";
}

TEST_F(PodSecurityTest, LooksAtAPodAgainOnlyWhenAnImageChanges) {
  ASSERT_EQ(make_namespace("a", "{}").status, 201);
  ASSERT_EQ(create("a", pod(container(""), R"(,"hostPID":true)")).status, 201);
  server.send("PATCH", "/api/v1/namespaces/a",
              R"({"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"baseline"}}})",
              "application/merge-patch+json");
  const auto patch = [&](std::string_view body) {
    return server
        .send("PATCH", "/api/v1/namespaces/a/pods/x", std::string(body),
              "application/strategic-merge-patch+json")
        .status;
  };
  EXPECT_EQ(patch(R"({"metadata":{"labels":{"a":"b"}}})"), 200);
  EXPECT_EQ(patch(R"({"spec":{"containers":[{"name":"c","image":"j"}]}})"), 403);
}

TEST_F(PodSecurityTest, HoldsATenantsNamespaceToBaselineWhateverItsLabelsSay) {
  const auto tenants = [](std::string_view name, std::string_view labels) {
    return fmt::format(R"({{"metadata":{{"name":"{}","labels":{},"ownerReferences":[
        {{"apiVersion":"insula.dev/v1alpha1","kind":"Tenant","name":"t","uid":"u","controller":true}}]}}}})",
                       name, labels);
  };
  for (const auto& [name, labels] : {
           std::pair("plain", "{}"),
           std::pair("open", R"({"pod-security.kubernetes.io/enforce":"privileged"})"),
           std::pair("old", R"({"pod-security.kubernetes.io/enforce":"baseline",
                               "pod-security.kubernetes.io/enforce-version":"v1.0"})"),
       }) {
    ASSERT_EQ(server.send("POST", "/api/v1/namespaces", tenants(name, labels)).status, 201);
    EXPECT_EQ(
        why_not(name,
                pod(container(R"(,"livenessProbe":{"tcpSocket":{"host":"10.0.0.1","port":80}})"))),
        R"(probe or lifecycle host (container "c" uses probe or lifecycle host "10.0.0.1"))")
        << name;
  }
  ASSERT_EQ(server
                .send("POST", "/api/v1/namespaces",
                      tenants("strict", R"({"pod-security.kubernetes.io/enforce":"restricted"})"))
                .status,
            201);
  EXPECT_NE(why_not("strict", pod(container(""))), "") << "labels can ask for more";
}

}  // namespace
}  // namespace insula::apiserver
