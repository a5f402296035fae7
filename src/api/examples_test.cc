#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/gen/meta_v1.h"
#include "api/kind.h"
#include "api/strategy.h"
#include "json/yaml.h"

namespace insula::api {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> manifests(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return std::move(text).str();
}

/// Reads each document as strictly as `kubectl apply` asks for, and takes it through creation.
void expect_valid(const fs::path& file) {
  const auto documents = json::parse_yaml(text_of(file));
  ASSERT_TRUE(documents) << file << ": " << documents.error().message();
  EXPECT_FALSE(documents->empty()) << file;
  for (const json::Value& document : *documents) {
    const json::Object* object = document.as_object();
    ASSERT_NE(object, nullptr) << file;
    const Kind* kind =
        find_kind(*object->find("apiVersion")->as_string(), *object->find("kind")->as_string());
    ASSERT_NE(kind, nullptr) << file;
    const std::unique_ptr<void, void (*)(void*)> typed(kind->type.ops.create(),
                                                       kind->type.ops.destroy);
    const auto decoded = decode_json(kind->type, typed.get(), document, Strictness::kStrict);
    ASSERT_TRUE(decoded) << file << ": " << decoded.error().message();
    prepare_create(*kind, typed.get());
    const auto checked = check_create(*kind, typed.get());
    EXPECT_TRUE(checked) << file << ": " << checked.error().message();
  }
}

TEST(Examples, AreValidAsTheyStand) {
  const std::vector<fs::path> files = manifests(fs::path(INSULA_SOURCE_DIR) / "examples");
  EXPECT_GE(files.size(), 7U);
  for (const fs::path& file : files)
    expect_valid(file);
}

TEST(Examples, TheGuidesOwnManifestsAreValidAsTheyStand) {
  const char* const set = std::getenv("INSULA_SHARED");
  const fs::path shared =
      set != nullptr ? fs::path(set) : fs::path(INSULA_SOURCE_DIR) / "../shared";
  if (!fs::is_directory(shared / "guide")) GTEST_SKIP() << "no guide manifests in " << shared;
  for (const fs::path& file : manifests(shared / "guide"))
    expect_valid(file);
}

}  // namespace
}  // namespace insula::api
