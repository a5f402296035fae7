#include "gateway/record_log.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/in_flight_table.h"
#include "gateway/record_scan.h"
#include "testing/fake_clock.h"
#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RecordLogTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<RecordLog> log() {
    return RecordLog::open(folder_, retention_, clock_, registry_.counter("damaged", ""), {})
        .value();
  }

  [[nodiscard]] std::unique_ptr<RecordRing> ring() const {
    return RecordRing::open(directory_ / "ring").value();
  }

  /// One that is told from others by its tokens.
  [[nodiscard]] UsageRecord record(std::int64_t tokens, std::string_view tenant = "t") const {
    UsageRecord made;
    made.ended_us = micros_of(clock_.wall());
    made.prompt_tokens = tokens;
    made.subject.tenant.set(tenant);
    return made;
  }

  void append(RecordRing& ring, std::int64_t from, std::int64_t to) const {
    for (std::int64_t i = from; i < to; ++i)
      ASSERT_TRUE(ring.append(record(i)));
  }

  static Result<> write(RecordLog& log, RecordRing& ring) {
    RecordRing* const one = &ring;
    return log.write_from({&one, 1});
  }

  static std::vector<std::int64_t> tokens(const RecordLog& log, RecordQuery query) {
    std::vector<std::int64_t> found;
    RecordScan scan(log.segments(), std::move(query));
    for (;;) {
      const RecordScan::Piece piece = scan.next().value();
      for (const UsageRecord& each : piece.records)
        found.push_back(each.prompt_tokens);
      if (piece.last) return found;
    }
  }

  [[nodiscard]] std::uint64_t damaged() { return registry_.counter("damaged", "").value(); }

  /// Fills segments until there are `count` of them.
  void fill(RecordLog& log, RecordRing& ring, std::size_t count) {
    for (std::int64_t next = 0; log.segments().size() < count; next += 1000) {
      append(ring, next, next + 1000);
      ASSERT_TRUE(write(log, ring));
    }
  }

  testing::TempDir directory_;
  std::string folder_ = directory_ / "records";
  testing::FakeClock clock_;
  MetricsRegistry registry_;
  RecordRetention retention_;
};

TEST_F(RecordLogTest, ReadsBackWhatWasWrittenNewestOrOldestFirst) {
  const auto written = log();
  const auto from = ring();
  append(*from, 0, 300);
  ASSERT_TRUE(from->append(record(7, "other")));
  ASSERT_TRUE(write(*written, *from));
  EXPECT_EQ(from->unread(), 0U);
  EXPECT_THAT(tokens(*written, {.tenant = "t", .limit = 3}), ElementsAre(299, 298, 297));
  EXPECT_THAT(tokens(*written, {.tenant = "t", .limit = 2, .oldest_first = true}),
              ElementsAre(0, 1));
  EXPECT_THAT(tokens(*written, {.tenant = "other"}), ElementsAre(7));
  EXPECT_THAT(tokens(*written, {.tenant = "t", .uid = "x"}), IsEmpty());
  EXPECT_EQ(tokens(*written, {.tenant = ""}).size(), 301U);
}

TEST_F(RecordLogTest, KeepsToTheTimesAskedFor) {
  const auto written = log();
  const auto from = ring();
  for (std::int64_t i = 0; i < 5; ++i) {
    ASSERT_TRUE(from->append(record(i)));
    clock_.advance(std::chrono::seconds(1));
  }
  ASSERT_TRUE(write(*written, *from));
  const std::int64_t end = micros_of(clock_.wall());
  constexpr std::int64_t kSecond = 1'000'000;
  EXPECT_THAT(tokens(*written, {.from_us = end - 4 * kSecond, .to_us = end - 2 * kSecond}),
              ElementsAre(2, 1));
}

TEST_F(RecordLogTest, APieceIsBoundedWhateverIsAskedFor) {
  const auto written = log();
  const auto from = ring();
  fill(*written, *from, 2);
  RecordScan scan(written->segments(), {.tenant = "nobody"});
  int pieces = 0;
  for (bool last = false; !last; ++pieces) {
    const auto piece = scan.next().value();
    EXPECT_THAT(piece.records, IsEmpty());
    last = piece.last;
  }
  EXPECT_GE(pieces, 3);
}

