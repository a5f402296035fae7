#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.h"

namespace insula::gateway {

/// What the request bodies that a loop holds may have of its memory, together and by tenant.
///
/// A tenant may hold as much as is free (dynamic thresholds, Choudhury and Hahne, "Dynamic Queue
/// Length Thresholds for Shared-Memory Packet Switches", 1998, with a factor of 1): one alone gets
/// half, two a third each, and whoever comes later still finds room.
///
/// Threads: one loop.
class BodyMemory {
 public:
  /// A tenant's share, for as long as somebody holds it.
  class Share;

  explicit BodyMemory(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  [[nodiscard]] std::size_t free() const { return bytes_max_ - bytes_; }

 private:
  struct Held {
    std::size_t bytes = 0;
    std::size_t holders = 0;
  };

  using Tenants = std::unordered_map<std::string, Held>;

  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  Tenants tenants_;
};

/// What one body holds. Gives it back when it ends. Lifetime: the memory outlives it.
class BodyMemory::Share {
 public:
  explicit Share(BodyMemory& memory) : memory_(memory) {}

  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

  ~Share() { release(); }

  /// From now on the body is this tenant's, also what it holds already.
  void belong_to(std::string_view tenant);

  /// Takes `bytes` more. Errors: kUnavailable; may be shown to the client.
  Result<> take(std::size_t bytes);

  /// Gives back all, and belongs to nobody.
  void release();

 private:
  BodyMemory& memory_;
  Tenants::value_type* tenant_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace insula::gateway
