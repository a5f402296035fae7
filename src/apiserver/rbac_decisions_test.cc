#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "apiserver/authorizer.h"
#include "apiserver/bootstrap_policy.h"
#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

const std::map<std::string, User> kUsers = {
    {"root", {"root", {"system:masters", "system:authenticated"}}},
    {"ann", {"ann", {"system:authenticated"}}},
    {"bob", {"bob", {"devs", "system:authenticated"}}},
    {"cat", {"cat", {"auditors", "system:authenticated"}}},
    {"dan", {"dan", {"admins-of-a", "system:authenticated"}}},
    {"eve", {"eve", {"editors-of-a", "system:authenticated"}}},
    {"fay", {"fay", {"viewers", "system:authenticated"}}},
    {"gus", {"gus", {"scalers", "system:authenticated"}}},
    {"hal", {"hal", {"operators", "system:authenticated"}}},
    {"ida", {"ida", {"cluster-admins", "system:authenticated"}}},
    {"jon", {"jon", {"starred", "system:authenticated"}}},
    {"kim", {"kim", {"named", "system:authenticated"}}},
    {"lee", {"lee", {"system:authenticated"}}},
    {"devs", {"devs", {"system:authenticated"}}},  // a user that has the name of a group
    {"group-ann", {"zoe", {"ann", "system:authenticated"}}},
    {"robot-a",
     {"system:serviceaccount:a:robot",
      {"system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated"}}},
    {"robot-b",
     {"system:serviceaccount:b:robot",
      {"system:serviceaccounts", "system:serviceaccounts:b", "system:authenticated"}}},
    {"other-b",
     {"system:serviceaccount:b:other",
      {"system:serviceaccounts", "system:serviceaccounts:b", "system:authenticated"}}},
    {"anonymous", {"system:anonymous", {"system:unauthenticated"}}},
    {"nobody", {"nobody", {}}},
};

/// Cluster-wide objects first, then those of the namespaces a and b.
constexpr std::string_view kObjects = R"(
ClusterRole reader
rules: [{verbs: [get, list, watch], apiGroups: [""], resources: [pods, pods/log]}]
---
ClusterRole scaler
rules: [{verbs: [get, update, patch], apiGroups: [apps], resources: ["*/scale"]}]
---
ClusterRole operator
rules:
- {verbs: ["*"], apiGroups: [apps, batch], resources: [deployments, jobs]}
- {verbs: [get], apiGroups: ["*"], resources: [nodes, leases]}
- {verbs: [get], nonResourceURLs: [/metrics, "/logs/*"]}
- {verbs: ["*"], nonResourceURLs: ["/debug*"]}
---
ClusterRole starred
rules:
- {verbs: ["*"], apiGroups: [""], resources: ["*"]}
- {verbs: [list], apiGroups: ["*"], resources: ["*"]}
---
ClusterRole named
rules:
- {verbs: [get, update, delete, list, watch, create, deletecollection], apiGroups: [""], resources: [configmaps], resourceNames: [settings, flags]}
- {verbs: [get], apiGroups: [""], resources: [secrets/status], resourceNames: [s]}
---
ClusterRoleBinding readers-everywhere
roleRef: {kind: ClusterRole, name: reader}
subjects: [{kind: Group, name: auditors}]
---
ClusterRoleBinding scalers
roleRef: {kind: ClusterRole, name: scaler}
subjects: [{kind: Group, name: scalers}]
---
ClusterRoleBinding operators
roleRef: {kind: ClusterRole, name: operator}
subjects: [{kind: Group, name: operators}, {kind: ServiceAccount, name: robot, namespace: b}]
---
ClusterRoleBinding starred
roleRef: {kind: ClusterRole, name: starred}
subjects: [{kind: Group, name: starred}]
---
ClusterRoleBinding more-admins
roleRef: {kind: ClusterRole, name: cluster-admin}
subjects: [{kind: Group, name: cluster-admins}]
---
ClusterRoleBinding viewers
roleRef: {kind: ClusterRole, name: view}
subjects: [{kind: Group, name: viewers}]
---
ClusterRoleBinding of-no-role
roleRef: {kind: ClusterRole, name: gone}
subjects: [{kind: User, name: lee}]
---
Role a maker
rules:
- {verbs: [create, delete], apiGroups: [""], resources: [pods, services]}
- {verbs: [create], apiGroups: [""], resources: [pods/exec]}
---
Role b reader
rules: [{verbs: [delete], apiGroups: [""], resources: [secrets]}]
---
RoleBinding a readers
roleRef: {kind: ClusterRole, name: reader}
subjects: [{kind: User, name: ann}, {kind: Group, name: devs}, {kind: ServiceAccount, name: robot}]
---
RoleBinding a makers
roleRef: {kind: Role, name: maker}
subjects: [{kind: User, name: ann}]
---
RoleBinding a admins
roleRef: {kind: ClusterRole, name: admin}
subjects: [{kind: Group, name: admins-of-a}]
---
RoleBinding a editors
roleRef: {kind: ClusterRole, name: edit}
subjects: [{kind: Group, name: editors-of-a}]
---
RoleBinding a operators
roleRef: {kind: ClusterRole, name: operator}
subjects: [{kind: User, name: bob}]
---
RoleBinding a named
roleRef: {kind: ClusterRole, name: named}
subjects: [{kind: Group, name: named}]
---
RoleBinding b readers
roleRef: {kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: robot, namespace: a}, {kind: User, name: ann}]
---
RoleBinding b all-accounts
roleRef: {kind: ClusterRole, name: view}
subjects: [{kind: Group, name: "system:serviceaccounts:b"}]
---
RoleBinding b of-no-role
roleRef: {kind: Role, name: maker}
subjects: [{kind: User, name: ann}]
)";