TEST_F(RecordLogTest, WhatWasWrittenBeforeAKillIsNotWrittenAgain) {
  const auto ring_file = directory_ / "ring";
  {
    const auto from = ring();
    append(*from, 0, 500);
    // As the ring is when its process is killed after the write and before it has noted it.
    std::filesystem::copy_file(ring_file, ring_file + ".before");
    ASSERT_TRUE(write(*log(), *from));
  }
  std::filesystem::rename(ring_file + ".before", ring_file);
  const auto from = ring();
  EXPECT_EQ(from->unread(), 500U);
  const auto written = log();
  written->resume(*from);
  EXPECT_EQ(from->unread(), 0U);
  append(*from, 500, 502);
  ASSERT_TRUE(write(*written, *from));
  EXPECT_EQ(tokens(*written, {.tenant = "t"}).size(), 502U);
}

TEST_F(RecordLogTest, WhatSeveralLoopsWroteIsInTheOrderOfItsTimeAndWrittenOnce) {
  constexpr int kRings = 3;
  constexpr std::int64_t kEach = 100;
  std::vector<std::unique_ptr<RecordRing>> owned;
  std::vector<RecordRing*> rings;
  const auto open_all = [&] {
    rings.clear();
    owned.clear();
    for (int i = 0; i < kRings; ++i) {
      owned.push_back(RecordRing::open(directory_ / ("ring-" + std::to_string(i))).value());
      rings.push_back(owned.back().get());
    }
  };
  open_all();
  for (std::int64_t i = 0; i < kRings * kEach; ++i) {
    ASSERT_TRUE(rings[static_cast<std::size_t>(i * i % kRings)]->append(record(i)));
    clock_.advance(std::chrono::milliseconds(1));
  }
  const auto copy_rings = [&](const std::string& from, const std::string& to) {
    for (int i = 0; i < kRings; ++i) {
      const std::string name = directory_ / ("ring-" + std::to_string(i));
      std::filesystem::copy_file(name + from, name + to,
                                 std::filesystem::copy_options::overwrite_existing);
    }
  };
  ASSERT_TRUE(log()->write_from(rings));
  for (std::int64_t i = 300; i < 310; ++i)
    ASSERT_TRUE(rings[static_cast<std::size_t>(i % kRings)]->append(record(i)));
  copy_rings("", ".before");
  ASSERT_TRUE(log()->write_from(rings));
  owned.clear();
  copy_rings(".before", "");
  open_all();
  const auto written = log();
  for (RecordRing* ring : rings)
    written->resume(*ring);
  ASSERT_TRUE(written->write_from(rings));
  const auto all = tokens(*written, {.tenant = "t", .oldest_first = true});
  ASSERT_EQ(all.size(), 310U);
  EXPECT_TRUE(std::ranges::is_sorted(std::span(all).first(300)));
}

TEST_F(RecordLogTest, ARingOfAnotherFileIsNotTakenForOneThatWasRead) {
  {
    const auto from = ring();
    append(*from, 0, 10);
    ASSERT_TRUE(write(*log(), *from));
  }
  std::filesystem::remove(directory_ / "ring");
  const auto fresh = ring();
  append(*fresh, 0, 3);
  const auto written = log();
  written->resume(*fresh);
  EXPECT_EQ(fresh->unread(), 3U);
}

TEST_F(RecordLogTest, ATornEndIsCutOffAndWhatIsBeforeItStays) {
  {
    const auto from = ring();
    append(*from, 0, 10);
    ASSERT_TRUE(write(*log(), *from));
  }
  const std::string file = folder_ + "/0000000001.records";
  const auto whole = std::filesystem::file_size(file);
  // One record of nothing, as a file system leaves it, and half of another.
  std::filesystem::resize_file(file, whole + sizeof(StoredRecord) + 100);
  const auto written = log();
  EXPECT_EQ(std::filesystem::file_size(file), whole);
  const auto from = ring();
  append(*from, 10, 11);
  ASSERT_TRUE(write(*written, *from));
  EXPECT_THAT(tokens(*written, {.tenant = "t", .limit = 2}), ElementsAre(10, 9));
  EXPECT_EQ(damaged(), 0U);
}

TEST_F(RecordLogTest, ADamagedRecordIsLeftOutAndCounted) {
  const auto written = log();
  const auto from = ring();
  append(*from, 0, 10);
  ASSERT_TRUE(write(*written, *from));
  std::fstream file(folder_ + "/0000000001.records", std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(5 * sizeof(StoredRecord) + 30));
  file.put('x').flush();
  RecordScan scan(written->segments(), {.tenant = "t"});
  const auto piece = scan.next().value();
  EXPECT_EQ(piece.records.size(), 9U);
  EXPECT_EQ(piece.damaged, 1U);
  EXPECT_TRUE(piece.last);
}

