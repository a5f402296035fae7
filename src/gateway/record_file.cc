#include "gateway/record_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/usage_record_v1.h"

namespace insula::gateway {
namespace {

constexpr std::uint64_t kMagic = 0x314345524c4e49;  // "INLREC1"
/// Records that are looked at in one read when the last whole one is looked for.
constexpr std::size_t kReadAtOnce = 64;

/// The first bytes of a segment; the rest of its header is zero.
struct Header {
  std::uint64_t magic = kMagic;
  std::uint64_t record_bytes = sizeof(StoredRecord);
};

/// As a segment had it before there were members. Its sum was over what is before that.
struct StoredRecordV1 {
  UsageRecordV1 record;
  std::uint64_t ring = 0;
  std::uint64_t number = 0;
  std::uint64_t checksum = 0;
};

/// FNV-1a over words and not bytes: nobody forges these files, but disks forget.
template <class Stored>
std::uint64_t sum_of(const Stored& stored) {
  std::array<std::uint64_t, sizeof(Stored) / sizeof(std::uint64_t) - 1> words{};
  std::memcpy(words.data(), &stored, sizeof words);
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const std::uint64_t word : words) {
    hash = (hash ^ word) * 0x100000001b3U;
    hash ^= hash >> 32U;
  }
  return hash;
}

/// One that is not whole stays so.
StoredRecord present(const StoredRecordV1& before) {
  StoredRecord stored{before.record.present(), before.ring, before.number};
  stored.seal();
  if (before.checksum != sum_of(before)) stored.checksum = ~stored.checksum;
  return stored;
}

/// Bytes that were written; fewer than asked for when the disk is full, or -1.
ssize_t write_all(int fd, const char* data, std::size_t size, off_t at) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t wrote = ::pwrite(fd, data + done, size - done, at + static_cast<off_t>(done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return done > 0 ? static_cast<ssize_t>(done) : -1;
    done += static_cast<std::size_t>(wrote);
  }
  return static_cast<ssize_t>(done);
}

/// How many records there are with the last whole one and before it.
Result<std::size_t> up_to_last_whole(const RecordFile& file) {
  std::array<StoredRecord, kReadAtOnce> read_now;
  std::size_t keep = file.records();
  while (keep > 0) {
    const std::size_t first = keep - std::min(keep, read_now.size());
    INSULA_TRY(const std::size_t got, file.read(first, std::span(read_now).first(keep - first)));
    const auto whole =
        std::find_if(read_now.rend() - static_cast<std::ptrdiff_t>(got), read_now.rend(),
                     [](const StoredRecord& each) { return each.is_whole(); });
    keep = first + static_cast<std::size_t>(read_now.rend() - whole);
    if (keep > first) break;
  }
  return keep;
}

}  // namespace

std::uint64_t StoredRecord::sum() const {
  return sum_of(*this);
}

Result<RecordFile> RecordFile::create(const std::filesystem::path& file) {
  Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return fail_errno("create " + file.string());
  std::array<char, sizeof(StoredRecord)> bytes{};
  const Header header;
  std::memcpy(bytes.data(), &header, sizeof header);
  if (write_all(fd.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    auto failed = fail_errno("write " + file.string());
    ::unlink(file.c_str());
    return failed;
  }
  return RecordFile(std::move(fd), file.string(), 0, sizeof(StoredRecord));
}

Result<RecordFile> RecordFile::open(const std::filesystem::path& file) {
  Fd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) return fail_errno("open " + file.string());
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_errno("stat " + file.string());
  Header header{.magic = 0, .record_bytes = 0};
  const auto size = static_cast<std::size_t>(status.st_size);
  const ssize_t got = ::pread(fd.get(), &header, sizeof header, 0);
  if (got < 0) return fail_errno("read " + file.string());
  const std::size_t record_bytes = header.record_bytes;
  const bool known = record_bytes == sizeof(StoredRecord) || record_bytes == sizeof(StoredRecordV1);
  if (header.magic != kMagic || !known || size < record_bytes)
    return fail(ErrorCode::kConflict, file.string() + ": not a segment of usage records");
  return RecordFile(std::move(fd), file.string(), size / record_bytes - 1, record_bytes);
}

Result<std::size_t> RecordFile::repair() {
  struct stat status{};
  if (::fstat(fd_.get(), &status) != 0) return fail_errno("stat " + name_);
  INSULA_TRY(records_, up_to_last_whole(*this));
  const std::size_t cut = static_cast<std::size_t>(status.st_size) - bytes();
  if (cut > 0 && ::ftruncate(fd_.get(), static_cast<off_t>(bytes())) != 0)
    return fail_errno("cut " + name_);
  return cut;
}

Result<std::size_t> RecordFile::append(std::span<const StoredRecord> records) {
  if (records.empty()) return 0U;
  const ssize_t wrote = write_all(fd_.get(), reinterpret_cast<const char*>(records.data()),
                                  records.size_bytes(), static_cast<off_t>(bytes()));
  if (wrote < 0) return fail_errno("write " + name_);
  const std::size_t whole = static_cast<std::size_t>(wrote) / sizeof(StoredRecord);
  if (whole == 0) return fail_errno("write " + name_);
  records_ += whole;
  return whole;
}

/// Returns how many records were read whole.
Result<std::size_t> RecordFile::read_bytes(std::size_t first,
                                           std::size_t count,
                                           std::span<char> out) const {
  const std::size_t wanted = count * record_bytes_;
  const auto from = static_cast<off_t>((1 + first) * record_bytes_);
  std::size_t done = 0;
  while (done < wanted) {
    const ssize_t got =
        ::pread(fd_.get(), out.data() + done, wanted - done, from + static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("read " + name_);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done / record_bytes_;
}

Result<std::size_t> RecordFile::read(std::size_t first, std::span<StoredRecord> out) const {
  const std::size_t wanted = std::min(out.size(), records_ - std::min(first, records_));
  const std::span<char> bytes(reinterpret_cast<char*>(out.data()), out.size_bytes());
  if (is_of_present_format()) return read_bytes(first, wanted, bytes);
  std::vector<StoredRecordV1> before(wanted);
  const std::span<char> shorter(reinterpret_cast<char*>(before.data()),
                                before.size() * sizeof(StoredRecordV1));
  INSULA_TRY(const std::size_t got, read_bytes(first, wanted, shorter));
  std::ranges::transform(std::span(before).first(got), out.begin(), present);
  return got;
}

Result<std::optional<StoredRecord>> RecordFile::last() const {
  INSULA_TRY(const std::size_t records, up_to_last_whole(*this));
  if (records == 0) return std::nullopt;
  StoredRecord stored;
  INSULA_TRY(const std::size_t got, read(records - 1, std::span(&stored, 1)));
  if (got == 0) return std::nullopt;
  return stored;
}

Result<> RecordFile::sync() {
  if (::fdatasync(fd_.get()) != 0) return fail_errno("sync " + name_);
  return {};
}

}  // namespace insula::gateway
