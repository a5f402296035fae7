#include "gateway/whole_file.h"

#include <array>
#include <cerrno>
#include <cstddef>

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "gateway/mapped_file.h"

namespace insula::gateway {

Result<> write_whole(const std::filesystem::path& file, std::string_view text) {
  const std::filesystem::path unfinished = unfinished_name(file);
  const Fd fd(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (fd.get() < 0) return fail_errno("create " + unfinished.string());
  while (!text.empty()) {
    const ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno("write " + unfinished.string());
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fdatasync(fd.get()) != 0) return fail_errno("sync " + unfinished.string());
  return put_in_place(file);
}

Result<std::string> read_whole(const std::filesystem::path& file) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0 && errno == ENOENT)
    return fail(ErrorCode::kNotFound, file.string() + ": no such file");
  if (fd.get() < 0) return fail_errno("open " + file.string());
  std::string text;
  std::array<char, std::size_t{16} * 1024> buffer{};
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("read " + file.string());
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace insula::gateway
