#include "node/image_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/files.h"
#include "testing/temp_dir.h"

namespace insula::node {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ImageName, TakesDockersDefaultsForWhatIsLeftOut) {
  EXPECT_EQ(normalized_image("llm").value(), "docker.io/library/llm:latest");
  EXPECT_EQ(normalized_image("insula/llm-sim").value(), "docker.io/insula/llm-sim:latest");
  EXPECT_EQ(normalized_image("ghcr.io/berriai/litellm:main-latest").value(),
            "ghcr.io/berriai/litellm:main-latest");
  EXPECT_EQ(normalized_image("localhost/x").value(), "localhost/x:latest");
  EXPECT_EQ(normalized_image("host:5000/x").value(), "host:5000/x:latest");
  EXPECT_EQ(normalized_image("x@sha256:ab").value(), "docker.io/library/x@sha256:ab");
}

TEST(ImageName, RefusesWhatIsNone) {
  for (const char* bad : {"", "a b", "/x", "x/", "x:", "a;b"})
    EXPECT_FALSE(normalized_image(bad)) << bad;
}

TEST(ImageName, IsBoundedAsAWhole) {
  const auto longest = normalized_image(std::string(487, 'a'));
  ASSERT_TRUE(longest);
  EXPECT_EQ(longest->size(), 512U);
  EXPECT_EQ(normalized_image(*longest).value(), *longest);
  EXPECT_FALSE(normalized_image(std::string(488, 'a')));
}

TEST(ImageMap, KnowsTheSimulatorByAnySpellingOfItsName) {
  const ImageMap map;
  for (const char* name : {"insula/llm-sim", "insula/llm-sim:latest", "docker.io/insula/llm-sim"}) {
    ASSERT_NE(map.find(name), nullptr) << name;
    EXPECT_EQ(map.find(name)->text(), "builtin:llm-sim");
  }
  EXPECT_EQ(map.find("insula/llm-sim:2"), nullptr);
}

TEST(ImageMap, MapsANameToAProgramWithArgumentsAndFurtherPaths) {
  ImageMap map;
  ASSERT_TRUE(
      map.add("ghcr.io/x/y:main = host:/opt/y/bin/y --host \"a b\" +/srv/models --port 8000"));
  const ImageSource* source = map.find("ghcr.io/x/y:main");
  ASSERT_NE(source, nullptr);
  EXPECT_THAT(source->words, ElementsAre("/opt/y/bin/y", "--host", "a b", "--port", "8000"));
  EXPECT_THAT(source->host_paths, ElementsAre("/srv/models"));
}

TEST(ImageMap, NamesFileAndLineOfAMistake) {
  const insula::testing::TempDir dir;
  ASSERT_TRUE(write_file(dir / "images", "# ours\n\nx = image:localhost/x:1\ny = host:relative\n"));
  ImageMap map;
  const Result<> added = map.add_file(dir / "images");
  ASSERT_FALSE(added);
  EXPECT_THAT(added.error().message(), HasSubstr("images:4: host: needs the absolute path"));
  EXPECT_EQ(map.find("x")->text(), "image:localhost/x:1");
}

}  // namespace
}  // namespace insula::node
