#include "node/rootfs.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <link.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "node/files.h"

namespace insula::node {
namespace {

namespace fs = std::filesystem;

// Parts of /etc that programs look for and that hold no secrets.
constexpr std::array kPublicEtc = {
    "alternatives", "ca-certificates", "debian_version", "fonts",        "gai.conf",  "group",
    "host.conf",    "ld.so.cache",     "ld.so.conf",     "ld.so.conf.d", "localtime", "magic",
    "mime.types",   "nsswitch.conf",   "os-release",     "passwd",       "protocols", "services",
    "ssl/certs",    "ssl/openssl.cnf", "terminfo",       "timezone"};
// On a merged system these are links into /usr.
constexpr std::array kTopLevel = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};

Result<> own(const std::string& path, std::optional<std::uint32_t> base) {
  if (base && lchown(path.c_str(), *base, *base) != 0) return fail_errno("chown " + path);
  return {};
}

Result<> make_dir(const std::string& path, mode_t mode, std::optional<std::uint32_t> base) {
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    return fail_errno("create directory " + path);
  if (chmod(path.c_str(), mode) != 0) return fail_errno("chmod " + path);
  return own(path, base);
}

Result<> make_skeleton(const std::string& root, std::optional<std::uint32_t> base) {
  INSULA_TRY_VOID(make_dir(root, 0755, base));
  for (const char* name : {"etc", "home", "run", "usr", "var"})
    INSULA_TRY_VOID(make_dir(root + "/" + name, 0755, base));
  INSULA_TRY_VOID(make_dir(root + "/root", 0700, base));
  INSULA_TRY_VOID(make_dir(root + "/tmp", 01777, base));
  return make_dir(root + "/var/tmp", 01777, base);
}

void add_if_present(std::vector<Mount>& out, const std::string& path) {
  std::error_code failed;
  const std::string real = fs::canonical(path, failed).string();
  if (!failed) out.push_back({real, path, true});
}

Result<std::vector<Mount>> host_mounts(const std::string& root,
                                       const HostRoot& source,
                                       std::optional<std::uint32_t> base) {
  std::vector<Mount> out;
  add_if_present(out, "/usr");
  for (const char* name : kTopLevel) {
    const std::string path = std::string("/") + name;
    std::error_code failed;
    const fs::path link = fs::read_symlink(path, failed);
    if (failed) {
      add_if_present(out, path);
      continue;
    }
    if (symlink(link.c_str(), (root + path).c_str()) != 0 && errno != EEXIST)
      return fail_errno("link " + root + path);
    INSULA_TRY_VOID(own(root + path, base));
  }
  add_if_present(out, "/opt");
  for (const char* name : kPublicEtc)
    add_if_present(out, std::string("/etc/") + name);
  for (const std::string& name : names_in("/etc")) {
    if (name.starts_with("python3")) add_if_present(out, "/etc/" + name);
  }
  for (const std::string& path : source.paths) {
    if (!exists(path))
      return fail(ErrorCode::kNotFound,
                  fmt::format("{} is named in the image map and does not exist", path));
    add_if_present(out, path);
  }
  return out;
}

int collect_library(dl_phdr_info* info, std::size_t /*size*/, void* into) {
  const std::string name = info->dlpi_name == nullptr ? "" : info->dlpi_name;
  if (name.starts_with('/')) static_cast<std::set<std::string>*>(into)->insert(name);
  return 0;
}

// The libraries that this process runs with are those that the same binary needs in a container.
std::vector<Mount> binary_mounts(const std::string& binary) {
  std::vector<Mount> out;
  std::error_code failed;
  out.push_back({fs::canonical(binary, failed).string(), "/insula", true});
  std::set<std::string> libraries;
  dl_iterate_phdr(collect_library, &libraries);
  for (const std::string& library : libraries)
    add_if_present(out, library);
  return out;
}

// Shows `source` at `target` with its owners shifted by the namespace.
Result<> mount_shifted(const std::string& source, const std::string& target, int user_namespace) {
  const Fd tree(static_cast<int>(
      syscall(SYS_open_tree, AT_FDCWD, source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!tree) return fail_errno("open " + source);
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<std::uint64_t>(user_namespace);
  if (syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) !=
      0) {
    return fail_errno("shift the owners of " + source);
  }
  if (syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) !=
      0) {
    return fail_errno("mount " + target);
  }
  return {};
}

Result<std::vector<std::string>> shifted_layers(const std::string& bundle,
                                                const ImageRoot& source,
                                                const std::string& path) {
  const Fd user_namespace(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!user_namespace) return fail_errno("open " + path);
  std::vector<std::string> out;
  for (std::size_t i = 0; i < source.layers.size(); ++i) {
    out.push_back(fmt::format("{}/layers/{}", bundle, i));
    INSULA_TRY_VOID(make_dirs(out.back()));
    INSULA_TRY_VOID(mount_shifted(source.layers[i], out.back(), user_namespace.get()));
  }
  return out;
}

Result<> mount_image(const std::string& bundle, const ImageRoot& source, const RootOwner& owner) {
  const std::optional<std::uint32_t> base = owner.base;
  std::vector<std::string> layers = source.layers;
  if (base) {
    INSULA_TRY(layers, shifted_layers(bundle, source, owner.user_namespace));
  }
  // Overlay needs a lower directory even for an image without layers.
  INSULA_TRY_VOID(make_dir(bundle + "/empty", 0755, base));
  layers.push_back(bundle + "/empty");
  for (const char* name : {"upper", "work", "rootfs"})
    INSULA_TRY_VOID(make_dir(bundle + "/" + name, 0755, base));
  const std::string options = fmt::format("lowerdir={},upperdir={}/upper,workdir={}/work",
                                          fmt::join(layers, ":"), bundle, bundle);
  if (mount("overlay", (bundle + "/rootfs").c_str(), "overlay", 0, options.c_str()) != 0) {
    return fail_errno(fmt::format("mount the image's {} layers", layers.size() - 1));
  }
  return {};
}

}  // namespace

Result<std::vector<Mount>> make_rootfs(const std::string& bundle,
                                       const RootSource& source,
                                       const std::string& binary,
                                       const RootOwner& owner) {
  const std::string root = bundle + "/rootfs";
  if (const auto* image = std::get_if<ImageRoot>(&source)) {
    INSULA_TRY_VOID(mount_image(bundle, *image, owner));
    return std::vector<Mount>();
  }
  INSULA_TRY_VOID(make_skeleton(root, owner.base));
  if (const auto* host = std::get_if<HostRoot>(&source))
    return host_mounts(root, *host, owner.base);
  return binary_mounts(binary);
}

void release_rootfs(const std::string& bundle) {
  umount2((bundle + "/rootfs").c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  for (const std::string& layer : names_in(bundle + "/layers"))
    umount2((bundle + "/layers/" + layer).c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
}

}  // namespace insula::node
