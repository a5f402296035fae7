#include "telemetry/metrics.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, ASeriesIsThereAtZeroBeforeAnythingHappened) {
  MetricsRegistry registry;
  registry.counter("insula_requests_total", "Requests.", {{"tenant", "a"}});
  EXPECT_EQ(registry.expose(),
            "# HELP insula_requests_total Requests.\n# TYPE insula_requests_total counter\n"
            "insula_requests_total{tenant=\"a\"} 0\n");
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameSeries) {
  MetricsRegistry registry;
  registry.counter("x_total", "X.").add(2);
  registry.counter("x_total", "X.").add();
  EXPECT_THAT(registry.expose(), HasSubstr("x_total 3\n"));
}

TEST(Metrics, HistogramsCumulateTheirBuckets) {
  MetricsRegistry registry;
  constexpr std::array kBounds = {0.1, 1.0};
  Histogram& h = registry.histogram("d_seconds", "D.", kBounds, {{"verb", "get"}});
  h.observe(0.05);
  h.observe(0.1);
  h.observe(0.5);
  h.observe(7);
  EXPECT_EQ(registry.expose(),
            "# HELP d_seconds D.\n# TYPE d_seconds histogram\n"
            "d_seconds_bucket{verb=\"get\",le=\"0.1\"} 2\n"
            "d_seconds_bucket{verb=\"get\",le=\"1\"} 3\n"
            "d_seconds_bucket{verb=\"get\",le=\"+Inf\"} 4\n"
            "d_seconds_sum{verb=\"get\"} 7.65\n"
            "d_seconds_count{verb=\"get\"} 4\n");
}

TEST(Metrics, LabelValuesAndHelpAreEscaped) {
  MetricsRegistry registry;
  registry.gauge("g", "one\ntwo", {{"path", "a\"b\\c\nd"}}).set(-1.5);
  EXPECT_THAT(registry.expose(), HasSubstr("# HELP g one\\ntwo\n"));
  EXPECT_THAT(registry.expose(), HasSubstr("g{path=\"a\\\"b\\\\c\\nd\"} -1.5\n"));
}

TEST(Metrics, SeriesBeyondTheCapShareOne) {
  MetricsRegistry registry;
  for (std::size_t i = 0; i < kSeriesPerFamilyMax + 5; ++i) {
    registry.counter("m_total", "M.", {{"model", std::to_string(i)}}).add();
  }
  const std::string text = registry.expose();
  EXPECT_THAT(text, HasSubstr("m_total{model=\"other\"} 5\n"));
  EXPECT_THAT(text, Not(HasSubstr("model=\"" + std::to_string(kSeriesPerFamilyMax + 1) + "\"")));
}

TEST(Metrics, ACollectorSpeaksUntilItsRegistrationEnds) {
  MetricsRegistry registry;
  {
    const auto registration =
        registry.on_collect([](Exposition& out) { out.sample("late", {}, 1e18); });
    EXPECT_THAT(registry.expose(), HasSubstr("late 1e+18\n"));
  }
  EXPECT_EQ(registry.expose(), "");
}

TEST(Metrics, AProcessReportsItself) {
  MetricsRegistry registry;
  const auto registration = register_process_metrics(registry);
  EXPECT_THAT(registry.expose(), HasSubstr("\nprocess_resident_memory_bytes "));
  EXPECT_THAT(registry.expose(), Not(HasSubstr("process_resident_memory_bytes 0\n")));
}

}  // namespace
}  // namespace insula
