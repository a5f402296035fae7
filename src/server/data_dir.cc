#include "server/data_dir.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace insula::server {
namespace {

constexpr std::size_t kFileBytesMax = 4U << 20;

std::unexpected<Error> disk_failed(const std::string& what, int error) {
  if (error == ENOSPC || error == EDQUOT) {
    return fail(ErrorCode::kInsufficientStorage, what + ": the disk is full");
  }
  return fail_errno(what, error);
}

// Of the open file, not of the process, so that a look at the lock from elsewhere never takes it.
struct flock whole_file() {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

pid_t pid_in(int fd) {
  char text[32] = {};
  const ssize_t size = ::pread(fd, text, sizeof text - 1, 0);
  pid_t pid = 0;
  if (size > 0) std::from_chars(text, text + size, pid);
  return pid;
}

struct FileAttributes {
  mode_t mode = 0600;
  std::optional<Account> owner;
  bool sync = false;
};

Result<> replace_file(const std::string& path,
                      std::string_view content,
                      const FileAttributes& attributes) {
  const std::string temporary = path + ".new";
  const Fd file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, attributes.mode));
  if (!file) return disk_failed("write " + path, errno);
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0) return disk_failed("write " + path, errno);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  const auto& owner = attributes.owner;
  if (owner && ::fchown(file.get(), owner->uid, owner->gid) != 0)
    return fail_errno("give away " + path);
  const bool ok = ::fchmod(file.get(), attributes.mode) == 0 &&
                  (!attributes.sync || ::fsync(file.get()) == 0) &&
                  ::rename(temporary.c_str(), path.c_str()) == 0;
  if (!ok) return disk_failed("write " + path, errno);
  return {};
}

Result<> check_space(const Layout& layout) {
  struct statvfs status{};
  if (::statvfs(layout.root.c_str(), &status) != 0) return fail_errno("look at " + layout.root);
  const std::uint64_t free_bytes = static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  if (free_bytes >= kFreeBytesMin) return {};
  return fail(ErrorCode::kInsufficientStorage,
              fmt::format("the disk of {} is full: {} MiB free, {} MiB needed", layout.root,
                          free_bytes >> 20, kFreeBytesMin >> 20));
}

Result<> check_version(const Layout& layout) {
  auto text = read_file(layout.version());
  if (!text && text.error().code() == ErrorCode::kNotFound) {
    return write_file_durably(layout.version(), fmt::format("{}\n", kDataVersion), 0644);
  }
  if (!text) return std::unexpected(std::move(text).error());
  int version = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), version);
  if (parsed.ec != std::errc() || version < 1) {
    return fail(ErrorCode::kInvalid,
                layout.version() + " is not a version number: is this a data directory of insula?");
  }
  if (version > kDataVersion) {
    return fail(ErrorCode::kInvalid, fmt::format("{} was written by a newer insula (data version "
                                                 "{}, this build reads up to {}): upgrade, "
                                                 "or choose another --data-dir",
                                                 layout.root, version, kDataVersion));
  }
  return {};
}

}  // namespace

Result<Fd> open_data_dir(const Layout& layout) {
  // Others may pass through (control and the gateway run as users of their own), not list.
  INSULA_TRY_VOID(make_directory(layout.root, 0711, {::geteuid(), ::getegid()}));
  Fd lock(::open(layout.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock) return disk_failed("open " + layout.lock(), errno);
  struct flock whole = whole_file();
  if (::fcntl(lock.get(), F_OFD_SETLK, &whole) != 0) {
    if (errno != EAGAIN && errno != EACCES) return fail_errno("lock " + layout.lock());
    return fail(
        ErrorCode::kConflict,
        fmt::format(
            "already running on {} (pid {}): insula down stops it, or choose another --data-dir",
            layout.root, pid_in(lock.get())));
  }
  INSULA_TRY_VOID(check_version(layout));
  INSULA_TRY_VOID(check_space(layout));
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(lock.get(), 0) != 0 || ::pwrite(lock.get(), pid.data(), pid.size(), 0) < 0) {
    return disk_failed("write " + layout.lock(), errno);
  }
  return lock;
}

pid_t lock_holder(const Layout& layout) {
  const Fd lock(::open(layout.lock().c_str(), O_RDONLY | O_CLOEXEC));
  if (!lock) return 0;
  struct flock whole = whole_file();
  if (::fcntl(lock.get(), F_OFD_GETLK, &whole) != 0 || whole.l_type == F_UNLCK) return 0;
  return pid_in(lock.get());
}

Result<> write_file(const std::string& path,
                    std::string_view content,
                    mode_t mode,
                    std::optional<Account> owner) {
  return replace_file(path, content, {.mode = mode, .owner = owner, .sync = false});
}

Result<> write_file_durably(const std::string& path,
                            std::string_view content,
                            mode_t mode,
                            std::optional<Account> owner) {
  return replace_file(path, content, {.mode = mode, .owner = owner, .sync = true});
}

Result<std::string> read_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    if (errno == ENOENT) return fail(ErrorCode::kNotFound, path + " does not exist");
    return fail_errno("open " + path);
  }
  std::string out;
  char buffer[16384];
  while (true) {
    const ssize_t size = ::read(file.get(), buffer, sizeof buffer);
    if (size < 0) return fail_errno("read " + path);
    if (size == 0) return out;
    out.append(buffer, static_cast<std::size_t>(size));
    if (out.size() > kFileBytesMax) return fail(ErrorCode::kTooLarge, path + " is too large");
  }
}

Result<> check_reachable(const Layout& layout, Account account) {
  if (account.uid == 0) return {};
  const std::filesystem::path root = std::filesystem::absolute(layout.root);
  for (auto folder = root.parent_path(); folder != folder.root_path();
       folder = folder.parent_path()) {
    struct stat info{};
    if (::stat(folder.c_str(), &info) != 0) return fail_errno("look at " + folder.string());
    const mode_t needed = info.st_uid == account.uid   ? S_IXUSR
                          : info.st_gid == account.gid ? S_IXGRP
                                                       : S_IXOTH;
    if ((info.st_mode & needed) != 0) continue;
    return fail(
        ErrorCode::kForbidden,
        fmt::format(
            "{} (mode {:04o}) keeps out user {}, as whom part of insula runs: choose another "
            "--data-dir, or chmod o+x {}",
            folder.string(), info.st_mode & 07777, account.uid, folder.string()));
  }
  return {};
}

Result<> make_directory(const std::string& path, mode_t mode, Account owner) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return disk_failed("create " + path, error.value());
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return fail_errno("look at " + path);
  const bool owned = status.st_uid == owner.uid && status.st_gid == owner.gid;
  if (!owned && ::chown(path.c_str(), owner.uid, owner.gid) != 0)
    return fail_errno("take over " + path);
  if ((status.st_mode & 07777) != mode && ::chmod(path.c_str(), mode) != 0) {
    return fail_errno("set the mode of " + path);
  }
  return {};
}

}  // namespace insula::server
