#include "store/store.h"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/loop.h"
#include "store/memory_journal.h"
#include "testing/fake_clock.h"

namespace insula::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Encoder text(std::string value) {
  return [value = std::move(value)](Revision) { return Encoded{value, nullptr}; };
}

class StoreTest : public ::testing::Test {
 protected:
  void reopen(StoreOptions options = {},
              std::vector<std::string> ephemeral = {"leases/", "events/"}) {
    store_.reset();
    options.ephemeral_prefixes = std::move(ephemeral);
    store_ = *Store::open(std::make_unique<MemoryJournal>(disk_), std::move(options));
  }

  void SetUp() override { reopen(); }

  template <class T>
  T run(Task<T> task) {
    std::optional<T> out;
    auto wrap = [](Task<T> inner, std::optional<T>& result) -> Task<> {
      result.emplace(co_await std::move(inner));
    };
    run_until_complete(loop_, wrap(std::move(task), out));
    return *std::move(out);
  }

  Result<Revision> put(std::string key, std::string value) {
    return run(store_->transact([&](Transaction& t) -> Result<> {
      t.put(key, text(value));
      return {};
    }));
  }

  Result<Revision> remove(std::string key) {
    return run(store_->transact([&](Transaction& t) -> Result<> {
      INSULA_TRY(auto entry, t.remove(key, 0, text("last")));
      return {};
    }));
  }

  std::vector<std::string> keys(std::string prefix, Revision at = 0, std::string after = "") {
    std::vector<std::string> out;
    auto read = store_->scan(prefix, after, at, [&](const EntryPtr& entry) {
      out.push_back(entry->key + "=" + entry->value);
      return true;
    });
    if (!read) out = {read.error().message()};
    return out;
  }

  static std::string show(const std::vector<Change>& changes) {
    std::string out;
    for (const Change& change : changes) {
      out += change.entry->deleted ? "-" : change.previous ? "~" : "+";
      out += change.entry->key + " ";
    }
    return out;
  }

  insula::testing::FakeClock clock_;
  Loop loop_{clock_};
  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, ListsKeysOfAPrefixInOrder) {
  ASSERT_TRUE(put("pods/b/x", "1"));
  ASSERT_TRUE(put("pods/a/y", "2"));
  ASSERT_TRUE(put("podsx/a/y", "3"));
  EXPECT_THAT(keys("pods/"), ElementsAre("pods/a/y=2", "pods/b/x=1"));
}

TEST_F(StoreTest, APrefixEndsWhereItsLastByteDoes) {
  for (const char* key : {"a", "a/x", "a0", "a\xff", "a\xff\xff", "a\xff/", "b", "\xff"})
    ASSERT_TRUE(put(key, ""));
  EXPECT_THAT(keys("a/"), ElementsAre("a/x="));
  EXPECT_THAT(keys("a\xff"), ElementsAre("a\xff=", "a\xff/=", "a\xff\xff="));
  EXPECT_THAT(keys("\xff"), ElementsAre("\xff="));
  EXPECT_EQ(keys("").size(), 8U);
}

TEST_F(StoreTest, WhatComesAfterAKeyIsOfThePrefixOnly) {
  for (const char* key : {"a/x", "a/y", "a/z", "b/x"})
    ASSERT_TRUE(put(key, ""));
  EXPECT_THAT(keys("a/", 0, "a/x"), ElementsAre("a/y=", "a/z="));
  EXPECT_THAT(keys("a/", 0, "a/z"), ElementsAre());
  EXPECT_THAT(keys("a/", 0, "A"), ElementsAre("a/x=", "a/y=", "a/z="));
  EXPECT_THAT(keys("a/", 0, "b"), ElementsAre());
}

TEST_F(StoreTest, GivesTheWriterTheRevisionBeforeItEncodes) {
  const auto revision = run(store_->transact([](Transaction& t) -> Result<> {
    t.put("a/x", [](Revision r) { return Encoded{std::to_string(r), nullptr}; });
    return {};
  }));
  ASSERT_TRUE(revision);
  EXPECT_EQ(store_->find("a/x")->value, std::to_string(*revision));
}

TEST_F(StoreTest, RefusesAnUpdateOfAVersionThatIsNotTheNewest) {
  const Revision first = *put("a/x", "1");
  ASSERT_TRUE(put("a/x", "2"));
  const auto outcome = run(store_->transact([&](Transaction& t) -> Result<> {
    INSULA_TRY(auto entry, t.update("a/x", first, text("3")));
    return {};
  }));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), ErrorCode::kConflict);
  EXPECT_EQ(store_->find("a/x")->value, "2");
}

