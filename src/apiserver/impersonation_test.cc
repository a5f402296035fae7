#include "apiserver/impersonation.h"

#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/bootstrap_policy.h"
#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

using testing::ElementsAre;

const std::string kRbac = "/apis/rbac.authorization.k8s.io/v1/";

class Impersonation : public ::testing::Test {
 protected:
  Impersonation() {
    role("user-bob",
         "{verbs: [impersonate], apiGroups: [''], resources: [users], resourceNames: [bob]}");
    role("group-devs",
         "{verbs: [impersonate], apiGroups: [''], resources: [groups], resourceNames: [devs]}");
    role("scopes",
         "{verbs: [impersonate], apiGroups: [authentication.k8s.io], resources: "
         "[userextras/scopes], "
         "resourceNames: [view]}");
    role("uid", "{verbs: [impersonate], apiGroups: [authentication.k8s.io], resources: [uids]}");
    make("/api/v1/namespaces", "metadata: {name: a}");
    make(kRbac + "namespaces/a/roles",
         "metadata: {name: accounts}\n"
         "rules: [{verbs: [impersonate], apiGroups: [''], resources: [serviceaccounts]}]");
    make(kRbac + "namespaces/a/rolebindings",
         "metadata: {name: accounts}\nroleRef: {kind: Role, name: accounts}\n"
         "subjects: [{kind: User, name: ann}]");
  }

  void make(const std::string& target, const std::string& yaml) {
    const auto made = server_.send("POST", target, yaml, "application/yaml");
    EXPECT_EQ(made.status, 201) << target << yaml << made.body;
  }

  void role(const char* name, const char* rule) {
    make(kRbac + "clusterroles", fmt::format("metadata: {{name: {}}}\nrules: [{}]", name, rule));
    make(kRbac + "clusterrolebindings",
         fmt::format("metadata: {{name: {}}}\nroleRef: {{kind: ClusterRole, name: {}}}\n"
                     "subjects: [{{kind: User, name: ann}}]",
                     name, name));
  }

  Result<User> as(std::string_view user, http::Headers headers) {
    return impersonate(authorizer_, {std::string(user), {"system:authenticated"}}, headers);
  }

  std::string refusal(std::string_view user, http::Headers headers) {
    const auto result = as(user, std::move(headers));
    return result ? "allowed" : result.error().message();
  }

  TestServer server_;
  Authorizer authorizer_{*server_.store};
};

TEST_F(Impersonation, IsNothingWithoutHeaders) {
  const auto user = as("ann", {{"Accept", "*/*"}, {"Impersonate", "x"}});
  ASSERT_TRUE(user);
  EXPECT_EQ(user->name, "ann");
}

TEST_F(Impersonation, TakesUserGroupsUidAndExtraThatTheCallerMayTake) {
  const auto user = as("ann", {{"Impersonate-User", "bob"},
                               {"impersonate-group", "devs"},
                               {"Impersonate-Uid", "u-1"},
                               {"Impersonate-Extra-Scopes", "view"}});
  ASSERT_TRUE(user) << user.error().message();
  EXPECT_EQ(user->name, "bob");
  EXPECT_THAT(user->groups, ElementsAre("devs", "system:authenticated"));
  EXPECT_EQ(user->uid, "u-1");
  EXPECT_THAT(user->extra.at("scopes"), ElementsAre("view"));
}

