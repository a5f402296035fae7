#include "cli/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::cli {
namespace {

struct Parsed {
  std::string tenant;
  std::string output = "table";
  int gpus = 0;
  std::optional<long> rate;
  std::vector<std::string> maps;
  bool tls = false;
};

struct Outcome {
  std::optional<int> exit;
  std::string message;
};

Outcome parse(Parsed& out, const std::vector<std::string>& arguments) {
  Options options("tenant create", "Creates a tenant.");
  options.word("TENANT", out.tenant, "name")
      .number("--gpus", out.gpus, "GPUs")
      .maybe_number("--rate", out.rate, "rate")
      .texts("--map", out.maps, "map")
      .toggle("--tls", out.tls, "TLS")
      .choice("-o,--output", out.output, {"table", "json"}, "output");
  ::testing::internal::CaptureStderr();
  const auto exit = options.parse(arguments);
  return {exit, ::testing::internal::GetCapturedStderr()};
}

TEST(Options, ReadWordsFlagsAndNumbers) {
  Parsed out;
  EXPECT_EQ(
      parse(out, {"a", "--gpus", "2", "--map=x = y z", "--map", "b", "--tls", "-o", "json"}).exit,
      std::nullopt);
  EXPECT_EQ(out.tenant, "a");
  EXPECT_EQ(out.gpus, 2);
  EXPECT_EQ(out.rate, std::nullopt);
  EXPECT_THAT(out.maps, ::testing::ElementsAre("x = y z", "b"));
  EXPECT_TRUE(out.tls);
  EXPECT_EQ(out.output, "json");
}

TEST(Options, AMistakeIsOneLineAndExitCodeTwo) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{},
                                                {"a", "--gpus", "many"},
                                                {"a", "--gpus", ""},
                                                {"a", "--rate", ""},
                                                {"a", "--nonsense"},
                                                {"a", "-o", "xml"},
                                                {""},
                                                {"a", "b"}}) {
    Parsed out;
    const Outcome outcome = parse(out, wrong);
    EXPECT_EQ(outcome.exit, 2);
    EXPECT_THAT(outcome.message, ::testing::StartsWith("insula tenant create: "));
    EXPECT_EQ(std::ranges::count(outcome.message, '\n'), 1) << outcome.message;
  }
}

TEST(Options, AWordThatMayBeLeftOutIsAtMostOne) {
  const auto read = [](const std::vector<std::string>& arguments) {
    std::string tenant;
    Options options("key list", "Lists keys.");
    options.maybe_word("TENANT", tenant, "whose");
    ::testing::internal::CaptureStderr();
    const auto exit = options.parse(arguments);
    static_cast<void>(::testing::internal::GetCapturedStderr());
    return std::pair(exit, tenant);
  };
  EXPECT_EQ(read({}), std::pair(std::optional<int>(), std::string()));
  EXPECT_EQ(read({"a"}), std::pair(std::optional<int>(), std::string("a")));
  EXPECT_EQ(read({"a", "b"}).first, 2);
  EXPECT_EQ(read({""}).first, 2);
}

}  // namespace
}  // namespace insula::cli
