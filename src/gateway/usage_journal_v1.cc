#include "gateway/usage_journal_v1.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "gateway/mapped_file.h"

namespace insula::gateway {
namespace {

constexpr std::uint64_t kMagic = 0x314c4e524a4c4e49;  // "INLJRNL1"
constexpr std::size_t kHeaderBytes = 4096;

struct Cell {
  std::uint64_t use = 0;
  std::uint64_t updates = 0;
  std::array<std::array<std::int64_t, 5>, 2> copies{};  // the first five of UsageCounts
  std::int64_t hour = 0;
  FixedText<64> tenant;
  FixedText<112> model;
  FixedText<16> key;
};

}  // namespace

Result<std::vector<UsageJournal::Reading>> read_journal_v1(const std::filesystem::path& file) {
  INSULA_TRY(const MappedFile mapped, MappedFile::open(file, kHeaderBytes));
  std::uint64_t magic = 0;
  std::memcpy(&magic, mapped.data(), sizeof magic);
  // Earlier ones of this format had fewer cells.
  if (magic != kMagic || (mapped.size() - kHeaderBytes) % sizeof(Cell) != 0)
    return fail(ErrorCode::kConflict, file.string() + ": not a usage journal of the first format");
  std::vector<UsageJournal::Reading> readings;
  const std::size_t cells = (mapped.size() - kHeaderBytes) / sizeof(Cell);
  for (std::size_t i = 0; i < cells; ++i) {
    Cell cell;
    std::memcpy(&cell, mapped.data() + kHeaderBytes + i * sizeof cell, sizeof cell);
    if (cell.use == 0) continue;
    UsageJournal::Reading reading{.cell = i,
                                  .use = cell.use,
                                  .key = {.tenant = std::string(cell.tenant.view()),
                                          .model = std::string(cell.model.view()),
                                          .key = std::string(cell.key.view()),
                                          .hour = cell.hour},
                                  .counts = {}};
    const auto& copy = cell.copies[cell.updates % 2];
    for (std::size_t member = 0; member < copy.size(); ++member)
      reading.counts.*kUsageCountMembers[member] = copy[member];
    readings.push_back(std::move(reading));
  }
  return readings;
}

}  // namespace insula::gateway
