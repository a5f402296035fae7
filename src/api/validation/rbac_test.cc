#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/gen/meta_v1.h"
#include "api/gen/rbac_v1.h"
#include "api/strategy.h"
#include "json/yaml.h"

namespace insula::api {
namespace {

using testing::ElementsAreArray;

/// An object named `x`, in the namespace `n` if there is one, as creation completes it.
template <class T>
T created(std::string_view yaml) {
  const auto value = json::parse_yaml_document(yaml);
  EXPECT_TRUE(value) << yaml;
  T object;
  const auto decoded = decode_json(type_of<T>(), &object, *value, Strictness::kStrict);
  EXPECT_TRUE(decoded) << (decoded ? "" : decoded.error().message());
  if (object.metadata.name.empty()) object.metadata.name = "x";
  if (kind_of<T>().namespaced) object.metadata.namespace_ = "n";
  prepare_create(kind_of<T>(), &object);
  return object;
}

std::vector<std::string> causes(const Result<>& result) {
  std::vector<std::string> texts;
  if (result) return texts;
  for (const FieldCause& cause : result.error().causes())
    texts.push_back(cause.field + ": " + cause.message);
  return texts;
}

struct Case {
  std::string_view yaml;
  std::vector<std::string> wrong;
};

template <class T>
void expect(std::initializer_list<Case> cases) {
  for (const Case& it : cases) {
    const T object = created<T>(it.yaml);
    EXPECT_THAT(causes(check_create(kind_of<T>(), &object)), ElementsAreArray(it.wrong)) << it.yaml;
  }
}

TEST(RoleValidation, WantsVerbsGroupsAndResources) {
  expect<Role>({
      {"rules: [{verbs: [get], apiGroups: [''], resources: [pods]}]", {}},
      {"metadata: {name: 'system:x'}", {}},
      {"metadata: {name: a/b}", {"metadata.name: Invalid value: \"a/b\": may not contain '/'"}},
      {"rules: [{}]",
       {"rules[0].verbs: Required value: verbs must contain at least one value",
        "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
        "rules[0].resources: Required value: resource rules must supply at least one resource"}},
      {"rules: [{verbs: [get], nonResourceURLs: [/x]}]",
       {"rules[0].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to "
        "non-resource URLs"}},
  });
}

TEST(ClusterRoleValidation, KeepsResourcesAndPathsApart) {
  expect<ClusterRole>({
      {"rules: [{verbs: [get], nonResourceURLs: ['/x/*']}]", {}},
      {"rules: [{verbs: [get], apiGroups: [''], nonResourceURLs: [/x]}]",
       {"rules[0].nonResourceURLs: Invalid value: [\"/x\"]: rules cannot apply to both regular "
        "resources and non-resource URLs"}},
      {"aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}", {}},
      {"aggregationRule: {}",
       {"aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector "
        "required if aggregationRule is non-nil"}},
      {"aggregationRule: {clusterRoleSelectors: [{matchExpressions: [{key: a, operator: Near}]}]}",
       {"aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: "
        "\"Near\": not a valid selector operator"}},
  });
}

TEST(RoleBindingValidation, WantsARoleAndSubjectsOfKnownKinds) {
  expect<RoleBinding>({
      {"roleRef: {kind: Role, name: r}\nsubjects: [{kind: User, name: u}, {kind: Group, name: g}, "
       "{kind: ServiceAccount, name: s}]",
       {}},
      {"roleRef: {}",
       {"roleRef.kind: Unsupported value: \"\": supported values: \"Role\", \"ClusterRole\"",
        "roleRef.name: Required value"}},
      {"roleRef: {apiGroup: x, kind: Role, name: a%b}",
       {"roleRef.apiGroup: Unsupported value: \"x\": supported values: "
        "\"rbac.authorization.k8s.io\"",
        "roleRef.name: Invalid value: \"a%b\": may not contain '%'"}},
      {"roleRef: {kind: Role, name: r}\nsubjects: [{kind: Robot, name: r}, {kind: User}, "
       "{kind: User, name: u, apiGroup: x}, {kind: ServiceAccount, name: A_b, apiGroup: y}]",
       {"subjects[0].kind: Unsupported value: \"Robot\": supported values: \"ServiceAccount\", "
        "\"User\", \"Group\"",
        "subjects[1].name: Required value",
        "subjects[2].apiGroup: Unsupported value: \"x\": supported values: "
        "\"rbac.authorization.k8s.io\"",
        "subjects[3].name: Invalid value: \"A_b\": a lowercase RFC 1123 subdomain must consist of "
        "lower case alphanumeric characters, '-' or '.', and must start and end with an "
        "alphanumeric character (e.g. 'example.com', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        "subjects[3].apiGroup: Unsupported value: \"y\": supported values: \"\""}},
  });
}

TEST(ClusterRoleBindingValidation, WantsAClusterRoleAndNamespacesOfServiceAccounts) {
  expect<ClusterRoleBinding>({
      {"roleRef: {kind: ClusterRole, name: r}\nsubjects: [{kind: ServiceAccount, name: s, "
       "namespace: n}]",
       {}},
      {"roleRef: {kind: Role, name: r}\nsubjects: [{kind: ServiceAccount, name: s}]",
       {"roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\"",
        "subjects[0].namespace: Required value"}},
  });
}

TEST(Bindings, CompleteTheGroupsOfRolesAndSubjects) {
  const auto binding = created<ClusterRoleBinding>(
      "roleRef: {kind: ClusterRole, name: r}\nsubjects: [{kind: User, name: u}, {kind: Group, "
      "name: g}, {kind: ServiceAccount, name: s, namespace: n}]");
  EXPECT_EQ(binding.role_ref.api_group, "rbac.authorization.k8s.io");
  EXPECT_EQ(binding.subjects[0].api_group, "rbac.authorization.k8s.io");
  EXPECT_EQ(binding.subjects[1].api_group, "rbac.authorization.k8s.io");
  EXPECT_EQ(binding.subjects[2].api_group, "");
}

TEST(Bindings, KeepTheirRoleForEver) {
  const auto old =
      created<RoleBinding>("roleRef: {kind: Role, name: r}\nsubjects: [{kind: User, name: u}]");
  auto next = old;
  next.subjects.clear();
  EXPECT_TRUE(check_update(kind_of<RoleBinding>(), &next, &old, ""));
  next.role_ref.kind = "ClusterRole";
  EXPECT_THAT(
      causes(check_update(kind_of<RoleBinding>(), &next, &old, "")),
      ElementsAreArray({R"(roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io",)"
                        R"("kind":"ClusterRole","name":"r"}: cannot change roleRef)"}));
  const auto cluster_old = created<ClusterRoleBinding>("roleRef: {kind: ClusterRole, name: r}");
  auto cluster_next = cluster_old;
  cluster_next.role_ref.name = "other";
  EXPECT_FALSE(check_update(kind_of<ClusterRoleBinding>(), &cluster_next, &cluster_old, ""));
}

std::vector<std::string> cells(const Kind& kind, const void* object, WallTime now) {
  std::vector<std::string> texts;
  for (const Cell& cell : strategy_of(kind).cells(object, now))
    texts.push_back(std::get<std::string>(cell));
  return texts;
}

TEST(RbacColumns, AreThoseOfKubectlGet) {
  const Time made = *Time::parse("2026-11-23T12:00:00Z");
  const WallTime now = made.wall() + std::chrono::minutes(5);
  auto role = created<ClusterRole>("metadata: {name: r}");
  role.metadata.creation_timestamp = made;
  EXPECT_THAT(cells(kind_of<ClusterRole>(), &role, now),
              ElementsAreArray({"r", "2026-11-23T12:00:00Z"}));
  auto binding = created<RoleBinding>(
      "roleRef: {kind: ClusterRole, name: view}\nsubjects: [{kind: User, name: a}, {kind: User, "
      "name: b}, {kind: Group, name: g}, {kind: ServiceAccount, name: s, namespace: m}]");
  binding.metadata.creation_timestamp = made;
  EXPECT_THAT(cells(kind_of<RoleBinding>(), &binding, now),
              ElementsAreArray({"x", "ClusterRole/view", "5m", "a, b", "g", "m/s"}));
}

}  // namespace
}  // namespace insula::api
