#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gen/apiregistration_v1.h"
#include "api/test_objects.h"

namespace insula::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string service(const std::string& name, const std::string& spec) {
  return "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: " + name +
         "}\nspec: {" + spec + ", groupPriorityMinimum: 100, versionPriority: 10}";
}

const std::string kRemote = "group: e.com, version: v1, service: {namespace: n, name: s}";

TEST(APIService, IsAvailableWhereThisServerServesIt) {
  EXPECT_THAT(wrong(service("v1.apps", "group: apps, version: v1")), IsEmpty());
  EXPECT_THAT(wrong(service("v1.", "version: v1")), IsEmpty());
  const TestObject local = created(service("v1.apps", "group: apps, version: v1"));
  ASSERT_EQ(local.as<APIService>().status.conditions.size(), 1U);
  EXPECT_EQ(local.as<APIService>().status.conditions[0].status, "True");
  EXPECT_THAT(strategy_of(*local.kind).warnings(local.object.get()), IsEmpty());
}

TEST(APIService, OfAnotherServerIsKeptAndSaysThatNothingIsForwarded) {
  const TestObject remote = created(service("v1.e.com", kRemote));
  const auto& it = remote.as<APIService>();
  EXPECT_EQ(it.spec.service->port, 443);
  EXPECT_EQ(it.status.conditions.at(0).status, "False");
  EXPECT_EQ(it.status.conditions.at(0).reason, "NotForwarded");
  EXPECT_THAT(strategy_of(*remote.kind).warnings(remote.object.get()),
              ElementsAre(HasSubstr("no requests are forwarded")));
  EXPECT_EQ(std::get<std::string>(strategy_of(*remote.kind).cells(remote.object.get(), {})[2]),
            "False (NotForwarded)");
}

TEST(APIService, IsCalledAsItsVersion) {
  EXPECT_THAT(wrong(service("apps", "group: apps, version: v1")),
              ElementsAre("metadata.name: Invalid value: \"apps\": must be "
                          "`spec.version+\".\"+spec.group`: \"v1.apps\""));
  EXPECT_THAT(wrong(service("v2.", "version: v2")),
              ElementsAre("spec.group: Required value: only v1 may have an empty group and it "
                          "better be legacy kube"));
  EXPECT_THAT(wrong(service("v1.apps", "group: apps, version: v1, insecureSkipTLSVerify: true")),
              ElementsAre("spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may "
                          "not have insecureSkipTLSVerify"));
}

}  // namespace
}  // namespace insula::api