/// `user namespace group:resource/subresource#name verbs verdict`; `-` for no namespace, no group
/// for the core. Or `user path /metrics verbs verdict`. `=name` stands for a field selector
/// metadata.name=name.
constexpr std::string_view kDecisions = R"(
# What the group says is enough.
root a pods get,list,watch,create,update,patch,delete,deletecollection yes
root - nodes delete yes
root - anything:at/all fly yes
root path /metrics get yes
root path /anything post yes

# Bindings of one namespace hold there.
ann a pods get,list,watch yes
ann a pods#web get,watch yes
ann a pods/log#web get yes
ann a pods create,delete yes
ann a services create,delete yes
ann a pods/exec#web create yes
ann a pods/exec#web get,delete no
ann a pods update,patch,deletecollection no
ann a services get,list no
ann a secrets get,list,delete no
ann a pods/status#web get,update no
ann a pods/attach#web create no
ann b pods get,list,watch,create no
ann c pods get,list no
ann - pods list,watch no
ann - namespaces list,get no
ann - nodes get,list no
ann b secrets delete yes
ann b secrets get,list no
ann a apps:deployments get,list no
ann a apps:pods get no
ann a metrics.k8s.io:pods get,list no

# A role that does not exist in the namespace of its binding gives nothing.
ann b pods/exec#web create no
ann b services create no
lee a pods get no
lee - nodes list no

# Groups, and users who look like groups.
bob a pods get,list,watch yes
bob a pods create,delete no
bob b pods get,list no
bob - pods list no
devs a pods get,list no
group-ann a pods get,create no
nobody a pods get no

# A ClusterRole that a RoleBinding names holds in its namespace only, and says nothing of paths.
bob a apps:deployments get,list,watch,create,update,patch,delete,deletecollection yes
bob a batch:jobs create,get yes
bob a apps:jobs create,get yes
bob a batch:deployments get yes
bob a apps:deployments/scale#x get,update no
bob a apps:deployments/status#x get no
bob a apps:statefulsets get no
bob b apps:deployments get,create no
bob - apps:deployments list no
bob a nodes#n get yes
bob - nodes#n get no
bob a coordination.k8s.io:leases#l get yes
bob a coordination.k8s.io:leases list,update no
bob path /metrics get no
bob path /debug/x get no

# Cluster-wide bindings hold everywhere, also where there is no namespace.
cat a pods get,list,watch yes
cat b pods/log#x get yes
cat - pods list,watch yes
cat nowhere pods get yes
cat a pods create,delete,update,patch,deletecollection no
cat a pods/exec#x create,get no
cat - secrets list no
cat - nodes list no

