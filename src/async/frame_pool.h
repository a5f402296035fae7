#pragma once

#include <cstddef>

/// Memory of coroutine frames: size classes of 64 bytes, a free list per thread.
///
/// A request runs through a dozen short-lived frames of a handful of sizes. Falls back to the heap
/// above 4 KiB, and wholly under AddressSanitizer, which must see every free.
namespace insula::frame_pool {

[[nodiscard]] void* allocate(std::size_t size);
void release(void* frame, std::size_t size) noexcept;

}  // namespace insula::frame_pool
