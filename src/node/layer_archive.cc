#include "node/layer_archive.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "node/image_import.h"

namespace insula::node {
namespace {

constexpr std::size_t kBlockBytes = 64U * 1024;
constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr const char* kOverlayOpaque = "trusted.overlay.opaque";

struct FreeArchive {
  void operator()(archive* handle) const { archive_read_free(handle); }
};

using Archive = std::unique_ptr<archive, FreeArchive>;

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }

  void add(const void* data, std::size_t size) { EVP_DigestUpdate(context_.get(), data, size); }

  [[nodiscard]] std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), bytes.data(), &size);
    std::string out;
    for (unsigned i = 0; i < size; ++i)
      out += fmt::format("{:02x}", bytes[i]);
    return out;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, FreeDigest> context_;
};

std::unexpected<Error> archive_error(archive* handle, const std::string& path) {
  const char* text = archive_error_string(handle);
  return fail(ErrorCode::kInvalid,
              fmt::format("{}: {}", path, text == nullptr ? "cannot be read" : text));
}

Result<Archive> open_archive(const std::string& path, bool raw) {
  Archive handle(archive_read_new());
  // Not all that libarchive knows: some are external programs, and this runs as root.
  archive_read_support_filter_gzip(handle.get());
  archive_read_support_filter_zstd(handle.get());
  archive_read_support_filter_xz(handle.get());
  if (raw) {
    archive_read_support_format_raw(handle.get());
    archive_read_support_format_empty(handle.get());
  } else {
    archive_read_support_format_tar(handle.get());
    archive_read_support_format_empty(handle.get());
  }
  if (archive_read_open_filename(handle.get(), path.c_str(), kBlockBytes) != ARCHIVE_OK)
    return archive_error(handle.get(), path);
  return handle;
}

// The next entry; null at the end.
Result<archive_entry*> next_entry(archive* handle, const std::string& path) {
  archive_entry* entry = nullptr;
  const int status = archive_read_next_header(handle, &entry);
  if (status == ARCHIVE_EOF) return nullptr;
  if (status < ARCHIVE_WARN) return archive_error(handle, path);
  return entry;
}

// "./a/b/" -> "a/b". nullopt for names that lead anywhere else.
std::optional<std::string> clean_name(const char* name) {
  if (name == nullptr) return std::nullopt;
  std::string out;
  std::string_view rest = name;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") return std::nullopt;
    if (!out.empty()) out += '/';
    out += part;
  }
  return out;
}

std::pair<std::string, std::string> split(const std::string& name) {
  const std::size_t slash = name.find_last_of('/');
  if (slash == std::string::npos) return {"", name};
  return {name.substr(0, slash), name.substr(slash + 1)};
}

// Writes the entries of one archive below one directory.
class Unpacker {
 public:
  Unpacker(Fd root, bool plain_files_only) : root_(std::move(root)), plain_(plain_files_only) {}

  Result<> add(archive* handle, archive_entry* entry) {
    const char* raw = archive_entry_pathname(entry);
    const std::optional<std::string> name = clean_name(raw);
    if (!name)
      return fail(ErrorCode::kInvalid,
                  fmt::format("entry \"{}\" leads out of the image", raw == nullptr ? "" : raw));
    if (++entries_ > kImportEntriesMax)
      return fail(ErrorCode::kTooLarge, "the image has too many entries");
    if (name->empty()) return {};
    const auto [folder, base] = split(*name);
    INSULA_TRY(const Fd parent, open_folder(folder));
    if (!plain_ && base.starts_with(kWhiteout)) return whiteout(parent.get(), base);
    return write(handle, entry, parent.get(), base);
  }

  [[nodiscard]] std::int64_t bytes() const { return bytes_; }

