#include <cmath>
#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "gpu/device.h"

namespace insula::gpu {
namespace {

// FNV-1a: the UUIDs need to be stable and distinct, not secret.
std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

std::string simulated_uuid(std::string_view seed, int index) {
  const std::uint64_t high = stable_hash(fmt::format("{}/{}/high", seed, index));
  const std::uint64_t low = stable_hash(fmt::format("{}/{}/low", seed, index));
  return fmt::format("GPU-{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", high >> 32U,
                     (high >> 16U) & 0xffffU, high & 0xfffU, low >> 52U, low & 0xffffffffffffU);
}

class SimulatedDriver final : public Driver {
 public:
  SimulatedDriver(const SimulationOptions& options, const Clock& clock)
      : clock_(clock), started_(clock.now()) {
    for (int i = 0; i < options.count; ++i) {
      devices_.push_back({i, simulated_uuid(options.seed, i), options.model,
                          fmt::format("00000000:{:02X}:00.0", i + 1), options.memory_mib,
                          Origin::kSimulated, -1});
    }
  }

  [[nodiscard]] const std::vector<Device>& devices() const override { return devices_; }

  [[nodiscard]] std::string version() const override { return "simulated"; }

  [[nodiscard]] Sample sample(const Device& device, bool held) override {
    const std::chrono::duration<double> up = clock_.now() - started_;
    // A held device swings slowly around a plausible load; a free one idles.
    const double wave = std::sin((up.count() / 30.0) + device.index);
    const double load = held ? 55.0 + (25.0 * wave) : 0.0;
    const double used = held ? std::floor(static_cast<double>(device.memory_mib) * 0.6) : 0.0;
    Sample out;
    out.utilization_percent = std::floor(load);
    out.memory_copy_percent = std::floor(load * 0.4);
    out.temperature_celsius = std::floor(32.0 + (load * 0.4));
    out.power_watts = 60.0 + (load * 4.0);
    out.energy_millijoules = std::floor(up.count() * 60.0 * 1000.0);
    out.sm_clock_mhz = held ? 1755.0 : 345.0;
    out.memory_clock_mhz = held ? 2619.0 : 1593.0;
    out.memory_used_mib = used;
    out.memory_free_mib = static_cast<double>(device.memory_mib) - used;
    return out;
  }

 private:
  const Clock& clock_;
  SteadyTime started_;
  std::vector<Device> devices_;
};

}  // namespace

std::unique_ptr<Driver> simulated_driver(const SimulationOptions& options, const Clock& clock) {
  return std::make_unique<SimulatedDriver>(options, clock);
}

}  // namespace insula::gpu