# */scale is that subresource of everything in the group, and of no other group.
gus a apps:deployments/scale#x get,update,patch yes
gus b apps:replicasets/scale#x get,update yes
gus a apps:deployments/scale#x create,delete no
gus a apps:deployments#x get,update no
gus a apps:deployments/status#x get no
gus a replicationcontrollers/scale#x get no
gus a apps:scale get no
gus - apps:scale list no

hal - nodes#n get yes
hal - nodes list no
hal a apps:deployments delete,create yes
hal - apps:deployments list,watch yes
hal b batch:jobs patch yes
hal b batch:cronjobs patch no
hal any coordination.k8s.io:leases#x get yes
hal any x.example.com:leases#x get yes
hal any leases#x get yes
hal any leases#x update no
hal path /metrics get yes
hal path /metrics post,head no
hal path /metrics/ get no
hal path /metrics/node get no
hal path /logs get no
hal path /logs/ get yes
hal path /logs/a/b get yes
hal path /logs/a put no
hal path /debug get,post,put,delete yes
hal path /debugger get,post yes
hal path /debug/pprof/heap get yes
hal path /deb get no
hal path /x/debug get no

# * of everything, of a group, of a verb.
ida - nodes get,list,watch,create,update,patch,delete,deletecollection yes
ida a secrets get,list yes
ida a x.example.com:things/part#n frobnicate yes
ida path /metrics get yes
ida path /debug/x delete yes
jon a pods get,create,delete,deletecollection yes
jon a pods/log#x get yes
jon a pods/exec#x create,get yes
jon - nodes list,get,delete yes
jon - namespaces create yes
jon a apps:deployments list yes
jon a apps:deployments/scale#x list yes
jon a apps:deployments get,watch,create no
jon - rbac.authorization.k8s.io:clusterroles get,create,bind,escalate no
jon - rbac.authorization.k8s.io:clusterroles list yes
jon a serviceaccounts impersonate yes
jon - users impersonate yes
jon - authentication.k8s.io:uids#x impersonate no
jon path /metrics get,list no

# Names.
kim a configmaps#settings get,update,delete yes
kim a configmaps#flags get,delete yes
kim a configmaps#other get,update,delete no
kim a configmaps#settings patch no
kim a configmaps list,watch,create,deletecollection no
kim a configmaps=settings list,watch yes
kim a configmaps=other list,watch no
kim a configmaps=settings deletecollection,create no
kim b configmaps#settings get no
kim b configmaps=settings list no
kim - configmaps=settings list,watch no
kim a secrets/status#s get yes
kim a secrets/status#t get no
kim a secrets#s get no
kim a configmaps/status#settings get no

# Service accounts: of the binding's namespace unless it names another.
robot-a a pods get,list,watch yes
robot-a a pods create no
robot-a b secrets delete yes
robot-a b pods get,list no
robot-a - nodes#n get no
robot-b a pods get no
robot-b b pods get,list,watch yes
robot-b b configmaps get,list yes
robot-b b secrets get,list,delete no
robot-b - nodes#n get yes
robot-b a apps:deployments create yes
robot-b path /metrics get yes
other-b b pods get,list yes
other-b a apps:deployments create no
other-b - nodes#n get no
other-b path /metrics get no

# admin: all of edit, and the rights of others; nothing that holds the namespace itself.
dan a pods get,list,watch,create,update,patch,delete,deletecollection yes
dan a pods/exec#x get,create yes
dan a pods/log#x get yes
dan a pods/eviction#x create yes
dan a secrets get,list,create,delete yes
dan a configmaps create,patch yes
dan a apps:deployments get,create,delete yes
dan a apps:deployments/scale#x get,update,patch yes
dan a batch:jobs create yes
dan a networking.k8s.io:networkpolicies create,delete yes
dan a rbac.authorization.k8s.io:roles get,create,delete,update yes
dan a rbac.authorization.k8s.io:rolebindings get,create,delete,update yes
dan a authorization.k8s.io:localsubjectaccessreviews create yes
dan a serviceaccounts#robot impersonate yes
dan a resourcequotas get,list,watch yes
dan a resourcequotas create,update,patch,delete,deletecollection no
dan a limitranges create,update,patch,delete no
dan a namespaces#a get yes
dan a namespaces#a update,patch,delete no
dan a namespaces/finalize#a update no
dan a pods/status#x update,patch no
dan a pods/binding#x create no
dan a endpoints create,update no
dan a rbac.authorization.k8s.io:clusterroles get,create,bind no
dan a rbac.authorization.k8s.io:roles escalate,bind no
dan b pods get,list,create no
dan b rbac.authorization.k8s.io:roles get no
dan - rbac.authorization.k8s.io:clusterroles list,create no
dan - namespaces list,create no
dan - insula.dev:tenants list,get no
dan - users#root impersonate no

