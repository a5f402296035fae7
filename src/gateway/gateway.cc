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
#include "base/check.h"
#include "gateway/shared_limits.h"
#include "gateway/usage_dump.h"

namespace insula::gateway {
namespace {

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
  Thread(IoEngine engine,
         const WorkerSettings& settings,
         UsageRecorder& usage,
         const ObserverSettings& observer) {
    std::promise<void> ready;
    thread_ = std::jthread([this, engine, &settings, &usage, observer, &ready] {
      const auto made = Loop::make(settings.clock, engine);
      INSULA_CHECK(made.has_value(), "no io_uring");
      Loop& loop = **made;
      const auto worker = std::make_unique<Worker>(loop, settings, usage, observer);
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
      registry_(registry),
      log_(log),
      directory_(settings.directory),
      metrics_(registry),
      waiting_room_(Loop::current()),
      worker_settings_{.clock = clock,
                       .metrics = metrics_,
                       .log = log,
                       .tls = settings.tls,
                       .body_bytes_max = settings.body_bytes_max,
                       .buffered_bytes_max = settings.buffered_bytes_max,
                       .connections_max = settings.connections_max.value_or(
                           connections_max(descriptors_allowed(), settings.loops)),
                       .timeouts = settings.timeouts,
                       .waiting_room = &waiting_room_},
      builder_(settings.directory / "limits", clock, registry, std::move(log)),
      budget_gauges_(registry) {}

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
  INSULA_TRY_VOID(gateway->share_limits(settings));
  INSULA_TRY_VOID(gateway->start(settings));
  return gateway;
}

Result<> Gateway::share_limits(const GatewaySettings& settings) {
  if (!settings.limit_store) return {};
  INSULA_TRY(ReplicaIdentity identity, start_replica(directory_ / "limits"));
  shared_limits_ = std::make_unique<SharedLimits>(settings.limit_store(), std::move(identity),
                                                  clock_, registry_, log_);
  worker_settings_.shared_limits = shared_limits_.get();
  builder_.share_limits(*shared_limits_);
  return {};
}

Result<> Gateway::start(const GatewaySettings& settings) {
  const unsigned loops = std::max(settings.loops, 1U);
  INSULA_TRY(usage_,
             UsageStore::open(directory_, {loops, settings.records}, clock_, metrics_, log_));
  builder_.read_used_from(
      [this](const std::string& currency) { return usage_->used_this_month(currency); });
  INSULA_TRY_VOID(start_observers(settings, loops));
  for (unsigned i = 0; i < loops; ++i) {
    UsageRecorder& recorder = usage_->recorder(i);
    recorder.on_records(
        [this] { writing_.post([this] { static_cast<void>(usage_->write_records()); }); });
    threads_.push_back(std::make_unique<Thread>(settings.io_engine, worker_settings_, recorder,
                                                observer_of(settings, i)));
  }
  return {};
}

Result<> Gateway::start_observers(const GatewaySettings& settings, unsigned loops) {
  if (!settings.access_log.path.empty()) {
    INSULA_TRY(access_log_, AccessLog::open(settings.access_log, loops, registry_, log_));
    for (unsigned i = 0; i < loops; ++i)
      access_log_->ring(i).on_lines([this] { logging_.post([this] { access_log_->write(); }); });
  }
  if (settings.tracing.endpoint.empty()) return {};
  INSULA_TRY(spans_, SpanExporter::make(settings.tracing, loops, registry_, log_));
  spans_->start();
  return {};
}

ObserverSettings Gateway::observer_of(const GatewaySettings& settings, unsigned loop) {
  ObserverSettings observer{.trace_ratio = settings.tracing.ratio};
  if (access_log_ != nullptr)
    observer.access_lines = {.ring = &access_log_->ring(loop), .dropped = &access_log_->dropped()};
  if (spans_ != nullptr)
    observer.spans = {.ring = &spans_->ring(loop), .dropped = &spans_->overflowed()};
  return observer;
}

void Gateway::reopen_access_log() {
  if (access_log_ != nullptr) logging_.post([this] { access_log_->reopen(); });
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

void Gateway::use_tls(const std::shared_ptr<net::TlsContext>& tls) {
  for (const auto& thread : threads_)
    thread->post([tls](Worker& worker) { worker.use_tls(tls); });
}

/// Returns when each worker was given to `call`, on its loop.
Task<> Gateway::on_every_loop(std::function<void(Worker&)> call) {
  struct Waiting {
    Event done;
    std::size_t left = 0;
  };

  // Shared: whoever waits may be gone before the last loop has answered.
  const auto waiting = std::make_shared<Waiting>();
  waiting->left = threads_.size();
  for (const auto& thread : threads_) {
    thread->post([call, waiting, &owner = Loop::current()](Worker& worker) {
      call(worker);
      owner.post([waiting] {
        if (--waiting->left == 0) waiting->done.set();
      });
    });
  }
  if (waiting->left > 0) co_await waiting->done.wait();
}

std::optional<api::Time> Gateway::api_key_end(std::string_view id) const {
  if (snapshot_ == nullptr) return std::nullopt;
  const auto& records = snapshot_->api_keys.records();
  const auto found = records.find(id);
  return found == records.end() ? std::nullopt : std::optional(found->second.grant.expires);
}

Task<Result<>> Gateway::apply(GatewayConfig config) {
  config_ = config;
  auto build = [this, config = std::move(config)]() -> Result<std::shared_ptr<const Snapshot>> {
    return builder_.build(config);
  };
  INSULA_CO_TRY(const std::shared_ptr<const Snapshot> snapshot,
                co_await blocking_.run(std::move(build)));
  incomplete_ = snapshot->incomplete;
  if (shared_limits_ != nullptr) shared_limits_->follow(!incomplete_);
  co_await on_every_loop([snapshot](Worker& worker) { worker.apply(snapshot); });
  snapshot_ = snapshot;
  metrics_.snapshots.add();
  metrics_.snapshot_tenants.set(static_cast<double>(snapshot->tenants.size()));
  if (monitor_ == nullptr)
    monitor_ = std::make_unique<EndpointMonitor>(Loop::current(), registry_, log_);
  monitor_->follow(*snapshot);
  co_return Result<>();
}

Result<> Gateway::persist_now() {
  builder_.flush();
  return usage_->persist();
}

Task<Result<>> Gateway::persist() {
  if (incomplete_) INSULA_CO_TRY_VOID(co_await apply(GatewayConfig(config_)));
  // What it cannot write it has told; the sums are the bill.
  static_cast<void>(co_await writing_.run([this] { return usage_->write_records(); }));
  if (access_log_ != nullptr) logging_.post([this] { access_log_->write(); });
  if (snapshot_ != nullptr) budget_gauges_.update(*snapshot_, clock_.wall());
  co_return co_await blocking_.run([this] { return persist_now(); });
}

std::map<std::string, std::string, std::less<>> Gateway::present_tenants() const {
  std::map<std::string, std::string, std::less<>> present;
  for (const TenantConfig& tenant : config_.tenants)
    present.emplace(tenant.name, tenant.uid);
  return present;
}

Result<std::vector<BudgetRow>> Gateway::budgets_in(const Snapshot& snapshot,
                                                   const std::string& tenant) {
  if (tenant.empty()) return budgets_of_tenants(snapshot, clock_.wall());
  const Tenant* found = snapshot.find(tenant);
  if (found == nullptr) return {};
  UsedThisMonth used(clock_.wall(), snapshot.prices.currency);
  if (found->members != nullptr) {
    INSULA_TRY(used, usage_->used_this_month(snapshot.prices.currency));
  }
  return budgets_of(snapshot, *found, used, clock_.wall());
}

Task<Result<UsageAnswer>> Gateway::usage(UsageQuery query, UsageOf whose) {
  const auto present = present_tenants();
  const auto found = present.find(query.tenant);
  const std::string uid = found == present.end() ? std::string() : found->second;
  const bool asks_for_former =
      whose == UsageOf::kPresentTenants && !query.uid && !query.tenant.empty();
  if (whose == UsageOf::kPresentTenants && !query.uid) query.present = present;
  const bool is_there = found != present.end();
  const bool of_former = query.uid || whose == UsageOf::kAllTenants;
  auto read = [this, query = std::move(query), uid, asks_for_former, is_there,
               snapshot = of_former ? nullptr : snapshot_]() -> Result<UsageAnswer> {
    builder_.flush();
    UsageAnswer answer{.by = query.by, .rows = {}};
    INSULA_TRY(answer.rows, usage_->read(query));
    if (asks_for_former) {
      INSULA_TRY(answer.former, usage_->tenants_beside(query.tenant, is_there ? &uid : nullptr));
    }
    if (snapshot != nullptr) {
      INSULA_TRY(answer.budgets, budgets_in(*snapshot, query.tenant));
    }
    return answer;
  };
  co_return co_await blocking_.run(std::move(read));
}

Task<Result<std::string>> Gateway::usage_dump() {
  static_cast<void>(co_await writing_.run([this] { return usage_->write_records(); }));
  auto dump = [this]() -> Result<std::string> {
    INSULA_TRY(const auto rows, usage_->sums());
    return write_usage_dump(rows);
  };
  co_return co_await blocking_.run(std::move(dump));
}

Task<std::shared_ptr<RecordScan>> Gateway::records(RecordQuery query, UsageOf whose) {
  const auto present = present_tenants();
  const auto found = present.find(query.tenant);
  if (whose == UsageOf::kPresentTenants && !query.uid) {
    // What there is no tenant for has no records but those of former ones.
    if (found == present.end()) query.limit = 0;
    if (found != present.end()) query.uid = found->second;
  }
  co_return co_await writing_.run([this, query = std::move(query)] {
    return std::make_shared<RecordScan>(usage_->scan(query));
  });
}

Task<Result<RecordScan::Piece>> Gateway::next_records(std::shared_ptr<RecordScan> scan) {
  auto piece = co_await writing_.run([scan = std::move(scan)] { return scan->next(); });
  if (piece && piece->damaged > 0) metrics_.records_damaged.add(piece->damaged);
  co_return piece;
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
  if (spans_ != nullptr) co_await spans_->flush(deadline);
  auto persisted = co_await persist();
  auto synced = co_await writing_.run([this] { return usage_->sync_records(); });
  co_return persisted ? std::move(synced) : std::move(persisted);
}

}  // namespace insula::gateway
