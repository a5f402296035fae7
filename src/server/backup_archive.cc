#include "server/backup_archive.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <memory>
#include <utility>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

namespace insula::server {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{64} << 10U;
constexpr mode_t kMode = 0600;

struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

Result<> write_all(int fd, std::string_view bytes, const std::string& file) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) return fail_errno("write " + file);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<> sync_file(const std::string& path, int flags) {
  const Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return fail_errno("write " + path);
  return {};
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

BackupWriter::BackupWriter(std::string path)
    : path_(std::move(path)), unfinished_(path_ + ".new"), archive_(archive_write_new()) {}

BackupWriter::~BackupWriter() {
  archive_write_free(archive_);
  if (!unfinished_.empty()) ::unlink(unfinished_.c_str());
}

std::unexpected<Error> BackupWriter::failure() const {
  const int error = archive_errno(archive_);
  if (error == ENOSPC || error == EDQUOT)
    return fail(ErrorCode::kInsufficientStorage, "write " + path_ + ": the disk is full");
  return fail(ErrorCode::kInternal,
              fmt::format("write {}: {}", path_, archive_error_string(archive_)));
}

Result<std::unique_ptr<BackupWriter>> BackupWriter::create(const std::string& path) {
  std::unique_ptr<BackupWriter> writer(new BackupWriter(path));
  // Made here, so that nobody else can read it from the beginning.
  ::unlink(writer->unfinished_.c_str());
  const Fd file(
      ::open(writer->unfinished_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode));
  if (!file) {
    writer->unfinished_.clear();
    return fail_errno("write " + path);
  }
  archive_write_add_filter_zstd(writer->archive_);
  archive_write_set_format_pax_restricted(writer->archive_);
  if (archive_write_open_filename(writer->archive_, writer->unfinished_.c_str()) != ARCHIVE_OK)
    return writer->failure();
  return writer;
}

Result<> BackupWriter::begin(const std::string& name, std::size_t size, std::time_t modified) {
  const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), kMode);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
  archive_entry_set_mtime(entry.get(), modified, 0);
  if (archive_write_header(archive_, entry.get()) != ARCHIVE_OK) return failure();
  return {};
}

Result<> BackupWriter::write(std::string_view bytes) {
  if (archive_write_data(archive_, bytes.data(), bytes.size()) < 0) return failure();
  return {};
}

Result<> BackupWriter::add(const std::string& name, std::string_view content) {
  INSULA_TRY_VOID(begin(name, content.size(), std::time(nullptr)));
  return write(content);
}

Result<> BackupWriter::add_file(const std::string& name, const std::string& file) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0) return fail_errno("read " + file);
  auto left = static_cast<std::size_t>(status.st_size);
  INSULA_TRY_VOID(begin(name, left, status.st_mtime));
  std::string block(kBlockBytes, '\0');
  while (left > 0) {
    const ssize_t got = ::read(fd.get(), block.data(), std::min(left, block.size()));
    if (got < 0) return fail_errno("read " + file);
    if (got == 0) return fail(ErrorCode::kConflict, file + " became shorter while it was read");
    INSULA_TRY_VOID(write({block.data(), static_cast<std::size_t>(got)}));
    left -= static_cast<std::size_t>(got);
  }
  return {};
}

Result<> BackupWriter::finish() {
  if (archive_write_close(archive_) != ARCHIVE_OK) return failure();
  INSULA_TRY_VOID(sync_file(unfinished_, O_RDONLY));
  if (::rename(unfinished_.c_str(), path_.c_str()) != 0) return fail_errno("write " + path_);
  unfinished_.clear();
  return sync_file(folder_of(path_), O_RDONLY | O_DIRECTORY);
}

BackupReader::BackupReader(std::string path)
    : path_(std::move(path)), archive_(archive_read_new()), buffer_(kBlockBytes, '\0') {}

BackupReader::~BackupReader() {
  archive_read_free(archive_);
}

std::unexpected<Error> BackupReader::failure() const {
  const char* text = archive_error_string(archive_);
  return fail(ErrorCode::kInvalid,
              fmt::format("{} is no whole backup: {}", path_, text == nullptr ? "broken" : text));
}

Result<std::unique_ptr<BackupReader>> BackupReader::open(const std::string& path) {
  if (::access(path.c_str(), R_OK) != 0) return fail_errno("read " + path);
  std::unique_ptr<BackupReader> reader(new BackupReader(path));
  archive_read_support_filter_zstd(reader->archive_);
  archive_read_support_format_tar(reader->archive_);
  if (archive_read_open_filename(reader->archive_, path.c_str(), kBlockBytes) != ARCHIVE_OK)
    return reader->failure();
  return reader;
}

Result<std::optional<std::string>> BackupReader::next() {
  archive_entry* entry = nullptr;
  const int code = archive_read_next_header(archive_, &entry);
  if (code == ARCHIVE_EOF) return std::optional<std::string>();
  if (code != ARCHIVE_OK) return failure();
  const char* name = archive_entry_pathname(entry);
  if (name == nullptr || archive_entry_filetype(entry) != AE_IFREG)
    return fail(ErrorCode::kInvalid, path_ + " is no backup: it has more than plain files in it");
  return std::optional<std::string>(name);
}

Result<std::string_view> BackupReader::piece() {
  const la_ssize_t got = archive_read_data(archive_, buffer_.data(), buffer_.size());
  if (got < 0) return failure();
  return std::string_view(buffer_.data(), static_cast<std::size_t>(got));
}

Result<std::string> BackupReader::read() {
  std::string content;
  for (;;) {
    INSULA_TRY(const std::string_view bytes, piece());
    if (bytes.empty()) return content;
    content += bytes;
  }
}

Result<> BackupReader::copy_to(const std::string& file) {
  const Fd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kMode));
  if (!fd) return fail_errno("write " + file);
  for (;;) {
    INSULA_TRY(const std::string_view bytes, piece());
    if (bytes.empty()) return {};
    INSULA_TRY_VOID(write_all(fd.get(), bytes, file));
  }
}

}  // namespace insula::server
