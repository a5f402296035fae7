#include "node/image_import.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "node/image_store.h"
#include "node/layer_archive.h"
#include "node/testing/image_file.h"
#include "testing/temp_dir.h"

namespace insula::node {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ImageImport : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "importing images needs root";
    ASSERT_TRUE(make_dirs(files_ + "/bin"));
    ASSERT_TRUE(write_file(files_ + "/bin/tool", "#!/bin/sh\n", 0755));
    std::filesystem::create_symlink("tool", files_ + "/bin/alias");
  }

  Result<std::vector<ImportedImage>> import(const std::string& file, const std::string& name = "") {
    return import_images({file, store_.dir(), name});
  }

  insula::testing::TempDir dir_;
  std::string files_ = dir_ / "files";
  ImageStore store_{dir_ / "store"};
};

TEST_F(ImageImport, BringsInAnArchiveWithItsConfiguration) {
  ImageFile file(dir_ / "image");
  file.add_layer(files_);
  file.finish(
      "example.org/tools:1",
      R"("Entrypoint":["/bin/tool"],"Cmd":["-v"],"Env":["A=1"],"WorkingDir":"/w","User":"7:8")");
  const auto imported = import(file.archive(dir_ / "image.tar"));
  ASSERT_TRUE(imported) << imported.error().message();
  ASSERT_THAT(*imported, SizeIs(1));
  EXPECT_THAT(imported->front().names, ElementsAre("example.org/tools:1"));
  const auto image = store_.find("example.org/tools:1");
  ASSERT_TRUE(image) << image.error().message();
  EXPECT_THAT(image->entrypoint, ElementsAre("/bin/tool"));
  EXPECT_THAT(image->command, ElementsAre("-v"));
  EXPECT_EQ(image->user, "7:8");
  ASSERT_THAT(image->layers, SizeIs(1));
  EXPECT_EQ(read_file(image->layers[0] + "/bin/tool").value(), "#!/bin/sh\n");
  EXPECT_EQ(std::filesystem::read_symlink(image->layers[0] + "/bin/alias"), "tool");
  EXPECT_THAT(names_in(store_.dir()), ElementsAre("configs", "layers", "names"));
}

TEST_F(ImageImport, KeepsALayerOnceHoweverOftenItIsImported) {
  ImageFile file(dir_ / "image");
  file.add_layer(files_);
  file.finish("a:1", "");
  EXPECT_EQ(import(file.dir()).value().front().layers_new, 1);
  EXPECT_EQ(import(file.dir(), "b:2").value().front().layers_new, 0);
  EXPECT_EQ(store_.list().size(), 2U);
}

TEST_F(ImageImport, RefusesABlobWhoseContentIsNotWhatItsDigestSays) {
  ImageFile file(dir_ / "image");
  file.add_layer(files_);
  file.finish("a:1", "");
  ImageFile::shell("printf x >> " + file.blobs()[0]);
  const auto imported = import(file.dir());
  ASSERT_FALSE(imported);
  EXPECT_THAT(imported.error().message(), HasSubstr("has the digest"));
  EXPECT_TRUE(store_.list().empty());
}

TEST_F(ImageImport, TurnsDeletionsIntoOverlayWhiteouts) {
  ImageFile file(dir_ / "image");
  file.add_layer(files_);
  const std::string upper = dir_ / "upper";
  ASSERT_TRUE(make_dirs(upper + "/bin"));
  ASSERT_TRUE(write_file(upper + "/bin/.wh.alias", ""));
  file.add_layer(upper);
  file.finish("a:1", "");
  ASSERT_TRUE(import(file.dir()));
  const auto image = store_.find("docker.io/library/a:1");
  ASSERT_TRUE(image);
  ASSERT_THAT(image->layers, SizeIs(2));
  struct stat info{};
  ASSERT_EQ(lstat((image->layers[0] + "/bin/alias").c_str(), &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode));
  EXPECT_EQ(info.st_rdev, 0U);
}

// The entries of a layer in this very order.
std::string tar_of(const std::string& dir, const std::string& names) {
  const std::string tar = dir + ".tar";
  ImageFile::shell(
      fmt::format("tar -C {} --numeric-owner --no-recursion -cf {} {}", dir, tar, names));
  return tar;
}

TEST_F(ImageImport, ADeletedDirectoryThatIsMadeAnewHidesTheLowerOne) {
  for (const char* names :
       {".wh.data data data/new", ".wh.data data/new", "data data/new .wh.data"}) {
    const insula::testing::TempDir dir;
    ASSERT_TRUE(make_dirs(dir / "layer/data"));
    ASSERT_TRUE(make_dirs(dir / "out"));
    ASSERT_TRUE(write_file(dir / "layer/data/new", "new"));
    ASSERT_TRUE(write_file(dir / "layer/.wh.data", ""));
    const auto unpacked = unpack_layer(tar_of(dir / "layer", names), dir / "out");
    ASSERT_TRUE(unpacked) << names << ": " << unpacked.error().message();
    EXPECT_EQ(read_file(dir / "out/data/new").value_or(""), "new") << names;
    char opaque = 0;
    EXPECT_EQ(getxattr((dir / "out/data").c_str(), "trusted.overlay.opaque", &opaque, 1), 1)
        << names;
    EXPECT_EQ(opaque, 'y') << names;
  }
}

