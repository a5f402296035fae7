#include "store/history.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace insula::store {
namespace {

/// Every version there ever was, in one list: what a History must agree with above its floor.
class Chronicle {
 public:
  void append(EntryPtr entry) { entries_.push_back(std::move(entry)); }

  void rollback(Revision to) {
    while (!entries_.empty() && entries_.back()->revision > to)
      entries_.pop_back();
  }

  [[nodiscard]] std::map<std::string, Revision> as_of(Revision at) const {
    std::map<std::string, Revision> there;
    for (const EntryPtr& entry : entries_) {
      if (entry->revision > at) break;
      there.erase(entry->key);
      if (!entry->deleted) there[entry->key] = entry->revision;
    }
    return there;
  }

  [[nodiscard]] std::vector<Revision> after(Revision after) const {
    std::vector<Revision> changes;
    for (const EntryPtr& entry : entries_)
      if (entry->revision > after) changes.push_back(entry->revision);
    return changes;
  }

 private:
  std::vector<EntryPtr> entries_;
};

std::map<std::string, Revision> as_of(const History& history, Revision at) {
  std::map<std::string, Revision> there;
  history.scan("", "", at, [&there](const EntryPtr& entry) {
    there[entry->key] = entry->revision;
    return true;
  });
  return there;
}

std::vector<Revision> after(const History& history, Revision after) {
  std::vector<Revision> changes;
  history.replay(after, std::numeric_limits<Revision>::max(),
                 [&changes](const Change& change) { changes.push_back(change.entry->revision); });
  return changes;
}

EntryPtr version(std::string key, Revision revision, bool deleted) {
  return std::make_shared<const Entry>(
      Entry{.key = std::move(key), .revision = revision, .value = "v", .deleted = deleted});
}

// One key of four takes most writes, as a quota's does: its versions are dropped in front while new
// ones come behind.
TEST(HistoryTest, HasWhatWasThereAtEveryRevisionAboveItsFloor) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&random](unsigned bound) {
      return static_cast<unsigned>(random() % bound);
    };
    History history;
    Chronicle chronicle;
    Revision head = 0;
    for (int step = 0; step < 300; ++step) {
      if (const unsigned what = below(20); what == 0) {
        history.compact(head - below(5), below(40), std::numeric_limits<std::size_t>::max());
      } else if (what == 1) {
        head = std::max(history.floor(), head - Revision{below(12)});
        history.rollback(head);
        chronicle.rollback(head);
      } else {
        const std::string key = below(3) > 0 ? "counter" : fmt::format("other-{}", below(3));
        const EntryPtr known = history.find(key, head);
        const EntryPtr entry = version(key, ++head, known != nullptr && below(4) == 0);
        history.append(entry);
        chronicle.append(entry);
      }
      const Revision at =
          history.floor() + below(static_cast<unsigned>(head - history.floor()) + 1);
      ASSERT_EQ(as_of(history, at), chronicle.as_of(at)) << seed << ", step " << step;
      ASSERT_EQ(after(history, at), chronicle.after(at)) << seed << ", step " << step;
    }
  }
}

TEST(HistoryTest, GivesBackWhatCompactionDrops) {
  History history;
  for (Revision revision = 1; revision <= 100; ++revision)
    history.append(version("counter", revision, false));
  std::vector<Revision> gone;
  for (std::size_t left = 99; left >= 10; left -= 10)
    for (const EntryPtr& entry :
         history.compact(100, left, std::numeric_limits<std::size_t>::max()))
      gone.push_back(entry->revision);
  // 19 changes stay, and 81: what was there before them.
  ASSERT_EQ(gone.size(), 80U);
  EXPECT_TRUE(std::ranges::is_sorted(gone));
  EXPECT_EQ(gone.back(), 80);
  EXPECT_EQ(history.find("counter", 95)->revision, 95);
}

TEST(HistoryTest, RollsBackToAFloorWhereAKeyWasDeleted) {
  History history;
  for (Revision revision = 1; revision <= 9; ++revision)
    history.append(version("counter", revision, revision == 2));
  history.compact(2, 0, 0);
  ASSERT_EQ(history.floor(), 2);
  history.rollback(2);
  EXPECT_EQ(history.find("counter", 2), nullptr);
  history.append(version("counter", 10, false));
  EXPECT_EQ(history.find("counter", 10)->revision, 10);
}

}  // namespace
}  // namespace insula::store
