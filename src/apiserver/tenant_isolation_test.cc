#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/kind.h"
#include "api/platform_objects.h"
#include "apiserver/authorizer.h"
#include "apiserver/bootstrap_policy.h"
#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

/// Where objects of a kind are that are none of the tenant's.
std::vector<std::string> foreign_collections(const api::Kind& kind) {
  const std::string root =
      fmt::format("/{}/{}/", kind.group.empty() ? "api" : "apis", kind.api_version());
  std::vector<std::string> found = {fmt::format("{}{}", root, kind.plural)};
  if (!kind.namespaced) return found;
  found.push_back(fmt::format("{}namespaces/other/{}", root, kind.plural));
  // Not of this server, but of others in its place.
  found.push_back(fmt::format("{}watch/namespaces/other/{}", root, kind.plural));
  return found;
}

const User kMember{"ann", {"insula:tenant:t", "system:authenticated"}};

/// A tenant `t` with the namespace t-home, and a namespace `other` with something of each sort.
class TenantIsolation : public ::testing::Test {
 protected:
  TenantIsolation() {
    const Result<> policy = server_.run(reconcile_policy(*server_.registry));
    EXPECT_TRUE(policy);
    for (const char* name : {"t-home", "other"}) {
      make("/api/v1/namespaces", fmt::format("metadata: {{name: {}}}", name));
      const std::string in = fmt::format("/api/v1/namespaces/{}/", name);
      make(in + "secrets", "metadata: {name: s}\nstringData: {where: " + std::string(name) + "}");
      make(in + "configmaps", "metadata: {name: c}\ndata: {where: " + std::string(name) + "}");
    }
    // As the tenant controller makes it.
    make("/apis/rbac.authorization.k8s.io/v1/namespaces/t-home/rolebindings",
         fmt::format("metadata: {{name: members}}\nroleRef: {{kind: ClusterRole, name: {}}}\n"
                     "subjects: [{{kind: Group, name: 'insula:tenant:t'}}]",
                     api::kTenantMemberRole));
  }

  void make(const std::string& target, const std::string& yaml) {
    const auto made = server_.send("POST", target, yaml, "application/yaml");
    EXPECT_EQ(made.status, 201) << target << yaml << made.body;
  }

  /// As the member, over HTTP.
  http::Response send(std::string method, std::string target, std::string body = {}) {
    http::Request request =
        server_.request(std::move(method), std::move(target), std::move(body), "application/json");
    request.headers.set("Impersonate-User", kMember.name);
    for (const std::string& group : kMember.groups)
      request.headers.add("Impersonate-Group", group);
    return server_.send(std::move(request));
  }

  void expect(const char* method, const std::string& target, bool allowed) {
    const auto info = parse_request_info(method, target);
    const bool outcome = info && authorizer().authorize(kMember, *info).has_value();
    EXPECT_EQ(outcome, allowed) << method << " " << target;
  }

  Authorizer& authorizer() {
    if (!authorizer_) authorizer_.emplace(*server_.store);
    return *authorizer_;
  }

  TestServer server_;

 private:
  std::optional<Authorizer> authorizer_;
};

TEST_F(TenantIsolation, MembersHaveWhatTheyNeedAtHome) {
  const std::string home = "/api/v1/namespaces/t-home";
  for (const char* plural : {"pods", "services", "configmaps", "secrets", "serviceaccounts"}) {
    const std::string all = home + "/" + plural;
    for (const char* method : {"GET", "POST", "DELETE"})
      expect(method, all, true);
    expect("GET", all + "?watch=1", true);
    expect("GET", "/api/v1/watch/namespaces/t-home/" + std::string(plural), true);
    for (const char* method : {"GET", "PUT", "PATCH", "DELETE"})
      expect(method, all + "/x", true);
  }
  for (const char* target : {"/pods/x/log", "/pods/x/exec", "/pods/x/status", "/resourcequotas",
                             "/limitranges", "/events", "/endpoints", ""})
    expect("GET", home + target, true);
  for (const char* target :
       {"/pods/x/exec", "/pods/x/attach", "/pods/x/portforward", "/pods/x/eviction"})
    expect("POST", home + target, true);
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}) {
    expect(method, home + "/pods/http:x:80/proxy/a", true);
    expect(method, home + "/services/x:web/proxy/", true);
  }
  const std::string apps = "/apis/apps/v1/namespaces/t-home";
  expect("POST", apps + "/deployments", true);
  expect("PATCH", apps + "/deployments/x/scale", true);
  expect("GET", apps + "/replicasets/x/status", true);
  const std::string rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/t-home";
  expect("POST", rbac + "/roles", true);
  expect("DELETE", rbac + "/rolebindings/x", true);
  expect("GET", "/apis/networking.k8s.io/v1/namespaces/t-home/networkpolicies", true);
}