TEST_F(RecordLogTest, ASegmentWhoseLastRecordIsDamagedIsNotTooOldForThat) {
  {
    const auto from = ring();
    fill(*log(), *from, 2);
  }
  const std::string file = folder_ + "/0000000001.records";
  const auto bytes = std::filesystem::file_size(file);
  std::fstream(file, std::ios::in | std::ios::out)
      .seekp(static_cast<std::streamoff>(bytes - 30))
      .put('x');
  const auto opened = log();
  EXPECT_EQ(opened->segments().front(), file);
  const std::size_t records = bytes / sizeof(StoredRecord) - 1;
  EXPECT_EQ(tokens(*opened, {.tenant = "t", .limit = records - 1, .oldest_first = true}).back(),
            static_cast<std::int64_t>(records) - 2);
  clock_.advance(retention_.age_max + std::chrono::days(1));
  opened->remove_old();
  EXPECT_THAT(opened->segments(), IsEmpty());
}

TEST_F(RecordLogTest, ADamagedSegmentIsKeptAsideOnceAndDoesNotStopIt) {
  {
    const auto from = ring();
    fill(*log(), *from, 3);
  }
  for (const char* name : {"/0000000001.records", "/0000000003.records"})
    std::ofstream(folder_ + name) << "something else";
  for (int start = 0; start < 2; ++start) {
    const auto written = log();
    EXPECT_EQ(damaged(), 2U);
    EXPECT_EQ(written->segments().front(), folder_ + "/0000000002.records");
    EXPECT_LE(written->segments().size(), 2U);
    const auto from = ring();
    append(*from, 0, 1);
    ASSERT_TRUE(write(*written, *from));
    EXPECT_THAT(tokens(*written, {.tenant = "t", .limit = 1}), ElementsAre(0));
    ASSERT_TRUE(std::filesystem::exists(folder_ + "/0000000001.records.damaged"));
    ASSERT_TRUE(std::filesystem::exists(folder_ + "/0000000003.records.damaged"));
    EXPECT_EQ(written->segments().back(), folder_ + "/0000000004.records");
  }
}