# edit: as admin, without the rights of others.
eve a pods get,list,create,delete yes
eve a secrets get,list,create yes
eve a pods/exec#x create yes
eve a serviceaccounts#robot impersonate yes
eve a apps:statefulsets create,patch yes
eve a coordination.k8s.io:leases get,update yes
eve a rbac.authorization.k8s.io:roles get,list,create,update no
eve a rbac.authorization.k8s.io:rolebindings get,create no
eve a authorization.k8s.io:localsubjectaccessreviews create no
eve a resourcequotas get yes
eve a resourcequotas update no
eve b pods get no

# view: no Secrets, nothing that writes or reaches into pods, no rights.
fay a pods get,list,watch yes
fay b pods/log#x get yes
fay - pods list yes
fay c services,endpoints get yes
fay a apps:deployments get,list,watch yes
fay a apps:deployments/scale#x get yes
fay a discovery.k8s.io:endpointslices list yes
fay a batch:cronjobs list yes
fay a secrets get,list,watch no
fay a pods create,update,patch,delete,deletecollection no
fay a pods/exec#x get,create no
fay a pods/attach#x get,create no
fay a pods/portforward#x get,create no
fay a pods/proxy#x,services/proxy#x,nodes/proxy#x get,create,update,patch,delete no
eve a pods/proxy#x,services/proxy#x get,create,update,patch,delete yes
eve b pods/proxy#x,services/proxy#x get,create no
dan a pods/proxy#x,services/proxy#x get,create,update,patch,delete yes
fay a apps:deployments/scale#x update,patch no
fay a rbac.authorization.k8s.io:roles get,list no
fay - rbac.authorization.k8s.io:clusterrolebindings list no
fay - nodes list no
fay a serviceaccounts get yes
fay a serviceaccounts/token#x create no
fay a serviceaccounts#x impersonate no

# What everybody has who is known, and what strangers have.
lee path /api get yes
lee path /apis get yes
lee path /apis/apps/v1 get yes
lee path /openapi/v3 get yes
lee path /version get yes
lee path /healthz get yes
lee path /livez/ping get yes
lee path / get no
lee path /apis post,put,delete no
lee path /metrics get no
lee path /apisx get no
lee path /openapi/v3/apis/apps/v1 get yes
lee - authorization.k8s.io:selfsubjectaccessreviews create yes
lee - authorization.k8s.io:selfsubjectrulesreviews create yes
lee - authentication.k8s.io:selfsubjectreviews create yes
lee - authorization.k8s.io:subjectaccessreviews create no
lee - authentication.k8s.io:tokenreviews create no
lee a authorization.k8s.io:localsubjectaccessreviews create no
lee - authorization.k8s.io:selfsubjectaccessreviews get,list,delete no
anonymous path /healthz get yes
anonymous path /readyz get yes
anonymous path /version get yes
anonymous path /api get no
anonymous path /apis/apps/v1 get no
anonymous path /openapi/v3 get no
anonymous path /metrics get no
anonymous a pods get,list no
anonymous - authorization.k8s.io:selfsubjectaccessreviews create no
anonymous - authentication.k8s.io:selfsubjectreviews create no
nobody path /version get no
nobody path /healthz get yes
)";

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> out;
  std::istringstream stream{std::string(text)};
  for (std::string part; std::getline(stream, part, at);)
    out.push_back(part);
  return out;
}

