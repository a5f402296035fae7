#include "gateway/access_log.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
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
    file_ = std::move(own);
    return {};
  }
  // Not blocking: a pipe of that name would wait for its reader.
  Fd opened(
      ::open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
  if (!opened) return fail_errno("open " + options_.path);
  struct stat status{};
  if (::fstat(opened.get(), &status) != 0) return fail_errno("look at " + options_.path);
  if (!S_ISREG(status.st_mode))
    return fail(ErrorCode::kInvalid, options_.path + ": the access log must be a file");
  file_ = std::move(opened);
  bytes_ = static_cast<std::uint64_t>(status.st_size);
  broken_line_ = false;
  return {};
}

/// A file that cannot be moved away is not made longer: the log keeps to its bound.
Result<> AccessLog::rotate() {
  const auto name = [this](int number) {
    return number == 0 ? options_.path : fmt::format("{}.{}", options_.path, number);
  };
  for (int number = kFiles - 2; number >= 0; --number) {
    const std::string from = name(number);
    if (::rename(from.c_str(), name(number + 1).c_str()) != 0 && errno != ENOENT)
      return fail_errno("rename " + from);
  }
  return open_file();
}

Result<> AccessLog::put_to_file(std::string_view text) {
  if (bytes_ > 0 && bytes_ + text.size() > options_.bytes_max / kFiles) INSULA_TRY_VOID(rotate());
  const std::uint64_t before = bytes_;
  while (!text.empty()) {
    const ssize_t written = ::write(file_.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      auto failed = fail_errno("write " + options_.path);
      // No half a line stays behind.
      if (::ftruncate(file_.get(), static_cast<off_t>(before)) == 0) bytes_ = before;
      return failed;
    }
    bytes_ += static_cast<std::uint64_t>(written);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<> AccessLog::put_to_stream(std::string_view text) {
  if (std::exchange(broken_line_, false)) INSULA_TRY_VOID(put_to_stream("\n"));
  while (!text.empty()) {
    pollfd polled{.fd = file_.get(), .events = POLLOUT, .revents = 0};
    // Whoever has not read for long is not waited for again.
    const int ready = ::poll(&polled, 1, failing_ ? 0 : kPatienceMs);
    if (ready < 0 && errno == EINTR) continue;
    const ssize_t written =
        ready > 0 ? ::write(file_.get(), text.data(), std::min(text.size(), kPipeBytes)) : 0;
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
  return options_.path == kStandardOutput ? put_to_stream(text) : put_to_file(text);
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
  if (options_.path != kStandardOutput) tell(open_file());
}

/// Once for a failure that lasts.
void AccessLog::tell(const Result<>& result) {
  if (!result && !failing_) log_.error("access log not written", "err", result.error());
  failing_ = !result;
}

}  // namespace insula::gateway
