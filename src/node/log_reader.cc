#include "node/log_reader.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/number.h"
#include "http/url.h"
#include "node/files.h"

namespace insula::node {
namespace {

constexpr std::size_t kReadBytes = 64U * 1024;
constexpr std::size_t kHeldBytesMax = 2 * kLogRecordBytesMax;
constexpr int kRotatedMax = 100;

std::string numbered(const std::string& path, int number) {
  return number == 0 ? path : fmt::format("{}.{}", path, number);
}

std::uint64_t inode_of(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

int oldest_number(const std::string& path) {
  int number = 0;
  while (number < kRotatedMax && exists(numbered(path, number + 1)))
    ++number;
  return number;
}

std::string since_text(WallTime time) {
  const auto nanos =
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  return std::string(log_timestamp({nanos / 1'000'000'000, nanos % 1'000'000'000}).view());
}

// `2026-01-02T03:04:05Z` -> with nine digits of a second, so that texts compare as times do.
Result<std::string> full_timestamp(std::string_view text) {
  constexpr std::size_t kSecondsEnd = 19;
  if (text.size() < kSecondsEnd + 1 || text[10] != 'T' || text.back() != 'Z') {
    return fail(ErrorCode::kInvalid,
                fmt::format("sinceTime \"{}\" is not an RFC 3339 time in UTC", text));
  }
  std::string fraction(text.substr(kSecondsEnd, text.size() - kSecondsEnd - 1));
  if (fraction.empty()) fraction = ".";
  fraction.resize(10, '0');
  return std::string(text.substr(0, kSecondsEnd)) + fraction + "Z";
}

Result<std::int64_t> number_of(std::string_view name, std::string_view text, std::int64_t min) {
  const auto out = parse_whole<std::int64_t>(text);
  if (out && *out >= min) return *out;
  return fail(ErrorCode::kInvalid,
              fmt::format("{}: \"{}\" must be a number and at least {}", name, text, min));
}

// The offset from which the last `lines` lines of the file begin; what is still missing in `lines`.
off_t tail_offset(int fd, off_t size, std::int64_t& lines) {
  std::array<char, 8192> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by pread
  off_t at = size;
  bool last = true;  // the newline at the very end closes the last line and begins none
  while (at > 0) {
    const off_t step = std::min<off_t>(at, static_cast<off_t>(buffer.size()));
    if (pread(fd, buffer.data(), static_cast<std::size_t>(step), at - step) != step) return 0;
    for (off_t i = step - 1; i >= 0; --i) {
      if (buffer[static_cast<std::size_t>(i)] != '\n') {
        last = false;
        continue;
      }
      if (std::exchange(last, false)) continue;
      if (--lines == 0) return at - step + i + 1;
    }
    at -= step;
  }
  --lines;
  return 0;
}

}  // namespace

Result<LogQuery> LogQuery::parse(std::string_view query, WallTime now) {
  LogQuery out;
  while (const std::optional<http::QueryParameter> parameter = http::next_parameter(query)) {
    const auto& [name, value] = *parameter;
    const bool yes = value == "true" || value == "1";
    if (name == "container") {
      out.container = value;
    } else if (name == "follow") {
      out.follow = yes;
    } else if (name == "previous") {
      out.previous = yes;
    } else if (name == "timestamps") {
      out.timestamps = yes;
    } else if (name == "tailLines") {
      INSULA_TRY(out.tail_lines, number_of(name, value, 0));
    } else if (name == "limitBytes") {
      INSULA_TRY(out.limit_bytes, number_of(name, value, 1));
    } else if (name == "sinceSeconds") {
      INSULA_TRY(const std::int64_t seconds, number_of(name, value, 1));
      out.since = since_text(now - std::chrono::seconds(seconds));
    } else if (name == "sinceTime") {
      INSULA_TRY(out.since, full_timestamp(value));
    }
  }
  return out;
}

LogReader::LogReader(std::string path, LogQuery query)
    : path_(std::move(path)), query_(std::move(query)) {
  if (query_.tail_lines) {
    skip_to_tail();
  } else {
    number_ = oldest_number(path_) + 1;
  }
}

// Finds the file and offset from which the wanted number of lines follows.
void LogReader::skip_to_tail() {
  std::int64_t lines = *query_.tail_lines;
  const int oldest = oldest_number(path_);
  for (int number = 0; number <= oldest; ++number) {
    Fd fd(::open(numbered(path_, number).c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info{};
    if (!fd || fstat(fd.get(), &info) != 0) break;
    const off_t offset = lines == 0 ? info.st_size : tail_offset(fd.get(), info.st_size, lines);
    lseek(fd.get(), offset, SEEK_SET);
    fd_ = std::move(fd);
    inode_ = info.st_ino;
    number_ = number;
    if (lines <= 0) return;
  }
  if (!fd_) number_ = 1;
}

// Opens the file after the present one; false when the present one is the newest.
bool LogReader::open_next() {
  if (fd_) {
    // Rotation may have moved our file up meanwhile; the one written after it is one below.
    int found = 0;
    while (found <= kRotatedMax && inode_of(numbered(path_, found)) != inode_)
      ++found;
    if (found == 0) return false;
    number_ = found > kRotatedMax ? oldest_number(path_) + 1 : found;
  }
  while (number_ > 0) {
    --number_;
    Fd fd(::open(numbered(path_, number_).c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info{};
    if (!fd || fstat(fd.get(), &info) != 0) continue;
    fd_ = std::move(fd);
    inode_ = info.st_ino;
    return true;
  }
  if (!fd_) number_ = 1;
  return false;
}

bool LogReader::read(std::string& out) {
  if (exhausted()) return false;
  if (!fd_ && !open_next()) return false;
  const std::size_t before = held_.size();
  held_.resize(before + kReadBytes);
  const ssize_t n = ::read(fd_.get(), held_.data() + before, kReadBytes);
  held_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  if (n <= 0) {
    if (!open_next()) return false;
    held_.clear();  // a torn record at the end of a file never gets its end
    return true;
  }
  std::string_view rest = held_;
  for (std::size_t newline = rest.find('\n'); newline != std::string_view::npos;
       newline = rest.find('\n')) {
    emit(rest.substr(0, newline), out);
    rest.remove_prefix(newline + 1);
  }
  held_ = rest.size() > kHeldBytesMax ? std::string() : std::string(rest);
  return true;
}

void LogReader::emit(std::string_view line, std::string& out) {
  LogRecord record;
  if (!parse_log_record(line, record)) return;
  if (!query_.since.empty() && record.time < query_.since) return;
  std::string text;
  if (query_.timestamps && at_line_start_) text = std::string(record.time) + " ";
  text += record.text;
  if (!record.partial) text += '\n';
  at_line_start_ = !record.partial;
  if (query_.limit_bytes) {
    text.resize(std::min<std::size_t>(
        text.size(), static_cast<std::size_t>(std::max<std::int64_t>(0, *query_.limit_bytes))));
    *query_.limit_bytes -= static_cast<std::int64_t>(text.size());
  }
  out += text;
}

std::string log_tail(const std::string& path, std::size_t lines_max, std::size_t bytes_max) {
  LogQuery query;
  query.tail_lines = static_cast<std::int64_t>(lines_max);
  LogReader reader(path, query);
  std::string out;
  while (reader.read(out)) {
  }
  if (out.size() > bytes_max) out.erase(0, out.size() - bytes_max);
  return out;
}

}  // namespace insula::node