/// `group:resource/subresource#name`, `resource=name`.
RequestInfo attributes(std::string_view name_space, std::string text, const std::string& verb) {
  RequestInfo info;
  info.verb = verb;
  if (name_space == "path") {
    info.path = std::move(text);
    return info;
  }
  info.is_resource = true;
  if (name_space != "-") info.name_space = name_space;
  const auto take_after = [&text](char mark) {
    const std::size_t at = text.find(mark);
    if (at == std::string::npos) return std::string();
    std::string rest = text.substr(at + 1);
    text.resize(at);
    return rest;
  };
  info.name = take_after('#');
  if (const std::string selected = take_after('='); !selected.empty())
    info.field_selector = "metadata.name=" + selected;
  info.subresource = take_after('/');
  if (text.contains(':')) {
    const std::string resource = take_after(':');
    info.group = std::exchange(text, resource);
  }
  info.resource = text;
  return info;
}

class RbacDecisions : public ::testing::Test {
 protected:
  void SetUp() override {
    const Result<> policy = server_.run(reconcile_policy(*server_.registry));
    ASSERT_TRUE(policy) << policy.error().message();
    for (const char* name : {"a", "b", "c"})
      create("/api/v1/namespaces", fmt::format("metadata: {{name: {}}}", name));
    for (std::size_t at = 0; at < kObjects.size();) {
      const std::size_t end = std::min(kObjects.find("---\n", at), kObjects.size());
      create_object(std::string(kObjects.substr(at, end - at)));
      at = end == kObjects.size() ? end : end + 4;
    }
  }

  void create(const std::string& target, const std::string& yaml) {
    const auto made = server_.send("POST", target, yaml, "application/yaml");
    ASSERT_EQ(made.status, 201) << yaml << made.body;
  }

  /// The first line is the kind, the namespace if there is one, and the name.
  void create_object(std::string text) {
    text.erase(0, text.find_first_not_of('\n'));
    const std::string head = text.substr(0, text.find('\n'));
    const std::vector<std::string> words = split(head, ' ');
    std::string plural = words[0] + "s";
    for (char& c : plural)
      c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const std::string where = words.size() == 3 ? "namespaces/" + words[1] + "/" : "";
    create("/apis/rbac.authorization.k8s.io/v1/" + where + plural,
           fmt::format("metadata: {{name: {}}}\n{}", words.back(), text.substr(head.size() + 1)));
  }

  TestServer server_;
};

TEST_F(RbacDecisions, AreThoseOfKubernetes) {
  Authorizer authorizer(*server_.store);
  int decisions = 0;
  for (const std::string& line : split(kDecisions, '\n')) {
    if (line.empty() || line.starts_with('#')) continue;
    const std::vector<std::string> words = split(line, ' ');
    ASSERT_EQ(words.size(), 5U) << line;
    ASSERT_TRUE(words[4] == "yes" || words[4] == "no") << line;
    const User& user = kUsers.at(words[0]);
    for (const std::string& resource : split(words[2], ',')) {
      for (const std::string& verb : split(words[3], ',')) {
        const RequestInfo info = attributes(words[1], resource, verb);
        const Decision decision = authorizer.decide(user, info);
        EXPECT_EQ(decision.allowed, words[4] == "yes") << line << ": " << verb << " " << resource;
        EXPECT_EQ(authorizer.authorize(user, info).has_value(), decision.allowed) << line;
        ++decisions;
      }
    }
  }
  EXPECT_GE(decisions, 300);
}

