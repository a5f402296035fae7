#include "gateway/access_log.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

std::string read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class AccessLogTest : public ::testing::Test {
 public:
  std::unique_ptr<AccessLog> open(std::uint64_t bytes_max = AccessLog::kBytesMin) {
    return AccessLog::open({.path = path_, .bytes_max = bytes_max}, 1, registry_, {}).value();
  }

  std::uint64_t counted(std::string_view name) { return registry_.counter(name, "").value(); }

  testing::TempDir directory_;
  MetricsRegistry registry_;
  std::string path_ = directory_.path() + "/access.log";
};

TEST_F(AccessLogTest, HasTheLinesOfAllRings) {
  const auto log = AccessLog::open({.path = path_}, 2, registry_, {}).value();
  ASSERT_TRUE(log->ring(0).append("a\n"));
  ASSERT_TRUE(log->ring(1).append("b\n"));
  ASSERT_TRUE(log->ring(0).append("c\n"));
  log->write();
  EXPECT_EQ(read(path_), "a\nc\nb\n");
  EXPECT_EQ(counted("insula_gateway_access_log_lines_total"), 3U);
  log->write();
  EXPECT_EQ(read(path_), "a\nc\nb\n");
}

TEST_F(AccessLogTest, GoesOnInAFileThatIsThere) {
  std::ofstream(path_) << "before\n";
  const auto log = open();
  ASSERT_TRUE(log->ring(0).append("a\n"));
  log->write();
  EXPECT_EQ(read(path_), "before\na\n");
}

TEST_F(AccessLogTest, KeepsToItsBoundAndLosesTheOldestLines) {
  const auto log = open();
  const std::string line = std::string(999, 'x') + "\n";
  constexpr int kLines = 12'000;
  for (int i = 0; i < kLines; ++i) {
    const std::string numbered = fmt::format("{:05}{}", i, line);
    if (log->ring(0).append(numbered)) continue;
    log->write();
    ASSERT_TRUE(log->ring(0).append(numbered));
  }
  log->write();
  std::uint64_t bytes = 0;
  std::string all;
  for (const char* suffix : {".3", ".2", ".1", ""}) {
    const std::string text = read(path_ + suffix);
    ASSERT_FALSE(text.empty()) << suffix;
    bytes += text.size();
    all += text;
  }
  EXPECT_LE(bytes, AccessLog::kBytesMin);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".4"));
  // Whole lines, one after the other, up to the last.
  const std::size_t size = line.size() + 5;
  ASSERT_EQ(all.size() % size, 0U);
  const int first = kLines - static_cast<int>(all.size() / size);
  for (std::size_t i = 0; i < all.size() / size; ++i)
    ASSERT_EQ(all.substr(i * size, 5), fmt::format("{:05}", first + static_cast<int>(i)));
  EXPECT_EQ(counted("insula_gateway_access_log_dropped_total"), 0U);
}

TEST_F(AccessLogTest, JoinsALineThatIsDividedByTheEndOfItsRing) {
  const auto log = open();
  const std::string filler(AccessLog::kRingBytes - 10, 'x');
  ASSERT_TRUE(log->ring(0).append(filler + "\n"));
  log->write();
  std::filesystem::resize_file(path_, 0);
  log->reopen();
  ASSERT_TRUE(log->ring(0).append("a line over the end\n"));
  ASSERT_TRUE(log->ring(0).append("next\n"));
  log->write();
  EXPECT_EQ(read(path_), "a line over the end\nnext\n");
}

TEST_F(AccessLogTest, GoesOnInANewFileAfterReopen) {
  const auto log = open();
  ASSERT_TRUE(log->ring(0).append("a\n"));
  log->write();
  std::filesystem::rename(path_, path_ + ".moved");
  ASSERT_TRUE(log->ring(0).append("b\n"));
  log->reopen();
  ASSERT_TRUE(log->ring(0).append("c\n"));
  log->write();
  EXPECT_EQ(read(path_ + ".moved"), "a\nb\n");
  EXPECT_EQ(read(path_), "c\n");
}

TEST_F(AccessLogTest, CountsWhatItCannotWriteAndLeavesNoHalfLine) {
  // A file that takes nothing, as on a full disk.
  path_ = directory_.path() + "/x/access.log";
  std::filesystem::create_directory(directory_.path() + "/x");
  const auto log = open();
  // Too full for one more, and its folder is gone: it can neither be moved nor made anew.
  const std::string line(AccessLog::kRingBytes - 1, 'x');
  ASSERT_TRUE(log->ring(0).append(line + "\n"));
  log->write();
  std::filesystem::remove_all(directory_.path() + "/x");
  ASSERT_TRUE(log->ring(0).append("lost\n"));
  log->write();
  EXPECT_EQ(counted("insula_gateway_access_log_dropped_total"), 1U);
  std::filesystem::create_directory(directory_.path() + "/x");
  ASSERT_TRUE(log->ring(0).append("kept\n"));
  log->write();
  EXPECT_EQ(read(path_), "kept\n");
}

TEST_F(AccessLogTest, IsRefusedWhereItCannotBeAFile) {
  EXPECT_FALSE(AccessLog::open({.path = directory_.path()}, 1, registry_, {}));
  EXPECT_FALSE(AccessLog::open({.path = "/nonexistent/log"}, 1, registry_, {}));
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_FALSE(AccessLog::open({.path = path_}, 1, registry_, {}));
  EXPECT_FALSE(AccessLog::open({.path = path_, .bytes_max = 10}, 1, registry_, {}));
}

}  // namespace
}  // namespace insula::gateway
