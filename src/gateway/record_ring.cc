#include "gateway/record_ring.h"

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "gateway/usage_record_v1.h"

namespace insula::gateway {
namespace {

constexpr std::uint64_t kMagic = 0x32474e524c4e49;    // "INLRNG2"
constexpr std::uint64_t kMagicV1 = 0x31474e524c4e49;  // "INLRNG1"
constexpr std::size_t kHeaderBytes = 4096;
constexpr std::size_t kBytes = kHeaderBytes + RecordRing::kRecords * sizeof(UsageRecord);
constexpr std::size_t kBytesV1 = kHeaderBytes + RecordRing::kRecords * sizeof(UsageRecordV1);

}  // namespace

struct RecordRing::Header {
  std::uint64_t magic;
  std::uint64_t id;
  /// Records written and read, ever.
  std::atomic<std::uint64_t> written;
  alignas(64) std::atomic<std::uint64_t> read;
};

RecordRing::RecordRing(MappedFile mapped) : mapped_(std::move(mapped)) {}

RecordRing::~RecordRing() = default;

RecordRing::Header& RecordRing::header() const {
  return *reinterpret_cast<Header*>(mapped_.data());
}

std::span<UsageRecord> RecordRing::records() const {
  return {reinterpret_cast<UsageRecord*>(mapped_.data() + kHeaderBytes), kRecords};
}

/// Puts a ring with the same records under the same numbers in the place of one of the first
/// format.
Result<MappedFile> RecordRing::convert(const MappedFile& old, const std::filesystem::path& file) {
  INSULA_TRY(MappedFile made, MappedFile::create(unfinished_name(file), kBytes));
  const auto& from = *reinterpret_cast<const Header*>(old.data());
  auto& to = *reinterpret_cast<Header*>(made.data());
  to.magic = kMagic;
  to.id = from.id;
  to.written = from.written.load();
  to.read = from.read.load();
  const auto* before = reinterpret_cast<const UsageRecordV1*>(old.data() + kHeaderBytes);
  auto* records = reinterpret_cast<UsageRecord*>(made.data() + kHeaderBytes);
  for (std::size_t i = 0; i < kRecords; ++i)
    records[i] = before[i].present();
  INSULA_TRY_VOID(put_in_place(file));
  return made;
}

Result<std::unique_ptr<RecordRing>> RecordRing::open(const std::filesystem::path& file) {
  auto mapped = MappedFile::open(file, 1);
  if (!mapped && mapped.error().code() == ErrorCode::kNotFound) {
    INSULA_TRY(MappedFile made, MappedFile::create(unfinished_name(file), kBytes));
    std::unique_ptr<RecordRing> ring(new RecordRing(std::move(made)));
    ring->header().magic = kMagic;
    ring->header().id = 1 + system_random().below(UINT64_MAX - 1);
    INSULA_TRY_VOID(put_in_place(file));
    return ring;
  }
  if (!mapped) return std::unexpected(std::move(mapped).error());
  if (mapped->size() == kBytesV1 &&
      reinterpret_cast<const Header*>(mapped->data())->magic == kMagicV1)
    mapped = convert(*mapped, file);
  if (!mapped) return std::unexpected(std::move(mapped).error());
  std::unique_ptr<RecordRing> ring(new RecordRing(*std::move(mapped)));
  if (ring->mapped_.size() != kBytes || ring->header().magic != kMagic || ring->unread() > kRecords)
    return fail(ErrorCode::kConflict, file.string() + ": not a ring of usage records");
  return ring;
}

std::uint64_t RecordRing::id() const {
  return header().id;
}

std::uint64_t RecordRing::next() const {
  return header().written.load(std::memory_order_relaxed);
}

bool RecordRing::append(const UsageRecord& record) {
  const std::uint64_t number = next();
  if (number - header().read.load(std::memory_order_acquire) == kRecords) return false;
  records()[number % kRecords] = record;
  header().written.store(number + 1, std::memory_order_release);
  return true;
}

std::uint64_t RecordRing::first_unread() const {
  return header().read.load(std::memory_order_relaxed);
}

std::size_t RecordRing::unread() const {
  return header().written.load(std::memory_order_acquire) - first_unread();
}

const UsageRecord& RecordRing::at(std::uint64_t number) const {
  return records()[number % kRecords];
}

void RecordRing::forget_before(std::uint64_t number) {
  const std::uint64_t written = header().written.load(std::memory_order_acquire);
  const std::uint64_t read = std::clamp(number, first_unread(), written);
  header().read.store(read, std::memory_order_release);
}

}  // namespace insula::gateway
