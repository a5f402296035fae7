// Journals of usage as a crash, a full disk or a stranger may leave them: each is refused, or read
// and written as if it were ours. The input is the beginning of the file.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include "base/check.h"
#include "gateway/usage_journal.h"

namespace {

using namespace insula;
using gateway::UsageJournal;

/// A journal of this process, made once; its beginning is overwritten for each input.
class File {
 public:
  File() : path_(std::filesystem::temp_directory_path() / ("usage-" + std::to_string(::getpid()))) {
    std::filesystem::remove(path_);
    INSULA_CHECK(UsageJournal::open(path_).has_value());
    std::ifstream(path_, std::ios::binary).read(begin_.data(), kBytes);
  }

  File(const File&) = delete;
  File& operator=(const File&) = delete;

  ~File() { std::filesystem::remove(path_); }

  /// 16 bytes of the input are those of the header, the rest those of the first cells. Looking
  /// through all cells takes long: few inputs may say that they were all touched.
  void put(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t kHeader = 4096;
    std::array<char, kBytes> bytes = begin_;
    const std::size_t of_header = std::min<std::size_t>(size, 16);
    std::copy_n(data, of_header, bytes.begin());
    if (size % 64 != 0) std::fill_n(bytes.begin() + 9, 7, '\0');
    std::copy_n(data + of_header, std::min(size - of_header, kBytes - kHeader),
                bytes.begin() + kHeader);
    std::fstream(path_, std::ios::binary | std::ios::in | std::ios::out)
        .write(bytes.data(), kBytes);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  static constexpr std::size_t kBytes = 8192;

  std::filesystem::path path_;
  std::array<char, kBytes> begin_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static File file;
  file.put(data, size);
  const auto opened = UsageJournal::open(file.path());
  if (!opened) return 0;
  UsageJournal& journal = **opened;
  const auto before = journal.read();
  const WallTime now{std::chrono::hours(480'000)};
  gateway::UsageRecord record;
  record.subject.tenant.set("t");
  record.subject.model.set("m");
  record.subject.key.set("k");
  record.status = 200;
  record.prompt_tokens = 1;
  record.completion_tokens = 2;
  const UsageJournal::Update update = journal.prepare(record, now);
  journal.commit(update, record);
  INSULA_CHECK(journal.find(update) == UsageJournal::Made::kYes);
  const auto after = journal.read();
  const auto ours = std::ranges::find_if(after, [&update](const UsageJournal::Reading& reading) {
    return reading.cell == update.cell && reading.use == update.use && reading.key.tenant == "t" &&
           reading.counts.requests == 1 && reading.counts.completion_tokens == 2;
  });
  // Cells that the header did not know of may come to light with ours.
  INSULA_CHECK(ours != after.end() && after.size() > before.size());
  for (const UsageJournal::Reading& reading : after)
    journal.release(reading);
  INSULA_CHECK(journal.read().empty());
  return 0;
}
