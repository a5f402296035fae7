#include "apiserver/health.h"

#include <gtest/gtest.h>

namespace insula::apiserver {
namespace {

class HealthTest : public ::testing::Test {
 protected:
  std::string controllers_;
  const HealthChecks checks_{{
      {.name = "ping", .failure = [] { return std::string(); }, .is_of_liveness = true},
      {.name = "controllers", .failure = [this] { return controllers_; }},
  }};
};

TEST_F(HealthTest, ListsWhatWasLookedAtWhenAsked) {
  EXPECT_EQ(checks_.answer("/readyz", "").text, "ok");
  EXPECT_EQ(checks_.answer("/readyz", "verbose").text,
            "[+]ping ok\n[+]controllers ok\nreadyz check passed\n");
  EXPECT_EQ(checks_.answer("/livez", "verbose=1").text, "[+]ping ok\nlivez check passed\n");
}

TEST_F(HealthTest, SaysWhatFailedOfReadinessOnly) {
  controllers_ = "pods not read yet";
  const auto ready = checks_.answer("/readyz", "");
  EXPECT_EQ(ready.status, 500);
  EXPECT_EQ(ready.text,
            "[+]ping ok\n[-]controllers failed: pods not read yet\nreadyz check failed\n");
  EXPECT_EQ(checks_.answer("/livez", "").status, 200);
  EXPECT_EQ(checks_.answer("/healthz", "").text, "ok");
}

TEST_F(HealthTest, AnswersSingleChecksAndNoOthers) {
  controllers_ = "broken";
  EXPECT_EQ(checks_.answer("/readyz/ping", "").text, "ok");
  EXPECT_EQ(checks_.answer("/readyz/controllers", "").status, 500);
  EXPECT_EQ(checks_.answer("/livez/controllers", "").status, 404);
  EXPECT_EQ(checks_.answer("/livez/anything", "").text, "404 page not found\n");
  EXPECT_TRUE(checks_.has("/readyz") && checks_.has("/readyz/controllers"));
  EXPECT_FALSE(checks_.has("/livez/controllers") || checks_.has("/readyz/nope") ||
               checks_.has("/readyzz"));
  EXPECT_FALSE(HealthChecks::is_path("/readyzz"));
  EXPECT_FALSE(HealthChecks::is_path("/"));
  EXPECT_TRUE(HealthChecks::is_path("/livez/ping"));
}

TEST_F(HealthTest, LeavesOutWhatIsExcluded) {
  controllers_ = "broken";
  EXPECT_EQ(checks_.answer("/readyz", "exclude=controllers").text, "ok");
  EXPECT_EQ(checks_.answer("/readyz", "verbose&exclude=controllers&exclude=none").text,
            "[+]ping ok\n[+]controllers excluded: ok\n"
            "warn: there is no check \"none\" to exclude\nreadyz check passed\n");
}

}  // namespace
}  // namespace insula::apiserver
