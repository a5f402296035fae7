#include "http/http2_memory.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "async/frame_pool.h"

namespace insula::http {
namespace {

/// Stands before each block, as large as what a block must be aligned to.
struct alignas(std::max_align_t) Header {
  std::size_t bytes;  // with the header
};

Header* header_of(void* block) {
  return static_cast<Header*>(block) - 1;
}

void* take(std::size_t size, void* /*user*/) {
  if (size > SIZE_MAX - sizeof(Header)) return nullptr;
  const std::size_t bytes = size + sizeof(Header);
  return new (frame_pool::allocate(bytes)) Header{bytes} + 1;
}

void give(void* block, void* /*user*/) {
  if (block == nullptr) return;
  Header* const header = header_of(block);
  frame_pool::release(header, header->bytes);
}

void* take_zeroed(std::size_t count, std::size_t size, void* user) {
  if (size != 0 && count > SIZE_MAX / size) return nullptr;
  void* const block = take(count * size, user);
  if (block != nullptr) std::memset(block, 0, count * size);
  return block;
}

void* take_larger(void* block, std::size_t size, void* user) {
  if (block == nullptr) return take(size, user);
  void* const larger = take(size, user);
  if (larger == nullptr) return nullptr;
  const std::size_t held = header_of(block)->bytes - sizeof(Header);
  std::memcpy(larger, block, std::min(held, size));
  give(block, user);
  return larger;
}

}  // namespace

nghttp2_mem* http2_memory() {
  static nghttp2_mem memory{.mem_user_data = nullptr,
                            .malloc = take,
                            .free = give,
                            .calloc = take_zeroed,
                            .realloc = take_larger};
  return &memory;
}

}  // namespace insula::http
