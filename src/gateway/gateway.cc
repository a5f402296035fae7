#include "gateway/gateway.h"

#include <algorithm>
#include <cerrno>
#include <future>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "async/event.h"
#include "async/loop.h"

namespace insula::gateway {
namespace {

constexpr const char* kJournalPrefix = "usage-";
constexpr const char* kJournalSuffix = ".journal";
constexpr const char* kLedgerFile = "usage.db";
constexpr const char* kDamagedSuffix = ".damaged";

std::int64_t hour_of(WallTime now) {
  return std::chrono::floor<std::chrono::hours>(now.time_since_epoch()).count();
}

std::uint64_t descriptors_allowed() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

Result<Fd> lock_directory(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "lock";
  Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (fd.get() < 0) return fail_errno("open " + file.string());
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno("lock " + file.string());
    return fail(ErrorCode::kConflict,
                directory.string() + ": another gateway is using this directory");
  }
  return fd;
}

}  // namespace

/// A thread with a loop and a worker. Members but the last are the thread's own once it runs.
class Gateway::Thread {
 public:
  Thread(const WorkerSettings& settings, UsageJournal& journal) {
    std::promise<void> ready;
    thread_ = std::jthread([this, &settings, &journal, &ready] {
      Loop loop(settings.clock);
      const auto worker = std::make_unique<Worker>(loop, settings, journal);
      TaskGroup draining;
      loop_ = &loop;
      worker_ = worker.get();
      draining_ = &draining;
      ready.set_value();
      loop.run();
    });
    ready.get_future().wait();
  }

  ~Thread() { loop_->stop(); }

  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  /// Runs on the worker's loop.
  template <class F>
  void post(F call) {
    loop_->post([this, call = std::move(call)]() mutable { call(*worker_); });
  }

  /// Calls `done` on the worker's loop when it has drained.
  void drain(Deadline deadline, std::move_only_function<void()> done) {
    loop_->post([this, deadline, done = std::move(done)]() mutable {
      draining_->spawn(drain_then(*worker_, deadline, std::move(done)));
    });
  }

 private:
  static Task<> drain_then(Worker& worker,
                           Deadline deadline,
                           std::move_only_function<void()> done) {
    co_await worker.drain(deadline);
    done();
  }

  Loop* loop_ = nullptr;
  Worker* worker_ = nullptr;
  TaskGroup* draining_ = nullptr;
  std::jthread thread_;
};

Gateway::Gateway(const GatewaySettings& settings,
                 const Clock& clock,
                 MetricsRegistry& registry,
                 Log log)
    : clock_(clock),
      log_(log),
      directory_(settings.directory),
      metrics_(registry),
      worker_settings_{.clock = clock,
                       .metrics = metrics_,
                       .log = log,
                       .tls = settings.tls,
                       .body_bytes_max = settings.body_bytes_max,
                       .buffered_bytes_max = settings.buffered_bytes_max,
                       .connections_max = settings.connections_max.value_or(
                           connections_max(descriptors_allowed(), settings.loops)),
                       .timeouts = settings.timeouts},
      builder_(settings.directory / "limits", clock, registry, std::move(log)) {}

Gateway::~Gateway() = default;

Result<std::unique_ptr<Gateway>> Gateway::create(const GatewaySettings& settings,
                                                 const Clock& clock,
                                                 MetricsRegistry& registry,
                                                 Log log) {
  std::error_code failed;
  std::filesystem::create_directories(settings.directory / "limits", failed);
  if (failed) return fail_errno("create " + settings.directory.string(), failed.value());
  std::unique_ptr<Gateway> gateway(new Gateway(settings, clock, registry, std::move(log)));
  INSULA_TRY(gateway->lock_, lock_directory(settings.directory));
  INSULA_TRY_VOID(gateway->start(settings));
  return gateway;
}

/// Tenants must not go unserved for their bill, so what cannot be read makes room for a new file.
Result<> Gateway::keep_aside(const std::filesystem::path& file, const Error& why) {
  log_.error("damaged usage file kept aside", "file", file.string() + kDamagedSuffix, "err", why);
  metrics_.damaged_files.add();
  if (::rename(file.c_str(), (file.string() + kDamagedSuffix).c_str()) != 0)
    return fail_errno("rename " + file.string());
  return {};
}

Result<> Gateway::keep_ledger_aside(const Error& why) {
  const std::string file = directory_ / kLedgerFile;
  // SQLite's log belongs to the file that it is named after: a new one must not find it.
  for (const char* suffix : {"-wal", "-shm"})
    ::rename((file + suffix).c_str(), (file + kDamagedSuffix + suffix).c_str());
  return keep_aside(file, why);
}

