#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "gpu/dcgm.h"
#include "gpu/device.h"

namespace insula::node {

/// Gives whole GPUs to containers, each to one at a time.
///
/// What a pod holds is kept in memory and, by the caller, in the pod's directory, so that a
/// restarted agent gives no device away twice.
class GpuAllocator {
 public:
  explicit GpuAllocator(gpu::Driver& driver) : driver_(driver) {}

  /// The devices of a container: those it has, or `count` free ones, lowest index first.
  /// Errors: kUnavailable when fewer are free.
  Result<std::vector<std::string>> acquire(const std::string& pod_uid,
                                           const gpu::Holder& holder,
                                           std::size_t count);

  /// The container held these before the agent started. Unknown devices are passed over.
  void reserve(const std::string& pod_uid,
               const gpu::Holder& holder,
               const std::vector<std::string>& uuids);

  /// Everything the pod holds.
  void release(const std::string& pod_uid);
  /// Everything one of its containers holds.
  void release(const std::string& pod_uid, const std::string& container);

  /// The device files that a program needs to use these; none for simulated ones.
  [[nodiscard]] std::vector<std::string> files(const std::vector<std::string>& uuids) const;

  /// A reading of every device, with its holder.
  [[nodiscard]] std::vector<gpu::Reading> readings();

  [[nodiscard]] const std::vector<gpu::Device>& devices() const { return driver_.devices(); }

  [[nodiscard]] std::string driver_version() const { return driver_.version(); }

 private:
  struct Held {
    std::string pod_uid;
    gpu::Holder holder;
  };

  gpu::Driver& driver_;
  std::map<std::string, Held> held_;  // by UUID
};

}  // namespace insula::node