TEST_F(ImageImport, ADeletionDoesNotTakeWhatTheSameLayerBrings) {
  for (const char* names : {"f .wh.f", ".wh.f f"}) {
    const insula::testing::TempDir dir;
    ASSERT_TRUE(make_dirs(dir / "layer"));
    ASSERT_TRUE(make_dirs(dir / "out"));
    ASSERT_TRUE(write_file(dir / "layer/f", "own"));
    ASSERT_TRUE(write_file(dir / "layer/.wh.f", ""));
    const auto unpacked = unpack_layer(tar_of(dir / "layer", names), dir / "out");
    ASSERT_TRUE(unpacked) << names << ": " << unpacked.error().message();
    EXPECT_EQ(read_file(dir / "out/f").value_or(""), "own") << names;
  }
}

TEST_F(ImageImport, RunsNoProgramsToUncompress) {
  // lrzip's magic: libarchive would start the program of that name.
  const insula::testing::TempDir dir;
  ASSERT_TRUE(make_dirs(dir / "out"));
  ASSERT_TRUE(write_file(dir / "layer", std::string("LRZI\0\6", 6) + std::string(600, 'x')));
  const auto unpacked = unpack_layer(dir / "layer", dir / "out");
  ASSERT_FALSE(unpacked);
  EXPECT_THAT(unpacked.error().message(), HasSubstr("Unrecognized archive format"));
}

TEST_F(ImageImport, NothingInALayerCanLeaveItsDirectory) {
  ASSERT_TRUE(make_dirs(dir_ / "outside"));
  ASSERT_TRUE(make_dirs(dir_ / "evil"));
  ASSERT_TRUE(write_file(dir_ / "evil/file", "x"));

  // tar -P and --transform write names as they are, which no honest image has.
  struct Case {
    const char* what;
    std::string transform;
  };

  for (const Case& c : {Case{"dots", "s,^file,../../outside/file,"},
                        Case{"absolute", "s,^file," + (dir_ / "outside/file") + ","}}) {
    const std::string tar = dir_ / "evil.tar";
    ImageFile::shell(
        fmt::format("tar -P -C {} --transform '{}' -cf {} file", dir_ / "evil", c.transform, tar));
    ImageFile file(dir_ / (std::string("image-") + c.what));
    file.add_tar(tar);
    file.finish("evil:1", "");
    static_cast<void>(import(file.dir()).has_value());
    EXPECT_FALSE(exists(dir_ / "outside/file")) << c.what;
  }
}

TEST_F(ImageImport, ALinkInALayerDoesNotLeadLaterEntriesOut) {
  ASSERT_TRUE(make_dirs(dir_ / "outside"));
  ASSERT_TRUE(make_dirs(dir_ / "first"));
  ASSERT_TRUE(make_dirs(dir_ / "second/way"));
  std::filesystem::create_symlink(dir_ / "outside", dir_ / "first/way");
  ASSERT_TRUE(write_file(dir_ / "second/way/file", "x"));
  const std::string tar = dir_ / "evil.tar";
  ImageFile::shell(fmt::format("tar -C {} -cf {} way && tar -C {} -rf {} way/file", dir_ / "first",
                               tar, dir_ / "second", tar));
  ImageFile file(dir_ / "image");
  file.add_tar(tar);
  file.finish("evil:1", "");
  static_cast<void>(import(file.dir()).has_value());
  EXPECT_FALSE(exists(dir_ / "outside/file"));
}

TEST_F(ImageImport, ReadsWhatDockerSaveWrites) {
  const std::string root = dir_ / "docker";
  ASSERT_TRUE(make_dirs(root + "/l1"));
  ImageFile::shell(fmt::format("tar -C {} -cf {}/l1/layer.tar .", files_, root));
  ASSERT_TRUE(write_file(
      root + "/c.json",
      fmt::format(R"({{"config":{{"Cmd":["/bin/tool"]}},"rootfs":{{"diff_ids":["sha256:{}"]}}}})",
                  file_digest(root + "/l1/layer.tar").value())));
  ASSERT_TRUE(
      write_file(root + "/manifest.json",
                 R"([{"Config":"c.json","RepoTags":["tools:2"],"Layers":["l1/layer.tar"]}])"));
  ImageFile::shell(fmt::format("tar -C {} -czf {} .", root, dir_ / "docker.tar.gz"));
  const auto imported = import(dir_ / "docker.tar.gz");
  ASSERT_TRUE(imported) << imported.error().message();
  EXPECT_THAT(store_.find("docker.io/library/tools:2").value().command, ElementsAre("/bin/tool"));
}

TEST_F(ImageImport, SaysWhatIsWrongWithOtherFiles) {
  EXPECT_EQ(import(dir_ / "none").error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(write_file(dir_ / "text", "hello"));
  EXPECT_EQ(import(dir_ / "text").error().code(), ErrorCode::kInvalid);
  EXPECT_THAT(import(files_).error().message(), HasSubstr("neither an OCI image layout"));
  ImageFile file(dir_ / "image");
  file.add_layer(files_);
  file.finish("", "");
  EXPECT_THAT(import(file.dir()).error().message(), HasSubstr("--name"));
}

}  // namespace
}  // namespace insula::node
