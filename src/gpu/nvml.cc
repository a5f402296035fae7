#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <fmt/format.h>

#include "gpu/device.h"

// The library's C interface, declared here because its header belongs to the CUDA toolkit, which no
// machine needs to have. Names, layouts and values are those of NVIDIA's NVML API reference.
namespace insula::gpu {
namespace {

using NvmlReturn = int;
using NvmlDevice = void*;
constexpr NvmlReturn kNvmlSuccess = 0;
constexpr int kTemperatureGpu = 0;
constexpr int kClockSm = 1;
constexpr int kClockMemory = 2;
constexpr std::size_t kTextMax = 96;
constexpr double kBytesPerMib = 1024.0 * 1024.0;

struct NvmlMemory {
  unsigned long long total, free, used;
};

struct NvmlUtilization {
  unsigned int gpu, memory;
};

struct NvmlPci {
  std::array<char, 16> bus_id_legacy;
  unsigned int domain, bus, device, pci_device_id, pci_subsystem_id;
  std::array<char, 32> bus_id;
};

struct Functions {
  NvmlReturn (*init)();
  NvmlReturn (*shutdown)();
  NvmlReturn (*driver_version)(char*, unsigned);
  NvmlReturn (*count)(unsigned*);
  NvmlReturn (*by_index)(unsigned, NvmlDevice*);
  NvmlReturn (*name)(NvmlDevice, char*, unsigned);
  NvmlReturn (*uuid)(NvmlDevice, char*, unsigned);
  NvmlReturn (*pci)(NvmlDevice, NvmlPci*);
  NvmlReturn (*memory)(NvmlDevice, NvmlMemory*);
  NvmlReturn (*utilization)(NvmlDevice, NvmlUtilization*);
  NvmlReturn (*temperature)(NvmlDevice, int, unsigned*);
  NvmlReturn (*power)(NvmlDevice, unsigned*);
  NvmlReturn (*energy)(NvmlDevice, unsigned long long*);
  NvmlReturn (*clock)(NvmlDevice, int, unsigned*);
  NvmlReturn (*minor)(NvmlDevice, unsigned*);
};

struct CloseLibrary {
  void operator()(void* handle) const { dlclose(handle); }
};

using Library = std::unique_ptr<void, CloseLibrary>;

template <class F>
bool load(void* library, const char* name, F& into) {
  into = reinterpret_cast<F>(dlsym(library, name));
  return into != nullptr;
}

bool load_all(void* library, Functions& f) {
  return load(library, "nvmlInit_v2", f.init) && load(library, "nvmlShutdown", f.shutdown) &&
         load(library, "nvmlSystemGetDriverVersion", f.driver_version) &&
         load(library, "nvmlDeviceGetCount_v2", f.count) &&
         load(library, "nvmlDeviceGetHandleByIndex_v2", f.by_index) &&
         load(library, "nvmlDeviceGetName", f.name) && load(library, "nvmlDeviceGetUUID", f.uuid) &&
         load(library, "nvmlDeviceGetPciInfo_v3", f.pci) &&
         load(library, "nvmlDeviceGetMemoryInfo", f.memory) &&
         load(library, "nvmlDeviceGetUtilizationRates", f.utilization) &&
         load(library, "nvmlDeviceGetTemperature", f.temperature) &&
         load(library, "nvmlDeviceGetPowerUsage", f.power) &&
         load(library, "nvmlDeviceGetTotalEnergyConsumption", f.energy) &&
         load(library, "nvmlDeviceGetClockInfo", f.clock) &&
         load(library, "nvmlDeviceGetMinorNumber", f.minor);
}

class NvmlDriver final : public Driver {
 public:
  NvmlDriver(Library library, const Functions& functions)
      : library_(std::move(library)), f_(functions) {
    unsigned count = 0;
    if (f_.count(&count) != kNvmlSuccess) return;
    for (unsigned i = 0; i < count; ++i)
      add(i);
  }

  ~NvmlDriver() override { f_.shutdown(); }

  NvmlDriver(const NvmlDriver&) = delete;
  NvmlDriver& operator=(const NvmlDriver&) = delete;

  [[nodiscard]] const std::vector<Device>& devices() const override { return devices_; }

  [[nodiscard]] std::string version() const override {
    std::array<char, kTextMax> text{};
    return f_.driver_version(text.data(), text.size()) == kNvmlSuccess ? text.data() : "";
  }

  [[nodiscard]] Sample sample(const Device& device, bool /*held*/) override {
    Sample out;
    NvmlDevice handle = nullptr;
    if (f_.by_index(static_cast<unsigned>(device.index), &handle) != kNvmlSuccess) return out;
    if (NvmlUtilization u{}; f_.utilization(handle, &u) == kNvmlSuccess) {
      out.utilization_percent = u.gpu;
      out.memory_copy_percent = u.memory;
    }
    if (NvmlMemory m{}; f_.memory(handle, &m) == kNvmlSuccess) {
      out.memory_used_mib = static_cast<double>(m.used) / kBytesPerMib;
      out.memory_free_mib = static_cast<double>(m.free) / kBytesPerMib;
    }
    unsigned value = 0;
    if (f_.temperature(handle, kTemperatureGpu, &value) == kNvmlSuccess)
      out.temperature_celsius = value;
    if (f_.power(handle, &value) == kNvmlSuccess) out.power_watts = value / 1000.0;
    if (f_.clock(handle, kClockSm, &value) == kNvmlSuccess) out.sm_clock_mhz = value;
    if (f_.clock(handle, kClockMemory, &value) == kNvmlSuccess) out.memory_clock_mhz = value;
    unsigned long long energy = 0;
    if (f_.energy(handle, &energy) == kNvmlSuccess)
      out.energy_millijoules = static_cast<double>(energy);
    return out;
  }

 private:
  void add(unsigned index) {
    NvmlDevice handle = nullptr;
    if (f_.by_index(index, &handle) != kNvmlSuccess) return;
    Device device;
    device.index = static_cast<int>(index);
    std::array<char, kTextMax> text{};
    if (f_.uuid(handle, text.data(), text.size()) == kNvmlSuccess) device.uuid = text.data();
    if (f_.name(handle, text.data(), text.size()) == kNvmlSuccess) device.model = text.data();
    if (NvmlPci pci{}; f_.pci(handle, &pci) == kNvmlSuccess) device.pci_bus_id = pci.bus_id.data();
    if (NvmlMemory m{}; f_.memory(handle, &m) == kNvmlSuccess) {
      device.memory_mib = static_cast<std::int64_t>(static_cast<double>(m.total) / kBytesPerMib);
    }
    if (unsigned minor = 0; f_.minor(handle, &minor) == kNvmlSuccess)
      device.minor = static_cast<int>(minor);
    devices_.push_back(std::move(device));
  }

  Library library_;
  Functions f_;
  std::vector<Device> devices_;
};

}  // namespace

Result<std::unique_ptr<Driver>> nvml_driver(const std::string& library) {
  Library handle(dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL));
  if (handle == nullptr)
    return fail(ErrorCode::kUnavailable, fmt::format("open {}: {}", library, dlerror()));
  Functions functions{};
  if (!load_all(handle.get(), functions)) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("{} lacks a function of NVML 11: {}", library, dlerror()));
  }
  if (const NvmlReturn rc = functions.init(); rc != kNvmlSuccess) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("{}: nvmlInit answered {}: no NVIDIA driver", library, rc));
  }
  return std::make_unique<NvmlDriver>(std::move(handle), functions);
}

}  // namespace insula::gpu
