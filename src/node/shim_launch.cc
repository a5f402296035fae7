#include "node/shim_launch.h"

#include <array>
#include <chrono>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "async/deadline.h"
#include "async/loop.h"
#include "node/files.h"

namespace insula::node {
namespace {

constexpr std::size_t kReportBytesMax = 4096;
constexpr int kLostExitCode = 137;
constexpr const char* kLaunchLock = "/launch";
constexpr auto kLaunchPause = std::chrono::milliseconds(5);
// For an OCI runtime that hangs.
constexpr auto kLaunchSettlesMax = std::chrono::seconds(30);

// The lock belongs to the open file, which the shim inherits: it is free when both are gone, and
// there is no moment between them.
Result<Fd> take_launch_lock(const std::string& dir) {
  const std::string path = dir + kLaunchLock;
  Fd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return fail_errno("open " + path);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) return fail_errno("lock " + path);
  return file;
}

Task<Result<std::string>> read_report(Fd fd) {
  FdWatch watch(Loop::current(), fd.get());
  std::string report;
  std::array<char, 512> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  while (report.size() < kReportBytesMax && !report.ends_with('\n')) {
    INSULA_CO_TRY(const std::size_t n, co_await read_some(watch, buffer.data(), buffer.size()));
    if (n == 0) break;
    report.append(buffer.data(), n);
  }
  if (report.ends_with('\n')) report.pop_back();
  co_return report;
}

// The first agent that started a shim is its parent and must reap it; a later one cannot.
void reap_quietly(pid_t pid) {
  waitpid(pid, nullptr, WNOHANG);
}

}  // namespace

Task<Result<Container>> launch_shim(ShimLaunch launch, const ContainerPlan& plan) {
  INSULA_CO_TRY(Pipe status, make_pipe());
  INSULA_CO_TRY(Fd lock, take_launch_lock(plan.dir));
  SpawnOptions options;
  options.argv = {launch.binary, "shim",
                  "--dir",       plan.dir,
                  "--log",       plan.log_path,
                  "--log-bytes", fmt::format("{}", plan.log_bytes_max),
                  "--log-files", fmt::format("{}", plan.log_files_max)};
  std::ranges::move(launch.flags, std::back_inserter(options.argv));
  options.argv.emplace_back("--");
  std::ranges::move(launch.command, std::back_inserter(options.argv));
  options.env = std::move(launch.env);
  options.fds = {{kShimStatusFd, status.write_end.get()}, {kShimLockFd, lock.get()}};
  INSULA_CO_TRY(const pid_t pid, spawn(options));
  status.write_end.close();
  lock.close();
  INSULA_CO_TRY(const std::string report, co_await read_report(std::move(status.read_end)));
  if (!report.starts_with("started ")) {
    INSULA_CO_TRY_VOID(co_await reap(pid));
    constexpr std::string_view kFailed = "failed ";
    std::string why = report.starts_with(kFailed) ? report.substr(kFailed.size())
                                                  : "the shim ended without a report";
    co_return fail(ErrorCode::kInvalid, std::move(why));
  }
  co_return find_container(plan.id, plan.dir);
}

Task<> launch_settled(std::string dir) {
  const Fd lock(open((dir + kLaunchLock).c_str(), O_RDWR | O_CLOEXEC));
  if (!lock) co_return;
  const Deadline limit = Loop::current().now() + kLaunchSettlesMax;
  while (flock(lock.get(), LOCK_EX | LOCK_NB) != 0 && Loop::current().now() < limit)
    co_await sleep_for(kLaunchPause);
}

Result<Container> find_container(std::string id, std::string dir) {
  INSULA_TRY(const std::string text, read_file(dir + "/shim"));
  INSULA_TRY(const ShimIdentity identity, parse_shim_identity(text));
  return Container{std::move(id), std::move(dir), identity};
}

Task<ExitRecord> wait_for_exit(Container container) {
  const pid_t shim = container.identity.shim.pid;
  if (is_alive(container.identity.shim)) {
    if (const Result<Fd> fd = watch_process(shim); fd) co_await process_ended(fd->get());
  }
  reap_quietly(shim);
  if (const Result<std::string> text = read_file(container.dir + "/exit"); text) {
    if (const Result<ExitRecord> record = parse_exit_record(*text); record) co_return *record;
  }
  if (is_alive(container.identity.container)) kill(container.identity.container.pid, SIGKILL);
  const auto now = Loop::current().clock().wall().time_since_epoch();
  co_return ExitRecord{kLostExitCode, 0,
                       std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()};
}

}  // namespace insula::node
