#include "server/supervisor.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace insula::server {
namespace {

constexpr std::chrono::milliseconds kForever{-1};
constexpr std::string_view kReady = "READY\n";
constexpr int kCannotStart = 126;

sigset_t supervised_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, SIGCHLD);
  return set;
}

std::string exit_text(int wait_status) {
  if (WIFSIGNALED(wait_status)) return fmt::format("signal {}", WTERMSIG(wait_status));
  return fmt::format("status {}", WEXITSTATUS(wait_status));
}

bool drop_to(const Account& account) {
  return ::setgroups(0, nullptr) == 0 && ::setresgid(account.gid, account.gid, account.gid) == 0 &&
         ::setresuid(account.uid, account.uid, account.uid) == 0 &&
         ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

void keep_open(int fd) {
  const int flags = ::fcntl(fd, F_GETFD);
  if (flags >= 0) ::fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
}

}  // namespace

Supervisor::Supervisor(std::vector<ProcessSpec> processes,
                       Options options,
                       Log log,
                       const Clock& clock)
    : options_(std::move(options)), log_(std::move(log)), clock_(clock) {
  children_.reserve(processes.size());
  for (ProcessSpec& spec : processes) {
    Child child;
    child.status.name = spec.name;
    child.spec = std::move(spec);
    children_.push_back(std::move(child));
  }
}

Result<> Supervisor::run() {
  const sigset_t set = supervised_signals();
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return fail_errno("block signals");
  signals_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return fail_errno("take signals");
  for (Child& child : children_)
    INSULA_TRY_VOID(start(child));
  while (!stopping_) {
    restart_due();
    tell_again();
    wait_for_events(until_next_turn());
  }
  stop_all();
  if (failed_child_.empty()) return {};
  return fail(ErrorCode::kUnavailable,
              fmt::format("{} does not start ({})", failed_child_, failed_exit_));
}

Result<> Supervisor::start(Child& child) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return fail_errno("create pipe");
  Fd reading(ends[0]);
  const Fd writing(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("start " + child.spec.name);
  if (pid == 0) become(child, writing.get(), parent);
  child.notify = std::move(reading);
  child.started = clock_.now();
  child.restart_at.reset();
  child.status.pid = pid;
  child.status.ready = false;
  log_.info("process started", "process", child.spec.name, "pid", pid);
  changed();
  return {};
}

// In the child: no allocation matters here, the supervisor has a single thread.
void Supervisor::become(const Child& child, int notify_fd, pid_t parent) const {
  const sigset_t set = supervised_signals();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  ::setsid();
  if (child.spec.account && !drop_to(*child.spec.account)) {
    fmt::print(stderr, "insula {}: cannot become user {}: {}\n", child.spec.name,
               child.spec.account->uid,
               std::strerror(errno));  // NOLINT(concurrency-mt-unsafe): one thread
    ::_exit(kCannotStart);
  }
  // After the change of user, which clears it.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(0);
  for (const Fd& socket : child.spec.sockets)
    keep_open(socket.get());
  keep_open(notify_fd);
  ::setenv(kNotifyVariable, fmt::format("{}", notify_fd).c_str(),
           1);  // NOLINT(concurrency-mt-unsafe): one thread

  std::vector<char*> argv;
  argv.push_back(const_cast<char*>(options_.executable_name.c_str()));
  for (const std::string& argument : child.spec.arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  // By descriptor: a binary replaced on disk must not mix two versions in one platform.
  ::fexecve(options_.executable_fd, argv.data(), environ);
  fmt::print(stderr, "insula {}: cannot start: {}\n", child.spec.name,
             std::strerror(errno));  // NOLINT(concurrency-mt-unsafe): one thread
  ::_exit(kCannotStart);
}

void Supervisor::restart_due() {
  const SteadyTime now = clock_.now();
  for (Child& child : children_) {
    if (!child.restart_at || *child.restart_at > now) continue;
    ++child.status.restarts;
    if (const auto started = start(child); !started) {
      log_.error("process not started", "process", child.spec.name, "err", started.error());
      child.restart_at = now + kRestartDelayMax;
    }
  }
}

void Supervisor::tell_again() {
  if (tell_again_at_ && *tell_again_at_ <= clock_.now()) changed();
}

std::chrono::milliseconds Supervisor::until_next_turn() const {
  auto left = kForever;
  const auto wait_for = [&](const std::optional<SteadyTime>& time) {
    if (!time) return;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*time - clock_.now());
    const auto bounded = std::max(wait, std::chrono::milliseconds(0));
    left = left == kForever ? bounded : std::min(left, bounded);
  };
  for (const Child& child : children_)
    wait_for(child.restart_at);
  wait_for(tell_again_at_);
  return left;
}

