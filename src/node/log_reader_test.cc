#include "node/log_reader.h"

#include <gtest/gtest.h>

#include "node/files.h"
#include "testing/temp_dir.h"

namespace insula::node {
namespace {

constexpr std::timespec kTime{1767323045, 0};  // 2026-01-02T03:04:05Z

class LogReaderTest : public ::testing::Test {
 protected:
  void write(int first, int last, std::int64_t bytes_max = 1 << 20) {
    LogWriter writer(dir_ / "log", bytes_max, 100);
    ASSERT_TRUE(writer.open());
    for (int i = first; i <= last; ++i) {
      writer.append(LogStream::kStdout, std::to_string(i), false, {kTime.tv_sec + i, 0});
    }
  }

  std::string read(LogQuery query = {}) {
    LogReader reader(dir_ / "log", std::move(query));
    return drain(reader);
  }

  static std::string drain(LogReader& reader) {
    std::string out;
    while (reader.read(out)) {
    }
    return out;
  }

  insula::testing::TempDir dir_;
};

TEST_F(LogReaderTest, ReadsAcrossRotatedFilesInOrder) {
  write(1, 20, 150);
  ASSERT_TRUE(exists(dir_ / "log.2"));
  std::string expected;
  for (int i = 1; i <= 20; ++i)
    expected += std::to_string(i) + "\n";
  EXPECT_EQ(read(), expected);
}

TEST_F(LogReaderTest, FindsTheLastLinesInOlderFilesToo) {
  write(1, 20, 150);
  for (const int lines : {0, 1, 3, 7, 20, 100}) {
    LogQuery query;
    query.tail_lines = lines;
    std::string expected;
    for (int i = std::max(1, 21 - lines); i <= 20; ++i)
      expected += std::to_string(i) + "\n";
    EXPECT_EQ(read(query), expected) << lines;
  }
}

TEST_F(LogReaderTest, GoesOnWithWhatIsWrittenLaterThroughARotation) {
  write(1, 2);
  LogReader reader(dir_ / "log", {});
  EXPECT_EQ(drain(reader), "1\n2\n");
  write(3, 3);
  EXPECT_EQ(drain(reader), "3\n");
  write(4, 4);
  ASSERT_EQ(std::rename((dir_ / "log").c_str(), (dir_ / "log.1").c_str()), 0);
  write(5, 5);
  EXPECT_EQ(drain(reader), "4\n5\n");
}

TEST_F(LogReaderTest, ALogThatDoesNotExistYetIsEmptyUntilItDoes) {
  LogReader reader(dir_ / "log", {});
  EXPECT_EQ(drain(reader), "");
  write(1, 1);
  EXPECT_EQ(drain(reader), "1\n");
}

TEST_F(LogReaderTest, LeavesOutWhatIsOlderThanAsked) {
  write(1, 5);
  EXPECT_EQ(read(LogQuery::parse("sinceTime=2026-01-02T03:04:09Z", {}).value()), "4\n5\n");
}

TEST_F(LogReaderTest, RefusesParametersThatMakeNoSense) {
  for (const char* bad :
       {"tailLines=-1", "tailLines=x", "limitBytes=0", "sinceSeconds=0", "sinceTime=yesterday"}) {
    EXPECT_FALSE(LogQuery::parse(bad, {})) << bad;
  }
}

}  // namespace
}  // namespace insula::node
