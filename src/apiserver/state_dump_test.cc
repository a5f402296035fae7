#include "apiserver/state_dump.h"

#include <map>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/loop.h"
#include "store/memory_journal.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;

class StateDumpTest : public ::testing::Test {
 protected:
  static std::unique_ptr<store::Store> open(std::unique_ptr<store::Journal> journal) {
    return *store::Store::open(std::move(journal), {});
  }

  void put(store::Store& store, const std::string& key, const std::string& value) {
    bool written = false;
    const auto write = [&]() -> Task<> {
      const auto done = co_await store.transact([&](store::Transaction& transaction) -> Result<> {
        transaction.put(key, [&](store::Revision) { return store::Encoded{value, nullptr}; });
        return {};
      });
      written = done.has_value();
    };
    run_until_complete(loop_, write());
    ASSERT_TRUE(written);
  }

  static std::string whole(const store::Store& store) {
    StateDump dump(store);
    std::string text;
    for (std::string piece = dump.next(); !piece.empty(); piece = dump.next())
      text += piece;
    return text;
  }

  using Rows = std::map<std::string, std::pair<store::Revision, std::string>>;

  static Rows rows_of(const store::Store& store) {
    Rows rows;
    EXPECT_TRUE(store.scan("", "", 0, [&](const store::EntryPtr& entry) {
      rows[entry->key] = {entry->revision, entry->value};
      return true;
    }));
    return rows;
  }

  Loop loop_;
};

TEST_F(StateDumpTest, ARestoredStoreHasTheStateAndNoneOfTheRevisionsAfterIt) {
  const auto store = open(std::make_unique<store::MemoryJournal>());
  for (int i = 0; i < 3000; ++i)
    put(*store, "configmaps/a/" + std::to_string(i % 2500), std::string(200, 'x') + "\"\n\xc3\xa9");
  const auto dumped = read_state_dump(whole(*store));
  ASSERT_TRUE(dumped) << dumped.error().message();
  EXPECT_EQ(dumped->revision, store->revision());

  auto journal = std::make_unique<store::MemoryJournal>();
  ASSERT_TRUE(restore_state(*dumped, *journal));
  const auto restored = open(std::move(journal));
  EXPECT_EQ(rows_of(*restored), rows_of(*store));
  EXPECT_GE(restored->revision(), store->revision() + kRevisionGap);
  const auto earlier =
      restored->scan("", "", store->revision() + 5, [](const auto&) { return true; });
  ASSERT_FALSE(earlier);
  EXPECT_EQ(earlier.error().code(), ErrorCode::kExpired);
  put(*restored, "configmaps/a/new", "1");
  EXPECT_GT(rows_of(*restored)["configmaps/a/new"].first, store->revision() + kRevisionGap);
}

TEST_F(StateDumpTest, IsOfOneMomentWhateverIsWrittenMeanwhile) {
  const auto store = open(std::make_unique<store::MemoryJournal>());
  for (int i = 0; i < 20; ++i)
    put(*store, "configmaps/a/" + std::to_string(i), std::string(100'000, 'x'));
  const Rows before = rows_of(*store);
  StateDump dump(*store);
  std::string text = dump.next();
  put(*store, "configmaps/a/0", "changed");
  put(*store, "configmaps/a/later", "new");
  for (std::string piece = dump.next(); !piece.empty(); piece = dump.next())
    text += piece;
  Rows dumped;
  for (const auto& entry : read_state_dump(text)->entries)
    dumped[entry->key] = {entry->revision, entry->value};
  EXPECT_EQ(dumped, before);
}

TEST_F(StateDumpTest, WhatIsNotAWholeDumpIsRefusedWithItsLine) {
  const auto store = open(std::make_unique<store::MemoryJournal>());
  put(*store, "a/b", "1");
  put(*store, "a/c", "2");
  const std::string good = whole(*store);
  ASSERT_TRUE(read_state_dump(good));
  for (std::size_t size = 0; size + 1 < good.size(); ++size)
    EXPECT_FALSE(read_state_dump(good.substr(0, size))) << size;
  const auto message = [](std::string_view text) {
    return read_state_dump(text).error().message();
  };
  EXPECT_THAT(message("{\"format\":2,\"revision\":1}\n"), HasSubstr("line 1"));
  EXPECT_THAT(message("{\"format\":2,\"revision\":1}\n"), HasSubstr("newer version"));
  EXPECT_THAT(message("hello\n"), HasSubstr("not a JSON object"));
  EXPECT_THAT(message(good + good), HasSubstr("line 5 of the state: something after the end"));
  const std::string head = "{\"format\":1,\"revision\":9}\n";
  EXPECT_THAT(message(head + R"({"key":"a","revision":10,"value":""})"), HasSubstr("revision 10"));
  EXPECT_THAT(message(head + R"({"key":"a","revision":"1","value":""})"), HasSubstr("line 2"));
  EXPECT_THAT(message(head + "{\"count\":1}\n"), HasSubstr("0 objects are there, not 1"));
  const std::string one = R"({"key":"a","revision":3,"value":""})";
  EXPECT_THAT(message(head + one + "\n" + one + "\n{\"count\":2}\n"), HasSubstr("3 twice"));
}

TEST_F(StateDumpTest, AStateIsNotRestoredOverAnother) {
  const auto store = open(std::make_unique<store::MemoryJournal>());
  put(*store, "a/b", "1");
  const auto dumped = read_state_dump(whole(*store)).value();
  auto journal = std::make_unique<store::MemoryJournal>();
  ASSERT_TRUE(restore_state(dumped, *journal));
  EXPECT_EQ(restore_state(dumped, *journal).error().code(), ErrorCode::kConflict);
}

}  // namespace
}  // namespace insula::apiserver
