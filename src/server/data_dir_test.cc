#include "server/data_dir.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace insula::server {
namespace {

using ::testing::HasSubstr;

class DataDir : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string dir = ::testing::TempDir() + "/insula-data-XXXXXX";
    ASSERT_NE(::mkdtemp(dir.data()), nullptr);
    layout_.root = dir + "/data";
  }

  void TearDown() override {
    std::filesystem::remove_all(std::filesystem::path(layout_.root).parent_path());
  }

  Layout layout_;
};

TEST_F(DataDir, IsCreatedWithItsVersionAndLocked) {
  const auto lock = open_data_dir(layout_);
  ASSERT_TRUE(lock) << lock.error().message();
  EXPECT_EQ(*read_file(layout_.version()), "1\n");
  EXPECT_EQ(lock_holder(layout_), ::getpid());
}

TEST_F(DataDir, ASecondInstanceIsToldWhoHoldsIt) {
  const auto lock = open_data_dir(layout_);
  const auto second = open_data_dir(layout_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kConflict);
  EXPECT_THAT(second.error().message(), HasSubstr("pid " + std::to_string(::getpid())));
}

TEST_F(DataDir, IsFreeAgainWhenItsHolderIsGone) {
  {
    const auto lock = open_data_dir(layout_);
  }
  EXPECT_EQ(lock_holder(layout_), 0);
  EXPECT_TRUE(open_data_dir(layout_));
}

TEST_F(DataDir, BehindAPrivateFolderIsRefusedForOtherUsersOnly) {
  const std::string parent = std::filesystem::path(layout_.root).parent_path();
  constexpr Account kOther{.uid = 60901, .gid = 60901};
  ASSERT_EQ(::chmod(parent.c_str(), 0700), 0);
  const auto refused = check_reachable(layout_, kOther);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr(parent + " (mode 0700) keeps out user 60901"));
  EXPECT_TRUE(check_reachable(layout_, {.uid = ::getuid(), .gid = ::getgid()}));
  ASSERT_EQ(::chmod(parent.c_str(), 0711), 0);
  EXPECT_TRUE(check_reachable(layout_, kOther));
}

TEST_F(DataDir, OfANewerBuildIsRefused) {
  {
    const auto lock = open_data_dir(layout_);
  }
  ASSERT_TRUE(write_file(layout_.version(), "99\n", 0644));
  EXPECT_THAT(open_data_dir(layout_).error().message(), HasSubstr("newer insula (data version 99"));
  ASSERT_TRUE(write_file(layout_.version(), "nonsense", 0644));
  EXPECT_THAT(open_data_dir(layout_).error().message(), HasSubstr("not a version number"));
  ASSERT_TRUE(write_file(layout_.version(), "1garbage\n", 0644));
  EXPECT_THAT(open_data_dir(layout_).error().message(), HasSubstr("not a version number"));
}

TEST_F(DataDir, NeverTakesOverAFolderOfSomethingElse) {
  ASSERT_TRUE(std::filesystem::create_directory(layout_.root));
  ASSERT_TRUE(write_file(layout_.root + "/thesis.txt", "words", 0600));
  ASSERT_EQ(::chmod(layout_.root.c_str(), 0750), 0);
  const auto refused = open_data_dir(layout_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(
      refused.error().message(),
      layout_.root + " is not a data directory of insula (it is not empty); name a new folder");
  struct stat status{};
  ASSERT_EQ(::stat(layout_.root.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0750u);
  EXPECT_FALSE(std::filesystem::exists(layout_.lock()));
  EXPECT_FALSE(std::filesystem::exists(layout_.version()));
}

TEST_F(DataDir, MayBeAnEmptyFolderWhoseModeIsKept) {
  ASSERT_TRUE(std::filesystem::create_directory(layout_.root));
  ASSERT_EQ(::chmod(layout_.root.c_str(), 0755), 0);
  EXPECT_TRUE(open_data_dir(layout_));
  struct stat status{};
  ASSERT_EQ(::stat(layout_.root.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755u);
}

TEST_F(DataDir, MayHoldImagesThatWereImportedBeforeTheFirstStart) {
  ASSERT_TRUE(std::filesystem::create_directories(layout_.node() + "/images"));
  EXPECT_TRUE(open_data_dir(layout_));
}

TEST_F(DataDir, APidThatDoesNotHoldTheLockIsNotItsHolder) {
  const auto lock = open_data_dir(layout_);
  ASSERT_TRUE(lock);
  const pid_t other = ::fork();
  if (other == 0) {
    ::close(lock->get());
    ::pause();
    ::_exit(0);
  }
  const std::string text = std::to_string(other) + "\n";
  ASSERT_EQ(::ftruncate(lock->get(), 0), 0);
  ASSERT_GT(::pwrite(lock->get(), text.data(), text.size(), 0), 0);
  // The child closes its copy a moment after fork().
  pid_t holder = other;
  for (int i = 0; i < 10'000 && holder == other; ++i) {
    ::usleep(1000);
    holder = lock_holder(layout_);
  }
  EXPECT_EQ(holder, 0);
  EXPECT_TRUE(is_locked(layout_));
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
}

TEST_F(DataDir, FilesAreReplacedWhole) {
  {
    const auto lock = open_data_dir(layout_);
  }
  const std::string path = layout_.root + "/secret";
  ASSERT_TRUE(write_file(path, "one", 0600));
  ASSERT_TRUE(write_file(path, "two", 0600));
  EXPECT_EQ(*read_file(path), "two");
  struct stat status{};
  ::stat(path.c_str(), &status);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
  EXPECT_EQ(write_file("/dev/full/x", "y", 0600).error().code(),
            fail_errno("", ENOTDIR).error().code());
}

TEST_F(DataDir, AMissingFileIsNotFound) {
  EXPECT_EQ(read_file(layout_.root + "/nothing").error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace insula::server
