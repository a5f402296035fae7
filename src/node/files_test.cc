#include "node/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "testing/temp_dir.h"

namespace insula::node {
namespace {

using ::testing::HasSubstr;

// Directories in directories, each with a file beside the next.
void make_nest(const std::string& top, int depth) {
  ASSERT_TRUE(make_dirs(top));
  Fd at(open(top.c_str(), O_RDONLY | O_DIRECTORY));
  for (int i = 0; i < depth; ++i) {
    ASSERT_EQ(mkdirat(at.get(), "d", 0755), 0);
    const Fd file(openat(at.get(), "file", O_WRONLY | O_CREAT, 0644));
    ASSERT_TRUE(file);
    at = Fd(openat(at.get(), "d", O_RDONLY | O_DIRECTORY));
    ASSERT_TRUE(at);
  }
}

TEST(RemoveTree, TakesDirectoriesAwayHoweverDeepTheyNest) {
  const insula::testing::TempDir dir;
  make_nest(dir / "pod/deep", 600);
  make_nest(dir / "pod/.removed-1", 100);
  const Result<> removed = remove_tree(dir / "pod");
  EXPECT_TRUE(removed) << removed.error().message();
  EXPECT_FALSE(exists(dir / "pod"));
  EXPECT_TRUE(remove_tree(dir / "pod"));
  EXPECT_TRUE(remove_tree(dir / "none/pod"));
}

TEST(RemoveTree, FollowsNoLink) {
  const insula::testing::TempDir dir;
  ASSERT_TRUE(make_dirs(dir / "other"));
  ASSERT_TRUE(make_dirs(dir / "pod"));
  ASSERT_TRUE(write_file(dir / "other/file", "kept"));
  ASSERT_EQ(symlink((dir / "other").c_str(), (dir / "pod/link").c_str()), 0);
  EXPECT_TRUE(remove_tree(dir / "pod"));
  EXPECT_EQ(read_file(dir / "other/file").value(), "kept");
}

TEST(RemoveTree, LeavesWhatIsBoundIntoItAlone) {
  if (geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  const insula::testing::TempDir dir;
  ASSERT_TRUE(make_dirs(dir / "image"));
  ASSERT_TRUE(make_dirs(dir / "pod/layer"));
  ASSERT_TRUE(write_file(dir / "image/file", "kept"));
  if (mount((dir / "image").c_str(), (dir / "pod/layer").c_str(), nullptr, MS_BIND, nullptr) != 0)
    GTEST_SKIP() << "mounting is not allowed here";
  const Result<> removed = remove_tree(dir / "pod");
  umount2((dir / "pod/layer").c_str(), MNT_DETACH);
  ASSERT_FALSE(removed);
  EXPECT_THAT(removed.error().message(), HasSubstr("layer is a mount point"));
  EXPECT_EQ(read_file(dir / "image/file").value(), "kept");
}

TEST(Files, UnmountsWhatIsMountedBelowADirectoryAndNothingElse) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can mount";
  const insula::testing::TempDir dir;
  const std::string names[] = {dir / "pods/a b", dir / "pods/a b/inner", dir / "pods-of-others"};
  for (const std::string& name : names) {
    ASSERT_TRUE(make_dirs(name));
    ASSERT_EQ(mount("tmpfs", name.c_str(), "tmpfs", 0, "size=1m"), 0);
    EXPECT_TRUE(is_mount_point(name));
  }
  unmount_below(dir / "pods");
  EXPECT_FALSE(is_mount_point(names[0]));
  EXPECT_TRUE(is_mount_point(names[2]));
  EXPECT_TRUE(remove_tree(dir / "pods"));
  EXPECT_EQ(umount(names[2].c_str()), 0);
}

}  // namespace
}  // namespace insula::node
