#include "node/files.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <ranges>
#include <sstream>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

namespace insula::node {
namespace {

constexpr int kTreeDepthMax = 64;    // open directories at a time
constexpr int kMountPointField = 5;  // of a line of mountinfo

// "a\\040b" -> "a b"
std::string unescaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    unsigned code = 0;
    const bool escape =
        text.size() >= 4 && text.front() == '\\' &&
        std::from_chars(text.data() + 1, text.data() + 4, code, 8).ptr == text.data() + 4;
    out += escape ? static_cast<char>(code) : text.front();
    text.remove_prefix(escape ? 4 : 1);
  }
  return out;
}

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

bool is_dots(std::string_view name) {
  return name == "." || name == "..";
}

// Removes one tree with a bounded number of descriptors, however deep somebody has nested it: what
// lies too deep is moved up to the top and removed from there.
class TreeRemoval {
 public:
  Result<> remove(int parent, const std::string& name) {
    INSULA_TRY(const Directory dir, open_directory(parent, name));
    if (dir == nullptr) return unlink_file(parent, name);
    top_ = dirfd(dir.get());
    do {
      moved_ = false;
      rewinddir(dir.get());
      INSULA_TRY_VOID(empty(dir.get(), 1));
    } while (moved_);
    return unlink_directory(parent, name);
  }

 private:
  // Null when it is not a directory. Bind mounts count as mounts even within one file system: what
  // they show belongs to somebody else.
  static Result<Directory> open_directory(int parent, const std::string& name) {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS;
    Fd fd(static_cast<int>(syscall(SYS_openat2, parent, name.c_str(), &how, sizeof how)));
    if (!fd && (errno == ENOTDIR || errno == ELOOP || errno == ENOENT)) return Directory();
    if (!fd && errno == EXDEV)
      return fail(ErrorCode::kInternal, name + " is a mount point and is not removed");
    if (!fd) return fail_errno("open " + name);
    Directory dir(fdopendir(fd.get()));
    if (dir == nullptr) return fail_errno("read " + name);
    static_cast<void>(fd.release());
    return dir;
  }

  static Result<> unlink_file(int parent, const std::string& name) {
    if (unlinkat(parent, name.c_str(), 0) != 0 && errno != ENOENT)
      return fail_errno("remove " + name);
    return {};
  }

  static Result<> unlink_directory(int parent, const std::string& name) {
    if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
      return fail_errno("remove " + name);
    return {};
  }

  Result<> empty(DIR* dir, int depth) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this directory stream
    while (const dirent* entry = readdir(dir)) {
      if (!is_dots(entry->d_name)) INSULA_TRY_VOID(remove_entry(dirfd(dir), entry->d_name, depth));
    }
    return {};
  }

  Result<> remove_entry(int parent, const std::string& name, int depth) {
    INSULA_TRY(const Directory child, open_directory(parent, name));
    if (child == nullptr) return unlink_file(parent, name);
    if (depth == kTreeDepthMax) return move_up(parent, name);
    INSULA_TRY_VOID(empty(child.get(), depth + 1));
    return unlink_directory(parent, name);
  }

  Result<> move_up(int parent, const std::string& name) {
    moved_ = true;
    while (true) {
      const std::string fresh = fmt::format(".removed-{}", ++names_);
      if (renameat2(parent, name.c_str(), top_, fresh.c_str(), RENAME_NOREPLACE) == 0) return {};
      if (errno != EEXIST) return fail_errno("move " + name);
    }
  }

  int top_ = -1;
  bool moved_ = false;
  std::uint64_t names_ = 0;
};

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
  TreeRemoval removal;
  return removal.remove(fd.get(), whole.filename().string());
}

std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> out;
  const Directory dir(opendir(path.c_str()));
  if (dir == nullptr) return out;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this directory stream
  while (const dirent* entry = readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (!is_dots(name)) out.emplace_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::symlink_status(path, ignored));
}

bool is_mount_point(const std::string& path) {
  struct stat here{};
  struct stat above{};
  return lstat(path.c_str(), &here) == 0 && lstat((path + "/..").c_str(), &above) == 0 &&
         here.st_dev != above.st_dev;
}

void unmount_below(const std::string& path) {
  std::ifstream mounts("/proc/self/mountinfo");
  std::vector<std::string> below;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string word;
    for (int i = 0; i < kMountPointField; ++i)
      words >> word;
    if (std::string target = unescaped(word); target.starts_with(path + "/"))
      below.push_back(std::move(target));
  }
  for (const std::string& target : std::views::reverse(below))
    umount2(target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
}

}  // namespace insula::node
