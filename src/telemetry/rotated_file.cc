#include "telemetry/rotated_file.h"

#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace insula {

Result<RotatedFile> RotatedFile::open(Options options) {
  RotatedFile file(std::move(options));
  INSULA_TRY_VOID(file.reopen());
  return file;
}

Result<> RotatedFile::reopen() {
  // Not blocking: a pipe of that name would wait for its reader.
  Fd opened(
      ::open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
  if (!opened) return fail_errno("open " + options_.path);
  struct stat status{};
  if (::fstat(opened.get(), &status) != 0) return fail_errno("look at " + options_.path);
  if (!S_ISREG(status.st_mode))
    return fail(ErrorCode::kInvalid, options_.path + ": must be a regular file");
  file_ = std::move(opened);
  bytes_ = static_cast<std::uint64_t>(status.st_size);
  return {};
}

Result<> RotatedFile::rotate() {
  const auto name = [this](int number) {
    return number == 0 ? options_.path : fmt::format("{}.{}", options_.path, number);
  };
  if (options_.older == 0 && ::unlink(options_.path.c_str()) != 0 && errno != ENOENT)
    return fail_errno("remove " + options_.path);
  for (int number = options_.older - 1; number >= 0; --number) {
    const std::string from = name(number);
    if (::rename(from.c_str(), name(number + 1).c_str()) != 0 && errno != ENOENT)
      return fail_errno("rename " + from);
  }
  return reopen();
}

Result<> RotatedFile::append(std::string_view text) {
  if (bytes_ > 0 && bytes_ + text.size() > options_.bytes_max) INSULA_TRY_VOID(rotate());
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

}  // namespace insula
