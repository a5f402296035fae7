#include "node/files.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/fd.h"

namespace insula::node {
namespace {

constexpr int kTreeDepthMax = 256;

Result<> write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("write " + path);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

struct CloseDirectory {
  void operator()(DIR* dir) const { closedir(dir); }
};

using Directory = std::unique_ptr<DIR, CloseDirectory>;

Result<> remove_below(int parent, const std::string& name, dev_t device, int depth) {
  struct stat info{};
  if (fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return fail_errno("stat " + name);
  }
  if (!S_ISDIR(info.st_mode)) {
    if (unlinkat(parent, name.c_str(), 0) != 0 && errno != ENOENT)
      return fail_errno("remove " + name);
    return {};
  }
  if (info.st_dev != device)
    return fail(ErrorCode::kInternal, name + " is a mount point and is not removed");
  if (depth > kTreeDepthMax)
    return fail(ErrorCode::kTooLarge, name + ": directories nest too deep to remove");
  Fd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return fail_errno("open " + name);
  const int dir_fd = fd.get();
  const Directory dir(fdopendir(fd.release()));
  if (dir == nullptr) return fail_errno("read " + name);
  while (const dirent* entry = readdir(dir.get())) {
    const std::string child = entry->d_name;
    if (child != "." && child != "..")
      INSULA_TRY_VOID(remove_below(dir_fd, child, device, depth + 1));
  }
  if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    return fail_errno("remove " + name);
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return fail(ErrorCode::kNotFound, path + ": no such file");
    return fail_errno("open " + path);
  }
  std::string out;
  while (true) {
    const std::size_t old = out.size();
    const std::size_t step = std::max<std::size_t>(4096, old);
    out.resize(old + step);
    const ssize_t n = ::read(fd.get(), out.data() + old, step);
    if (n < 0 && errno != EINTR) return fail_errno("read " + path);
    out.resize(old + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n == 0) return out;
    if (out.size() > bytes_max)
      return fail(ErrorCode::kTooLarge, fmt::format("{} has more than {} bytes", path, bytes_max));
  }
}

Result<> write_file(const std::string& path, std::string_view text, mode_t mode) {
  const Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) return fail_errno("create " + path);
  return write_all(fd.get(), text, path);
}

Result<> replace_file(const std::string& path, std::string_view text, mode_t mode) {
  const std::string draft = path + ".new";
  INSULA_TRY_VOID(write_file(draft, text, mode));
  if (rename(draft.c_str(), path.c_str()) != 0) return fail_errno("rename to " + path);
  return {};
}

Result<> make_dirs(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
  if (errno != ENOENT) return fail_errno("create directory " + path);
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos || slash == 0)
    return fail_errno("create directory " + path, ENOENT);
  INSULA_TRY_VOID(make_dirs(path.substr(0, slash), mode));
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    return fail_errno("create directory " + path);
  return {};
}

Result<> remove_tree(const std::string& path) {
  const std::filesystem::path whole(path);
  const std::string parent = whole.parent_path().string();
  const Fd fd(open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return {};
    return fail_errno("open " + parent);
  }
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) return fail_errno("stat " + parent);
  return remove_below(fd.get(), whole.filename().string(), info.st_dev, 0);
}

std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> out;
  const Directory dir(opendir(path.c_str()));
  if (dir == nullptr) return out;
  while (const dirent* entry = readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") out.emplace_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::symlink_status(path, ignored));
}

}  // namespace insula::node
