#include "async/frame_pool.h"

#include <array>
#include <new>

namespace insula::frame_pool {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define INSULA_FRAMES_ON_HEAP 1
#endif
#endif

#ifndef INSULA_FRAMES_ON_HEAP
constexpr std::size_t kClassBytes = 64;
constexpr std::size_t kClasses = 64;
// Bounds what an idle thread keeps after a burst: at most 64 frames of a size.
constexpr std::size_t kKeptMax = 64;

struct Free {
  Free* next;
};

struct Pool {
  std::array<Free*, kClasses> first{};
  std::array<std::size_t, kClasses> kept{};

  ~Pool() {
    for (Free* frame : first) {
      while (frame != nullptr) {
        Free* next = frame->next;
        ::operator delete(frame);
        frame = next;
      }
    }
  }
};

thread_local Pool pool;
#endif

}  // namespace

void* allocate(std::size_t size) {
#ifndef INSULA_FRAMES_ON_HEAP
  const std::size_t index = (size - 1) / kClassBytes;
  if (index < kClasses) {
    if (Free* frame = pool.first[index]; frame != nullptr) {
      pool.first[index] = frame->next;
      --pool.kept[index];
      return frame;
    }
    return ::operator new((index + 1) * kClassBytes);
  }
#endif
  return ::operator new(size);
}

void release(void* frame, [[maybe_unused]] std::size_t size) noexcept {
#ifndef INSULA_FRAMES_ON_HEAP
  const std::size_t index = (size - 1) / kClassBytes;
  if (index < kClasses && pool.kept[index] < kKeptMax) {
    pool.first[index] = new (frame) Free{pool.first[index]};
    ++pool.kept[index];
    return;
  }
#endif
  ::operator delete(frame);
}

}  // namespace insula::frame_pool