TEST_F(StoreTest, SeesThePendingHeadSoThatOfTwoRacingCreatesOneFails) {
  auto create = [&] {
    return store_->transact([](Transaction& t) -> Result<> {
      INSULA_TRY(auto entry, t.create("a/x", text("v")));
      return {};
    });
  };
  std::vector<Task<Result<Revision>>> tasks;
  tasks.push_back(create());
  tasks.push_back(create());
  const auto outcomes = run(all(std::move(tasks)));
  EXPECT_TRUE(outcomes[0]);
  ASSERT_FALSE(outcomes[1]);
  EXPECT_EQ(outcomes[1].error().code(), ErrorCode::kAlreadyExists);
}

TEST_F(StoreTest, TakesBackEverythingOfATransactionThatFails) {
  ASSERT_TRUE(put("a/x", "1"));
  const Revision before = store_->revision();
  const auto outcome = run(store_->transact([](Transaction& t) -> Result<> {
    t.put("a/x", text("2"));
    t.put("a/y", text("2"));
    return fail(ErrorCode::kForbidden, "quota");
  }));
  EXPECT_FALSE(outcome);
  EXPECT_THAT(keys("a/"), ElementsAre("a/x=1"));
  EXPECT_EQ(store_->revision(), before);
}

TEST_F(StoreTest, ReadsAPastRevision) {
  ASSERT_TRUE(put("a/x", "1"));
  const Revision past = *put("a/y", "1");
  ASSERT_TRUE(put("a/x", "2"));
  ASSERT_TRUE(remove("a/y"));
  ASSERT_TRUE(put("a/z", "1"));
  EXPECT_THAT(keys("a/", past), ElementsAre("a/x=1", "a/y=1"));
  EXPECT_THAT(keys("a/"), ElementsAre("a/x=2", "a/z=1"));
}

TEST_F(StoreTest, RefusesToReadARevisionOfTheFuture) {
  ASSERT_TRUE(put("a/x", "1"));
  EXPECT_THAT(keys("a/", store_->revision() + 5),
              ElementsAre(HasSubstr("Too large resource version")));
}

TEST_F(StoreTest, WatchesFromAPastRevisionWithoutGaps) {
  const Revision since = *put("pods/a/x", "1");
  ASSERT_TRUE(put("pods/a/y", "1"));
  ASSERT_TRUE(put("pods/b/z", "1"));
  Watch watch = *store_->watch("pods/a/", since);
  ASSERT_TRUE(put("pods/a/x", "2"));
  ASSERT_TRUE(remove("pods/a/y"));
  ASSERT_TRUE(watch.ready().is_set());
  EXPECT_EQ(show(*watch.take(10)), "+pods/a/y ~pods/a/x -pods/a/y ");
  EXPECT_FALSE(watch.ready().is_set());
  EXPECT_EQ(watch.revision(), store_->revision());
}

TEST_F(StoreTest, GivesWatchersTheVersionBefore) {
  const Revision since = *put("a/x", "1");
  ASSERT_TRUE(put("a/x", "2"));
  Watch watch = *store_->watch("a/x", since);
  const auto changes = *watch.take(10);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].previous->value, "1");
  EXPECT_EQ(changes[0].entry->value, "2");
}

TEST_F(StoreTest, DropsASlowWatcherAndNotTheOthers) {
  reopen({.watch_backlog_max = 3});
  Watch slow = *store_->watch("a/", store_->revision());
  Watch quick = *store_->watch("a/", store_->revision());
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(put("a/x", "v"));
    EXPECT_EQ(quick.take(10)->size(), 1U);
  }
  const auto changes = slow.take(10);
  ASSERT_FALSE(changes);
  EXPECT_EQ(changes.error().code(), ErrorCode::kExpired);
}