TEST_F(TenantIsolation, MembersCannotLoosenWhatHoldsThemAtHome) {
  const std::string home = "/api/v1/namespaces/t-home";
  for (const char* plural : {"resourcequotas", "limitranges", "events", "endpoints"}) {
    const std::string all = home + "/" + plural;
    for (const char* method : {"POST", "DELETE"})
      expect(method, all, false);
    for (const char* method : {"PUT", "PATCH", "DELETE"})
      expect(method, all + "/x", false);
  }
  for (const char* method : {"PUT", "PATCH", "DELETE"}) {
    expect(method, home, false);
    expect(method, "/apis/networking.k8s.io/v1/namespaces/t-home/networkpolicies/p", false);
    expect(method, "/apis/discovery.k8s.io/v1/namespaces/t-home/endpointslices/p", false);
  }
  expect("PUT", home + "/finalize", false);
  expect("PUT", home + "/status", false);
  expect("PUT", home + "/pods/x/status", false);
  expect("PATCH", home + "/pods/x/status", false);
  expect("POST", home + "/pods/x/binding", false);
  expect("POST", home + "/bindings", false);
  expect("PUT", "/apis/apps/v1/namespaces/t-home/deployments/x/status", false);
}

TEST_F(TenantIsolation, MembersReachNoOtherNamespaceByAnyKindVerbSubresourceOrSelector) {
  int refused = 0;
  const auto refuse = [&](const char* method, const std::string& target) {
    expect(method, target, false);
    ++refused;
  };
  const std::vector<std::string> queries = {"",
                                            "?watch=1",
                                            "?watch=true&fieldSelector=metadata.namespace%3Dt-home",
                                            "?fieldSelector=metadata.namespace%3Dt-home",
                                            "?fieldSelector=metadata.name%3Dt",
                                            "?labelSelector=insula.dev%2Ftenant%3Dt",
                                            "?limit=1&resourceVersion=0"};
  for (const api::Kind* kind : api::kinds()) {
    if (!kind->is_stored()) continue;
    const bool of_namespaces = kind->plural == "namespaces";
    for (const std::string& collection : foreign_collections(*kind)) {
      for (const std::string& query : queries) {
        refuse("GET", collection + query);
        refuse("DELETE", collection + query);
      }
      refuse("POST", collection);
      for (const char* method : {"GET", "PUT", "PATCH", "DELETE"}) {
        refuse(method, collection + "/x");
        // The one object outside of a namespace that is theirs to read.
        if (!of_namespaces || method != std::string_view("GET"))
          refuse(method, collection + "/t-home");
        for (const std::string_view sub : kind->subresources)
          refuse(method, fmt::format("{}/x/{}", collection, sub));
      }
      for (const std::string_view sub : kind->subresources)
        refuse("POST", fmt::format("{}/x/{}", collection, sub));
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST_F(TenantIsolation, NoPathLeadsElsewhere) {
  for (const char* target : {
           "/api/v1/namespaces/t-home/../other/secrets/s",
           "/api/v1/namespaces/t-home/%2e%2e/other/secrets/s",
           "/api/v1/namespaces/t-home%2f..%2fother/secrets/s",
           "/api/v1/namespaces/t-home/secrets/../../other/secrets/s",
           "/api/v1/namespaces/t-home/secrets/..%2f..%2fother%2fsecrets%2fs",
           "/api/v1/namespaces/t-home/secrets/%2e%2e",
           "/api/v1//namespaces/other/secrets/s",
           "/api/v1/namespaces//other/secrets/s",
           "/api/v1/namespaces/t-home//namespaces/other/secrets/s",
           "/api/v1/namespaces/t-home/namespaces/other/secrets/s",
           "/api/v1/namespaces/t-home/namespaces/other",
           "/api/v1/watch/namespaces/other/secrets",
           "/api/v1/watch/namespaces/other/secrets/s",
           "/api/v1/watch/namespaces/t-home/namespaces/other/secrets",
           "/api/v1/watch/namespaces/t-home/watch/namespaces/other/secrets",
           "/api/v1/watch/watch/namespaces/other/secrets",
           "/api/v1/namespaces/t-home/watch/namespaces/other/secrets",
           "/api/v1/watch/secrets",
           "/api/v1/watch/secrets/s",
           "/api/v1/watch/secrets?fieldSelector=metadata.namespace%3Dt-home",
           "/api/v1/watch/namespaces/other",
           "/api/v1/proxy/namespaces/other/secrets/s",
           "/api/v1/namespaces/OTHER/secrets/s",
           "/api/v1/namespaces/other/secrets/s?namespace=t-home",
           "/api/v1/namespaces/other%00/secrets/s",
           "/api/v1/namespaces/t-home;other/secrets/s",
           "/API/v1/namespaces/other/secrets/s",
           "/apis//v1/namespaces/other/secrets/s",
           "/api/v1/secrets/s?namespace=other",
           "/api/v1/secrets?fieldSelector=metadata.namespace%3Dt-home",
       }) {
    const auto answer = send("GET", target);
    EXPECT_GE(answer.status, 400) << target;
    EXPECT_LT(answer.status, 500) << target;
    EXPECT_FALSE(answer.body.contains("b3RoZXI=")) << target;  // base64 of "other"
  }
}

TEST_F(TenantIsolation, NoProxyLeadsElsewhere) {
  make("/api/v1/namespaces/other/pods",
       "metadata: {name: p}\nspec: {containers: [{name: c, image: i}]}");
  for (const char* resource : {"pods/p", "services/p"}) {
    for (const std::string& target : {
             fmt::format("/api/v1/namespaces/other/{}/proxy/", resource),
             fmt::format("/api/v1/namespaces/%6fther/{}/proxy/", resource),
             fmt::format("/api/v1/namespaces/t-home/../other/{}/proxy/", resource),
             fmt::format("/api/v1/namespaces/t-home/%2e%2e/other/{}/proxy/", resource),
             fmt::format("/api/v1/namespaces/t-home/{}/proxy/../../../../other/{}/proxy/", resource,
                         resource),
             fmt::format("/api/v1/namespaces/t-home/{}/proxy/%2e%2e/a", resource),
             fmt::format("/api/v1/namespaces/t-home/{}/proxy//a", resource),
             fmt::format("/api/v1/namespaces//{}/proxy/", resource),
             fmt::format("/api/v1//namespaces/other/{}/proxy/", resource),
             fmt::format("/api/v1/{}/proxy/?namespace=other", resource),
             fmt::format("/api/v1/proxy/namespaces/other/{}/", resource),
             fmt::format("/api/v1/namespaces/t-home/namespaces/other/{}/proxy/", resource),
         }) {
      for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
        const auto answer = send(method, target);
        EXPECT_GE(answer.status, 400) << method << target;
        EXPECT_LE(answer.status, 405) << method << target;
      }
    }
  }
  // A name is looked up at home, whatever it looks like.
  for (const char* name : {"other%2fp", "p:80", "http:p:80", "other.p:80"}) {
    for (const char* plural : {"pods", "services"}) {
      const auto answer =
          send("GET", fmt::format("/api/v1/namespaces/t-home/{}/{}/proxy/", plural, name));
      EXPECT_TRUE(answer.status == 404 || answer.status == 400) << name << answer.body;
    }
  }
  EXPECT_EQ(send("GET", "/api/v1/nodes/n/proxy/").status, 403);
}

TEST_F(TenantIsolation, NoBodyOrTokenLeadsElsewhere) {
  const std::string home = "/api/v1/namespaces/t-home/configmaps";
  EXPECT_EQ(send("GET", home).status, 200);
  const auto elsewhere =
      send("POST", home, R"({"metadata":{"name":"x","namespace":"other"},"data":{"a":"b"}})");
  EXPECT_EQ(elsewhere.status, 400) << elsewhere.body;
  const auto moved =
      send("PUT", home + "/c", R"({"metadata":{"name":"c","namespace":"other"},"data":{}})");
  EXPECT_EQ(moved.status, 400) << moved.body;
  // The token of a list says where it goes on.
  for (const char* from : {"configmaps/other/", "configmaps/", "secrets/other/"}) {
    const auto next = send(
        "GET", fmt::format("{}?limit=1&continue={}:{}", home, server_.store->revision(), from));
    EXPECT_EQ(next.status, 400) << from << next.body;
  }
  make("/api/v1/namespaces/other/pods",
       "metadata: {name: x}\nspec: {containers: [{name: c, image: i}]}");
  for (const char* where : {"t-home", "other"}) {
    const auto bound = send(
        "POST", fmt::format("/api/v1/namespaces/{}/bindings", where),
        R"({"metadata":{"name":"x","namespace":"other"},"target":{"kind":"Node","name":"n"}})");
    EXPECT_EQ(bound.status, 403) << where;
  }
  const auto evicted = send("POST", "/api/v1/namespaces/other/pods/x/eviction",
                            R"({"metadata":{"name":"x","namespace":"t-home"}})");
  EXPECT_EQ(evicted.status, 403);
}

TEST_F(TenantIsolation, NoRightThatAMemberGivesIsMoreThanItsOwn) {
  const std::string rbac = "/apis/rbac.authorization.k8s.io/v1/";
  const std::string roles = rbac + "namespaces/t-home/roles";
  const std::string bindings = rbac + "namespaces/t-home/rolebindings";
  EXPECT_EQ(send("POST", roles, R"({"metadata":{"name":"r"},"rules":[
      {"verbs":["get","delete"],"apiGroups":[""],"resources":["pods","secrets"]}]})")
                .status,
            201);
  EXPECT_EQ(send("POST", bindings, R"({"metadata":{"name":"b"},"roleRef":{"kind":"Role","name":"r"},
      "subjects":[{"kind":"ServiceAccount","name":"default"}]})")
                .status,
            201);
  for (
      const char* rule : {
          R"({"verbs":["*"],"apiGroups":["*"],"resources":["*"]})",
          R"({"verbs":["delete"],"apiGroups":[""],"resources":["resourcequotas"]})",
          R"({"verbs":["delete"],"apiGroups":["networking.k8s.io"],"resources":["networkpolicies"]})",
          R"({"verbs":["escalate"],"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles"]})",
          R"({"verbs":["bind"],"apiGroups":["rbac.authorization.k8s.io"],"resources":["clusterroles"]})",
          R"({"verbs":["impersonate"],"apiGroups":[""],"resources":["users","groups"]})",
      }) {
    const auto refused =
        send("POST", roles, fmt::format(R"({{"metadata":{{"name":"x"}},"rules":[{}]}})", rule));
    EXPECT_EQ(refused.status, 403) << rule;
    EXPECT_TRUE(refused.body.contains("is attempting to grant RBAC permissions not currently held"))
        << refused.body;
  }
  EXPECT_EQ(send("POST", bindings, R"({"metadata":{"name":"v"},
      "roleRef":{"kind":"ClusterRole","name":"view"},"subjects":[{"kind":"User","name":"bob"}]})")
                .status,
            201);
  for (const char* role : {"cluster-admin", "admin", "edit"}) {
    const auto refused = send("POST", bindings,
                              fmt::format(R"({{"metadata":{{"name":"x"}},
        "roleRef":{{"kind":"ClusterRole","name":"{}"}},"subjects":[{{"kind":"User","name":"ann"}}]}})",
                                          role));
    EXPECT_EQ(refused.status, 403) << role;
  }
  for (const char* plural : {"clusterroles", "clusterrolebindings"})
    EXPECT_EQ(send("POST", rbac + plural, R"({"metadata":{"name":"x"}})").status, 403);
  // What was given at home is good at home only.
  const User account{"system:serviceaccount:t-home:default", {"system:serviceaccounts"}};
  for (const auto& [where, allowed] : {std::pair{"t-home", true}, std::pair{"other", false}}) {
    const auto info =
        parse_request_info("GET", fmt::format("/api/v1/namespaces/{}/secrets/s", where));
    EXPECT_EQ(authorizer().decide(account, *info).allowed, allowed) << where;
  }
}

}  // namespace
}  // namespace insula::apiserver
