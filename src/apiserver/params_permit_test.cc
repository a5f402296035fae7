#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

const std::string kGroup = "/apis/admissionregistration.k8s.io/v1/";
const std::string kRbac = "/apis/rbac.authorization.k8s.io/v1/";
constexpr const char* kMergePatch = "application/merge-patch+json";

/// A user who may write policies of both sorts, and read what the test gives.
class ParamsPermitTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    make("/api/v1/namespaces", "metadata: {name: a}");
    give("policies", "create, update, patch, get", "admissionregistration.k8s.io", "'*'");
  }

  void make(const std::string& target, const std::string& yaml) {
    const auto made = server_.send("POST", target, yaml, "application/yaml");
    EXPECT_EQ(made.status, 201) << target << yaml << made.body;
  }

  /// Gives ann verbs on a resource, in all namespaces or in `a` alone.
  void give(std::string_view name,
            std::string_view verbs,
            std::string_view group,
            std::string_view resources,
            bool everywhere = true) {
    const std::string where = everywhere ? kRbac : kRbac + "namespaces/a/";
    const std::string_view kind = everywhere ? "ClusterRole" : "Role";
    make(where + (everywhere ? "clusterroles" : "roles"),
         fmt::format("metadata: {{name: {}}}\nrules: [{{verbs: [{}], apiGroups: ['{}'], resources: "
                     "[{}]}}]",
                     name, verbs, group, resources));
    make(where + (everywhere ? "clusterrolebindings" : "rolebindings"),
         fmt::format("metadata: {{name: {0}}}\nroleRef: {{kind: {1}, name: {0}}}\n"
                     "subjects: [{{kind: User, name: ann}}]",
                     name, kind));
  }

  static bool mutating() { return std::string_view(GetParam()) == "Mutating"; }

  static std::string plural(std::string_view what) {
    return fmt::format("{}{}admission{}", kGroup, mutating() ? "mutating" : "validating", what);
  }

  static std::string policy(std::string_view param_kind) {
    return fmt::format(
        R"({{"metadata":{{"name":"p"}},"spec":{{"paramKind":{},"matchConstraints":{{"resourceRules":
           [{{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["pods"]}}]}},{}}}}})",
        param_kind,
        mutating() ? R"("reinvocationPolicy":"Never","mutations":[{"patchType":"ApplyConfiguration",
                "applyConfiguration":{"expression":"Object{}"}}])"
                   : R"("validations":[{"expression":"true"}])");
  }

  static std::string binding(std::string_view reference) {
    return fmt::format(
        R"({{"metadata":{{"name":"b"}},"spec":{{"policyName":"p","paramRef":{}{}}}}})", reference,
        mutating() ? "" : R"(,"validationActions":["Deny"])");
  }

  /// What ann's write is refused for; empty when it is not.
  std::string why_not(const char* method,
                      const std::string& target,
                      const std::string& body,
                      const char* type = "application/json") {
    auto request = server_.request(method, target, body, type);
    request.headers.set("Impersonate-User", "ann");
    const auto answer = server_.send(std::move(request));
    if (answer.status < 300) return "";
    EXPECT_EQ(answer.status, 422) << answer.body;
    return std::string(server_.parsed(answer)["message"].text());
  }

  TestServer server_;
};

TEST_P(ParamsPermitTest, WhoNamesAKindMustReadAllOfIt) {
  const std::string secrets = R"({"apiVersion":"v1","kind":"Secret"})";
  const std::string where = plural("policies");
  EXPECT_THAT(why_not("POST", where, policy(secrets)),
              HasSubstr("spec.paramKind: Forbidden: user ann must have \"get\" permission on all "
                        "objects of the referenced paramKind (kind=Secret, apiVersion=v1)"));
  give("some", "get", "", "secrets", false);
  EXPECT_NE(why_not("POST", where, policy(secrets)), "") << "all are not those of one namespace";
  EXPECT_EQ(why_not("POST", where, policy("null")), "");
  const std::string change = fmt::format(R"({{"spec":{{"paramKind":{}}}}})", secrets);
  EXPECT_NE(why_not("PATCH", where + "/p", change, kMergePatch), "");
  server_.send("PATCH", where + "/p", change, kMergePatch);
  EXPECT_EQ(why_not("PATCH", where + "/p", R"({"spec":{"failurePolicy":"Ignore"}})", kMergePatch),
            "")
      << "what was there before is not asked about";
  server_.send("DELETE", where + "/p");
  give("all", "get", "", "secrets");
  EXPECT_EQ(why_not("POST", where, policy(secrets)), "");
}

TEST_P(ParamsPermitTest, WhoNamesAnObjectMustReadIt) {
  const std::string where = plural("policybindings");
  const std::string named =
      binding(R"({"name":"s","namespace":"a","parameterNotFoundAction":"Deny"})");
  const std::string selected = binding(R"({"selector":{},"parameterNotFoundAction":"Deny"})");
  EXPECT_THAT(why_not("POST", where, named),
              HasSubstr("spec.paramRef: Forbidden: unable to get policy p to determine minimum "
                        "required permissions and user ann does not have \"get\" permission"));
  server_.send("POST", plural("policies"), policy(R"({"apiVersion":"v1","kind":"Secret"})"));
  EXPECT_THAT(why_not("POST", where, named),
              HasSubstr("spec.paramRef: Forbidden: user ann does not have \"get\" permission on "
                        "the object referenced by paramRef"));
  give("one", "get", "", "secrets", false);
  EXPECT_EQ(why_not("POST", where, named), "");
  server_.send("DELETE", where + "/b");
  EXPECT_THAT(why_not("POST", where, selected), HasSubstr("does not have \"list\" permission"));
  give("list", "list", "", "secrets");
  EXPECT_EQ(why_not("POST", where, selected), "");
}

INSTANTIATE_TEST_SUITE_P(Policies,
                         ParamsPermitTest,
                         ::testing::Values("Validating", "Mutating"),
                         [](const auto& sort) { return std::string(sort.param); });

}  // namespace
}  // namespace insula::apiserver
