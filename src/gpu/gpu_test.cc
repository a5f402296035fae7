#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gpu/dcgm.h"
#include "gpu/device.h"
#include "testing/fake_clock.h"

namespace insula::gpu {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(SimulatedDriver, NamesTheSameDevicesAfterARestart) {
  const insula::testing::FakeClock clock;
  const SimulationOptions options{3, "M", 1024, "node-a"};
  const auto before = simulated_driver(options, clock);
  const auto after = simulated_driver(options, clock);
  ASSERT_EQ(before->devices().size(), 3U);
  EXPECT_EQ(before->devices(), after->devices());
  EXPECT_NE(before->devices()[0].uuid, before->devices()[1].uuid);
  EXPECT_EQ(before->devices()[0].origin, Origin::kSimulated);
  EXPECT_EQ(before->devices()[0].uuid.size(),
            std::string("GPU-00000000-0000-0000-0000-000000000000").size());
}

TEST(SimulatedDriver, IdlesUntilAPodHoldsTheDevice) {
  const insula::testing::FakeClock clock;
  const auto driver = simulated_driver({1, "M", 1024, "x"}, clock);
  const Device& device = driver->devices()[0];
  EXPECT_EQ(driver->sample(device, false).utilization_percent, 0.0);
  EXPECT_GT(driver->sample(device, true).utilization_percent, 0.0);
  EXPECT_GT(driver->sample(device, true).memory_used_mib, 0.0);
}

TEST(NvmlDriver, SaysWhatIsMissingWhereThereIsNoDriver) {
  const auto driver = nvml_driver("libinsula-no-such-library.so.1");
  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(driver.error().message(), HasSubstr("libinsula-no-such-library.so.1"));
}

TEST(Dcgm, LabelsADeviceWithItsHolderAndMarksASimulatedOne) {
  Reading reading;
  reading.device.index = 2;
  reading.device.uuid = "GPU-1";
  reading.device.model = "M \"x\"";
  reading.device.origin = Origin::kSimulated;
  reading.sample.utilization_percent = 40;
  reading.holder = {"team-a", "team-a", "llm-0", "llm"};
  const std::string text = dcgm_text({reading}, "host-1", "535.1");
  EXPECT_THAT(
      text,
      HasSubstr("# TYPE DCGM_FI_DEV_GPU_UTIL gauge\n"
                "DCGM_FI_DEV_GPU_UTIL{gpu=\"2\",UUID=\"GPU-1\",device=\"nvidia2\","
                "modelName=\"M \\\"x\\\"\",Hostname=\"host-1\",DCGM_FI_DRIVER_VERSION=\"535.1\","
                "tenant=\"team-a\",namespace=\"team-a\",pod=\"llm-0\",container=\"llm\","
                "simulated=\"true\"} 40\n"));
}

TEST(Dcgm, LeavesOutWhatADeviceDoesNotReport) {
  Reading reading;
  reading.sample.power_watts = 70;
  const std::string text = dcgm_text({reading}, "h", "");
  EXPECT_THAT(text, HasSubstr("DCGM_FI_DEV_POWER_USAGE"));
  EXPECT_THAT(text, Not(HasSubstr("DCGM_FI_DEV_GPU_TEMP")));
  EXPECT_THAT(text, Not(HasSubstr("namespace=")));
}

}  // namespace
}  // namespace insula::gpu