TEST_F(RecordLogTest, TheOldestSegmentsGoWhenThereIsTooMuch) {
  retention_.bytes_max = 2 * RecordLog::kSegmentBytes;
  const auto written = log();
  const auto from = ring();
  for (std::int64_t next = 0; next < 60'000; next += 1000) {
    append(*from, next, next + 1000);
    ASSERT_TRUE(write(*written, *from));
  }
  std::uintmax_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder_))
    bytes += file.file_size();
  EXPECT_LE(bytes, retention_.bytes_max + RecordLog::kSegmentBytes);
  EXPECT_GT(bytes, retention_.bytes_max / 2);
  EXPECT_THAT(tokens(*written, {.tenant = "t", .limit = 1}), ElementsAre(59'999));
}

TEST_F(RecordLogTest, SegmentsGoWhenAllOfThemIsTooOld) {
  retention_.age_max = std::chrono::days(7);
  auto written = log();
  const auto from = ring();
  for (std::int64_t day = 0; day < 30; ++day) {
    append(*from, day, day + 1);
    ASSERT_TRUE(write(*written, *from));
    // Restarts do not keep a segment open for longer.
    if (day % 3 == 0) written = log();
    clock_.advance(std::chrono::days(1));
  }
  const auto kept = tokens(*written, {.tenant = "t", .oldest_first = true});
  EXPECT_GE(kept.front(), 30 - 7 - 3);
  EXPECT_EQ(kept.back(), 29);
  clock_.advance(std::chrono::days(10));
  written->remove_old();
  EXPECT_THAT(written->segments(), IsEmpty());
  append(*from, 40, 41);
  ASSERT_TRUE(write(*written, *from));
  EXPECT_THAT(tokens(*written, {.tenant = "t"}), ElementsAre(40));
}

TEST_F(RecordLogTest, AScanLeavesOutSegmentsThatWereRemovedMeanwhile) {
  const auto written = log();
  const auto from = ring();
  fill(*written, *from, 3);
  RecordScan scan(written->segments(), {.tenant = "t", .oldest_first = true});
  std::filesystem::remove(folder_ + "/0000000002.records");
  std::size_t seen = 0;
  for (bool last = false; !last;) {
    const auto piece = scan.next().value();
    seen += piece.records.size();
    last = piece.last;
  }
  EXPECT_GT(seen, 9'500U);
}

TEST(RecordRing, RefusesWhatItHasNoRoomForAndGoesOnOverARestart) {
  const testing::TempDir directory;
  const std::string file = directory / "ring";
  UsageRecord record;
  {
    const auto ring = RecordRing::open(file).value();
    for (std::size_t i = 0; i < RecordRing::kRecords; ++i)
      ASSERT_TRUE(ring->append(record));
    EXPECT_FALSE(ring->append(record));
    ring->forget_before(2);
    record.prompt_tokens = 5;
    EXPECT_TRUE(ring->append(record));
  }
  const auto ring = RecordRing::open(file).value();
  EXPECT_EQ(ring->unread(), RecordRing::kRecords - 1);
  EXPECT_EQ(ring->next(), RecordRing::kRecords + 1);
  ring->forget_before(RecordRing::kRecords);
  EXPECT_EQ(ring->first_unread(), RecordRing::kRecords);
  EXPECT_EQ(ring->at(RecordRing::kRecords), record);
  std::ofstream(directory / "other") << "something else";
  EXPECT_EQ(RecordRing::open(directory / "other").error().code(), ErrorCode::kConflict);
}

/// A record as files had it before there were members.
std::string record_v1(std::int64_t prompt_tokens, std::int64_t ended_us) {
  UsageRecord record;
  record.ended_us = ended_us;
  record.prompt_tokens = prompt_tokens;
  record.subject.tenant.set("t");
  record.subject.currency.set("USD");
  record.request_id.set("id");
  const std::string bytes(reinterpret_cast<const char*>(&record), sizeof record);
  const std::size_t member = bytes.size() - sizeof record.request_id - sizeof record.subject.member;
  return bytes.substr(0, member) + bytes.substr(member + sizeof record.subject.member);
}

TEST_F(RecordLogTest, SegmentsOfBeforeThereWereMembersAreReadAndNotAddedTo) {
  const auto stored = [&](std::int64_t tokens, bool whole) {
    std::string bytes = record_v1(tokens, micros_of(clock_.wall()));
    std::array<std::uint64_t, 2> origin = {77, static_cast<std::uint64_t>(tokens)};
    bytes.append(reinterpret_cast<const char*>(origin.data()), sizeof origin);
    std::uint64_t sum = 0xcbf29ce484222325U;
    for (std::size_t i = 0; i < bytes.size(); i += sizeof sum) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, sizeof word);
      sum = (sum ^ word) * 0x100000001b3U;
      sum ^= sum >> 32U;
    }
    if (!whole) ++sum;
    return bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  };
  std::string header = "INLREC1";
  header.resize(8);
  const std::uint64_t record_bytes = stored(0, true).size();
  header.append(reinterpret_cast<const char*>(&record_bytes), sizeof record_bytes);
  header.resize(record_bytes);
  std::filesystem::create_directories(folder_);
  std::ofstream(folder_ + "/0000000001.records")
      << header << stored(1, true) << stored(2, false) << stored(3, true) << "torn";
  const auto records = log();
  const auto loop = ring();
  append(*loop, 4, 6);
  ASSERT_TRUE(write(*records, *loop));
  EXPECT_THAT(tokens(*records, {.tenant = "t", .oldest_first = true}), ElementsAre(1, 3, 4, 5));
  EXPECT_EQ(records->segments().size(), 2U);
}

TEST(RecordRing, ARingOfBeforeThereWereMembersGoesOnWithTheSameNumbers) {
  const testing::TempDir directory;
  constexpr std::size_t kHeaderBytes = 4096;
  std::string bytes(kHeaderBytes + RecordRing::kRecords * record_v1(0, 0).size(), '\0');
  const auto put = [&](std::size_t at, std::uint64_t value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
  };
  bytes.replace(0, 7, "INLRNG1");
  put(8, 4711);                       // id
  put(16, RecordRing::kRecords + 2);  // written
  put(64, RecordRing::kRecords + 1);  // read
  const std::string record = record_v1(5, 1);
  bytes.replace(kHeaderBytes + record.size(), record.size(), record);
  std::ofstream(directory / "ring") << bytes;
  for (int start = 0; start < 2; ++start) {
    const auto ring = RecordRing::open(directory / "ring").value();
    EXPECT_EQ(ring->id(), 4711U);
    EXPECT_EQ(ring->next(), RecordRing::kRecords + 2);
    ASSERT_EQ(ring->unread(), 1U);
    const UsageRecord& read = ring->at(ring->first_unread());
    EXPECT_EQ(read.prompt_tokens, 5);
    EXPECT_EQ(read.subject.currency.view(), "USD");
    EXPECT_EQ(read.subject.member.view(), "");
    EXPECT_EQ(read.request_id.view(), "id");
  }
}

