#include "node/gpu_allocator.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace insula::node {
namespace {

// Of the driver as a whole; every user of a GPU opens them.
constexpr std::array kDriverFiles = {"/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"};

}  // namespace

Result<std::vector<std::string>> GpuAllocator::acquire(const std::string& pod_uid,
                                                       const gpu::Holder& holder,
                                                       std::size_t count) {
  std::vector<std::string> out;
  for (const gpu::Device& device : driver_.devices()) {
    const auto found = held_.find(device.uuid);
    const bool ours = found != held_.end() && found->second.pod_uid == pod_uid &&
                      found->second.holder.container == holder.container;
    if (ours) out.push_back(device.uuid);
  }
  if (out.size() == count) return out;
  for (const gpu::Device& device : driver_.devices()) {
    if (out.size() == count) break;
    if (!held_.contains(device.uuid)) out.push_back(device.uuid);
  }
  if (out.size() < count) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("{} GPUs requested, {} free on this node", count, out.size()));
  }
  for (const std::string& uuid : out)
    held_[uuid] = {pod_uid, holder};
  return out;
}

void GpuAllocator::reserve(const std::string& pod_uid,
                           const gpu::Holder& holder,
                           const std::vector<std::string>& uuids) {
  for (const std::string& uuid : uuids) {
    const bool known = std::ranges::any_of(driver_.devices(),
                                           [&](const gpu::Device& d) { return d.uuid == uuid; });
    if (known) held_.try_emplace(uuid, Held{pod_uid, holder});
  }
}

void GpuAllocator::release(const std::string& pod_uid) {
  std::erase_if(held_, [&](const auto& entry) { return entry.second.pod_uid == pod_uid; });
}

void GpuAllocator::release(const std::string& pod_uid, const std::string& container) {
  std::erase_if(held_, [&](const auto& entry) {
    return entry.second.pod_uid == pod_uid && entry.second.holder.container == container;
  });
}

std::vector<std::string> GpuAllocator::files(const std::vector<std::string>& uuids) const {
  std::vector<std::string> out;
  for (const gpu::Device& device : driver_.devices()) {
    if (device.minor >= 0 && std::ranges::find(uuids, device.uuid) != uuids.end())
      out.push_back(fmt::format("/dev/nvidia{}", device.minor));
  }
  if (!out.empty()) out.insert(out.end(), kDriverFiles.begin(), kDriverFiles.end());
  return out;
}

std::vector<gpu::Reading> GpuAllocator::readings() {
  std::vector<gpu::Reading> out;
  for (const gpu::Device& device : driver_.devices()) {
    const auto found = held_.find(device.uuid);
    const bool held = found != held_.end();
    out.push_back(
        {device, driver_.sample(device, held), held ? found->second.holder : gpu::Holder{}});
  }
  return out;
}

}  // namespace insula::node
