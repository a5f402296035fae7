#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "node/cri_log.h"
#include "node/files.h"
#include "node/run.h"
#include "node/shim.h"

// Everything here is plain system calls: one such process runs for every container, so it pulls in
// nothing that allocates or starts threads.
namespace insula::node {
namespace {

// What shells answer for a program that is not there, or that may not be run.
constexpr int kExecFailed = 127;
constexpr int kNotExecutable = 126;
constexpr std::size_t kReadBytes = 16U * 1024;
constexpr std::size_t kReasonBytesMax = 2048;
// Ten seconds in all, for a process that cannot be ended.
constexpr int kReapRoundsMax = 10'000;
constexpr useconds_t kReapPauseMicros = 1000;

// Spec: OCI runtime command line interface.
constexpr std::string_view kCreateVerb = "create";
constexpr std::string_view kStartVerb = "start";

struct ShimOptions {
  std::string dir;
  std::string log;
  std::int64_t log_bytes = 0;
  int log_files = 1;
  std::string pid_file;  // empty: the command is the container
  std::string start;     // not empty: the command creates it, and this starts it
  std::string cwd;
  uid_t user = 0;  // 0: as the agent
  uid_t output_uid = 0;
  gid_t output_gid = 0;
  bool hide_unified = false;
  bool exec_only = false;
  bool marked_env = false;
  char** command = nullptr;
};

bool parse(int argc, char** argv, ShimOptions& out) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--") {
      out.command = argv + i + 1;
      return i + 1 < argc;
    }
    if (flag == "--hide-unified") {
      out.hide_unified = true;
      continue;
    }
    if (flag == "--exec") {
      out.exec_only = true;
      continue;
    }
    if (flag == "--marked-env") {
      out.marked_env = true;
      continue;
    }
    if (i + 1 == argc) return false;
    const char* value = argv[++i];
    if (flag == "--dir") {
      out.dir = value;
    } else if (flag == "--log") {
      out.log = value;
    } else if (flag == "--log-bytes") {
      out.log_bytes = std::strtoll(value, nullptr, 10);
    } else if (flag == "--log-files") {
      out.log_files = static_cast<int>(std::strtol(value, nullptr, 10));
    } else if (flag == "--pid-file") {
      out.pid_file = value;
    } else if (flag == "--start") {
      out.start = value;
    } else if (flag == "--cwd") {
      out.cwd = value;
    } else if (flag == "--user") {
      out.user = static_cast<uid_t>(std::strtoul(value, nullptr, 10));
    } else if (flag == "--output-owner") {
      char* rest = nullptr;
      out.output_uid = static_cast<uid_t>(std::strtoul(value, &rest, 10));
      if (*rest == ':') out.output_gid = static_cast<gid_t>(std::strtoul(rest + 1, nullptr, 10));
    } else {
      return false;
    }
  }
  return false;
}

std::timespec wall_time() {
  std::timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now;
}

// False when nobody is there to hear it.
bool report(std::string_view verb, std::string_view detail) {
  const std::string line = std::string(verb) + " " + std::string(detail) + "\n";
  const bool heard =
      write(kShimStatusFd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  close(kShimStatusFd);
  return heard;
}

int failed(std::string_view why) {
  report("failed", why);
  return 1;
}

std::string with_errno(std::string_view what) {
  return std::string(what) + ": " + std::strerror(errno);
}

// crun refuses a hybrid hierarchy; in a mount namespace without the cgroup2 part it sees plain v1.
void hide_unified_cgroup() {
  if (unshare(CLONE_NEWNS) != 0) return;
  mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr);
  umount2("/sys/fs/cgroup/unified", MNT_DETACH);
}

struct Pipes {
  Fd out_read, out_write, err_read, err_write, exec_read, exec_write;
};

bool open_pipes(Pipes& pipes) {
  const auto make = [](Fd& read_end, Fd& write_end) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    read_end = Fd(ends[0]);
    write_end = Fd(ends[1]);
    return true;
  };
  return make(pipes.out_read, pipes.out_write) && make(pipes.err_read, pipes.err_write) &&
         make(pipes.exec_read, pipes.exec_write);
}

// Opening a pipe again by its name asks for rights to it, which the container's user else lacks.
void give_away(const Pipes& pipes, const ShimOptions& options) {
  if (options.output_uid == 0 && options.output_gid == 0) return;
  for (const Fd* pipe : {&pipes.out_write, &pipes.err_write})
    static_cast<void>(fchown(pipe->get(), options.output_uid, options.output_gid) == 0);
}