Result<> Gateway::open_ledger() {
  auto opened = UsageLedger::open(directory_ / kLedgerFile);
  if (!opened && opened.error().code() == ErrorCode::kConflict) {
    INSULA_TRY_VOID(keep_ledger_aside(opened.error()));
    opened = UsageLedger::open(directory_ / kLedgerFile);
  }
  INSULA_TRY(ledger_, std::move(opened));
  return {};
}

Result<std::unique_ptr<UsageJournal>> Gateway::open_journal(const std::filesystem::path& file) {
  auto opened = UsageJournal::open(file);
  if (opened || opened.error().code() != ErrorCode::kConflict) return opened;
  INSULA_TRY_VOID(keep_aside(file, opened.error()));
  return UsageJournal::open(file);
}

Result<> Gateway::bring_in(const std::filesystem::path& journal_file) {
  INSULA_TRY(const auto journal, open_journal(journal_file));
  const std::int64_t hour = hour_of(clock_.wall());
  auto copied = ledger_->copy(*journal, hour, UsageLedger::Release::kAll);
  if (copied || copied.error().code() != ErrorCode::kConflict) return copied;
  // Damage further inside, which opening did not meet.
  ledger_.reset();
  INSULA_TRY_VOID(keep_ledger_aside(copied.error()));
  INSULA_TRY_VOID(open_ledger());
  return ledger_->copy(*journal, hour, UsageLedger::Release::kAll);
}

Result<> Gateway::start(const GatewaySettings& settings) {
  INSULA_TRY_VOID(open_ledger());
  // Journals of an earlier run, also of one with more loops.
  std::vector<std::filesystem::path> earlier;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(kJournalPrefix) && name.ends_with(kJournalSuffix))
      earlier.push_back(entry.path());
  }
  for (const auto& file : earlier)
    INSULA_TRY_VOID(bring_in(file));
  for (unsigned i = 0; i < std::max(settings.loops, 1U); ++i) {
    INSULA_TRY(auto journal,
               open_journal(directory_ / fmt::format("{}{}{}", kJournalPrefix, i, kJournalSuffix)));
    journals_.push_back(std::move(journal));
    persisted_changes_.push_back(0);
    threads_.push_back(std::make_unique<Thread>(worker_settings_, *journals_.back()));
  }
  return {};
}

Result<> Gateway::serve(int fd) {
  for (const auto& thread : threads_) {
    const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) return fail_errno("duplicate a listening socket");
    thread->post([own](Worker& worker) {
      worker.serve(std::make_unique<net::Listener>(Loop::current(), own));
    });
  }
  return {};
}

Task<Result<>> Gateway::apply(GatewayConfig config) {
  config_ = config;
  auto build = [this, config = std::move(config)]() -> Result<std::shared_ptr<const Snapshot>> {
    return builder_.build(config);
  };
  INSULA_CO_TRY(const std::shared_ptr<const Snapshot> snapshot,
                co_await blocking_.run(std::move(build)));
  incomplete_ = snapshot->incomplete;
  metrics_.snapshots.add();
  metrics_.snapshot_tenants.set(static_cast<double>(snapshot->tenants.size()));
  for (const auto& thread : threads_) {
    thread->post([snapshot](Worker& worker) { worker.apply(snapshot); });
  }
  co_return Result<>();
}

Result<> Gateway::persist_now() {
  builder_.flush();
  for (std::size_t i = 0; i < journals_.size(); ++i) {
    const std::uint64_t changes = journals_[i]->changes();
    if (changes == persisted_changes_[i]) continue;
    INSULA_TRY_VOID(
        ledger_->copy(*journals_[i], hour_of(clock_.wall()), UsageLedger::Release::kOldHours));
    persisted_changes_[i] = changes;
  }
  return {};
}

Task<Result<>> Gateway::persist() {
  if (incomplete_) INSULA_CO_TRY_VOID(co_await apply(GatewayConfig(config_)));
  co_return co_await blocking_.run([this] { return persist_now(); });
}

Task<Result<std::vector<UsageRow>>> Gateway::usage(UsageQuery query) {
  auto read = [this, query = std::move(query)]() -> Result<std::vector<UsageRow>> {
    INSULA_TRY_VOID(persist_now());
    return ledger_->read(query);
  };
  co_return co_await blocking_.run(std::move(read));
}

Task<Result<>> Gateway::drain(Deadline deadline) {
  Event drained;
  std::size_t left = threads_.size();
  Loop& loop = Loop::current();
  for (const auto& thread : threads_) {
    thread->drain(deadline, [&loop, &left, &drained] {
      loop.post([&left, &drained] {
        if (--left == 0) drained.set();
      });
    });
  }
  co_await drained.wait();
  co_return co_await persist();
}

}  // namespace insula::gateway
