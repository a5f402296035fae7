#pragma once

#include <cstddef>
#include <filesystem>
#include <utility>

#include "base/error.h"

namespace insula::gateway {

/// The name under which a file is made until it is whole, so that no half-made one is ever found.
[[nodiscard]] std::filesystem::path unfinished_name(const std::filesystem::path& file);

/// Gives a finished file its own name. Errors: fail_errno.
[[nodiscard]] Result<> put_in_place(const std::filesystem::path& file);

/// Keeps a file that cannot be read as `file`.damaged. Errors: fail_errno.
[[nodiscard]] Result<> keep_damaged(const std::filesystem::path& file);

/// A file mapped into memory, shared: what is written there survives the process, and the machine
/// once it was synced.
class MappedFile {
 public:
  /// All of a file that exists. Errors: fail_errno; kConflict when it has fewer than `bytes_min`.
  static Result<MappedFile> open(const std::filesystem::path& file, std::size_t bytes_min);

  /// Made anew, all of it zero and allocated on disk, so that a full disk cannot kill a write
  /// later; readable by its owner only. Errors: fail_errno; what was made of it is then removed.
  static Result<MappedFile> create(const std::filesystem::path& file, std::size_t bytes);

  MappedFile(MappedFile&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), bytes_(other.bytes_) {}

  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  ~MappedFile();

  [[nodiscard]] char* data() const { return static_cast<char*>(memory_); }

  [[nodiscard]] std::size_t size() const { return bytes_; }

  /// Writes it to the disk. Blocking.
  void sync() const;

 private:
  MappedFile(void* memory, std::size_t bytes) : memory_(memory), bytes_(bytes) {}

  static Result<MappedFile> map(int fd, std::size_t bytes, const std::filesystem::path& file);

  void* memory_;
  std::size_t bytes_;
};

}  // namespace insula::gateway
