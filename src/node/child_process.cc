#include "node/child_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>
#include <variant>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "async/deadline.h"
#include "async/retry.h"
#include "async/task_group.h"
#include "node/files.h"

namespace insula::node {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts)
    out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }

  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }

  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

class Attributes {
 public:
  Attributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    constexpr int kFlags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    posix_spawnattr_setflags(&attributes_, static_cast<short>(kFlags));
  }

  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  ~Attributes() { posix_spawnattr_destroy(&attributes_); }

  posix_spawnattr_t* get() { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

// Kills a child that nobody waits for any more, and reaps it.
class KillOnUnwind {
 public:
  KillOnUnwind(pid_t pid, std::string pid_file) : pid_(pid), pid_file_(std::move(pid_file)) {}

  KillOnUnwind(const KillOnUnwind&) = delete;
  KillOnUnwind& operator=(const KillOnUnwind&) = delete;

  ~KillOnUnwind() {
    if (pid_ > 0) {
      kill_spawned(pid_, pid_file_);
      waitpid(pid_, nullptr, 0);
    }
    remove_spawn_files(pid_file_);
  }

  void release() { pid_ = 0; }

 private:
  pid_t pid_;
  std::string pid_file_;
};

std::optional<std::monostate> ready_or_nothing(const FdWatch& watch) {
  if (watch.readable || watch.hung_up) return std::monostate();
  return std::nullopt;
}

std::optional<Result<std::size_t>> try_read(FdWatch& watch, char* into, std::size_t size) {
  while (true) {
    const ssize_t n = ::read(watch.fd(), into, size);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail_errno("read a pipe");
    watch.readable = false;
    return std::nullopt;
  }
}

Task<> keep_beginning(Fd& output, std::string& text) {
  FdWatch watch(Loop::current(), output.get());
  std::array<char, 4096> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  while (true) {
    const Result<std::size_t> n = co_await read_some(watch, buffer.data(), buffer.size());
    if (!n || *n == 0) co_return;
    text.append(buffer.data(), std::min(*n, kCommandOutputMax - text.size()));
  }
}

Task<Result<CommandResult>> collect(pid_t pid, Fd output, std::string pid_file) {
  KillOnUnwind guard(pid, std::move(pid_file));
  CommandResult result;
  INSULA_CO_TRY(const Fd pid_fd, watch_process(pid));
  TaskGroup reading;
  reading.spawn(keep_beginning(output, result.output));
  co_await process_ended(pid_fd.get());
  co_await race(reading.drained(), sleep_for(kOutputAfterExit));
  guard.release();
  INSULA_CO_TRY(const ExitStatus status, co_await reap(pid));
  result.exit_code = status.code;
  co_return result;
}

}  // namespace

Result<Fd> watch_process(pid_t pid) {
  // O_NONBLOCK has the meaning of PIDFD_NONBLOCK and matters only to waitid.
  Fd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (fd) return fd;
  if (errno == ESRCH) return fail(ErrorCode::kNotFound, fmt::format("no process {}", pid));
  return fail_errno(fmt::format("watch process {}", pid));
}

Task<> process_ended(int pid_fd) {
  FdWatch watch(Loop::current(), pid_fd);
  co_await retry_on(watch.readers, [&watch] { return ready_or_nothing(watch); });
}

Result<pid_t> spawn(const SpawnOptions& options) {
  FileActions actions;
  // The first terminal that a session leader opens becomes its controlling one.
  const char* standard_file = options.terminal.empty() ? "/dev/null" : options.terminal.c_str();
  for (int standard = 0; standard < 3; ++standard) {
    posix_spawn_file_actions_addopen(actions.get(), standard, standard_file, O_RDWR, 0);
  }
  for (const auto& [number, ours] : options.fds) {
    posix_spawn_file_actions_adddup2(actions.get(), ours, number);
  }
  if (!options.cwd.empty())
    posix_spawn_file_actions_addchdir_np(actions.get(), options.cwd.c_str());
  Attributes attributes;
  const std::vector<char*> argv = pointers(options.argv);
  const std::vector<char*> env = pointers(options.env);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, argv[0], actions.get(), attributes.get(), argv.data(), env.data());
  if (error != 0) return fail_errno("run " + options.argv.front(), error);
  return pid;
}

void give_to(const Fd& pipe, const std::optional<FileOwner>& owner) {
  if (owner) static_cast<void>(fchown(pipe.get(), owner->uid, owner->gid) == 0);
}

void remove_spawn_files(const std::string& pid_file) {
  if (pid_file.empty()) return;
  unlink(pid_file.c_str());
  unlink((pid_file + std::string(kProcessFileSuffix)).c_str());
}

void kill_spawned(pid_t pid, const std::string& pid_file) {
  siginfo_t info{};
  // While the child has not ended, what it waits for has its pid for sure.
  const bool runs =
      waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
      info.si_pid == 0;
  if (runs && !pid_file.empty()) {
    const std::string text = read_file(pid_file).value_or("");
    const auto elsewhere = static_cast<pid_t>(std::strtol(text.c_str(), nullptr, 10));
    if (elsewhere > 1) {
      // Its session is its own, though with crun it is not the one who leads it.
      const pid_t group = getpgid(elsewhere);
      if (group > 1 && group != getpgrp()) kill(-group, SIGKILL);
      kill(elsewhere, SIGKILL);
    }
  }
  kill(-pid, SIGKILL);
  kill(pid, SIGKILL);
}

Task<Result<ExitStatus>> reap(pid_t pid) {
  if (const Result<Fd> fd = watch_process(pid); fd) co_await process_ended(fd->get());
  int status = 0;
  if (waitpid(pid, &status, 0) < 0) co_return fail_errno(fmt::format("wait for process {}", pid));
  co_return ExitStatus{WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status)};
}

Task<Result<CommandResult>> run_command(SpawnOptions options, Deadline deadline) {
  INSULA_CO_TRY(Pipe pipe, make_pipe());
  options.fds.emplace_back(STDOUT_FILENO, pipe.write_end.get());
  options.fds.emplace_back(STDERR_FILENO, pipe.write_end.get());
  give_to(pipe.write_end, options.output_owner);
  INSULA_CO_TRY(const pid_t pid, spawn(options));
  pipe.write_end.close();
  co_return co_await with_deadline(
      deadline, collect(pid, std::move(pipe.read_end), std::move(options.pid_file)));
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("make a pipe");
  Pipe out{Fd(ends[0]), Fd(ends[1])};
  if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) return fail_errno("make a pipe non-blocking");
  return out;
}

Task<Result<std::size_t>> read_some(FdWatch& watch, char* into, std::size_t size) {
  co_return co_await retry_on(watch.readers, [=, &watch] { return try_read(watch, into, size); });
}

}  // namespace insula::node
