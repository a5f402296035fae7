#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_objects.h"

namespace insula::api {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

std::vector<std::string> wrong_sysctls(const std::string& sysctls) {
  return wrong(
      "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: c, image: i}], "
      "securityContext: {sysctls: [" +
      sysctls + "]}}");
}

TEST(Sysctls, AreCalledAsTheKernelCallsThem) {
  EXPECT_THAT(wrong_sysctls("{name: kernel.shmmax, value: '1'}, {name: net/ipv4/ip_forward, value: "
                            "'1'}, {name: safe-and-unsafe, value: '1'}"),
              IsEmpty());
  EXPECT_THAT(
      wrong_sysctls("{name: foo-, value: b}, {name: 'bar..', value: '4'}, {name: A, value: '1'}"),
      ElementsAre(StartsWith("spec.securityContext.sysctls[0].name: Invalid value: \"foo-\": must "
                             "have at most 253 characters and match regex ^([a-z0-9]"),
                  StartsWith("spec.securityContext.sysctls[1].name: Invalid value: \"bar..\""),
                  StartsWith("spec.securityContext.sysctls[2].name: Invalid value: \"A\"")));
  EXPECT_THAT(wrong_sysctls("{name: a, value: '1'}, {name: a, value: '2'}, {name: '', value: ''}"),
              ElementsAre("spec.securityContext.sysctls[1].name: Duplicate value: \"a\"",
                          "spec.securityContext.sysctls[2].name: Required value"));
}

}  // namespace
}  // namespace insula::api
