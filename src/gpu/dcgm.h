#pragma once

#include <string>
#include <vector>

#include "gpu/device.h"

namespace insula::gpu {

/// Who holds a device; all empty when nobody does.
struct Holder {
  std::string tenant;
  std::string name_space;
  std::string pod;
  std::string container;
};

struct Reading {
  Device device;
  Sample sample;
  Holder holder;
};

/// The readings in Prometheus' text format, under the names and labels of NVIDIA's dcgm-exporter,
/// so that its dashboards and rules work unchanged. Adds `tenant`, and `simulated="true"` where it
/// is so.
///
/// A series that a device does not report is left out. `host`: the value of the Hostname label.
[[nodiscard]] std::string dcgm_text(const std::vector<Reading>& readings,
                                    std::string_view host,
                                    std::string_view driver_version);

}  // namespace insula::gpu
