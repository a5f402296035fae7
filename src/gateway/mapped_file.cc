#include "gateway/mapped_file.h"

#include <cstdio>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

namespace insula::gateway {

std::filesystem::path unfinished_name(const std::filesystem::path& file) {
  return file.string() + ".new";
}

Result<> put_in_place(const std::filesystem::path& file) {
  const std::filesystem::path unfinished = unfinished_name(file);
  if (::rename(unfinished.c_str(), file.c_str()) == 0) return {};
  return fail_errno("rename " + unfinished.string());
}

Result<> keep_damaged(const std::filesystem::path& file) {
  if (::rename(file.c_str(), (file.string() + ".damaged").c_str()) == 0) return {};
  return fail_errno("rename " + file.string());
}

Result<MappedFile> MappedFile::map(int fd, std::size_t bytes, const std::filesystem::path& file) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return fail_errno("map " + file.string());
  return MappedFile(memory, bytes);
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& file, std::size_t bytes_min) {
  const Fd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) return fail_errno("open " + file.string());
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_errno("stat " + file.string());
  const auto bytes = static_cast<std::size_t>(status.st_size);
  if (bytes < bytes_min) return fail(ErrorCode::kConflict, file.string() + ": too short");
  return map(fd.get(), bytes, file);
}

Result<MappedFile> MappedFile::create(const std::filesystem::path& file, std::size_t bytes) {
  const Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return fail_errno("create " + file.string());
  if (const int error = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(bytes)); error != 0) {
    ::unlink(file.c_str());  // What was allocated of it is of use to others.
    return fail_errno("allocate " + file.string(), error);
  }
  return map(fd.get(), bytes, file);
}

MappedFile::~MappedFile() {
  if (memory_ != nullptr) ::munmap(memory_, bytes_);
}

void MappedFile::sync() const {
  ::msync(memory_, bytes_, MS_SYNC);
}

}  // namespace insula::gateway
