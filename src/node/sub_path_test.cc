#include "node/sub_path.h"

#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/files.h"
#include "testing/temp_dir.h"

namespace insula::node {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SubPath : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(make_dirs(dir_ / "volume"));
    ASSERT_TRUE(make_dirs(dir_ / "elsewhere"));
    ASSERT_EQ(chmod((dir_ / "volume").c_str(), 02777), 0);
  }

  Result<Fd> open_part(const std::string& path, bool own_links = false) {
    return open_sub_path({dir_ / "volume", "/data", false, path, {}, own_links});
  }

  static std::string path_of(const Fd& fd) {
    return std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", fd.get())).string();
  }

  insula::testing::TempDir dir_;
};

TEST_F(SubPath, IsMadeLikeItsVolume) {
  if (geteuid() == 0) ASSERT_EQ(chown((dir_ / "volume").c_str(), 4321, 4322), 0);
  ASSERT_EQ(chmod((dir_ / "volume").c_str(), 02777), 0);
  const auto part = open_part("a//b/./c/");
  ASSERT_TRUE(part) << part.error().message();
  EXPECT_EQ(path_of(*part), dir_ / "volume/a/b/c");
  for (const char* path : {"volume/a", "volume/a/b", "volume/a/b/c"}) {
    struct stat info{};
    ASSERT_EQ(stat((dir_ / path).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 02777U) << path;
    if (geteuid() == 0) {
      EXPECT_EQ(info.st_uid, 4321U);
      EXPECT_EQ(info.st_gid, 4322U);
    }
  }
}

TEST_F(SubPath, MayBeAFile) {
  ASSERT_TRUE(write_file(dir_ / "volume/file", "x"));
  const auto part = open_part("file");
  ASSERT_TRUE(part);
  EXPECT_EQ(path_of(*part), dir_ / "volume/file");
}

TEST_F(SubPath, FollowsNoLinkOfAContainerAndMakesNothingBehindOne) {
  std::filesystem::create_symlink(dir_ / "elsewhere", dir_ / "volume/absolute");
  std::filesystem::create_symlink("../elsewhere", dir_ / "volume/relative");
  std::filesystem::create_symlink("inside", dir_ / "volume/link");
  ASSERT_TRUE(make_dirs(dir_ / "volume/inside"));
  for (const char* path :
       {"absolute", "absolute/made", "relative", "relative/made/twice", "link", "link/made"}) {
    const auto part = open_part(path);
    ASSERT_FALSE(part) << path;
    EXPECT_EQ(part.error().code(), ErrorCode::kInvalid);
    EXPECT_THAT(part.error().message(), HasSubstr("leaves its volume"));
  }
  EXPECT_THAT(names_in(dir_ / "elsewhere"), IsEmpty());
  EXPECT_THAT(names_in(dir_ / "volume/inside"), IsEmpty());
}

TEST_F(SubPath, FollowsTheAgentsOwnLinksInsideTheVolume) {
  ASSERT_TRUE(make_dirs(dir_ / "volume/..1"));
  ASSERT_TRUE(write_file(dir_ / "volume/..1/key", "value"));
  std::filesystem::create_symlink("..1", dir_ / "volume/..data");
  std::filesystem::create_symlink("..data/key", dir_ / "volume/key");
  const auto part = open_part("key", true);
  ASSERT_TRUE(part) << part.error().message();
  EXPECT_EQ(path_of(*part), dir_ / "volume/..1/key");
  std::filesystem::create_symlink("/etc", dir_ / "volume/out");
  EXPECT_FALSE(open_part("out", true));
}

TEST_F(SubPath, WhatWasOpenedIsMountedWhateverTakesItsPlace) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can mount";
  ASSERT_TRUE(make_dirs(dir_ / "volume/part"));
  ASSERT_TRUE(write_file(dir_ / "volume/part/mark", "the part"));
  ASSERT_TRUE(write_file(dir_ / "volume/file", "a file"));
  std::vector<Mount> mounts = {{dir_ / "volume", "/all"},
                               {dir_ / "volume", "/part", true, "part"},
                               {dir_ / "volume", "/file", false, "file"}};
  ASSERT_TRUE(mount_sub_paths(dir_ / "run", mounts));
  // A container of the pod does this between the check and the mount inside the other container.
  std::filesystem::rename(dir_ / "volume/part", dir_ / "volume/away");
  std::filesystem::create_symlink("/", dir_ / "volume/part");
  EXPECT_EQ(mounts[0].source, dir_ / "volume");
  EXPECT_EQ(read_file(mounts[1].source + "/mark").value(), "the part");
  EXPECT_EQ(read_file(mounts[2].source).value(), "a file");
  EXPECT_TRUE(mounts[1].sub_path.empty());
  release_sub_paths(dir_ / "run");
  EXPECT_FALSE(exists(mounts[1].source + "/mark"));
  EXPECT_TRUE(remove_tree(dir_ / "run"));
}

}  // namespace
}  // namespace insula::node
