#pragma once

#include <cstddef>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

struct archive;

namespace insula::server {

/// Writes a compressed tar. What is in `path` is replaced once all is written, or left as it is.
///
/// Threads: one.
class BackupWriter {
 public:
  /// Errors: fail_errno.
  static Result<std::unique_ptr<BackupWriter>> create(const std::string& path);
  BackupWriter(const BackupWriter&) = delete;
  BackupWriter& operator=(const BackupWriter&) = delete;
  /// Removes what is not finished.
  ~BackupWriter();

  /// Errors: kInsufficientStorage when the disk is full; kInternal.
  Result<> add(const std::string& name, std::string_view content);
  /// As much of the file as there is at the call; it may grow meanwhile.
  Result<> add_file(const std::string& name, const std::string& file);
  /// Puts the archive in place, durably. Nothing is added afterwards.
  Result<> finish();

 private:
  explicit BackupWriter(std::string path);

  [[nodiscard]] std::unexpected<Error> failure() const;
  /// `modified`: seconds since 1970.
  Result<> begin(const std::string& name, std::size_t size, std::time_t modified);
  Result<> write(std::string_view bytes);

  std::string path_;
  std::string unfinished_;
  archive* archive_;
};

/// Reads one.
class BackupReader {
 public:
  /// Errors: kInvalid for what is no such archive; fail_errno.
  static Result<std::unique_ptr<BackupReader>> open(const std::string& path);
  BackupReader(const BackupReader&) = delete;
  BackupReader& operator=(const BackupReader&) = delete;
  ~BackupReader();

  /// The name of the next file in it; nothing at the end. Errors: kInvalid when it breaks off, or
  /// has something else than plain files in it.
  Result<std::optional<std::string>> next();
  /// The content of that file. Errors: kInvalid.
  Result<std::string> read();
  /// Writes it to a new file that only its owner may read. Errors: kInvalid; fail_errno.
  Result<> copy_to(const std::string& file);

 private:
  explicit BackupReader(std::string path);

  [[nodiscard]] std::unexpected<Error> failure() const;
  /// The next bytes; empty at the end.
  Result<std::string_view> piece();

  std::string path_;
  archive* archive_;
  std::string buffer_;
};

}  // namespace insula::server
