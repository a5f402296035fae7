#include "server/credentials.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/clock.h"
#include "testing/temp_dir.h"

namespace insula::server {
namespace {

using ::testing::HasSubstr;

class Credentials : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(layout_.pki());
    ASSERT_TRUE(write());
  }

  Result<> write() {
    const Account self{.uid = ::geteuid(), .gid = ::getegid()};
    return write_credentials(layout_, {.self = self, .control = self, .gateway = self},
                             {.api_server = "https://127.0.0.1:6443",
                              .api_local = "https://127.0.0.1:6443",
                              .api_host = "127.0.0.1",
                              .gateway_host = "127.0.0.1",
                              .node_name = "node-1"},
                             system_clock());
  }

  insula::testing::TempDir dir_;
  Layout layout_{dir_ / "data"};
};

TEST_F(Credentials, KeepTheAuthority) {
  const std::string before = *read_file(pki_path(layout_, "ca.crt"));
  ASSERT_TRUE(write());
  EXPECT_EQ(*read_file(pki_path(layout_, "ca.crt")), before);
}

TEST_F(Credentials, KeepTheKeyOfTokensUntilItIsTakenAway) {
  const std::string key = *read_file(pki_path(layout_, "sa.key"));
  const std::string verifier = *read_file(pki_path(layout_, "sa.pub"));
  ASSERT_TRUE(write());
  EXPECT_EQ(*read_file(pki_path(layout_, "sa.key")), key);
  EXPECT_EQ(*read_file(pki_path(layout_, "sa.pub")), verifier);
  std::filesystem::remove(pki_path(layout_, "sa.key"));
  ASSERT_TRUE(write());
  EXPECT_NE(*read_file(pki_path(layout_, "sa.key")), key);
  const std::string both = *read_file(pki_path(layout_, "sa.pub"));
  EXPECT_GT(both.size(), verifier.size());
  EXPECT_TRUE(both.ends_with(verifier));
}

TEST_F(Credentials, HalfAnAuthorityIsNotReplaced) {
  for (const char* lost : {"ca.key", "ca.crt"}) {
    const std::string path = pki_path(layout_, lost);
    std::filesystem::rename(path, path + ".away");
    const auto refused = write();
    ASSERT_FALSE(refused) << lost;
    EXPECT_THAT(refused.error().message(), HasSubstr(path + " is missing"));
    EXPECT_FALSE(std::filesystem::exists(path));
    std::filesystem::rename(path + ".away", path);
  }
}

}  // namespace
}  // namespace insula::server