void Supervisor::wait_for_events(std::chrono::milliseconds limit) {
  std::vector<pollfd> polled = {{.fd = signals_.get(), .events = POLLIN, .revents = 0}};
  for (const Child& child : children_) {
    polled.push_back({.fd = child.notify.get(), .events = POLLIN, .revents = 0});  // -1 is skipped
  }
  if (::poll(polled.data(), polled.size(), static_cast<int>(limit.count())) <= 0) return;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (polled[i + 1].revents != 0) take_notification(children_[i]);
  }
  if (polled[0].revents != 0) take_signals();
}

void Supervisor::take_notification(Child& child) {
  char buffer[64];
  const ssize_t size = ::read(child.notify.get(), buffer, sizeof buffer);
  if (size > 0 && std::string_view(buffer, static_cast<std::size_t>(size)) == kReady) {
    child.status.ready = true;
    child.was_ready = true;
    log_.info("process ready", "process", child.spec.name);
  }
  child.notify.close();
  changed();
}

void Supervisor::take_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) continue;
    if (info.ssi_signo == SIGHUP && options_.ignore_hangup) continue;
    log_.info("stopping", "signal", info.ssi_signo);
    stopping_ = true;
  }
  reap();
}

void Supervisor::reap() {
  int wait_status = 0;
  pid_t pid = 0;
  while ((pid = ::waitpid(-1, &wait_status, WNOHANG)) > 0) {
    for (Child& child : children_) {
      if (child.status.pid == pid) on_exit(child, wait_status);
    }
  }
}

void Supervisor::on_exit(Child& child, int wait_status) {
  const SteadyTime now = clock_.now();
  child.status.pid = 0;
  child.status.ready = false;
  child.notify.close();
  if (stopping_) {
    log_.info("process stopped", "process", child.spec.name, "exit", exit_text(wait_status));
  } else {
    if (now - child.started >= kSteadyAfter) {
      child.delay = kRestartDelayMin;
      child.restart_at = now;
    } else {
      child.restart_at = now + child.delay;
      child.delay = std::min(child.delay * 2, kRestartDelayMax);
    }
    log_.error("process died", "process", child.spec.name, "exit", exit_text(wait_status),
               "restarts", child.status.restarts);
    if (!child.was_ready && ++child.failed_starts == options_.failed_starts_max) {
      failed_child_ = child.spec.name;
      failed_exit_ = exit_text(wait_status);
      stopping_ = true;
    }
  }
  changed();
}

void Supervisor::stop_all() {
  for (auto child = children_.rbegin(); child != children_.rend(); ++child) {
    child->spec.sockets.clear();
    if (child->status.pid == 0) continue;
    ::kill(child->status.pid, SIGTERM);
    const SteadyTime deadline = clock_.now() + child->spec.stop_grace;
    while (child->status.pid != 0) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock_.now());
      if (left <= std::chrono::milliseconds(0)) {
        log_.warn("process killed", "process", child->spec.name, "reason", "did not stop in time");
        ::kill(child->status.pid, SIGKILL);
        int wait_status = 0;
        ::waitpid(child->status.pid, &wait_status, 0);
        on_exit(*child, wait_status);
        break;
      }
      wait_for_events(left);
    }
  }
}

void Supervisor::changed() {
  if (!options_.on_change) return;
  std::vector<Status> all;
  for (const Child& child : children_)
    all.push_back(child.status);
  tell_again_at_.reset();
  if (!options_.on_change(all)) tell_again_at_ = clock_.now() + kTellAgainAfter;
}

void notify_ready() {
  const char* text =
      std::getenv(kNotifyVariable);  // NOLINT(concurrency-mt-unsafe): before any thread
  if (text == nullptr) return;
  int fd = -1;
  const auto parsed = std::from_chars(text, text + std::strlen(text), fd);
  if (parsed.ec != std::errc()) return;
  [[maybe_unused]] const auto written = ::write(fd, kReady.data(), kReady.size());
  ::close(fd);
  ::unsetenv(kNotifyVariable);  // NOLINT(concurrency-mt-unsafe): nothing else reads it
}

}  // namespace insula::server