 private:
  Result<Fd> open_below(const std::string& path, int flags) const {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    Fd fd(static_cast<int>(syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how)));
    if (!fd) return fail_errno("open " + path);
    return fd;
  }

  // Archives may leave out entries for directories on the way.
  Result<Fd> open_folder(const std::string& folder) const {
    if (folder.empty()) return open_below(".", O_RDONLY | O_DIRECTORY);
    if (Result<Fd> fd = open_below(folder, O_RDONLY | O_DIRECTORY)) return fd;
    const auto [above, base] = split(folder);
    INSULA_TRY(const Fd parent, open_folder(above));
    INSULA_TRY_VOID(make_folder(parent.get(), base));
    return open_below(folder, O_RDONLY | O_DIRECTORY);
  }

  static Result<> whiteout(int parent, const std::string& base) {
    if (base == kOpaque) return hide_lower(parent);
    const std::string name = base.substr(kWhiteout.size());
    if (name.empty() || name == "." || name == "..")
      return fail(ErrorCode::kInvalid, fmt::format("bad whiteout \"{}\"", base));
    // It is about lower layers: what is here came with this one.
    struct stat info{};
    if (fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
      if (!S_ISDIR(info.st_mode)) return {};
      const Fd own(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!own) return fail_errno("open " + name);
      return hide_lower(own.get());
    }
    if (mknodat(parent, name.c_str(), S_IFCHR, makedev(0, 0)) != 0)
      return fail_errno("mark " + name + " as deleted");
    return {};
  }

  static Result<> hide_lower(int folder) {
    if (fsetxattr(folder, kOverlayOpaque, "y", 1, 0) != 0)
      return fail_errno("mark a directory as replaced");
    return {};
  }

  static bool is_whiteout(int parent, const std::string& name) {
    struct stat info{};
    return fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISCHR(info.st_mode) && info.st_rdev == makedev(0, 0);
  }

  // Fine when it is there. In place of a whiteout it must go on hiding what that hid.
  static Result<> make_folder(int parent, const std::string& name) {
    const bool hides = is_whiteout(parent, name);
    if (hides && unlinkat(parent, name.c_str(), 0) != 0) return fail_errno("replace " + name);
    if (mkdirat(parent, name.c_str(), 0755) != 0 && errno != EEXIST)
      return fail_errno("create " + name);
    if (!hides) return {};
    const Fd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return fail_errno("open " + name);
    return hide_lower(fd.get());
  }

  Result<> write(archive* handle, archive_entry* entry, int parent, const std::string& base) {
    const char* hard_link = archive_entry_hardlink(entry);
    const auto type = archive_entry_filetype(entry);
    if (hard_link != nullptr) return plain_ ? refuse(entry) : link(hard_link, parent, base);
    if (type == AE_IFREG) return write_file(handle, entry, parent, base);
    if (type == AE_IFDIR) return write_folder(entry, parent, base);
    if (plain_) return refuse(entry);
    if (type == AE_IFLNK) {
      const char* target = archive_entry_symlink(entry);
      if (target == nullptr)
        return fail(ErrorCode::kInvalid, base + " is a symbolic link to nothing");
      unlinkat(parent, base.c_str(), 0);
      if (symlinkat(target, parent, base.c_str()) != 0) return fail_errno("link " + base);
      return set_owner(entry, parent, base);
    }
    if (type == AE_IFIFO) {
      unlinkat(parent, base.c_str(), 0);
      if (mkfifoat(parent, base.c_str(), archive_entry_perm(entry)) != 0)
        return fail_errno("make " + base);
      return set_owner(entry, parent, base);
    }
    return {};
  }

  static Result<> refuse(archive_entry* entry) {
    return fail(ErrorCode::kInvalid, fmt::format("entry \"{}\" is neither a file nor a directory",
                                                 archive_entry_pathname(entry)));
  }

  Result<> link(const char* target, int parent, const std::string& base) const {
    const std::optional<std::string> name = clean_name(target);
    if (!name || name->empty())
      return fail(ErrorCode::kInvalid,
                  fmt::format("hard link to \"{}\" leads out of the image", target));
    const auto [folder, file] = split(*name);
    INSULA_TRY(const Fd from, open_below(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY));
    unlinkat(parent, base.c_str(), 0);
    if (linkat(from.get(), file.c_str(), parent, base.c_str(), 0) != 0)
      return fail_errno(fmt::format("link {} to {}", base, *name));
    return {};
  }

  Result<> write_folder(archive_entry* entry, int parent, const std::string& base) const {
    INSULA_TRY_VOID(make_folder(parent, base));
    struct stat info{};
    // A later entry of the same name wins, but a directory that is there keeps its content.
    if (fstatat(parent, base.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      return fail_errno("stat " + base);
    if (!S_ISDIR(info.st_mode)) {
      unlinkat(parent, base.c_str(), 0);
      if (mkdirat(parent, base.c_str(), 0755) != 0) return fail_errno("create " + base);
    }
    INSULA_TRY_VOID(set_owner(entry, parent, base));
    const Fd fd(openat(parent, base.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd || fchmod(fd.get(), archive_entry_perm(entry)) != 0) return fail_errno("chmod " + base);
    return {};
  }

  Result<> write_file(archive* handle, archive_entry* entry, int parent, const std::string& base) {
    unlinkat(parent, base.c_str(), 0);
    const Fd fd(
        openat(parent, base.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return fail_errno("create " + base);
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    int status = ARCHIVE_OK;
    while ((status = archive_read_data_block(handle, &block, &size, &offset)) == ARCHIVE_OK) {
      bytes_ += static_cast<std::int64_t>(size);
      if (bytes_ > kImportBytesMax) return fail(ErrorCode::kTooLarge, "the image is too large");
      if (pwrite(fd.get(), block, size, offset) != static_cast<ssize_t>(size))
        return fail_errno("write " + base);
    }
    if (status != ARCHIVE_EOF) return archive_error(handle, base);
    // Trailing holes of sparse files are not written.
    if (ftruncate(fd.get(), archive_entry_size(entry)) != 0) return fail_errno("write " + base);
    if (plain_) return {};
    INSULA_TRY_VOID(set_owner(entry, parent, base));
    if (fchmod(fd.get(), archive_entry_perm(entry)) != 0) return fail_errno("chmod " + base);
    set_attributes(entry, fd.get());
    const timespec modified{archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
    const std::array<timespec, 2> times = {modified, modified};
    futimens(fd.get(), times.data());
    return {};
  }

  Result<> set_owner(archive_entry* entry, int parent, const std::string& base) const {
    if (plain_) return {};
    const auto uid = static_cast<uid_t>(archive_entry_uid(entry));
    const auto gid = static_cast<gid_t>(archive_entry_gid(entry));
    if (fchownat(parent, base.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
      return fail_errno("chown " + base);
    return {};
  }

  // File capabilities and user attributes; what the file system does not take is left out.
  static void set_attributes(archive_entry* entry, int fd) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
      const std::string_view key = name;
      if (key == "security.capability" || key.starts_with("user."))
        fsetxattr(fd, name, value, size, 0);
    }
  }

  Fd root_;
  bool plain_;
  std::int64_t bytes_ = 0;
  std::int64_t entries_ = 0;
};

Result<std::int64_t> unpack(const std::string& path,
                            const std::string& dir,
                            bool plain_files_only) {
  Fd root(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return fail_errno("open " + dir);
  INSULA_TRY(const Archive handle, open_archive(path, false));
  Unpacker unpacker(std::move(root), plain_files_only);
  while (true) {
    INSULA_TRY(archive_entry * entry, next_entry(handle.get(), path));
    if (entry == nullptr) return unpacker.bytes();
    INSULA_TRY_VOID(unpacker.add(handle.get(), entry));
  }
}

}  // namespace

Result<std::string> file_digest(const std::string& path) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("open " + path);
  Sha256 digest;
  std::array<char, kBlockBytes>
      buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  while (true) {
    const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
    if (n < 0) return fail_errno("read " + path);
    if (n == 0) return digest.hex();
    digest.add(buffer.data(), static_cast<std::size_t>(n));
  }
}

Result<std::string> content_digest(const std::string& path) {
  INSULA_TRY(const Archive handle, open_archive(path, true));
  INSULA_TRY(const archive_entry* entry, next_entry(handle.get(), path));
  Sha256 digest;
  if (entry == nullptr) return digest.hex();
  std::array<char, kBlockBytes>
      buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the archive
  std::int64_t bytes = 0;
  while (true) {
    const la_ssize_t n = archive_read_data(handle.get(), buffer.data(), buffer.size());
    if (n < 0) return archive_error(handle.get(), path);
    if (n == 0) return digest.hex();
    bytes += n;
    if (bytes > kImportBytesMax)
      return fail(ErrorCode::kTooLarge, path + ": the layer is too large");
    digest.add(buffer.data(), static_cast<std::size_t>(n));
  }
}

Result<std::int64_t> unpack_layer(const std::string& path, const std::string& dir) {
  return unpack(path, dir, false);
}

Result<> unpack_archive(const std::string& path, const std::string& dir) {
  const Result<std::int64_t> bytes = unpack(path, dir, true);
  if (!bytes) return std::unexpected(bytes.error());
  return {};
}

}  // namespace insula::node
