#include "gateway/held_body.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "gateway/worker.h"
#include "llm/request.h"

namespace insula::gateway {

HeldBody::HeldBody(Worker& worker)
    : worker_(worker),
      bytes_max_(worker.settings().body_bytes_max),
      memory_(worker.body_memory()) {}

void HeldBody::hold_at_most(std::size_t bytes) {
  bytes_max_ = std::min(bytes_max_, bytes);
}

std::unexpected<Error> body_too_large(std::size_t bytes_max) {
  return fail(ErrorCode::kTooLarge,
              fmt::format("the request body may have at most {} bytes", bytes_max));
}

/// Room for so many bytes in all, and the padding.
void HeldBody::make_room(std::size_t bytes) {
  if (bytes + llm::RequestReader::kPadding <= buffer_.size()) return;
  std::string larger = worker_.buffers().take(bytes + llm::RequestReader::kPadding);
  larger.resize_and_overwrite(larger.capacity(), [this](char* memory, std::size_t capacity) {
    std::memcpy(memory, buffer_.data(), size_);
    return capacity;
  });
  worker_.buffers().give(std::exchange(buffer_, std::move(larger)));
}

Result<> HeldBody::append(std::string_view piece) {
  if (size_ + piece.size() + llm::RequestReader::kPadding > buffer_.size())
    make_room(std::max(size_ + piece.size(), 2 * size_));
  std::memcpy(buffer_.data() + size_, piece.data(), piece.size());
  return add_received(piece.size());
}

void HeldBody::expect(std::size_t bytes) {
  expected_ = std::min(bytes, bytes_max_);
  make_room(expected_);
}

std::span<char> HeldBody::room() {
  return std::span(buffer_).subspan(size_, expected_ - std::min(size_, expected_));
}

Result<> HeldBody::add_received(std::size_t bytes) {
  INSULA_TRY_VOID(memory_.take(bytes));
  size_ += bytes;
  if (size_ > bytes_max_) return body_too_large(bytes_max_);
  return {};
}

void HeldBody::copy(std::string_view body) {
  make_room(body.size());
  std::memcpy(buffer_.data(), body.data(), body.size());
  size_ = body.size();
}

void HeldBody::replace(std::size_t offset, std::size_t erase, std::string_view text) {
  make_room(size_ + text.size());
  char* const at = buffer_.data() + offset;
  std::memmove(at + text.size(), at + erase, size_ - offset - erase);
  std::memcpy(at, text.data(), text.size());
  size_ = size_ + text.size() - erase;
}

void HeldBody::drop() {
  memory_.release();
  size_ = expected_ = 0;
  bytes_max_ = worker_.settings().body_bytes_max;
  if (buffer_.size() > BufferPool::kBufferBytesMin)
    worker_.buffers().give(std::exchange(buffer_, {}));
}

}  // namespace insula::gateway
