#include "gateway/body_memory.h"

#include <utility>

namespace insula::gateway {

void BodyMemory::Share::belong_to(std::string_view tenant) {
  tenant_ = &*memory_.tenants_.try_emplace(std::string(tenant)).first;
  tenant_->second.bytes += bytes_;
  ++tenant_->second.holders;
}

Result<> BodyMemory::Share::take(std::size_t bytes) {
  if (bytes > memory_.free())
    return fail(ErrorCode::kUnavailable, "too many requests are sending their bodies at once");
  // What it would hold with these, beside what would be free then.
  if (tenant_ != nullptr && tenant_->second.bytes + bytes > memory_.free() - bytes) {
    return fail(ErrorCode::kUnavailable,
                "too many requests of this tenant are sending their bodies at once");
  }
  memory_.bytes_ += bytes;
  bytes_ += bytes;
  if (tenant_ != nullptr) tenant_->second.bytes += bytes;
  return {};
}

void BodyMemory::Share::release() {
  const std::size_t bytes = std::exchange(bytes_, 0);
  memory_.bytes_ -= bytes;
  auto* const tenant = std::exchange(tenant_, nullptr);
  if (tenant == nullptr) return;
  tenant->second.bytes -= bytes;
  if (--tenant->second.holders == 0) memory_.tenants_.erase(tenant->first);
}

}  // namespace insula::gateway
