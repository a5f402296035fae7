#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"

namespace insula::node {

/// How this machine mounts its control groups.
enum class CgroupLayout : std::uint8_t {
  kNone,
  kV1,
  kHybrid,  // version 1 with a version 2 tree at `unified`, which crun refuses
  kV2,
};

/// `root` is /sys/fs/cgroup but in tests.
[[nodiscard]] CgroupLayout cgroup_layout(const std::string& root = "/sys/fs/cgroup");

/// How often the kernel killed something of this group for want of memory. 0 when it cannot be
/// told.
[[nodiscard]] std::int64_t oom_kills(CgroupLayout layout,
                                     const std::string& group,
                                     const std::string& root = "/sys/fs/cgroup");

/// Bytes of memory that the group has in use; nothing when it cannot be told.
[[nodiscard]] std::optional<std::int64_t> memory_usage(CgroupLayout layout,
                                                       const std::string& group,
                                                       const std::string& root = "/sys/fs/cgroup");

/// Lets the group use as much cpu as there is. Errors: its files cannot be written.
Result<> lift_cpu_limit(CgroupLayout layout,
                        const std::string& group,
                        const std::string& root = "/sys/fs/cgroup");

}  // namespace insula::node
