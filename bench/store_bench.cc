// Durable writes per second of the store, alone and shared by 64 writers; listing; opening a store
// of 10,000 objects. Two reference figures come from the same file system in the same run: appends
// with fdatasync, one at a time (the floor of a single writer), and SQLite with one write per
// transaction (what grouping is worth). The last line is JSON.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "async/loop.h"
#include "async/task_group.h"
#include "base/check.h"
#include "store/journal.h"
#include "store/store.h"

namespace insula {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::size_t kValueBytes = 1200;
constexpr int kObjects = 10'000;
constexpr std::chrono::seconds kRunTime{3};

struct Rate {
  double per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
};

Rate rate_of(std::vector<double> latencies_ms, Seconds took) {
  std::ranges::sort(latencies_ms);
  const auto at = [&](double share) {
    return latencies_ms[static_cast<std::size_t>(share *
                                                 static_cast<double>(latencies_ms.size() - 1))];
  };
  return {static_cast<double>(latencies_ms.size()) / took.count(), at(0.5), at(0.99)};
}

std::unique_ptr<store::Store> open_store(const std::string& path) {
  auto journal = store::open_sqlite_journal(path);
  INSULA_CHECK(journal, journal ? "" : journal.error().message());
  auto opened = store::Store::open(*std::move(journal), {});
  INSULA_CHECK(opened);
  return *std::move(opened);
}

Task<Result<store::Revision>> put(store::Store& store, std::string key) {
  auto body = [key = std::move(key)](store::Transaction& transaction) -> Result<> {
    transaction.put(key, [](store::Revision) {
      return store::Encoded{std::string(kValueBytes, 'x'), nullptr};
    });
    return {};
  };
  co_return co_await store.transact(std::move(body));
}

Task<> write_until(store::Store& store,
                   Clock::time_point end,
                   int writer,
                   std::vector<double>& latencies_ms) {
  for (int i = 0; Clock::now() < end; ++i) {
    const auto began = Clock::now();
    const auto written = co_await put(store, fmt::format("configmaps/default/w{}-{}", writer, i));
    INSULA_CHECK(written, written ? "" : written.error().message());
    latencies_ms.push_back(Seconds(Clock::now() - began).count() * 1000);
  }
}

Task<> write_all(store::Store& store, int writers, Rate& out) {
  std::vector<double> latencies_ms;
  TaskGroup group;
  const auto began = Clock::now();
  for (int i = 0; i < writers; ++i)
    group.spawn(write_until(store, began + kRunTime, i, latencies_ms));
  co_await group.drained();
  out = rate_of(std::move(latencies_ms), Clock::now() - began);
}

Rate measure_writes(Loop& loop, const std::string& path, int writers) {
  const auto store = open_store(path);
  Rate out;
  run_until_complete(loop, write_all(*store, writers, out));
  return out;
}

/// The floor of one durable write on this file system.
Rate measure_appends(const std::string& path) {
  const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  const std::string value(kValueBytes, 'x');
  std::vector<double> latencies_ms;
  const auto began = Clock::now();
  while (Clock::now() < began + kRunTime) {
    const auto start = Clock::now();
    INSULA_CHECK(::write(fd, value.data(), value.size()) == static_cast<ssize_t>(value.size()) &&
                 ::fdatasync(fd) == 0);
    latencies_ms.push_back(Seconds(Clock::now() - start).count() * 1000);
  }
  ::close(fd);
  return rate_of(std::move(latencies_ms), Clock::now() - began);
}

Rate measure_single_transactions(const std::string& path) {
  const auto journal = *store::open_sqlite_journal(path);
  std::vector<double> latencies_ms;
  const auto began = Clock::now();
  for (store::Revision i = 1; Clock::now() < began + kRunTime; ++i) {
    auto entry = std::make_shared<store::Entry>();
    entry->key = fmt::format("configmaps/default/{}", i);
    entry->revision = i;
    entry->value.assign(kValueBytes, 'x');
    const auto start = Clock::now();
    store::JournalBatch batch;
    batch.add.push_back(std::move(entry));
    INSULA_CHECK(journal->commit(batch));
    latencies_ms.push_back(Seconds(Clock::now() - start).count() * 1000);
  }
  return rate_of(std::move(latencies_ms), Clock::now() - began);
}

Task<> fill(store::Store& store) {
  std::vector<Task<Result<store::Revision>>> writes;
  for (int i = 0; i < kObjects; ++i)
    writes.push_back(put(store, fmt::format("configmaps/default/{}", i)));
  for (const auto& written : co_await all(std::move(writes)))
    INSULA_CHECK(written);
}

/// Milliseconds to open a store of kObjects, and to visit them all.
std::pair<double, double> measure_open_and_scan(Loop& loop, const std::string& path) {
  {
    const auto store = open_store(path);
    run_until_complete(loop, fill(*store));
  }
  const auto began = Clock::now();
  const auto store = open_store(path);
  const auto opened = Clock::now();
  std::size_t bytes = 0;
  const auto scanned = store->scan("configmaps/", "", 0, [&](const store::EntryPtr& entry) {
    bytes += entry->value.size();
    return true;
  });
  INSULA_CHECK(scanned && bytes == kObjects * kValueBytes);
  const auto done = Clock::now();
  return {Seconds(opened - began).count() * 1000, Seconds(done - opened).count() * 1000};
}

void run(const std::string& directory) {
  Loop loop;
  const Rate one = measure_writes(loop, directory + "/one.db", 1);
  const Rate many = measure_writes(loop, directory + "/many.db", 64);
  const Rate appends = measure_appends(directory + "/append");
  const Rate singles = measure_single_transactions(directory + "/single.db");
  const auto [open_ms, scan_ms] = measure_open_and_scan(loop, directory + "/open.db");
  const auto line = [](const char* what, const Rate& rate) {
    fmt::print("{:<40} {:>9.0f}/s  p50 {:.3f} ms  p99 {:.3f} ms\n", what, rate.per_second,
               rate.p50_ms, rate.p99_ms);
  };
  line("1 writer", one);
  line("64 writers", many);
  line("append and fdatasync, 1 writer", appends);
  line("SQLite, one write per transaction", singles);
  fmt::print("open {} objects: {:.1f} ms; visit them: {:.2f} ms\n", kObjects, open_ms, scan_ms);
  fmt::print(
      R"({{"bench":"store","writes_per_second_1":{:.0f},"p50_ms_1":{:.3f},"writes_per_second_64":{:.0f},"p50_ms_64":{:.3f},)"
      R"("p99_ms_64":{:.3f},"peer":"sqlite, one write per transaction","peer_writes_per_second":{:.0f},"ratio_64":{:.2f},)"
      R"("append_fdatasync_per_second":{:.0f},"open_10000_ms":{:.1f},"scan_10000_ms":{:.2f}}})"
      "\n",
      one.per_second, one.p50_ms, many.per_second, many.p50_ms, many.p99_ms, singles.per_second,
      many.per_second / singles.per_second, appends.per_second, open_ms, scan_ms);
}

}  // namespace
}  // namespace insula

int main(int argc, char** argv) {
  const std::filesystem::path base = argc > 1 ? argv[1] : std::filesystem::temp_directory_path();
  std::string directory = (base / "insula-store-bench-XXXXXX").string();
  if (::mkdtemp(directory.data()) == nullptr) {
    std::perror(directory.c_str());
    return 1;
  }
  insula::run(directory);
  std::filesystem::remove_all(directory);
  return 0;
}
