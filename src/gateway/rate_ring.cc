#include "gateway/rate_ring.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace insula::gateway {
namespace {

constexpr std::int64_t kMagic = 0x31474e49524c4e49;  // "INLRING1"
constexpr std::int64_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 4096;
/// Below this the wall clock's drift is not worth a write to the disk.
constexpr std::int64_t kWallDriftNoted = 1'000'000'000;
/// How far the newest admission may be ahead of the clock: times in one nanosecond are spread out.
constexpr std::int64_t kAheadMax = 1'000'000'000;

static_assert(std::atomic<std::int64_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<std::int64_t>) == sizeof(std::int64_t));

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}

  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a: stable over builds, unlike std::hash.
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return hash;
}

std::int64_t monotonic_ns(const Clock& clock) {
  return std::chrono::nanoseconds(clock.now().time_since_epoch()).count();
}

std::int64_t wall_ns(const Clock& clock) {
  return std::chrono::nanoseconds(clock.wall().time_since_epoch()).count();
}

}  // namespace

struct RateWindow::Ring::Header {
  std::int64_t magic;
  std::int64_t version;
  std::int64_t capacity;
  std::int64_t axis_offset;
  std::uint64_t boot_hash;
  std::uint64_t axis_check;
  std::int64_t wall_minus_axis;

  [[nodiscard]] std::uint64_t expected_check() const {
    return (static_cast<std::uint64_t>(axis_offset) ^ std::rotl(boot_hash, 17)) *
               0x9e3779b97f4a7c15U +
           1;
  }
};

RateWindow::Ring::Ring(void* memory, std::size_t bytes)
    : memory_(memory),
      bytes_(bytes),
      slots_(
          reinterpret_cast<std::atomic<std::int64_t>*>(static_cast<char*>(memory) + kHeaderBytes),
          (bytes - kHeaderBytes) / sizeof(std::int64_t)) {}

RateWindow::Ring::~Ring() {
  ::munmap(memory_, bytes_);
}

RateWindow::Ring::Header& RateWindow::Ring::header() const {
  return *static_cast<Header*>(memory_);
}

std::int64_t RateWindow::Ring::axis_offset() const {
  return header().axis_offset;
}

Result<std::unique_ptr<RateWindow::Ring>> RateWindow::Ring::map(int fd,
                                                                std::size_t bytes,
                                                                const std::filesystem::path& file) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return fail_errno("map " + file.string());
  return std::unique_ptr<Ring>(new Ring(memory, bytes));
}

Result<std::unique_ptr<RateWindow::Ring>> RateWindow::Ring::open(
    const std::filesystem::path& file) {
  const FileDescriptor fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  if (fd.get() < 0) return fail_errno("open " + file.string());
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_errno("stat " + file.string());
  const auto bytes = static_cast<std::size_t>(status.st_size);
  const auto damaged = [&] {
    return fail(ErrorCode::kInternal, file.string() + ": not a rate limit ring");
  };
  if (bytes < kHeaderBytes + 2 * sizeof(std::int64_t)) return damaged();
  INSULA_TRY(auto ring, map(fd.get(), bytes, file));
  const Header& header = ring->header();
  if (header.magic != kMagic || header.version != kVersion ||
      header.capacity != static_cast<std::int64_t>(ring->capacity()) ||
      !std::has_single_bit(ring->capacity())) {
    return damaged();
  }
  return ring;
}

Result<std::unique_ptr<RateWindow::Ring>> RateWindow::Ring::create(
    const std::filesystem::path& file, std::int64_t limit) {
  const auto needed =
      static_cast<std::uint64_t>(std::clamp<std::int64_t>(limit, 1, kRateLimitMax)) + 1;
  const std::uint64_t capacity = std::bit_ceil(needed);
  const std::size_t bytes = kHeaderBytes + capacity * sizeof(std::int64_t);
  const FileDescriptor fd(::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (fd.get() < 0) return fail_errno("create " + file.string());
  if (const int error = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(bytes)); error != 0) {
    ::unlink(file.c_str());  // What was allocated of it is of use to others.
    return fail_errno("allocate " + file.string(), error);
  }
  INSULA_TRY(auto ring, map(fd.get(), bytes, file));
  Header& header = ring->header();
  header.magic = kMagic;
  header.version = kVersion;
  header.capacity = static_cast<std::int64_t>(capacity);
  ring->head = capacity;
  return ring;
}

void RateWindow::Ring::set_axis(std::int64_t offset, std::uint64_t boot_hash) {
  // A kill between these leaves a check word that does not fit: the next start then takes the time
  // from the wall clock, as after a reboot.
  header().axis_check = 0;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  header().axis_offset = offset;
  header().boot_hash = boot_hash;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  header().axis_check = header().expected_check();
}

void RateWindow::Ring::resume_axis(const Clock& clock, std::string_view boot) {
  Header& own = header();
  const std::int64_t newest = slot(head - 1);
  const std::uint64_t boot_hash = hash_of(boot);
  const bool same_boot = !boot.empty() && own.boot_hash == boot_hash &&
                         own.axis_check == own.expected_check() &&
                         monotonic_ns(clock) + own.axis_offset + kAheadMax >= newest;
  if (same_boot) return;
  const std::int64_t now = std::max(wall_ns(clock) - own.wall_minus_axis, newest);
  set_axis(now - monotonic_ns(clock), boot_hash);
  own.wall_minus_axis = wall_ns(clock) - now;
}

void RateWindow::Ring::copy_axis(const Ring& from) {
  set_axis(from.header().axis_offset, from.header().boot_hash);
  header().wall_minus_axis = from.header().wall_minus_axis;
}

bool RateWindow::Ring::note_wall(const Clock& clock) {
  const std::int64_t now = wall_ns(clock) - (monotonic_ns(clock) + axis_offset());
  const std::int64_t drift = now - header().wall_minus_axis;
  if (drift > -kWallDriftNoted && drift < kWallDriftNoted) return false;
  std::atomic_ref(header().wall_minus_axis).store(now, std::memory_order_relaxed);
  return true;
}

void RateWindow::Ring::recover() {
  std::vector<std::int64_t> times;
  bool ordered = true;
  std::uint64_t drops = 0;
  for (std::uint64_t i = 0; i < capacity(); ++i) {
    const std::int64_t time = slot(i);
    ordered = ordered && time >= 0 && time <= kTimeMax;
    if (time > slot(i + 1)) ++drops;
    if (time > 0 && time <= kTimeMax) times.push_back(time);
  }
  std::ranges::sort(times);
  times.erase(std::ranges::unique(times).begin(), times.end());
  if (!ordered || drops > 1) {
    // A machine that crashed wrote some pages and not others, or grow() was cut short.
    for (auto& entry : slots_)
      entry = 0;
    fill(times);
    return;
  }
  head = capacity();
  for (std::uint64_t i = 0; i < capacity(); ++i) {
    if (slot(i) > slot(i + 1)) head = capacity() + i + 1;
  }
}

void RateWindow::Ring::fill(std::span<const std::int64_t> times) {
  // One slot stays free: the next admission's.
  const std::size_t kept = std::min<std::size_t>(times.size(), capacity() - 1);
  std::uint64_t sequence = capacity();
  for (const std::int64_t time : times.last(kept))
    slot(sequence++) = time;
  head = sequence;
}

void RateWindow::Ring::sync() const {
  ::msync(memory_, bytes_, MS_SYNC);
}

}  // namespace insula::gateway
