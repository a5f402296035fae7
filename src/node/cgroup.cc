#include "node/cgroup.h"

#include <cstdlib>
#include <string_view>

#include "base/number.h"
#include "node/files.h"

namespace insula::node {

CgroupLayout cgroup_layout(const std::string& root) {
  if (exists(root + "/cgroup.controllers")) return CgroupLayout::kV2;
  if (!exists(root + "/memory")) return CgroupLayout::kNone;
  return exists(root + "/unified/cgroup.controllers") ? CgroupLayout::kHybrid : CgroupLayout::kV1;
}

std::int64_t oom_kills(CgroupLayout layout, const std::string& group, const std::string& root) {
  const std::string path = layout == CgroupLayout::kV2
                               ? root + group + "/memory.events"
                               : root + "/memory" + group + "/memory.oom_control";
  const Result<std::string> text = read_file(path);
  if (!text) return 0;
  constexpr std::string_view kKey = "oom_kill ";
  const std::size_t at = text->find(kKey);
  return at == std::string::npos ? 0 : std::strtoll(text->c_str() + at + kKey.size(), nullptr, 10);
}

std::optional<std::int64_t> memory_usage(CgroupLayout layout,
                                         const std::string& group,
                                         const std::string& root) {
  const Result<std::string> text =
      read_file(layout == CgroupLayout::kV2 ? root + group + "/memory.current"
                                            : root + "/memory" + group + "/memory.usage_in_bytes");
  if (!text) return std::nullopt;
  return parse_whole<std::int64_t>(std::string_view(*text).substr(0, text->find('\n')));
}

Result<> lift_cpu_limit(CgroupLayout layout, const std::string& group, const std::string& root) {
  if (layout == CgroupLayout::kV2) return write_file(root + group + "/cpu.max", "max");
  return write_file(root + "/cpu" + group + "/cpu.cfs_quota_us", "-1");
}

}  // namespace insula::node