TEST(InFlightTable, ATableOfBeforeThereWereMembersKeepsWhatRan) {
  const testing::TempDir directory;
  constexpr std::size_t kHeaderBytes = 4096;
  const std::string record = record_v1(100, 0);
  const std::size_t slot_bytes = 48 + sizeof(ModelPrice) + record.size();
  std::string bytes(kHeaderBytes + InFlightTable::kSlots * slot_bytes, '\0');
  const auto put = [&](std::size_t at, std::int64_t value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
  };
  bytes.replace(0, 7, "INLIFL1");
  put(8, 2);   // places that were ever taken
  put(16, 1);  // a settlement is under way
  put(24, 0);  // of this place
  put(32, 3);  // the cell
  put(40, 9);  // its use
  put(48, 4);  // its version
  put(56, 4711);
  put(64, 12);
  bytes.replace(72, record.size(), record);
  const std::size_t slot = kHeaderBytes + slot_bytes;
  put(slot, 1);
  put(slot + 8, 100);
  put(slot + 24, 7);
  put(slot + 40, 50);
  put(slot + 48, 1'000'000);
  bytes.replace(slot + 48 + sizeof(ModelPrice), record.size(), record);
  std::ofstream(directory / "running") << bytes;
  for (int start = 0; start < 2; ++start) {
    const auto table = InFlightTable::open(directory / "running").value();
    EXPECT_THAT(table->left(), ElementsAre(1));
    const InFlight request = table->at(1);
    EXPECT_EQ(request.record.prompt_tokens, 100);
    EXPECT_EQ(request.record.completion_tokens, 7);
    EXPECT_EQ(request.completion_reserved, 50);
    EXPECT_EQ(request.price.prompt, 1'000'000);
    EXPECT_EQ(request.record.request_id.view(), "id");
    const auto settlement = table->unfinished();
    ASSERT_TRUE(settlement);
    EXPECT_EQ(settlement->update.cell, 3U);
    EXPECT_EQ(settlement->update.use, 9U);
    EXPECT_EQ(settlement->update.version, 4U);
    EXPECT_EQ(settlement->ring, 4711U);
    EXPECT_EQ(settlement->record_number, 12U);
    EXPECT_EQ(settlement->record.subject.tenant.view(), "t");
  }
}

TEST(UsageRecord, IsWrittenAsJsonAndAsCsv) {
  UsageRecord record;
  record.ended_us = 1'800'000'000'123'456;
  record.duration_us = 1'500'000;
  record.first_token_us = 300'000;
  record.set_usage({.prompt_tokens = 12,
                    .completion_tokens = 5,
                    .estimated = true,
                    .cached_tokens = 4,
                    .reasoning_tokens = 2});
  record.cost = 4'500;
  record.status = 200;
  record.operation = llm::Operation::kChatCompletions;
  record.streamed = true;
  record.subject.tenant.set("t");
  record.subject.uid.set("uid-1");
  record.subject.model.set("a \"large\", model");
  record.subject.key.set("k");
  record.subject.member.set("ann");
  record.subject.currency.set("USD");
  record.request_id.set("req_1");
  std::string json;
  append_json(json, record);
  EXPECT_EQ(
      json,
      R"({"time":"2027-01-15T08:00:00.123456Z","requestId":"req_1","tenant":"t","uid":"uid-1",)"
      R"("key":"k","member":"ann","model":"a \"large\", model","operation":"chat.completions","status":200,)"
      R"("outcome":"ok","promptTokens":12,"cachedTokens":4,"completionTokens":5,)"
      R"("reasoningTokens":2,"estimated":true,"streamed":true,"firstTokenSeconds":0.300000,)"
      R"("durationSeconds":1.500000,"tokenGapSeconds":0.300000,"cost":"0.0000045",)"
      R"("currency":"USD"})");
  std::string csv;
  append_csv(csv, record);
  EXPECT_EQ(csv,
            "2027-01-15T08:00:00.123456Z,req_1,t,uid-1,k,ann,\"a \"\"large\"\", "
            "model\",chat.completions,200,ok,12,4,5,2,true,true,0.300000,1.500000,0.300000,"
            "0.0000045,USD\r\n");
  EXPECT_EQ(std::ranges::count(usage_record_csv_header(), ','), 20);
  UsageRecord crashed;
  json.clear();
  append_json(json, crashed);
  EXPECT_THAT(json, HasSubstr(R"("firstTokenSeconds":null,"durationSeconds":null,"tokenGap)"));
}

TEST(UsageRecord, EndsAsItsStatusSays) {
  EXPECT_EQ(name_of(outcome_of(200)), "ok");
  EXPECT_EQ(name_of(outcome_of(404)), "refused");
  EXPECT_EQ(name_of(outcome_of(499)), "client_gone");
  EXPECT_EQ(name_of(outcome_of(502)), "upstream_failed");
}

}  // namespace
}  // namespace insula::gateway