TEST_F(Impersonation, RefusesEachThingThatTheCallerMayNotTake) {
  EXPECT_EQ(refusal("eve", {{"Impersonate-User", "bob"}}),
            "users \"bob\" is forbidden: User \"eve\" cannot impersonate resource \"users\" in API "
            "group \"\" at the cluster scope");
  EXPECT_EQ(refusal("ann", {{"Impersonate-User", "root"}}),
            "users \"root\" is forbidden: User \"ann\" cannot impersonate resource \"users\" in "
            "API group \"\" at the cluster scope");
  EXPECT_EQ(refusal("ann", {{"Impersonate-User", "bob"},
                            {"Impersonate-Group", "devs"},
                            {"Impersonate-Group", "system:masters"}}),
            "groups \"system:masters\" is forbidden: User \"ann\" cannot impersonate resource "
            "\"groups\" in API group \"\" at the cluster scope");
  EXPECT_EQ(refusal("ann", {{"Impersonate-User", "bob"}, {"Impersonate-Extra-Scopes", "edit"}}),
            "userextras.authentication.k8s.io \"edit\" is forbidden: User \"ann\" cannot "
            "impersonate resource \"userextras/scopes\" in API group \"authentication.k8s.io\" at "
            "the cluster scope");
  EXPECT_NE(refusal("ann", {{"Impersonate-User", "bob"}, {"Impersonate-Extra-Other", "view"}}),
            "allowed");
}

TEST_F(Impersonation, OfServiceAccountsIsForTheirNamespace) {
  const auto user = as("ann", {{"Impersonate-User", "system:serviceaccount:a:robot"}});
  ASSERT_TRUE(user) << user.error().message();
  EXPECT_THAT(user->groups, ElementsAre("system:serviceaccounts", "system:serviceaccounts:a",
                                        "system:authenticated"));
  EXPECT_EQ(refusal("ann", {{"Impersonate-User", "system:serviceaccount:b:robot"}}),
            "serviceaccounts \"robot\" is forbidden: User \"ann\" cannot impersonate resource "
            "\"serviceaccounts\" in API group \"\" in the namespace \"b\"");
}

TEST_F(Impersonation, CompletesTheGroupsThatEverybodyHas) {
  const auto groups = [&](http::Headers headers) {
    return impersonate(authorizer_, system_user(), headers).value().groups;
  };
  EXPECT_THAT(groups({{"Impersonate-User", "x"}}), ElementsAre("system:authenticated"));
  EXPECT_THAT(groups({{"Impersonate-User", "system:anonymous"}}),
              ElementsAre("system:unauthenticated"));
  EXPECT_THAT(groups({{"Impersonate-User", "x"}, {"Impersonate-Group", "system:unauthenticated"}}),
              ElementsAre("system:unauthenticated"));
}

TEST_F(Impersonation, RefusesHeadersThatCanBeReadInTwoWays) {
  for (const http::Headers& headers : std::initializer_list<http::Headers>{
           {{"Impersonate-Group", "devs"}},
           {{"Impersonate-Uid", "x"}},
           {{"Impersonate-Extra-Scopes", "view"}},
           {{"Impersonate-User", ""}},
           {{"Impersonate-User", "bob"}, {"Impersonate-User", "eve"}},
           {{"Impersonate-User", "bob"}, {"Impersonate-Groups", "devs"}},
       }) {
    const auto refused = impersonate(authorizer_, system_user(), headers);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kBadRequest);
  }
  http::Headers many{{"Impersonate-User", "bob"}};
  for (std::size_t i = 0; i < kImpersonatedValuesMax; ++i)
    many.add("Impersonate-Group", "g");
  EXPECT_FALSE(impersonate(authorizer_, system_user(), many));
}

TEST_F(Impersonation, DecodesTheNamesOfExtraKeys) {
  const auto user =
      impersonate(authorizer_, system_user(),
                  {{"Impersonate-User", "x"}, {"Impersonate-Extra-Acme.com%2FProject", "p"}});
  ASSERT_TRUE(user);
  EXPECT_THAT(user->extra.at("acme.com/project"), ElementsAre("p"));
}

TEST_F(Impersonation, HoldsForTheWholeRequest) {
  http::Request request = server_.request("GET", "/api/v1/nodes");
  request.headers.set("Impersonate-User", "bob");
  const auto refused = server_.send(std::move(request));
  EXPECT_EQ(refused.status, 403);
  EXPECT_TRUE(refused.body.contains(R"(User \"bob\" cannot list resource \"nodes\")"))
      << refused.body;
}

}  // namespace
}  // namespace insula::apiserver