bool become_user(uid_t user) {
  if (user == 0) return true;
  const gid_t group = user;
  return setgroups(0, nullptr) == 0 && setresgid(group, group, group) == 0 &&
         setresuid(user, user, user) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

// Only for the command: what a tenant chose (LD_PRELOAD, LD_DEBUG_OUTPUT) must not work on a shim
// that is root.
void take_marked_environment() {
  char** into = environ;
  for (char** from = environ; *from != nullptr; ++from) {
    if (**from == kEnvMark) *into++ = *from + 1;
  }
  *into = nullptr;
}

// Returns only when the command cannot be run; errno tells why.
void run_command_as_told(const ShimOptions& options) {
  // As the user: a private directory stays closed.
  if (!become_user(options.user)) return;
  if (!options.cwd.empty() && chdir(options.cwd.c_str()) != 0) return;
  if (options.marked_env) take_marked_environment();
  execvp(options.command[0], options.command);
}

[[noreturn]] void become_command(const ShimOptions& options, const Pipes& pipes) {
  setsid();
  if (options.pid_file.empty()) prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (options.hide_unified) hide_unified_cgroup();
  for (const int number : {SIGPIPE, SIGTERM, SIGINT, SIGHUP})
    std::signal(number, SIG_DFL);
  dup2(pipes.out_write.get(), STDOUT_FILENO);
  dup2(pipes.err_write.get(), STDERR_FILENO);
  run_command_as_told(options);
  const int error = errno;
  static_cast<void>(!write(pipes.exec_write.get(), &error, sizeof error));
  _exit(kExecFailed);
}

// The errno of a failed exec; 0 once the command runs.
int exec_error(const Fd& fd) {
  int error = 0;
  while (read(fd.get(), &error, sizeof error) < 0 && errno == EINTR) {
  }
  return error;
}

// What an OCI runtime printed before it gave up, for the event that tells the user.
std::string last_words(const Fd& fd) {
  fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  std::string text(kReasonBytesMax, '\0');
  const ssize_t n = read(fd.get(), text.data(), text.size());
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  while (text.ends_with(' '))
    text.pop_back();
  return text;
}

int wait_status(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return status;
}

// Whether the OCI runtime did what it was told; false and a report when it did not.
bool has_succeeded(pid_t runtime, const Fd& err_read) {
  const int status = wait_status(runtime);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  const std::string words = last_words(err_read);
  failed(words.empty() ? "the OCI runtime failed and said nothing" : words);
  return false;
}

// The container's pid, once the OCI runtime has made it; 0 and a report when it could not.
pid_t adopt(const ShimOptions& options, pid_t runtime, const Pipes& pipes) {
  if (!has_succeeded(runtime, pipes.err_read)) return 0;
  const Result<std::string> text = read_file(options.pid_file);
  const pid_t pid = text ? static_cast<pid_t>(std::strtol(text->c_str(), nullptr, 10)) : 0;
  if (pid <= 0) failed("the OCI runtime left no pid");
  return pid;
}

// Starts the container that the command only created, by the same command with another verb. False
// and a report when it cannot be.
bool start(ShimOptions options) {
  std::vector<char*> words;
  for (char** word = options.command; *word != nullptr && *word != kCreateVerb; ++word)
    words.push_back(*word);
  std::string verb(kStartVerb);
  words.insert(words.end(), {verb.data(), options.start.data(), nullptr});
  options.command = words.data();
  Pipes pipes;
  const pid_t child = open_pipes(pipes) ? fork() : -1;
  if (child < 0) {
    failed(with_errno("run the OCI runtime"));
    return false;
  }
  if (child == 0) become_command(options, pipes);
  pipes.out_write.close();
  pipes.err_write.close();
  return has_succeeded(child, pipes.err_read);
}

// Copies both pipes to the log until the container has ended and what it wrote before is read. The
// container is its first process: `group`, where no pid namespace does it, is killed after that
// one.
void relay(int pid_fd, pid_t group, const Pipes& pipes, LogWriter& log) {
  LineSplitter out(log, LogStream::kStdout);
  LineSplitter err(log, LogStream::kStderr);
  std::array<pollfd, 3> fds = {
      {{pid_fd, POLLIN, 0}, {pipes.out_read.get(), POLLIN, 0}, {pipes.err_read.get(), POLLIN, 0}}};
  static std::array<char, kReadBytes> buffer;
  bool ended = false;
  while (true) {
    const int ready = poll(fds.data(), fds.size(), ended ? 0 : -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) break;
    if (fds[0].revents != 0) {
      ended = true;
      fds[0].fd = -1;
      if (group > 0) kill(-group, SIGKILL);
    }
    for (std::size_t i = 1; i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      const ssize_t n = read(fds[i].fd, buffer.data(), buffer.size());
      if (n > 0) {
        (i == 1 ? out : err).feed({buffer.data(), static_cast<std::size_t>(n)}, wall_time());
      } else if (n == 0 || errno != EINTR) {
        fds[i].fd = -1;
      }
    }
  }
  out.finish(wall_time());
  err.finish(wall_time());
}

// Ends what the container's first process has left behind, also in sessions of their own. The shim
// is a subreaper, so all of it is a child of ours, or will be once the parent between has gone.
void end_descendants() {
  const std::string children = "/proc/self/task/" + std::to_string(getpid()) + "/children";
  for (int round = 0; round < kReapRoundsMax; ++round) {
    const std::string pids = read_file(children).value_or("");
    const char* at = pids.c_str();
    char* end = nullptr;
    for (long pid = 0; (pid = std::strtol(at, &end, 10)) > 0; at = end)
      kill(static_cast<pid_t>(pid), SIGKILL);
    pid_t reaped = 0;
    while ((reaped = waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    if (reaped < 0 && errno == ECHILD) return;
    usleep(kReapPauseMicros);
  }
}

void leave_exit_record(const ShimOptions& options, int status) {
  ExitRecord record;
  if (WIFSIGNALED(status)) {
    record.signal = WTERMSIG(status);
    record.exit_code = 128 + record.signal;
  } else {
    record.exit_code = WEXITSTATUS(status);
  }
  const std::timespec now = wall_time();
  record.finished_unix_ns = (now.tv_sec * 1'000'000'000L) + now.tv_nsec;
  static_cast<void>(replace_file(options.dir + "/exit", to_text(record)).has_value());
}

// `start_lock` is held until it returns or the container runs.
int supervise(const ShimOptions& options, Fd start_lock) {
  LogWriter log(options.log, options.log_bytes, options.log_files);
  if (!log.open()) return failed(with_errno("open " + options.log));
  Pipes pipes;
  if (!open_pipes(pipes)) return failed(with_errno("make pipes"));
  give_away(pipes, options);
  const pid_t child = fork();
  if (child < 0) return failed(with_errno("fork"));
  if (child == 0) become_command(options, pipes);
  pipes.out_write.close();
  pipes.err_write.close();
  pipes.exec_write.close();
  if (const int error = exec_error(pipes.exec_read); error != 0) {
    errno = error;
    return failed(with_errno(std::string("exec ") + options.command[0]));
  }
  const pid_t container = options.pid_file.empty() ? child : adopt(options, child, pipes);
  if (container == 0) return 1;
  const Fd pid_fd(static_cast<int>(syscall(SYS_pidfd_open, container, 0)));
  if (!pid_fd) return failed(with_errno("watch the container"));
  const Result<ProcessIdentity> self = identify(getpid());
  const Result<ProcessIdentity> other = identify(container);
  if (!options.start.empty() && !start(options)) {
    kill(container, SIGKILL);
    wait_status(container);
    return 1;
  }
  // A container that has already ended still has an exit status to collect below.
  const ShimIdentity identity{self ? *self : ProcessIdentity{},
                              other ? *other : ProcessIdentity{container, 0}};
  // An agent that died meanwhile will start the container again: then this one must not stay.
  const bool known = replace_file(options.dir + "/shim", to_text(identity)) &&
                     report("started", std::to_string(container));
  if (!known) {
    unlink((options.dir + "/shim").c_str());
    kill(container, SIGKILL);
    wait_status(container);
    return failed("the agent is gone, or the shim's identity cannot be written");
  }
  start_lock.close();
  relay(pid_fd.get(), options.pid_file.empty() ? container : 0, pipes, log);
  const int status = wait_status(container);
  if (options.pid_file.empty()) end_descendants();
  leave_exit_record(options, status);
  return 0;
}

}  // namespace

int shim_main(int argc, char** argv) {
  ShimOptions options;
  if (!parse(argc, argv, options)) {
    static_cast<void>(std::fputs("insula shim: for the node agent's use\n", stderr));
    return 2;
  }
  if (options.exec_only) {
    if (options.hide_unified) hide_unified_cgroup();
    run_command_as_told(options);
    const int error = errno;
    static_cast<void>(
        std::fprintf(stderr, "exec %s: %s\n", options.command[0], std::strerror(error)));
    return error == EACCES ? kNotExecutable : kExecFailed;
  }
  // Children must not hold the status pipe open, or the agent would wait for its end.
  fcntl(kShimStatusFd, F_SETFD, FD_CLOEXEC);
  Fd start_lock(fcntl(kShimLockFd, F_SETFD, FD_CLOEXEC) == 0 ? kShimLockFd : -1);
  for (const int number : {SIGPIPE, SIGTERM, SIGINT, SIGHUP})
    std::signal(number, SIG_IGN);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  return supervise(options, std::move(start_lock));
}

}  // namespace insula::node
