#include "gateway/usage_dump.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;

std::vector<UsageRow> rows() {
  std::vector<UsageRow> rows;
  for (std::int64_t hour = 490'000; hour < 490'003; ++hour) {
    rows.push_back({.tenant = "t",
                    .uid = "u",
                    .model = "m \"quoted\"",
                    .key = "k",
                    .member = "ann",
                    .currency = "USD",
                    .hour = hour,
                    .counts = {.requests = 1, .prompt_tokens = hour, .cost = INT64_MAX / 2}});
  }
  return rows;
}

TEST(UsageDump, ARestoredLedgerHasTheSums) {
  const testing::TempDir directory;
  auto dumped = read_usage_dump(write_usage_dump(rows()));
  ASSERT_TRUE(dumped) << dumped.error().message();
  // Of a sum that was in the ledger and in a journal.
  dumped->push_back(dumped->front());
  ASSERT_TRUE(restore_usage(*dumped, directory.path()));
  const auto restored = usage_at_rest(directory.path());
  ASSERT_TRUE(restored) << restored.error().message();
  ASSERT_EQ(restored->size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    UsageRow expected = rows()[i];
    if (i == 0) expected.counts += expected.counts;
    EXPECT_EQ(restored->at(i).hour, expected.hour);
    EXPECT_EQ(restored->at(i).member, "ann");
    EXPECT_EQ(restored->at(i).model, expected.model);
    EXPECT_EQ(restored->at(i).counts, expected.counts);
  }
}

TEST(UsageDump, WhatIsNotAWholeDumpIsRefusedWithItsLine) {
  const std::string good = write_usage_dump(rows());
  for (std::size_t size = 0; size + 1 < good.size(); ++size)
    EXPECT_FALSE(read_usage_dump(good.substr(0, size))) << size;
  const auto message = [](std::string_view text) {
    return read_usage_dump(text).error().message();
  };
  EXPECT_THAT(message("{}\n"), HasSubstr("line 1 of the usage: not the beginning"));
  EXPECT_THAT(message(good + "{}"), HasSubstr("line 6 of the usage: something after the end"));
  EXPECT_THAT(message("{\"format\":1}\n{\"hour\":1}\n"), HasSubstr("line 2"));
  EXPECT_THAT(message("{\"format\":1}\n{\"count\":2}\n"), HasSubstr("0 sums are there, not 2"));
}

}  // namespace
}  // namespace insula::gateway