TEST_F(StoreTest, BoundsTheBytesThatASlowWatcherIsBehind) {
  reopen({.watch_backlog_bytes_max = 10'000});
  Watch slow = *store_->watch("a/", store_->revision());
  Watch quick = *store_->watch("a/", store_->revision());
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(put("a/" + std::to_string(i), std::string(3'000, 'x')));
    ASSERT_EQ(quick.take(10)->size(), 1U);
  }
  const auto changes = slow.take(10);
  ASSERT_FALSE(changes);
  EXPECT_EQ(changes.error().code(), ErrorCode::kExpired);
}

TEST_F(StoreTest, BoundsTheBytesOfAllBacklogsAndDropsTheLargest) {
  reopen({.watch_backlogs_bytes_max = 10'000});
  Watch large = *store_->watch("a/", store_->revision());
  Watch same = *store_->watch("a/", store_->revision());
  Watch small = *store_->watch("b/", store_->revision());
  ASSERT_TRUE(put("b/x", std::string(1'000, 'x')));
  // What two watches share counts once.
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(put("a/" + std::to_string(i), std::string(3'000, 'x')));
  ASSERT_EQ(same.take(10)->size(), 2U);
  ASSERT_TRUE(put("a/2", std::string(3'000, 'x')));
  EXPECT_EQ(large.take(10).error().code(), ErrorCode::kExpired);
  EXPECT_EQ(same.take(10)->size(), 1U);
  EXPECT_EQ(small.take(10)->size(), 1U);
}

TEST_F(StoreTest, GivesNoMoreAtOnceThanTheReaderCanHold) {
  Watch watch = *store_->watch("a/", store_->revision());
  for (int i = 0; i < 4; ++i)
    ASSERT_TRUE(put("a/" + std::to_string(i), std::string(3'000, 'x')));
  EXPECT_EQ(watch.take(10, 5'000)->size(), 2U);
  EXPECT_TRUE(watch.ready().is_set());
  EXPECT_EQ(watch.take(10, 1)->size(), 1U);
}

TEST_F(StoreTest, WatchesOneKeyAndNotThoseThatBeginLikeIt) {
  const Revision since = *put("a/other", "1");
  ASSERT_TRUE(put("a/x", "1"));
  ASSERT_TRUE(put("a/x-0", "1"));
  Watch watch = *store_->watch("a/x", since);
  ASSERT_TRUE(put("a/x-1", "1"));
  EXPECT_EQ(show(*watch.take(10)), "+a/x ");
}

TEST_F(StoreTest, AnswersExpiredBelowTheCompactionFloor) {
  reopen({.history_changes_max = 4});
  const Revision first = *put("a/x", "0");
  for (int i = 1; i < 20; ++i)
    ASSERT_TRUE(put("a/x", std::to_string(i)));
  EXPECT_GT(store_->floor(), first);
  EXPECT_EQ(store_->watch("a/", first).error().code(), ErrorCode::kExpired);
  EXPECT_THAT(keys("a/", first), ElementsAre(HasSubstr("too old resource version")));
  EXPECT_THAT(keys("a/"), ElementsAre("a/x=19"));
}

TEST_F(StoreTest, ListsStatesThatWereReplacedForAWhile) {
  reopen({.history_age_max = std::chrono::seconds(300)});
  const Revision first = *put("a/x", "0");
  const auto later = [&](std::chrono::seconds by) {
    clock_.advance(by);
    ASSERT_TRUE(put("a/x", "1"));
  };
  later(std::chrono::seconds(299));
  later(std::chrono::seconds(2));
  EXPECT_THAT(keys("a/", first), ElementsAre("a/x=0"));
  later(std::chrono::seconds(298));
  EXPECT_THAT(keys("a/", first), ElementsAre("a/x=0"));
  later(std::chrono::seconds(2));
  EXPECT_THAT(keys("a/", first), ElementsAre(HasSubstr("too old resource version")));
  EXPECT_THAT(keys("a/"), ElementsAre("a/x=1"));
  // What changed since is still known.
  EXPECT_TRUE(store_->watch("a/", first));
}

TEST_F(StoreTest, ListsAnOldStateThatNothingReplaced) {
  reopen({.history_age_max = std::chrono::seconds(300)});
  const Revision only = *put("a/x", "0");
  clock_.advance(std::chrono::hours(5));
  EXPECT_THAT(keys("a/", only), ElementsAre("a/x=0"));
}

TEST_F(StoreTest, CompactionRemovesRowsAndKeepsWhatIsLive) {
  reopen({.history_changes_max = 4});
  ASSERT_TRUE(put("a/keep", "1"));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(put("a/x", std::to_string(i)));
    ASSERT_TRUE(put("a/gone", "1"));
    ASSERT_TRUE(remove("a/gone"));
  }
  EXPECT_LE(disk_->rows.size(), 8U);
  reopen({.history_changes_max = 4});
  EXPECT_THAT(keys("a/"), ElementsAre("a/keep=1", "a/x=19"));
}

TEST_F(StoreTest, ContinuesAWatchAcrossARestart) {
  const Revision since = *put("a/x", "1");
  ASSERT_TRUE(put("a/x", "2"));
  ASSERT_TRUE(remove("a/x"));
  reopen();
  Watch watch = *store_->watch("a/", since);
  EXPECT_EQ(show(*watch.take(10)), "~a/x -a/x ");
}

TEST_F(StoreTest, NeverReusesARevisionAfterARestart) {
  Revision newest = *put("a/x", "1");
  newest = std::max(newest, *put("leases/n", "1"));
  reopen();
  EXPECT_GT(*put("a/x", "2"), newest);
}

TEST_F(StoreTest, WritesEphemeralKeysWithoutTheDisk) {
  ASSERT_TRUE(put("a/x", "1"));
  const int commits = disk_->commits;
  Watch watch = *store_->watch("leases/", store_->revision());
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(put("leases/n", std::to_string(i)));
  EXPECT_EQ(disk_->commits, commits);
  EXPECT_EQ(watch.take(200)->size(), 100U);
}

TEST_F(StoreTest, SavesEphemeralKeysWithTheNextDurableWriteAndOnStop) {
  ASSERT_TRUE(put("events/a", "1"));
  ASSERT_TRUE(put("a/x", "1"));
  ASSERT_TRUE(put("events/b", "1"));
  reopen();
  EXPECT_THAT(keys("events/"), ElementsAre("events/a=1"));
  ASSERT_TRUE(put("events/c", "1"));
  ASSERT_TRUE(remove("events/a"));
  run_until_complete(loop_, store_->stop());
  reopen();
  EXPECT_THAT(keys("events/"), ElementsAre("events/c=1"));
}

TEST_F(StoreTest, ExpiresAWatchOfEphemeralKeysFromBeforeARestart) {
  ASSERT_TRUE(put("a/x", "1"));
  const Revision since = *put("leases/n", "1");
  ASSERT_TRUE(put("leases/n", "2"));
  reopen();
  EXPECT_EQ(store_->watch("leases/", since).error().code(), ErrorCode::kExpired);
  EXPECT_TRUE(store_->watch("a/", since));
}

TEST_F(StoreTest, ExpiresAWatchOfAPathAboveEphemeralKeys) {
  reopen({}, {"leases/nodes/"});
  ASSERT_TRUE(put("leases/a/kept", "1"));
  const Revision since = *put("leases/nodes/n", "1");
  ASSERT_TRUE(put("leases/nodes/n", "2"));
  reopen({}, {"leases/nodes/"});
  EXPECT_THAT(keys("leases/a/"), ElementsAre("leases/a/kept=1"));
  EXPECT_EQ(store_->watch("leases/", since).error().code(), ErrorCode::kExpired);
  EXPECT_TRUE(store_->watch("leases/a/", since));
}

TEST_F(StoreTest, DiscardsWhatIsPendingAndTurnsReadOnlyWhenACommitFails) {
  ASSERT_TRUE(put("a/x", "1"));
  disk_->failure = Error(ErrorCode::kInternal, "write to state.db: disk I/O error");
  Watch watch = *store_->watch("a/", store_->revision());
  EXPECT_FALSE(put("a/x", "2"));
  EXPECT_THAT(keys("a/"), ElementsAre("a/x=1"));
  EXPECT_FALSE(watch.ready().is_set());
  disk_->failure.reset();
  const auto outcome = put("a/x", "3");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(outcome.error().message(), HasSubstr("the store is read-only: write to state.db"));
}

TEST_F(StoreTest, KeepsHeartbeatsGoingWhileReadOnly) {
  ASSERT_TRUE(put("leases/n", "1"));
  disk_->failure = Error(ErrorCode::kInternal, "disk I/O error");
  EXPECT_FALSE(put("a/x", "2"));
  EXPECT_TRUE(put("leases/n", "2"));
}

TEST_F(StoreTest, SavesEphemeralKeysAfterACommitThatFailed) {
  ASSERT_TRUE(put("events/a", "1"));
  ASSERT_TRUE(put("a/x", "1"));
  ASSERT_TRUE(put("events/a", "2"));
  disk_->failure = Error(ErrorCode::kInsufficientStorage, "the disk is full");
  EXPECT_FALSE(put("a/x", "2"));
  disk_->failure.reset();
  EXPECT_THAT(keys("events/"), ElementsAre("events/a=2"));
  reopen();
  EXPECT_THAT(keys(""), ElementsAre("a/x=1", "events/a=1"));
}

TEST_F(StoreTest, RefusesWritesAfterStop) {
  run_until_complete(loop_, store_->stop());
  EXPECT_EQ(put("a/x", "1").error().code(), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace insula::store
