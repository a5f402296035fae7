#include "server/data_dir.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/number.h"

namespace insula::server {
namespace {

constexpr std::size_t kFileBytesMax = 4U << 20;
// Who takes the lock writes its pid a moment later.
constexpr std::chrono::milliseconds kPidWithin{1000};
constexpr std::chrono::milliseconds kPidPoll{10};

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

bool is_held(int fd) {
  struct flock whole = whole_file();
  return ::fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

/// Whether the process has that file open. What cannot be looked into, because it is another
/// user's, is believed.
bool has_open(pid_t pid, int fd) {
  struct stat wanted{};
  if (::fstat(fd, &wanted) != 0) return false;
  std::error_code error;
  const std::filesystem::directory_iterator files(fmt::format("/proc/{}/fd", pid), error);
  if (error) return error == std::errc::permission_denied;
  return std::ranges::any_of(files, [&](const auto& file) {
    struct stat there{};
    return ::stat(file.path().c_str(), &there) == 0 && there.st_dev == wanted.st_dev &&
           there.st_ino == wanted.st_ino;
  });
}

Result<> write_pid(int fd, const Layout& layout) {
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0)
    return disk_failed("write " + layout.lock(), errno);
  return {};
}

/// What may be in a folder that no platform has run on: what a new file system begins with, the
/// remains of a first start that did not get far, and what `insula image import` brought before it.
bool may_precede_version(const std::filesystem::path& entry) {
  const std::string name = entry.filename();
  std::error_code error;
  return name == "lost+found" || name == "lock" || name == "VERSION.new" ||
         (name == "node" && std::filesystem::is_directory(entry / "images", error));
}

/// Makes the folder, or makes sure that the one that is there is a data directory or empty. A
/// mistyped --data-dir must not take over somebody's files.
Result<> claim(const Layout& layout) {
  std::error_code error;
  const auto type = std::filesystem::status(layout.root, error).type();
  // Others may pass through (control and the gateway run as users of their own), not list.
  if (type == std::filesystem::file_type::not_found)
    return make_directory(layout.root, 0711, {::geteuid(), ::getegid()});
  if (error) return fail_errno("look at " + layout.root, error.value());
  if (type != std::filesystem::file_type::directory)
    return fail(ErrorCode::kInvalid, layout.root + " is not a folder; name a new one");
  if (std::filesystem::exists(layout.version(), error)) return {};
  const std::filesystem::directory_iterator entries(layout.root, error);
  if (error) return fail_errno("look into " + layout.root, error.value());
  if (std::ranges::all_of(entries,
                          [](const auto& entry) { return may_precede_version(entry.path()); }))
    return {};
  return fail(
      ErrorCode::kInvalid,
      layout.root + " is not a data directory of insula (it is not empty); name a new folder");
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
  const std::string_view digits =
      std::string_view(*text).substr(0, text->find_last_not_of('\n') + 1);
  const int version = parse_whole<int>(digits).value_or(0);
  if (version < 1) {
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
  INSULA_TRY_VOID(claim(layout));
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
  INSULA_TRY_VOID(write_pid(lock.get(), layout));
  INSULA_TRY_VOID(check_version(layout));
  INSULA_TRY_VOID(check_space(layout));
  return lock;
}

pid_t lock_holder(const Layout& layout) {
  const Fd lock(::open(layout.lock().c_str(), O_RDONLY | O_CLOEXEC));
  if (!lock) return 0;
  const auto deadline = std::chrono::steady_clock::now() + kPidWithin;
  while (is_held(lock.get())) {
    // Until the new holder has written, the file may name the one before it.
    const pid_t pid = pid_in(lock.get());
    if (pid > 0 && has_open(pid, lock.get())) return pid;
    if (std::chrono::steady_clock::now() > deadline) return 0;
    std::this_thread::sleep_for(kPidPoll);
  }
  return 0;
}

bool is_locked(const Layout& layout) {
  const Fd lock(::open(layout.lock().c_str(), O_RDONLY | O_CLOEXEC));
  return lock && is_held(lock.get());
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
  for (auto folder = std::filesystem::absolute(layout.root); folder != folder.root_path();
       folder = folder.parent_path()) {
    struct stat info{};
    if (::stat(folder.c_str(), &info) != 0) {
      if (errno == ENOENT) continue;  // not made yet
      return fail_errno("look at " + folder.string());
    }
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

Result<> give_files(const std::string& folder, const Account& owner) {
  std::error_code failed;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, failed)) {
    if (::lchown(entry.path().c_str(), owner.uid, owner.gid) != 0)
      return fail_errno("give away " + entry.path().string());
  }
  if (failed) return fail_errno("read " + folder, failed.value());
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
