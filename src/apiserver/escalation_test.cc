#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "apiserver/bootstrap_policy.h"
#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

const std::string kRbac = "/apis/rbac.authorization.k8s.io/v1/";

/// Who manages roles and bindings, and has some rights besides.
class Escalation : public ::testing::Test {
 protected:
  Escalation() {
    const Result<> policy = server_.run(reconcile_policy(*server_.registry));
    EXPECT_TRUE(policy);
    for (const char* name : {"a", "b"})
      make("/api/v1/namespaces", fmt::format("metadata: {{name: {}}}", name));
    role("manager",
         "[{verbs: ['create', update, patch, delete, get], apiGroups: [rbac.authorization.k8s.io], "
         "resources: ['*']}]");
    role("pods", "[{verbs: [get, list], apiGroups: [''], resources: [pods]}]");
    role("secrets", "[{verbs: [get], apiGroups: [''], resources: [secrets]}]");
    role("escalator",
         "[{verbs: [escalate], apiGroups: [rbac.authorization.k8s.io], resources: [roles, "
         "clusterroles]}]");
    role("binder",
         "[{verbs: [bind], apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], "
         "resourceNames: [secrets]}]");
    role("one-escalator",
         "[{verbs: [escalate], apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], "
         "resourceNames: [pods]}]");
    give("manager", {"ann", "esc", "one", "bin"});
    give("pods", {"ann"});
    give("escalator", {"esc"});
    give("one-escalator", {"one"});
    give("binder", {"bin"});
  }

  void make(const std::string& target, const std::string& yaml) {
    const auto made = server_.send("POST", target, yaml, "application/yaml");
    EXPECT_EQ(made.status, 201) << target << yaml << made.body;
  }

  void role(const char* name, const char* rules) {
    make(kRbac + "clusterroles", fmt::format("metadata: {{name: {}}}\nrules: {}", name, rules));
  }

  void give(const char* role, std::initializer_list<const char*> users) {
    std::string subjects;
    for (const char* user : users)
      subjects += fmt::format("- {{kind: User, name: {}}}\n", user);
    make(kRbac + "clusterrolebindings",
         fmt::format(
             "metadata: {{name: {}}}\nroleRef: {{kind: ClusterRole, name: {}}}\nsubjects:\n{}",
             role, role, subjects));
  }

  http::Response send(const char* user,
                      std::string method,
                      const std::string& target,
                      std::string body,
                      std::string type = "application/yaml") {
    http::Request request =
        server_.request(std::move(method), kRbac + target, std::move(body), std::move(type));
    request.headers.set("Impersonate-User", user);
    return server_.send(std::move(request));
  }

  int status(const char* user, const char* method, const std::string& target, std::string body) {
    return send(user, method, target, std::move(body)).status;
  }

  int patch(const char* user, const std::string& target, std::string body) {
    return send(user, "PATCH", target, std::move(body), "application/merge-patch+json").status;
  }

  static std::string text(const http::Response& answer) {
    return std::string(TestServer::parsed(answer)["message"].text());
  }

  static std::string rules(std::string_view name, std::string_view verbs, std::string_view what) {
    return fmt::format(
        "metadata: {{name: {}}}\nrules: [{{verbs: {}, apiGroups: [''], resources: {}}}]", name,
        verbs, what);
  }

  static std::string binding(std::string_view kind, std::string_view name) {
    return fmt::format(
        "metadata: {{name: x}}\nroleRef: {{kind: {}, name: {}}}\n"
        "subjects: [{{kind: User, name: somebody}}]",
        kind, name);
  }

  TestServer server_;
};

TEST_F(Escalation, NobodyWritesARoleWithMoreRightsThanTheirOwn) {
  for (const char* target : {"clusterroles", "namespaces/a/roles"}) {
    EXPECT_EQ(status("ann", "POST", target, rules("same", "[get, list]", "[pods]")), 201);
    EXPECT_EQ(status("ann", "POST", target, rules("less", "[get]", "[pods]")), 201);
    EXPECT_EQ(status("ann", "POST", target, rules("more", "[get, delete]", "[pods]")), 403);
    EXPECT_EQ(status("ann", "POST", target, rules("all", "['*']", "['*']")), 403);
    EXPECT_EQ(status("root", "POST", target, rules("none", "[get]", "[pods]")), 403);
  }
  const auto refused =
      send("ann", "POST", "namespaces/a/roles", rules("more", "[get, delete]", "[pods, secrets]"));
  EXPECT_EQ(text(refused),
            "roles.rbac.authorization.k8s.io \"more\" is forbidden: user \"ann\" "
            "(groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not "
            "currently held:\n"
            "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"delete\"]}\n"
            "{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"delete\"]}");
}

