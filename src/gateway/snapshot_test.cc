#include "gateway/snapshot.h"

#include <fstream>

#include <gtest/gtest.h>

#include "testing/fake_clock.h"
#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;

class SnapshotTest : public ::testing::Test {
 protected:
  std::shared_ptr<const Snapshot> build(const std::string& tenant) {
    GatewayConfig config;
    config.tenants.push_back({.name = tenant, .service_host = "", .endpoints = {}, .issuers = {}});
    return builder_.build(config);
  }

  [[nodiscard]] std::filesystem::path ring_of(const std::string& tenant) const {
    return directory_ / (tenant + ".ring");
  }

  void set_last_write(const std::string& tenant, std::chrono::nanoseconds ago) {
    std::filesystem::last_write_time(
        ring_of(tenant), std::filesystem::file_time_type::clock::from_sys(clock_.wall() - ago));
  }

  testing::TempDir directory_;
  testing::FakeClock clock_;
  MetricsRegistry registry_;
  SnapshotBuilder builder_{directory_.path(), clock_, registry_, {}};
};

TEST_F(SnapshotTest, SnapshotsOfOneTenantShareItsWindow) {
  const auto first = build("a");
  const auto second = build("a");
  EXPECT_EQ(first->find("a")->window, second->find("a")->window);
}

TEST_F(SnapshotTest, ATenantsWindowGoesWithTheLastSnapshotThatKnowsIt) {
  auto snapshot = build("a");
  const std::weak_ptr<RateWindow> window = snapshot->find("a")->window;
  snapshot = build("b");
  EXPECT_TRUE(window.expired());
}

TEST_F(SnapshotTest, AnAdmissionIsRememberedWhileItsTenantIsAway) {
  build("a")->find("a")->window->admit(1);
  build("b");
  EXPECT_FALSE(build("a")->find("a")->window->admit(1).admitted);
}

TEST_F(SnapshotTest, RemovesTheRingOfAFormerTenantOnceItLimitsNothing) {
  build("a");
  set_last_write("a", 59min);
  build("b");
  EXPECT_TRUE(std::filesystem::exists(ring_of("a")));
  set_last_write("a", 2h);
  build("b");
  EXPECT_FALSE(std::filesystem::exists(ring_of("a")));
  EXPECT_TRUE(std::filesystem::exists(ring_of("b")));
}

TEST_F(SnapshotTest, LeavesOtherFilesAlone) {
  const std::filesystem::path other = directory_ / "a.ring.damaged";
  std::ofstream(other) << "x";
  std::filesystem::last_write_time(
      other, std::filesystem::file_time_type::clock::from_sys(clock_.wall() - 48h));
  build("b");
  EXPECT_TRUE(std::filesystem::exists(other));
}

}  // namespace
}  // namespace insula::gateway
