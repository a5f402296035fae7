#include "gateway/access_log.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

namespace insula::gateway {
namespace {

constexpr std::string_view kStandardOutput = "-";
/// That a pipe takes at once when it says that it can be written. Spec: POSIX, PIPE_BUF.
constexpr std::size_t kPipeBytes = 4096;

std::uint64_t count_lines(std::string_view text) {
  return static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
}

}  // namespace

AccessLog::AccessLog(const AccessLogOptions& options,
                     unsigned loops,
                     MetricsRegistry& registry,
                     Log log)
    : options_(options),
      lines_(registry.counter("insula_gateway_access_log_lines_total",
                              "Lines that were written to the access log.")),
      dropped_(registry.counter(
          "insula_gateway_access_log_dropped_total",
          "Lines of the access log that were not written: it is slower than requests come, or "
          "cannot be written. Look at its disk, or at who reads the gateway's standard output.")),
      log_(std::move(log)) {
  for (unsigned i = 0; i < loops; ++i)
    rings_.push_back(std::make_unique<LineRing>(kRingBytes));
}

AccessLog::~AccessLog() {
  write();
}

Result<std::unique_ptr<AccessLog>> AccessLog::open(const AccessLogOptions& options,
                                                   unsigned loops,
                                                   MetricsRegistry& registry,
                                                   Log log) {
  if (options.bytes_max < kBytesMin) {
    return fail(ErrorCode::kInvalid,
                fmt::format("the access log needs {} bytes at least", kBytesMin));
  }
  std::unique_ptr<AccessLog> opened(new AccessLog(options, loops, registry, std::move(log)));
  INSULA_TRY_VOID(opened->open_file());
  return opened;
}

Result<> AccessLog::open_file() {
  if (options_.path == kStandardOutput) {
    Fd own(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!own) return fail_errno("duplicate standard output");
    stream_ = std::move(own);
    return {};
  }
  INSULA_TRY(file_, RotatedFile::open({.path = options_.path,
                                       .bytes_max = options_.bytes_max / kFiles,
                                       .older = kFiles - 1}));
  return {};
}

Result<> AccessLog::put_to_stream(std::string_view text) {
  if (std::exchange(broken_line_, false)) INSULA_TRY_VOID(put_to_stream("\n"));
  while (!text.empty()) {
    pollfd polled{.fd = stream_.get(), .events = POLLOUT, .revents = 0};
    // Whoever has not read for long is not waited for again.
    const int ready = ::poll(&polled, 1, failing_ ? 0 : kPatienceMs);
    if (ready < 0 && errno == EINTR) continue;
    const ssize_t written =
        ready > 0 ? ::write(stream_.get(), text.data(), std::min(text.size(), kPipeBytes)) : 0;
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written <= 0) {
      broken_line_ = true;
      return ready == 0 ? fail(ErrorCode::kTimeout, "nobody reads standard output")
                        : fail_errno("write to standard output");
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<> AccessLog::put(std::string_view text) {
  return file_ ? file_->append(text) : put_to_stream(text);
}

void AccessLog::write_piece(std::string_view piece) {
  // The ring's memory ends in the middle of a line, as a rule.
  std::string joined;
  if (!partial_.empty()) {
    const std::size_t end = piece.find('\n') + 1;
    joined = std::exchange(partial_, {}).append(piece.substr(0, end));
    piece.remove_prefix(end);
  }
  const std::size_t end = piece.rfind('\n') + 1;
  partial_ = piece.substr(end);
  for (const std::string_view text : {std::string_view(joined), piece.substr(0, end)}) {
    if (text.empty()) continue;
    const std::uint64_t lines = count_lines(text);
    const auto written = put(text);
    (written ? lines_ : dropped_).add(lines);
    tell(written);
  }
}

void AccessLog::write() {
  for (const auto& ring : rings_) {
    ring->reading();
    for (const std::string_view piece : ring->unread()) {
      if (piece.empty()) continue;
      write_piece(piece);
      ring->drop(piece.size());
    }
  }
}

void AccessLog::reopen() {
  write();
  if (file_) tell(file_->reopen());
}

/// Once for a failure that lasts.
void AccessLog::tell(const Result<>& result) {
  if (!result && !failing_) log_.error("access log not written", "err", result.error());
  failing_ = !result;
}

}  // namespace insula::gateway
