#include "gpu/dcgm.h"

#include <array>
#include <optional>

#include <fmt/format.h>

namespace insula::gpu {
namespace {

using Field = std::optional<double> (*)(const Sample&);

struct Series {
  const char* name;
  const char* type;
  const char* help;
  Field value;
};

constexpr std::array kSeries = {
    Series{"DCGM_FI_DEV_SM_CLOCK", "gauge", "SM clock frequency (in MHz).",
           [](const Sample& s) { return s.sm_clock_mhz; }},
    Series{"DCGM_FI_DEV_MEM_CLOCK", "gauge", "Memory clock frequency (in MHz).",
           [](const Sample& s) { return s.memory_clock_mhz; }},
    Series{"DCGM_FI_DEV_GPU_TEMP", "gauge", "GPU temperature (in C).",
           [](const Sample& s) { return s.temperature_celsius; }},
    Series{"DCGM_FI_DEV_POWER_USAGE", "gauge", "Power draw (in W).",
           [](const Sample& s) { return s.power_watts; }},
    Series{"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "counter",
           "Total energy consumption since boot (in mJ).",
           [](const Sample& s) { return s.energy_millijoules; }},
    Series{"DCGM_FI_DEV_GPU_UTIL", "gauge", "GPU utilization (in %).",
           [](const Sample& s) { return s.utilization_percent; }},
    Series{"DCGM_FI_DEV_MEM_COPY_UTIL", "gauge", "Memory utilization (in %).",
           [](const Sample& s) { return s.memory_copy_percent; }},
    Series{"DCGM_FI_DEV_FB_FREE", "gauge", "Framebuffer memory free (in MiB).",
           [](const Sample& s) { return s.memory_free_mib; }},
    Series{"DCGM_FI_DEV_FB_USED", "gauge", "Framebuffer memory used (in MiB).",
           [](const Sample& s) { return s.memory_used_mib; }},
};

std::string escaped(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

void add_label(std::string& labels, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (!labels.empty()) labels += ',';
  labels += fmt::format("{}=\"{}\"", name, escaped(value));
}

std::string labels_of(const Reading& reading,
                      std::string_view host,
                      std::string_view driver_version) {
  std::string out;
  add_label(out, "gpu", fmt::format("{}", reading.device.index));
  add_label(out, "UUID", reading.device.uuid);
  add_label(out, "pci_bus_id", reading.device.pci_bus_id);
  add_label(out, "device", fmt::format("nvidia{}", reading.device.index));
  add_label(out, "modelName", reading.device.model);
  add_label(out, "Hostname", host);
  add_label(out, "DCGM_FI_DRIVER_VERSION", driver_version);
  add_label(out, "tenant", reading.holder.tenant);
  add_label(out, "namespace", reading.holder.name_space);
  add_label(out, "pod", reading.holder.pod);
  add_label(out, "container", reading.holder.container);
  if (reading.device.origin == Origin::kSimulated) add_label(out, "simulated", "true");
  return out;
}

}  // namespace

std::string dcgm_text(const std::vector<Reading>& readings,
                      std::string_view host,
                      std::string_view driver_version) {
  std::vector<std::string> labels;
  labels.reserve(readings.size());
  for (const Reading& reading : readings)
    labels.push_back(labels_of(reading, host, driver_version));
  std::string out;
  for (const Series& series : kSeries) {
    bool headed = false;
    for (std::size_t i = 0; i < readings.size(); ++i) {
      const std::optional<double> value = series.value(readings[i].sample);
      if (!value) continue;
      if (!headed)
        out +=
            fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", series.name, series.help, series.type);
      headed = true;
      out += fmt::format("{}{{{}}} {}\n", series.name, labels[i], *value);
    }
  }
  return out;
}

}  // namespace insula::gpu
