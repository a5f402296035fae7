#include "node/sub_path.h"

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "node/files.h"

namespace insula::node {
namespace {

Fd open_below(int root, const std::string& path, std::uint64_t flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve;
  return Fd(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

// The path in its shortest form; "." for the root itself.
std::string plain(const std::string& path) {
  std::string text = std::filesystem::path(path).lexically_normal().string();
  while (text.ends_with('/'))
    text.pop_back();
  return text.empty() ? "." : text;
}

std::unexpected<Error> not_opened(const std::string& path) {
  if (errno == ELOOP || errno == EXDEV)
    return fail(ErrorCode::kInvalid, fmt::format("subPath \"{}\" leaves its volume", path));
  return fail_errno(fmt::format("open subPath \"{}\"", path));
}

Result<> copy_owner(int from, int to) {
  struct stat info{};
  if (fstat(from, &info) != 0 || fchown(to, info.st_uid, info.st_gid) != 0 ||
      fchmod(to, info.st_mode & 07777) != 0) {
    return fail_errno("give a subPath to the volume's owner");
  }
  return {};
}

Result<Fd> open_or_make(int root, const std::string& path, std::uint64_t resolve) {
  Fd found = open_below(root, path, O_PATH, resolve);
  if (found) return found;
  if (errno != ENOENT) return not_opened(path);
  const std::filesystem::path whole(path);
  const std::string above = whole.parent_path().string();
  INSULA_TRY(const Fd parent, open_or_make(root, above.empty() ? "." : above, resolve));
  const bool made = mkdirat(parent.get(), whole.filename().c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return not_opened(path);
  Fd fd = open_below(root, path, O_RDONLY | O_DIRECTORY, resolve);
  if (!fd) return not_opened(path);
  if (made) INSULA_TRY_VOID(copy_owner(root, fd.get()));
  return fd;
}

Result<> mount_at(const Fd& source, const std::string& target) {
  struct stat info{};
  if (fstat(source.get(), &info) != 0) return fail_errno("look at a subPath");
  if (S_ISDIR(info.st_mode)) {
    INSULA_TRY_VOID(make_dirs(target));
  } else {
    INSULA_TRY_VOID(write_file(target, ""));
  }
  const std::string opened = fmt::format("/proc/self/fd/{}", source.get());
  if (mount(opened.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0)
    return fail_errno("mount " + target);
  return {};
}

}  // namespace

Result<Fd> open_sub_path(const Mount& mount) {
  const Fd root(open(mount.source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return fail_errno("open " + mount.source);
  return open_or_make(root.get(), plain(mount.sub_path), mount.own_links ? 0 : RESOLVE_NO_SYMLINKS);
}

Result<> mount_sub_paths(const std::string& dir, std::vector<Mount>& mounts) {
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    if (mounts[i].sub_path.empty()) continue;
    INSULA_TRY(const Fd part, open_sub_path(mounts[i]));
    INSULA_TRY_VOID(make_dirs(dir, 0711));
    const std::string target = fmt::format("{}/{}", dir, i);
    INSULA_TRY_VOID(mount_at(part, target));
    mounts[i].source = target;
    mounts[i].sub_path.clear();
  }
  return {};
}

void release_sub_paths(const std::string& dir) {
  for (const std::string& name : names_in(dir))
    umount2((dir + "/" + name).c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
}

}  // namespace insula::node
