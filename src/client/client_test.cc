#include "client/client.h"

#include <gtest/gtest.h>

#include "api/gen/core_v1.h"
#include "client/typed.h"

namespace insula::client {
namespace {

TEST(Target, NamesAPath) {
  EXPECT_EQ(target_of<api::Pod>("a", "x", "status").path(), "/api/v1/namespaces/a/pods/x/status");
  EXPECT_EQ(target_of<api::Pod>("a").path(), "/api/v1/namespaces/a/pods");
}

TEST(Target, ItsNamesStayInTheirSegments) {
  EXPECT_EQ(target_of<api::Pod>("a/b", "x?y=1/../z").path(),
            "/api/v1/namespaces/a%2Fb/pods/x%3Fy%3D1%2F..%2Fz");
}

TEST(Target, WithoutANameIsNotOneObject) {
  EXPECT_TRUE(target_of<api::Pod>("a", "x").check_name());
  for (const char* wrong : {"", ".", ".."}) {
    const auto checked = target_of<api::Pod>("a", wrong).check_name();
    ASSERT_FALSE(checked) << wrong;
    EXPECT_EQ(checked.error().code(), ErrorCode::kInvalid);
  }
}

}  // namespace
}  // namespace insula::client
