#include "gateway/buffer_pool.h"

#include <algorithm>
#include <utility>

namespace insula::gateway {

std::string BufferPool::take(std::size_t bytes) {
  std::string text;
  if (bytes > kBufferBytesMin) {
    // The last one given that is large enough: its pages are the likeliest to be in the cache.
    const auto fits = [bytes](const std::string& kept) { return kept.capacity() >= bytes; };
    const auto found = std::find_if(kept_.rbegin(), kept_.rend(), fits);
    if (found != kept_.rend()) {
      bytes_ -= found->capacity();
      text = std::move(*found);
      kept_.erase(std::next(found).base());
      return text;
    }
  }
  text.reserve(bytes);
  return text;
}

void BufferPool::give(std::string text) {
  if (text.capacity() <= kBufferBytesMin || text.capacity() > kBytesMax) return;
  text.clear();
  bytes_ += text.capacity();
  kept_.push_back(std::move(text));
  while (bytes_ > kBytesMax) {
    bytes_ -= kept_.front().capacity();
    kept_.erase(kept_.begin());
  }
}

}  // namespace insula::gateway