TEST_F(Escalation, NoUpdateOrPatchAddsWhatACreationCouldNotHave) {
  ASSERT_EQ(status("ann", "POST", "clusterroles", rules("r", "[get]", "[pods]")), 201);
  EXPECT_EQ(patch("ann", "clusterroles/r",
                  R"({"rules":[{"verbs":["list"],"apiGroups":[""],"resources":["pods"]}]})"),
            200);
  EXPECT_EQ(patch("ann", "clusterroles/r",
                  R"({"rules":[{"verbs":["get"],"apiGroups":[""],"resources":["secrets"]}]})"),
            403);
  EXPECT_EQ(status("ann", "PUT", "clusterroles/r", rules("r", "[get]", "[nodes]")), 403);
  // Not even a label on a role with more rights; a finalizer or an owner gives nothing.
  EXPECT_EQ(patch("ann", "clusterroles/secrets", R"({"metadata":{"labels":{"a":"b"}}})"), 403);
  EXPECT_EQ(patch("ann", "clusterroles/secrets", R"({"metadata":{"finalizers":["a.b/c"]}})"), 200);
  EXPECT_EQ(patch("ann", "clusterroles/secrets", R"({"metadata":{"finalizers":null}})"), 200);
  EXPECT_EQ(
      patch("ann", "clusterroles/secrets",
            R"({"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Namespace","name":"a",
                      "uid":"u"}]}})"),
      200);
}

TEST_F(Escalation, TheVerbEscalateLetsAUserWriteAnyRole) {
  EXPECT_EQ(status("esc", "POST", "clusterroles", rules("all", "['*']", "['*']")), 201);
  EXPECT_EQ(status("esc", "POST", "namespaces/a/roles", rules("all", "['*']", "['*']")), 201);
  // It may be for one role, which a creation does not name.
  EXPECT_EQ(status("one", "PUT", "clusterroles/pods", rules("pods", "['*']", "['*']")), 200);
  EXPECT_EQ(status("one", "PUT", "clusterroles/secrets", rules("secrets", "['*']", "['*']")), 403);
  EXPECT_EQ(status("one", "POST", "clusterroles", rules("new", "['*']", "['*']")), 403);
}

TEST_F(Escalation, NobodyBindsARoleWithMoreRightsThanTheirOwn) {
  for (const char* target : {"clusterrolebindings", "namespaces/a/rolebindings"}) {
    EXPECT_EQ(status("ann", "POST", target, binding("ClusterRole", "pods")), 201) << target;
    EXPECT_EQ(status("ann", "POST", target, binding("ClusterRole", "secrets")), 403);
    EXPECT_EQ(status("ann", "POST", target, binding("ClusterRole", "cluster-admin")), 403);
    EXPECT_EQ(status("bin", "POST", target, binding("ClusterRole", "pods")), 403);
  }
  EXPECT_EQ(status("ann", "POST", "clusterrolebindings", binding("ClusterRole", "nowhere")), 404);
  EXPECT_EQ(status("ann", "POST", "namespaces/a/rolebindings", binding("Role", "nowhere")), 404);
}

TEST_F(Escalation, NoUpdateAddsSubjectsToABindingThatCouldNotBeMade) {
  make(kRbac + "clusterrolebindings",
       "metadata: {name: of-secrets}\nroleRef: {kind: ClusterRole, name: secrets}");
  const char* me = R"({"subjects":[{"kind":"User","name":"ann"}]})";
  EXPECT_EQ(patch("ann", "clusterrolebindings/of-secrets", me), 403);
  EXPECT_EQ(patch("bin", "clusterrolebindings/of-secrets", me), 200);
  EXPECT_EQ(patch("ann", "clusterrolebindings/cluster-admin", me), 403);
}

TEST_F(Escalation, TheVerbBindLetsAUserBindThatRole) {
  EXPECT_EQ(status("bin", "POST", "clusterrolebindings", binding("ClusterRole", "secrets")), 201);
  EXPECT_EQ(status("bin", "POST", "namespaces/a/rolebindings", binding("ClusterRole", "secrets")),
            201);
  EXPECT_EQ(
      status("bin", "POST", "namespaces/b/rolebindings", binding("ClusterRole", "cluster-admin")),
      403);
}

