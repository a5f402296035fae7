#include "node/cri_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/files.h"
#include "testing/temp_dir.h"

namespace insula::node {
namespace {

constexpr std::timespec kTime{1767323045, 123456789};  // 2026-01-02T03:04:05.123456789Z

std::string logged(const insula::testing::TempDir& dir) {
  return read_file(dir / "log").value();
}

TEST(LogTimestamp, HasNineDigitsOfASecond) {
  EXPECT_EQ(log_timestamp(kTime).view(), "2026-01-02T03:04:05.123456789Z");
  EXPECT_EQ(log_timestamp({0, 7}).view(), "1970-01-01T00:00:00.000000007Z");
}

TEST(LineSplitter, WritesOneRecordALineHoweverTheBytesArrive) {
  const insula::testing::TempDir dir;
  LogWriter writer(dir / "log", 1 << 20, 2);
  ASSERT_TRUE(writer.open());
  LineSplitter out(writer, LogStream::kStdout);
  LineSplitter err(writer, LogStream::kStderr);
  out.feed("he", kTime);
  err.feed("oops\n", kTime);
  out.feed("llo\n\nlast", kTime);
  out.finish(kTime);
  err.finish(kTime);
  EXPECT_EQ(logged(dir),
            "2026-01-02T03:04:05.123456789Z stderr F oops\n"
            "2026-01-02T03:04:05.123456789Z stdout F hello\n"
            "2026-01-02T03:04:05.123456789Z stdout F \n"
            "2026-01-02T03:04:05.123456789Z stdout P last\n");
}

TEST(LineSplitter, CutsALineThatIsTooLongAndMarksThePieces) {
  const insula::testing::TempDir dir;
  LogWriter writer(dir / "log", 1 << 20, 2);
  ASSERT_TRUE(writer.open());
  LineSplitter out(writer, LogStream::kStdout);
  const std::string line(kLogRecordBytesMax + 3, 'x');
  out.feed(line + "\n", kTime);
  const std::string text = logged(dir);
  const std::size_t newline = text.find('\n');
  LogRecord first;
  LogRecord second;
  ASSERT_TRUE(parse_log_record(std::string_view(text).substr(0, newline), first));
  ASSERT_TRUE(parse_log_record(
      std::string_view(text).substr(newline + 1, text.size() - newline - 2), second));
  EXPECT_TRUE(first.partial);
  EXPECT_EQ(first.text.size(), kLogRecordBytesMax);
  EXPECT_FALSE(second.partial);
  EXPECT_EQ(second.text, "xxx");
}

TEST(LineSplitter, ALineOfExactlyTheLimitIsOneRecord) {
  const insula::testing::TempDir dir;
  LogWriter writer(dir / "log", 1 << 20, 2);
  ASSERT_TRUE(writer.open());
  LineSplitter out(writer, LogStream::kStdout);
  out.feed(std::string(kLogRecordBytesMax, 'x'), kTime);
  out.feed("\n", kTime);
  EXPECT_EQ(std::ranges::count(logged(dir), '\n'), 1);
}

TEST(LogWriter, RotatesAtItsSizeAndKeepsOnlyTheNewestFiles) {
  const insula::testing::TempDir dir;
  LogWriter writer(dir / "log", 100, 3);
  ASSERT_TRUE(writer.open());
  for (int i = 0; i < 40; ++i)
    writer.append(LogStream::kStdout, "record " + std::to_string(i), false, kTime);
  EXPECT_THAT(names_in(dir.path()), ::testing::ElementsAre("log", "log.1", "log.2"));
  EXPECT_THAT(logged(dir), ::testing::HasSubstr("record 39"));
  EXPECT_THAT(read_file(dir / "log.1").value(), ::testing::HasSubstr("record 37"));
}

TEST(LogRecord, SkipsWhatATornWriteLeft) {
  LogRecord record;
  EXPECT_FALSE(parse_log_record("", record));
  EXPECT_FALSE(parse_log_record("2026-01-02T03:04:05.123456789Z std", record));
  EXPECT_FALSE(parse_log_record("2026-01-02T03:04:05.123456789Z stdout X text", record));
  EXPECT_FALSE(parse_log_record(std::string(60, 'x'), record));
  EXPECT_TRUE(parse_log_record("2026-01-02T03:04:05.123456789Z stderr F ", record));
  EXPECT_EQ(record.text, "");
}

}  // namespace
}  // namespace insula::node
