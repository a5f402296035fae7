#include "node/pod_volumes.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "node/files.h"
#include "testing/temp_dir.h"

namespace insula::node {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

api::Volume config_map_volume(const std::string& name) {
  api::Volume volume;
  volume.name = "config";
  volume.volume_source.config_map.emplace().local_object_reference.name = name;
  return volume;
}

TEST(VolumeFiles, AreAllKeysOrTheChosenOnesUnderTheirPaths) {
  ReferencedObjects objects;
  objects.config_maps["settings"].data = {{"a", "1"}, {"b", "2"}};
  api::Volume volume = config_map_volume("settings");
  EXPECT_THAT(volume_files(volume, {}, objects, {}).value(),
              ElementsAre(VolumeFile{"a", "1", 0644}, VolumeFile{"b", "2", 0644}));
  api::KeyToPath item;
  item.key = "b";
  item.path = "dir/b.txt";
  item.mode = 0400;
  volume.volume_source.config_map->items = {item};
  EXPECT_THAT(volume_files(volume, {}, objects, {}).value(),
              ElementsAre(VolumeFile{"dir/b.txt", "2", 0400}));
}

TEST(VolumeFiles, HaveTheTokenThatTheyAskFor) {
  api::Volume volume;
  auto& token = volume.volume_source.projected.emplace().sources.emplace_back();
  token.service_account_token.emplace().path = "token";
  token.service_account_token->audience = "vault";
  EXPECT_FALSE(volume_files(volume, {}, {}, {}));
  ReferencedObjects objects;
  objects.tokens[{"", 3600}] = "another";
  objects.tokens[{"vault", 3600}] = "right";
  EXPECT_THAT(volume_files(volume, {}, objects, {}).value(),
              ElementsAre(VolumeFile{"token", "right", 0644}));
}

TEST(VolumeFiles, SayWhatIsMissingUnlessItIsOptional) {
  api::Volume volume = config_map_volume("none");
  EXPECT_EQ(volume_files(volume, {}, {}, {}).error().message(), "configmap \"none\" not found");
  volume.volume_source.config_map->optional = true;
  EXPECT_TRUE(volume_files(volume, {}, {}, {}).value().empty());
}

TEST(VolumeFiles, CannotLeaveTheirVolume) {
  ReferencedObjects objects;
  objects.config_maps["x"].data = {{"a", "1"}};
  api::Volume volume = config_map_volume("x");
  api::KeyToPath item;
  item.key = "a";
  for (const char* path : {"../a", "/a", "b/../../a", ""}) {
    item.path = path;
    volume.volume_source.config_map->items = {item};
    EXPECT_FALSE(volume_files(volume, {}, objects, {})) << path;
  }
}

TEST(PublishFiles, SwitchesToNewContentAndForgetsTheOld) {
  const insula::testing::TempDir dir;
  ASSERT_TRUE(publish_files(dir.path(), {{"a", "1", 0600}, {"d/b", "2", 0644}}, {}));
  EXPECT_EQ(read_file(dir / "a").value(), "1");
  EXPECT_EQ(read_file(dir / "d/b").value(), "2");
  struct stat info{};
  ASSERT_EQ(stat((dir / "a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);

  ASSERT_TRUE(publish_files(dir.path(), {{"a", "one", 0600}, {"c", "3", 0644}}, {}));
  EXPECT_EQ(read_file(dir / "a").value(), "one");
  EXPECT_EQ(read_file(dir / "c").value(), "3");
  EXPECT_FALSE(exists(dir / "d"));
  EXPECT_EQ(names_in(dir.path()).size(), 4U);  // a, c, ..data and one generation
}

TEST(PublishFiles, LeavesTheSameContentAlone) {
  const insula::testing::TempDir dir;
  ASSERT_TRUE(publish_files(dir.path(), {{"a", "1", 0644}}, {}));
  const auto before = std::filesystem::read_symlink(dir / "..data");
  ASSERT_TRUE(publish_files(dir.path(), {{"a", "1", 0644}}, {}));
  EXPECT_EQ(std::filesystem::read_symlink(dir / "..data"), before);
}

TEST(SetUpVolumes, RefusesWhatTheNodeCannotProvide) {
  const insula::testing::TempDir dir;
  api::Pod pod;
  api::Volume& volume = pod.spec.volumes.emplace_back();
  volume.name = "claim";
  volume.volume_source.persistent_volume_claim.emplace();
  EXPECT_THAT(set_up_volumes(dir / "v", pod, {}, {}, {}).error().message(),
              HasSubstr("volume \"claim\""));
}

TEST(VolumeMounts, TakeASubPathButNotOutOfTheVolume) {
  const insula::testing::TempDir dir;
  api::Pod pod;
  api::Volume& volume = pod.spec.volumes.emplace_back();
  volume.name = "data";
  volume.volume_source.empty_dir.emplace();
  ASSERT_TRUE(set_up_volumes(dir.path(), pod, {}, {}, {}));
  api::Container container;
  api::VolumeMount& mount = container.volume_mounts.emplace_back();
  mount.name = "data";
  mount.mount_path = "/data";
  mount.sub_path_expr = "$(WHO)/x";
  const auto mounts = volume_mounts(dir.path(), pod, container, {{"WHO", "me"}});
  ASSERT_TRUE(mounts) << mounts.error().message();
  EXPECT_EQ(mounts->front().source, dir / "data");
  EXPECT_EQ(mounts->front().sub_path, "me/x");
  EXPECT_EQ(mounts->front().target, "/data");
  EXPECT_FALSE(exists(dir / "data/me")) << "an adopted container needs nothing made";

  container.volume_mounts[0].sub_path_expr = "";
  for (const char* path : {"../other", "/etc", "a/../../b"}) {
    container.volume_mounts[0].sub_path = path;
    EXPECT_FALSE(volume_mounts(dir.path(), pod, container, {})) << path;
  }
}

}  // namespace
}  // namespace insula::node
