#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/validation/batch.h"
#include "base/check.h"

/// Schedules of CronJobs and indexes of Jobs: what is taken has the form it should have.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (insula::api::check_cron_schedule(text).empty() && !text.starts_with('@')) {
    const auto blanks = std::ranges::count_if(
        text, [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
    INSULA_CHECK(blanks >= 4, text);
  }
  constexpr std::int32_t kCompletions = 1000;
  const auto indexes = insula::api::read_indexes(text, kCompletions);
  INSULA_CHECK(indexes.count >= 0 && indexes.count <= kCompletions, text);
  if (!indexes.complaint.empty()) INSULA_CHECK(indexes.count == 0, text);
  return 0;
}
