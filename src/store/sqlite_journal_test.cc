#include <charconv>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "async/loop.h"
#include "base/random.h"
#include "store/journal.h"
#include "store/store.h"

namespace insula::store {
namespace {

using ::testing::HasSubstr;

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "insula-store-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }

  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  ~TempDir() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

StoreOptions options() {
  return {.ephemeral_prefixes = {"leases/"}, .history_changes_max = 50, .reserve_block = 40};
}

Task<> write_once(Store& store,
                  std::string key,
                  std::string value,
                  std::optional<Result<Revision>>& out) {
  out.emplace(co_await store.transact([&](Transaction& t) -> Result<> {
    t.put(key, [&](Revision) { return Encoded{value, nullptr}; });
    return {};
  }));
}

Result<Revision> put(Loop& loop, Store& store, const std::string& key, const std::string& value) {
  std::optional<Result<Revision>> out;
  run_until_complete(loop, write_once(store, key, value, out));
  return *std::move(out);
}

TEST(SqliteJournal, KeepsWritesAcrossAReopen) {
  const TempDir dir;
  const std::string path = dir.file("state.db");
  Loop loop;
  Revision written = 0;
  {
    auto store = *Store::open(*open_sqlite_journal(path), options());
    written = *put(loop, *store, "a/x", std::string("bytes\0with zero", 15));
  }
  auto store = *Store::open(*open_sqlite_journal(path), options());
  EXPECT_EQ(store->find("a/x")->value, std::string("bytes\0with zero", 15));
  EXPECT_EQ(store->find("a/x")->revision, written);
}

TEST(SqliteJournal, GivesTheDiskBackAfterAnExceptionallyLargeCommit) {
  const TempDir dir;
  const std::string path = dir.file("state.db");
  const auto journal = *open_sqlite_journal(path);
  JournalBatch batch;
  for (Revision revision = 1; revision <= 100; ++revision) {
    auto entry = std::make_shared<Entry>();
    entry->key = "a/x";
    entry->revision = revision;
    entry->value.assign(std::size_t{1} << 20, 'x');
    batch.add.push_back(std::move(entry));
  }
  ASSERT_TRUE(journal->commit(batch));
  EXPECT_LE(std::filesystem::file_size(path + "-wal"), std::uintmax_t{64} << 20);
  EXPECT_EQ(journal->load()->rows.size(), 100U);
}

TEST(SqliteJournal, IsReadableByItsOwnerOnly) {
  const TempDir dir;
  const auto journal = *open_sqlite_journal(dir.file("state.db"));
  EXPECT_EQ(std::filesystem::status(dir.file("state.db")).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(SqliteJournal, RefusesANewerFormat) {
  const TempDir dir;
  ASSERT_TRUE(open_sqlite_journal(dir.file("state.db")));
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(dir.file("state.db").c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, "UPDATE meta SET value = 99 WHERE name = 'format'", nullptr,
                         nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(database);
  const auto journal = open_sqlite_journal(dir.file("state.db"));
  ASSERT_FALSE(journal);
  EXPECT_THAT(journal.error().message(), HasSubstr("store format 99, written by a newer version"));
}

TEST(SqliteJournal, RefusesASecondProcess) {
  const TempDir dir;
  const auto journal = *open_sqlite_journal(dir.file("state.db"));
  const pid_t child = ::fork();
  if (child == 0) {
    const auto second = open_sqlite_journal(dir.file("state.db"));
    ::_exit(second ? 0 : second.error().code() == ErrorCode::kUnavailable ? 7 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST(SqliteJournal, RefusesAFileThatIsNoDatabase) {
  const TempDir dir;
  {
    std::FILE* file = std::fopen(dir.file("state.db").c_str(), "w");
    for (int i = 0; i < 1000; ++i)
      std::fputs("not a database\n", file);
    std::fclose(file);
  }
  EXPECT_FALSE(open_sqlite_journal(dir.file("state.db")));
}

/// A file size limit stands in for a full disk: the kernel refuses to let the files grow.
TEST(SqliteJournal, SurvivesAFullDiskAndAcceptsWritesWhenThereIsRoomAgain) {
  const TempDir dir;
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    Loop loop;
    auto store = *Store::open(*open_sqlite_journal(dir.file("state.db")), options());
    if (!put(loop, *store, "a/first", "v")) ::_exit(1);
    const rlimit small{256 << 10, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &small);
    Result<Revision> outcome;
    for (int i = 0; i < 100 && outcome; ++i)
      outcome = put(loop, *store, "a/" + std::to_string(i), std::string(16 << 10, 'x'));
    if (outcome) ::_exit(2);
    if (store->read_only_reason().empty()) ::_exit(3);
    if (put(loop, *store, "a/more", "v")) ::_exit(4);
    ::_exit(store->find("a/first") ? 0 : 5);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  Loop loop;
  auto store = *Store::open(*open_sqlite_journal(dir.file("state.db")), options());
  EXPECT_TRUE(store->find("a/first"));
  EXPECT_TRUE(put(loop, *store, "a/after", "v"));
}

/// Writes until killed; reports each acknowledged write as `key revision` on `fd`.
[[noreturn]] void write_until_killed(const std::string& path, int fd, int round) {
  Loop loop;
  auto store = *Store::open(*open_sqlite_journal(path), options());
  for (int i = 0;; ++i) {
    const std::string key =
        (i % 3 == 2 ? "leases/" : "a/") + std::to_string(round % 4) + "-" + std::to_string(i % 70);
    const auto revision = put(loop, *store, key, std::to_string(round) + ":" + std::to_string(i));
    if (!revision) ::_exit(1);
    const std::string line = key + " " + std::to_string(*revision) + " " + std::to_string(round) +
                             ":" + std::to_string(i) + "\n";
    if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) ::_exit(1);
  }
}

TEST(SqliteJournal, LosesNoAcknowledgedWriteAndReusesNoRevisionWhenKilled) {
  const TempDir dir;
  const std::string path = dir.file("state.db");
  SeededRandom random(20260101);
  std::map<std::string, std::string> acknowledged;
  std::set<Revision> seen;
  Revision newest = 0;
  constexpr int kRounds = 25;
  for (int round = 0; round < kRounds; ++round) {
    int pipe_fds[2];
    ASSERT_EQ(::pipe(pipe_fds), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(pipe_fds[0]);
      write_until_killed(path, pipe_fds[1], round);
    }
    ::close(pipe_fds[1]);
    // The moment of the kill is a number of bytes seen, so that no clock is involved.
    const std::size_t kill_after = 1 + random.below(1200);
    std::string text;
    char buffer[512];
    bool killed = false;
    for (ssize_t n = 0; (n = ::read(pipe_fds[0], buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<std::size_t>(n));
      if (!killed && text.size() >= kill_after) {
        ::kill(child, SIGKILL);
        killed = true;
      }
    }
    ::close(pipe_fds[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(killed && WIFSIGNALED(status)) << "the writer ended by itself in round " << round;
    for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      const std::string line = text.substr(begin, end - begin);
      const std::size_t first = line.find(' ');
      const std::size_t second = line.find(' ', first + 1);
      const Revision revision = std::stoll(line.substr(first + 1, second - first - 1));
      ASSERT_TRUE(seen.insert(revision).second) << "revision " << revision << " used twice";
      ASSERT_GT(revision, newest);
      newest = revision;
      if (line.starts_with("a/")) acknowledged[line.substr(0, first)] = line.substr(second + 1);
    }
  }
  ASSERT_GT(acknowledged.size(), 15U);
  Loop loop;
  auto store = *Store::open(*open_sqlite_journal(path), options());
  for (const auto& [key, value] : acknowledged) {
    const EntryPtr entry = store->find(key);
    ASSERT_TRUE(entry) << key;
    // The last write before a kill may be there without its acknowledgement.
    const auto number = [](const std::string& v) { return std::stoi(v.substr(v.find(':') + 1)); };
    const bool same_round =
        entry->value.substr(0, entry->value.find(':')) == value.substr(0, value.find(':'));
    EXPECT_TRUE(entry->value == value || !same_round || number(entry->value) > number(value))
        << key;
  }
}

}  // namespace
}  // namespace insula::store
