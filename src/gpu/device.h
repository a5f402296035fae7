#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace insula::gpu {

enum class Origin : std::uint8_t { kHardware, kSimulated };

/// One whole GPU of this machine.
struct Device {
  int index = 0;
  std::string uuid;  // "GPU-..."; what NVIDIA_VISIBLE_DEVICES names
  std::string model;
  std::string pci_bus_id;
  std::int64_t memory_mib = 0;
  Origin origin = Origin::kHardware;
  int minor = -1;  // of its /dev/nvidiaN; below 0: it has none

  bool operator==(const Device&) const = default;
};

/// What a device reports at one moment. A field the device does not report is empty, and its series
/// is left out: a sentinel value would be read as a measurement.
struct Sample {
  std::optional<double> utilization_percent;
  std::optional<double> memory_copy_percent;
  std::optional<double> temperature_celsius;
  std::optional<double> power_watts;
  std::optional<double> energy_millijoules;  // since the driver was loaded
  std::optional<double> sm_clock_mhz;
  std::optional<double> memory_clock_mhz;
  std::optional<double> memory_used_mib;
  std::optional<double> memory_free_mib;
};

/// The GPUs of a machine and their readings.
///
/// Threads: one caller at a time; a reading may block for milliseconds in the driver.
class Driver {
 public:
  virtual ~Driver() = default;
  [[nodiscard]] virtual const std::vector<Device>& devices() const = 0;
  /// Empty when there is no driver version to tell.
  [[nodiscard]] virtual std::string version() const = 0;
  /// `held`: whether a pod holds the device now; only a simulated device needs to be told.
  [[nodiscard]] virtual Sample sample(const Device& device, bool held) = 0;
};

struct SimulationOptions {
  int count = 0;
  std::string model = "Insula Simulated GPU";
  std::int64_t memory_mib = 81920;
  /// Makes the UUIDs: the same seed names the same devices after a restart.
  std::string seed;
};

/// Devices that do not exist, for learning, demonstrations and tests. Each says so
/// (Origin::kSimulated).
[[nodiscard]] std::unique_ptr<Driver> simulated_driver(const SimulationOptions& options,
                                                       const Clock& clock);

/// The NVIDIA driver's management library, opened at run time.
///
/// Errors: kUnavailable when the library is not installed or finds no driver.
[[nodiscard]] Result<std::unique_ptr<Driver>> nvml_driver(
    const std::string& library = "libnvidia-ml.so.1");

}  // namespace insula::gpu
