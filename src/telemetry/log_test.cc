#include "telemetry/log.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "testing/fake_clock.h"

namespace insula {
namespace {

class CapturingSink final : public LogSink {
 public:
  explicit CapturingSink(Options options) : options_(options) {}

  const Options& options() const override { return options_; }

  WallTime wall() const override { return clock_.wall(); }

  void write(std::string_view line) override { text += line; }

  std::string text;

 private:
  Options options_;
  testing::FakeClock clock_;
};

TEST(Log, WritesAConstantMessageAndItsFields) {
  CapturingSink sink({});
  Log(sink, "scheduler").info("pod bound", "pod", "a/b", "attempt", 3, "simulated", true);
  EXPECT_EQ(sink.text,
            "2026-01-02T00:00:00.000Z info  pod bound component=scheduler pod=a/b attempt=3 "
            "simulated=true\n");
}

TEST(Log, WritesJsonWhenAsked) {
  CapturingSink sink({.format = LogFormat::kJson});
  Log(sink, "").with("tenant", "a").warn("refused", "err", "say \"why\"", "ratio", 0.5);
  EXPECT_EQ(sink.text,
            "{\"time\":\"2026-01-02T00:00:00.000Z\",\"level\":\"warn\",\"message\":\"refused\","
            "\"tenant\":\"a\",\"err\":\"say \\\"why\\\"\",\"ratio\":0.5}\n");
}

TEST(Log, AValueCannotForgeALineOrAField) {
  CapturingSink sink({});
  Log(sink, "").info("seen", "path", "/x\n2026 error forged", "name", "a b=c");
  EXPECT_THAT(sink.text,
              ::testing::HasSubstr("path=\"/x\\u000a2026 error forged\" name=\"a b=c\"\n"));
}

TEST(Log, DropsLinesBelowItsLevel) {
  CapturingSink sink({.level = LogLevel::kWarn});
  const Log log(sink, "");
  log.info("quiet");
  log.error("loud");
  EXPECT_THAT(sink.text, ::testing::AllOf(::testing::HasSubstr("loud"),
                                          ::testing::Not(::testing::HasSubstr("quiet"))));
}

TEST(Log, MadeByDefaultDropsEverything) {
  const Log log;
  EXPECT_FALSE(log.enabled(LogLevel::kError));
  log.with("a", 1).error("nobody hears", "b", 2);
}

TEST(Log, RefusesAnUnknownLevel) {
  EXPECT_EQ(*parse_log_level("warn"), LogLevel::kWarn);
  EXPECT_FALSE(parse_log_level("loud"));
}

TEST(FileLogSink, KeepsAtMostTwoFilesOfItsSize) {
  const testing::FakeClock clock;
  std::string dir = ::testing::TempDir() + "/insula-log-XXXXXX";
  ASSERT_NE(::mkdtemp(dir.data()), nullptr);
  const std::string path = dir + "/x.log";
  auto sink = file_log_sink(path, 200, {}, clock);
  ASSERT_TRUE(sink);
  const Log log(**sink, "");
  for (int i = 0; i < 50; ++i)
    log.info("line", "i", i);

  EXPECT_LE(std::filesystem::file_size(path), 200u);
  EXPECT_LE(std::filesystem::file_size(path + ".1"), 200u);
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_THAT(text.str(), ::testing::HasSubstr("i=49"));
  EXPECT_FALSE(file_log_sink(dir + "/no/such", 200, {}, clock));
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace insula
