#include "node/cri_log.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

namespace insula::node {
namespace {

constexpr std::size_t kTimeBytes = std::tuple_size_v<decltype(LogTimestamp::text)>;

// Fixed-width decimal; std::to_chars does not pad.
void put_digits(char* at, int width, std::uint64_t value) {
  for (int i = width - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + (value % 10));
    value /= 10;
  }
}

}  // namespace

LogTimestamp log_timestamp(std::timespec time) {
  std::tm utc{};
  gmtime_r(&time.tv_sec, &utc);
  LogTimestamp out{};
  char* at = out.text.data();
  std::memcpy(at, "0000-00-00T00:00:00.000000000Z", kTimeBytes);
  put_digits(at, 4, static_cast<std::uint64_t>(utc.tm_year) + 1900U);
  put_digits(at + 5, 2, static_cast<std::uint64_t>(utc.tm_mon) + 1U);
  put_digits(at + 8, 2, static_cast<std::uint64_t>(utc.tm_mday));
  put_digits(at + 11, 2, static_cast<std::uint64_t>(utc.tm_hour));
  put_digits(at + 14, 2, static_cast<std::uint64_t>(utc.tm_min));
  put_digits(at + 17, 2, static_cast<std::uint64_t>(utc.tm_sec));
  put_digits(at + 20, 9, static_cast<std::uint64_t>(time.tv_nsec));
  return out;
}

bool parse_log_record(std::string_view line, LogRecord& record) {
  constexpr std::size_t kTagBytes = 10;  // " stdout F "
  if (line.size() < kTimeBytes + kTagBytes - 1) return false;
  record.time = line.substr(0, kTimeBytes);
  const std::string_view stream = line.substr(kTimeBytes, 8);
  if (stream == " stdout ") {
    record.stream = LogStream::kStdout;
  } else if (stream == " stderr ") {
    record.stream = LogStream::kStderr;
  } else {
    return false;
  }
  const char tag = line[kTimeBytes + 8];
  if ((tag != 'F' && tag != 'P') || record.time.back() != 'Z') return false;
  record.partial = tag == 'P';
  // A record of an empty line may have lost its last blank to an editor.
  record.text = line.size() > kTimeBytes + kTagBytes ? line.substr(kTimeBytes + kTagBytes)
                                                     : std::string_view();
  return true;
}

LogWriter::LogWriter(std::string path, std::int64_t bytes_max, int files_max)
    : path_(std::move(path)), bytes_max_(bytes_max), files_max_(files_max) {}

bool LogWriter::open() {
  fd_ = Fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640));
  struct stat info{};
  bytes_ = fd_ && fstat(fd_.get(), &info) == 0 ? info.st_size : 0;
  return static_cast<bool>(fd_);
}

void LogWriter::rotate() {
  const auto numbered = [this](int n) { return n == 0 ? path_ : path_ + "." + std::to_string(n); };
  const int last = std::max(files_max_ - 1, 1);
  for (int n = last - 1; n >= 0; --n)
    std::rename(numbered(n).c_str(), numbered(n + 1).c_str());
  static_cast<void>(open());
}

void LogWriter::append(LogStream stream, std::string_view text, bool partial, std::timespec time) {
  if (bytes_ >= bytes_max_ || !fd_) rotate();
  if (!fd_) return;
  const LogTimestamp stamp = log_timestamp(time);
  char head[kTimeBytes + 10];
  std::memcpy(head, stamp.text.data(), kTimeBytes);
  std::memcpy(head + kTimeBytes, stream == LogStream::kStdout ? " stdout F " : " stderr F ", 10);
  if (partial) head[kTimeBytes + 8] = 'P';
  char newline = '\n';
  const std::array<iovec, 3> parts = {
      {{head, sizeof head}, {const_cast<char*>(text.data()), text.size()}, {&newline, 1}}};
  const ssize_t written = writev(fd_.get(), parts.data(), static_cast<int>(parts.size()));
  if (written > 0) bytes_ += written;
}

void LineSplitter::feed(std::string_view bytes, std::timespec time) {
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    const std::size_t line = std::min(newline, bytes.size());
    const std::size_t take = std::min(line, buffer_.size() - held_);
    std::memcpy(buffer_.data() + held_, bytes.data(), take);
    held_ += take;
    bytes.remove_prefix(take);
    if (take < line) {
      writer_.append(stream_, {buffer_.data(), held_}, true, time);
      held_ = 0;
    } else if (newline != std::string_view::npos) {
      bytes.remove_prefix(1);
      writer_.append(stream_, {buffer_.data(), held_}, false, time);
      held_ = 0;
    }
  }
}

void LineSplitter::finish(std::timespec time) {
  // A line without its end, as with containerd.
  if (held_ > 0) writer_.append(stream_, {buffer_.data(), held_}, true, time);
  held_ = 0;
}

}  // namespace insula::node