TEST_F(Escalation, RightsInANamespaceAreEnoughInItAndNowhereElse) {
  make(kRbac + "namespaces/a/rolebindings",
       "metadata: {name: local}\nroleRef: {kind: ClusterRole, name: secrets}\n"
       "subjects: [{kind: User, name: ann}]");
  EXPECT_EQ(status("ann", "POST", "namespaces/a/roles", rules("s", "[get]", "[secrets]")), 201);
  EXPECT_EQ(status("ann", "POST", "namespaces/b/roles", rules("s", "[get]", "[secrets]")), 403);
  EXPECT_EQ(status("ann", "POST", "clusterroles", rules("s", "[get]", "[secrets]")), 403);
  EXPECT_EQ(status("ann", "POST", "namespaces/a/rolebindings", binding("ClusterRole", "secrets")),
            201);
  EXPECT_EQ(status("ann", "POST", "namespaces/b/rolebindings", binding("ClusterRole", "secrets")),
            403);
  EXPECT_EQ(status("ann", "POST", "clusterrolebindings", binding("ClusterRole", "secrets")), 403);
}

TEST_F(Escalation, AnAggregationRuleWantsEveryRight) {
  const std::string aggregated =
      "metadata: {name: agg}\naggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}";
  const auto refused = send("ann", "POST", "clusterroles", aggregated);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(text(refused),
            "clusterroles.rbac.authorization.k8s.io \"agg\" is forbidden: must have cluster-admin "
            "privileges to use the aggregationRule");
  make(kRbac + "clusterroles", aggregated);
  // Taking it away leaves rules behind that were never compared.
  EXPECT_EQ(patch("ann", "clusterroles/agg", R"({"aggregationRule":null})"), 403);
  make(kRbac + "clusterrolebindings",
       "metadata: {name: chiefs}\nroleRef: {kind: ClusterRole, name: cluster-admin}\n"
       "subjects: [{kind: User, name: chief}]");
  EXPECT_EQ(patch("chief", "clusterroles/agg", R"({"aggregationRule":null})"), 200);
}

TEST_F(Escalation, ThePolicyIsPutBackAndWhatWasAddedStays) {
  const auto as_root = [&](const char* method, const std::string& target, std::string body) {
    return server_.send(method, kRbac + target, std::move(body), "application/merge-patch+json");
  };
  EXPECT_EQ(as_root("DELETE", "clusterroles/view", "").status, 200);
  EXPECT_EQ(as_root("DELETE", "clusterrolebindings/system:discovery", "").status, 200);
  EXPECT_EQ(as_root("PATCH", "clusterroles/insula:metrics",
                    R"({"rules":[{"verbs":["get"],"nonResourceURLs":["/own"]}]})")
                .status,
            200);
  EXPECT_EQ(as_root("PATCH", "clusterrolebindings/insula:metrics",
                    R"({"subjects":[{"kind":"User","name":"prometheus"}]})")
                .status,
            200);
  EXPECT_EQ(
      as_root(
          "PATCH", "clusterroles/system:basic-user",
          R"({"metadata":{"annotations":{"rbac.authorization.kubernetes.io/autoupdate":"false"}},"rules":[]})")
          .status,
      200);
  ASSERT_TRUE(server_.run(reconcile_policy(*server_.registry)));
  const auto metrics = TestServer::parsed(as_root("GET", "clusterroles/insula:metrics", ""));
  EXPECT_EQ(metrics["rules"].as_array()->size(), 2U);
  const auto subjects =
      TestServer::parsed(as_root("GET", "clusterrolebindings/insula:metrics", ""));
  EXPECT_EQ(subjects["subjects"].as_array()->size(), 2U);
  EXPECT_EQ(as_root("GET", "clusterrolebindings/system:discovery", "").status, 200);
  const auto view = TestServer::parsed(as_root("GET", "clusterroles/view", ""));
  EXPECT_GT(view["rules"].as_array()->size(), 5U);
  const auto basic = TestServer::parsed(as_root("GET", "clusterroles/system:basic-user", ""));
  EXPECT_EQ(basic["rules"].as_array(), nullptr);
  // Nothing is written when nothing is missing.
  const store::Revision before = server_.store->revision();
  ASSERT_TRUE(server_.run(reconcile_policy(*server_.registry)));
  EXPECT_EQ(server_.store->revision(), before);
}

TEST_F(Escalation, ABindingOfThePolicyIsMadeAnewWhenItLeadsElsewhere) {
  EXPECT_EQ(server_.send("DELETE", kRbac + "clusterrolebindings/insula:gateway").status, 200);
  make(kRbac + "clusterrolebindings",
       "metadata: {name: 'insula:gateway'}\nroleRef: {kind: ClusterRole, name: view}");
  ASSERT_TRUE(server_.run(reconcile_policy(*server_.registry)));
  const auto now =
      TestServer::parsed(server_.send("GET", kRbac + "clusterrolebindings/insula:gateway"));
  EXPECT_EQ(now["roleRef"]["name"].text(), "insula:gateway");
}

}  // namespace
}  // namespace insula::apiserver
