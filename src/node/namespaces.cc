#include "node/namespaces.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "node/files.h"
#include "node/runtime.h"

namespace insula::node {
namespace {

// A child that makes namespaces for itself and then waits; they are taken from it by /proc. It runs
// nothing but system calls, as the child of a process with threads must.
class NamespaceHolder {
 public:
  NamespaceHolder(const NamespaceHolder&) = delete;
  NamespaceHolder& operator=(const NamespaceHolder&) = delete;

  static Result<std::unique_ptr<NamespaceHolder>> start() {
    std::array<int, 2> up{};
    std::array<int, 2> down{};
    if (pipe2(up.data(), O_CLOEXEC) != 0) return fail_errno("make a pipe");
    Fd up_read(up[0]);
    Fd up_write(up[1]);
    if (pipe2(down.data(), O_CLOEXEC) != 0) return fail_errno("make a pipe");
    Fd down_read(down[0]);
    Fd down_write(down[1]);
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0) return fail_errno("fork");
    if (child == 0) serve(down_read.get(), up_write.get(), parent);
    return std::unique_ptr<NamespaceHolder>(
        new NamespaceHolder(child, std::move(down_write), std::move(up_read)));
  }

  ~NamespaceHolder() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }

  // `step`: a flag of unshare(2), or 0 to become root of the new user namespace.
  Result<> ask(int step, const char* what) {
    int answer = EPIPE;
    if (write(down_.get(), &step, sizeof step) != sizeof step ||
        read(up_.get(), &answer, sizeof answer) != sizeof answer) {
      return fail_errno(what, EPIPE);
    }
    return answer == 0 ? Result<>() : Result<>(fail_errno(what, answer));
  }

  Result<> keep(const char* kind, const std::string& path) const {
    INSULA_TRY_VOID(write_file(path, "", 0444));
    const std::string source = fmt::format("/proc/{}/ns/{}", child_, kind);
    if (mount(source.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0)
      return fail_errno("keep the namespace at " + path);
    return {};
  }

  [[nodiscard]] pid_t pid() const { return child_; }

 private:
  NamespaceHolder(pid_t child, Fd down, Fd up)
      : child_(child), down_(std::move(down)), up_(std::move(up)) {}

  static constexpr int kRequests = 0;
  static constexpr int kAnswers = 1;

  // Nothing of the agent may be held in it: an agent that is killed leaves it behind for a moment,
  // and the next one needs the socket; our end of the pipes would keep it waiting for ever.
  static bool keep_only(int requests, int answers) {
    // Away from the numbers that are about to be taken.
    requests = fcntl(requests, F_DUPFD, kAnswers + 1);
    answers = fcntl(answers, F_DUPFD, kAnswers + 1);
    return requests >= 0 && answers >= 0 && dup2(requests, kRequests) >= 0 &&
           dup2(answers, kAnswers) >= 0 && close_range(kAnswers + 1, ~0U, 0) == 0;
  }

  [[noreturn]] static void serve(int requests, int answers, pid_t parent) {
    if (!keep_only(requests, answers)) _exit(1);
    int step = 0;
    // A change of user clears the wish to die with the agent.
    while (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
           read(kRequests, &step, sizeof step) == sizeof step) {
      const bool done =
          step == 0 ? setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0 : unshare(step) == 0;
      const int answer = done ? 0 : errno;
      if (write(kAnswers, &answer, sizeof answer) != sizeof answer) break;
    }
    _exit(0);
  }

  pid_t child_;
  Fd down_;
  Fd up_;
};

}  // namespace

bool is_namespace(const std::string& path) {
  struct statfs info{};
  return statfs(path.c_str(), &info) == 0 && info.f_type == NSFS_MAGIC;
}

Result<> make_namespaces(const NamespacePaths& paths, std::optional<std::uint32_t> user_base) {
  INSULA_TRY(const auto holder, NamespaceHolder::start());
  if (user_base) {
    INSULA_TRY_VOID(holder->ask(CLONE_NEWUSER, "make a user namespace"));
    const std::string map = fmt::format("0 {} {}\n", *user_base, kUserNamespaceIds);
    for (const char* file : {"uid_map", "gid_map"}) {
      INSULA_TRY_VOID(write_file(fmt::format("/proc/{}/{}", holder->pid(), file), map));
    }
    INSULA_TRY_VOID(holder->ask(0, "become root of a user namespace"));
    INSULA_TRY_VOID(holder->keep("user", paths.user));
  }
  INSULA_TRY_VOID(holder->ask(CLONE_NEWNET, "make a network namespace"));
  return holder->keep("net", paths.network);
}

Result<> drop_namespace(const std::string& path) {
  if (is_namespace(path) && umount2(path.c_str(), MNT_DETACH) != 0)
    return fail_errno("release " + path);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno("remove " + path);
  return {};
}

}  // namespace insula::node
