#include "gateway/held_body.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "gateway/worker.h"
#include "llm/request.h"

namespace insula::gateway {
namespace {

/// Bytes a second that a body must come with on the whole: 32 MiB may take 34 minutes.
constexpr std::size_t kBodyRateMin = 16U << 10U;

}  // namespace

std::unexpected<Error> body_too_large(std::size_t bytes_max) {
  return fail(ErrorCode::kTooLarge,
              fmt::format("the request body may have at most {} bytes", bytes_max));
}

Result<> HeldBody::append(std::string_view piece) {
  if (!worker_.hold(piece.size()))
    return fail(ErrorCode::kUnavailable, "too many requests are sending their bodies at once");
  counted_ += piece.size();
  text_.append(piece);
  const std::size_t bytes_max = worker_.settings().body_bytes_max;
  if (text_.size() > bytes_max) return body_too_large(bytes_max);
  return {};
}

std::string_view HeldBody::padded() {
  text_.reserve(text_.size() + llm::RequestReader::kPadding);
  return text_;
}

void HeldBody::replace(std::size_t offset, std::size_t erase, std::string_view text) {
  text_.replace(offset, erase, text);
}

void HeldBody::drop() {
  worker_.release(std::exchange(counted_, 0));
  text_.clear();
}

BodyPace::BodyPace(const Worker& worker) : worker_(worker), begin_(worker.coarse_now()) {}

SteadyTime BodyPace::deadline(std::size_t received) const {
  const std::chrono::nanoseconds gap = worker_.settings().timeouts.body_gap;
  return std::min(worker_.coarse_now() + gap,
                  begin_ + gap + std::chrono::seconds(received / kBodyRateMin));
}

void HeldBody::shrink(std::size_t bytes_max) {
  if (text_.capacity() > bytes_max) std::string().swap(text_);
}

}  // namespace insula::gateway
