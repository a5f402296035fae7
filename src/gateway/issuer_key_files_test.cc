#include "gateway/issuer_key_files.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "testing/fake_clock.h"
#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

using namespace std::chrono_literals;

class IssuerKeyFilesTest : public ::testing::Test {
 protected:
  IssuerKeyFilesTest() { EXPECT_TRUE(files_.create_directory()); }

  [[nodiscard]] SavedKeySet set(std::string text) const {
    return {std::move(text), std::chrono::floor<std::chrono::seconds>(clock_.wall()), 600s};
  }

  testing::TempDir directory_;
  testing::FakeClock clock_;
  IssuerKeyFiles files_{directory_ / "keys"};
};

TEST_F(IssuerKeyFilesTest, ASetIsReadBackForItsOwnSourceOnly) {
  const KeySource source{"i", "https://i/keys", "CA 1"};
  ASSERT_TRUE(files_.save(source, set(R"({"keys":[]})")));
  const auto loaded = files_.load(source);
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(loaded->text, R"({"keys":[]})");
  EXPECT_EQ(loaded->fetched, set("").fetched);
  EXPECT_EQ(loaded->fresh, 600s);
  for (const KeySource& other :
       {KeySource{"i", "https://i/keys", "CA 2"}, KeySource{"i", "https://i/keys", ""},
        KeySource{"i", "https://i/keys", std::nullopt}, KeySource{"j", "https://i/keys", "CA 1"},
        KeySource{"i", "https://i/keys2", "CA 1"}, KeySource{"i", "", "https://i/keysCA 1"},
        KeySource{"ih", "ttps://i/keys", "CA 1"}}) {
    const auto none = files_.load(other);
    ASSERT_FALSE(none) << other.issuer << " " << other.jwks_uri << " " << other.ca.value_or("-");
    EXPECT_EQ(none.error().code(), ErrorCode::kNotFound);
  }
}

TEST_F(IssuerKeyFilesTest, OldFilesGoAndOthersStay) {
  const KeySource old{"old", "", std::nullopt};
  const KeySource fresh{"fresh", "", std::nullopt};
  ASSERT_TRUE(files_.save(old, set("a")));
  const auto written = std::filesystem::file_time_type::clock::now();
  for (const auto& entry : std::filesystem::directory_iterator(directory_ / "keys"))
    std::filesystem::last_write_time(entry.path(), written - 48h);
  ASSERT_TRUE(files_.save(fresh, set("b")));
  files_.remove_older(std::filesystem::file_time_type::clock::to_sys(written - 47h));
  EXPECT_FALSE(files_.load(old));
  EXPECT_TRUE(files_.load(fresh));
}

TEST_F(IssuerKeyFilesTest, AFolderThatCannotBeWrittenIsAnError) {
  std::filesystem::remove(directory_ / "keys");
  EXPECT_FALSE(files_.save({"i", "", std::nullopt}, set("a")));
}

}  // namespace
}  // namespace insula::gateway