TEST_F(RbacDecisions, SayWhyInKubernetesWords) {
  Authorizer authorizer(*server_.store);
  const auto reason = [&](const char* user, const char* where, const char* what) {
    return authorizer.decide(kUsers.at(user), attributes(where, what, "get")).reason;
  };
  EXPECT_EQ(reason("ann", "a", "pods"),
            R"(RBAC: allowed by RoleBinding "readers/a" of ClusterRole "reader" to User "ann")");
  EXPECT_EQ(reason("cat", "a", "pods"),
            "RBAC: allowed by ClusterRoleBinding \"readers-everywhere\" of ClusterRole \"reader\" "
            "to Group \"auditors\"");
  EXPECT_EQ(reason("robot-a", "a", "pods"),
            "RBAC: allowed by RoleBinding \"readers/a\" of ClusterRole \"reader\" to "
            "ServiceAccount \"robot/\"");
  EXPECT_EQ(reason("lee", "a", "pods"),
            R"(RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found)");
  EXPECT_EQ(reason("bob", "b", "pods"), "");
  const auto refusal = [&](const char* user, const char* where, const char* what,
                           const char* verb) {
    return authorizer.authorize(kUsers.at(user), attributes(where, what, verb)).error().message();
  };
  EXPECT_EQ(refusal("bob", "b", "pods", "list"),
            "pods is forbidden: User \"bob\" cannot list resource \"pods\" in API group \"\" in "
            "the namespace \"b\"");
  EXPECT_EQ(refusal("bob", "-", "apps:deployments/scale#x", "patch"),
            "deployments.apps \"x\" is forbidden: User \"bob\" cannot patch resource "
            "\"deployments/scale\" in API group \"apps\" at the cluster scope");
  EXPECT_EQ(refusal("kim", "a", "configmaps=other", "watch"),
            "configmaps \"other\" is forbidden: User \"kim\" cannot watch resource \"configmaps\" "
            "in API group \"\" in the namespace \"a\"");
  EXPECT_EQ(refusal("bob", "path", "/metrics", "get"),
            "forbidden: User \"bob\" cannot get path \"/metrics\"");
  EXPECT_EQ(refusal("lee", "-", "nodes", "list"),
            "nodes is forbidden: User \"lee\" cannot list resource \"nodes\" in API group \"\" at "
            "the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io \"gone\" not found");
}

TEST_F(RbacDecisions, FollowEveryChangeAtOnce) {
  Authorizer authorizer(*server_.store);
  const auto may = [&](const char* user, const char* where, const char* what, const char* verb) {
    return authorizer.decide(kUsers.at(user), attributes(where, what, verb)).allowed;
  };
  const std::string roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
  const std::string bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings";
  const auto patch = [&](const std::string& target, const std::string& body) {
    return server_.send("PATCH", target, body, "application/merge-patch+json").status;
  };
  EXPECT_FALSE(may("lee", "a", "pods", "get"));
  create(roles,
         "metadata: {name: gone}\nrules: [{verbs: [get], apiGroups: [''], resources: [pods]}]");
  EXPECT_TRUE(may("lee", "a", "pods", "get"));
  EXPECT_EQ(patch(roles + "/gone", R"({"rules":[]})"), 200);
  EXPECT_FALSE(may("lee", "a", "pods", "get"));
  EXPECT_EQ(patch(bindings + "/readers", R"({"subjects":[{"kind":"User","name":"lee"}]})"), 200);
  EXPECT_TRUE(may("lee", "a", "pods", "get"));
  EXPECT_FALSE(may("ann", "a", "pods", "get"));
  EXPECT_TRUE(may("ann", "a", "pods", "create"));
  EXPECT_EQ(server_.send("DELETE", bindings + "/readers").status, 200);
  EXPECT_FALSE(may("lee", "a", "pods", "get"));
  EXPECT_EQ(server_.send("DELETE", bindings).status, 200);
  EXPECT_FALSE(may("ann", "a", "pods", "create"));
  EXPECT_TRUE(may("cat", "a", "pods", "get"));
}

TEST_F(RbacDecisions, AreRightWhenMoreHasChangedThanAWatchHolds) {
  Authorizer authorizer(*server_.store);
  const RequestInfo get = attributes("a", "pods", "get");
  EXPECT_TRUE(authorizer.decide(kUsers.at("ann"), get).allowed);
  const Target role{&api::kind_of<api::ClusterRole>(), "", "reader", ""};
  const std::size_t more_than_a_watch_holds = store::StoreOptions{}.watch_backlog_max + 1;
  auto churn = [&]() -> Task<int> {
    for (std::size_t i = 0; i < more_than_a_watch_holds; ++i) {
      Registry::Change change = [i](const ConstObject& present) -> Result<Object> {
        auto next = std::make_shared<api::ClusterRole>(
            *static_cast<const api::ClusterRole*>(present.get()));
        next->metadata.annotations["n"] = std::to_string(i);
        next->rules.clear();
        return Object(next);
      };
      (void)co_await server_.registry->change(role, std::move(change), WriteContext());
    }
    co_return 0;
  };
  server_.run(churn());
  EXPECT_FALSE(authorizer.decide(kUsers.at("ann"), get).allowed);
  EXPECT_TRUE(authorizer.decide(kUsers.at("ann"), attributes("a", "pods", "create")).allowed);
}

}  // namespace
}  // namespace insula::apiserver
