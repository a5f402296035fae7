#include "http/wire.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "async/deadline.h"

namespace insula::http {
namespace {

constexpr std::size_t kReadBytes = 16uz * 1024;
constexpr std::size_t kWriteSliceBytes = 256uz * 1024;

Task<Result<std::size_t>> read_into(net::Stream& stream, std::span<char> out) {
  co_return co_await stream.read(out);
}

Task<Result<>> write_slice(net::Stream& stream, std::string_view first, std::string_view second) {
  co_return co_await stream.write(first, second);
}

}  // namespace

std::optional<Result<std::size_t>> WireReader::try_fill() {
  // Clearing it would cost more than the copy.
  std::array<char, kReadBytes> scratch;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  auto result = stream_.try_read(scratch);
  if (!result || !*result) return result;
  if (**result == 0) {
    ended_ = true;
    return result;
  }
  if (begin_ == bytes_.size()) {
    bytes_.clear();
    begin_ = 0;
  } else if (begin_ > kReadBytes) {
    bytes_.erase(0, begin_);
    begin_ = 0;
  }
  bytes_.append(scratch.data(), **result);
  return result;
}

Task<Result<std::size_t>> WireReader::wait_fill() {
  co_return co_await stream_.read_with([this] { return try_fill(); });
}

Task<Result<std::size_t>> WireReader::fill(Deadline deadline) {
  if (auto result = try_fill()) co_return *std::move(result);
  if (begin_ == bytes_.size()) {
    bytes_ = {};
    begin_ = 0;
  }
  co_return co_await with_deadline(deadline, wait_fill());
}

Error WireReader::broken(Refusal refusal) const {
  return side_ == Side::kServer ? request_error(refusal) : response_error(refusal);
}

Error WireReader::cut_short() const {
  return Error(side_ == Side::kServer ? ErrorCode::kBadRequest : ErrorCode::kUpstream,
               "connection closed in the middle of a body");
}

Task<Result<std::size_t>> WireReader::receive(std::span<char> out, Deadline deadline) {
  if (const std::string_view ready = buffered(); !ready.empty()) {
    const std::size_t size = std::min(ready.size(), out.size());
    std::memcpy(out.data(), ready.data(), size);
    consume(size);
    co_return size;
  }
  if (auto result = stream_.try_read(out)) co_return *std::move(result);
  co_return co_await with_deadline(deadline, read_into(stream_, out));
}

Task<Result<std::size_t>> WireReader::read_body(BodyFramer& framer,
                                                std::span<char> out,
                                                Deadline deadline) {
  while (!framer.done() && !out.empty()) {
    // A caller's buffer longer than the body would take bytes of the next message; they go back.
    INSULA_CO_TRY(const std::size_t size, co_await receive(out, deadline));
    if (size == 0) {
      ended_ = true;
      if (framer.is_until_close()) break;
      co_return std::unexpected(cut_short());
    }
    const auto decoded = framer.decode(out.first(size));
    if (framer.refusal() != Refusal::kNone) co_return std::unexpected(broken(framer.refusal()));
    if (decoded.used < size) {
      bytes_.insert(begin_, out.data() + decoded.used, size - decoded.used);
    }
    if (decoded.payload > 0) co_return decoded.payload;
  }
  co_return std::size_t{0};
}

Task<Result<>> write_patiently(net::Stream& stream,
                               std::string_view first,
                               std::string_view second,
                               std::chrono::nanoseconds patience) {
  // Nearly always the kernel takes everything at once: no timer then.
  if (first.empty() && second.empty()) co_return Result<>();
  if (first.size() + second.size() <= kWriteSliceBytes) {
    if (auto written = stream.try_write(first, second)) {
      if (!*written) co_return std::unexpected(std::move(*written).error());
      const std::size_t of_first = std::min(**written, first.size());
      first.remove_prefix(of_first);
      second.remove_prefix(**written - of_first);
    }
  }
  while (!first.empty() || !second.empty()) {
    const std::string_view a = first.substr(0, kWriteSliceBytes);
    const std::string_view b = second.substr(0, kWriteSliceBytes - a.size());
    first.remove_prefix(a.size());
    second.remove_prefix(b.size());
    const Deadline deadline = stream.loop().now() + patience;
    INSULA_CO_TRY_VOID(co_await with_deadline(deadline, write_slice(stream, a, b)));
  }
  co_return Result<>();
}

}  // namespace insula::http
