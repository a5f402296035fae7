#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "async/loop.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"

namespace insula::node {

/// A pidfd of any process, ours or not. Errors: kNotFound.
[[nodiscard]] Result<Fd> watch_process(pid_t pid);

/// Resolves when the process has ended. `pid_fd` is borrowed.
Task<> process_ended(int pid_fd);

struct FileOwner {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// Gives a pipe away as far as that is allowed; without an owner nothing happens.
void give_to(const Fd& pipe, const std::optional<FileOwner>& owner);

struct SpawnOptions {
  std::vector<std::string> argv;  // argv[0] is looked up in our PATH when it has no slash
  std::vector<std::string> env;   // NAME=value, all of it
  std::string cwd;                // empty: ours
  /// {number in the child, ours}. 0, 1 and 2 are /dev/null unless named.
  std::vector<std::pair<int, int>> fds;
  /// A terminal's device, which becomes 0, 1 and 2 and the controlling terminal; empty: none.
  std::string terminal;
  /// Where the program leaves the pid of a process that it starts elsewhere and waits for (`runc
  /// exec --pid-file`), to be killed with it; empty: there is none.
  std::string pid_file;
  /// Who must be able to open the pipes it writes to by a name such as /dev/stdout.
  std::optional<FileOwner> output_owner;
};

/// What is written about a process that is started elsewhere, beside its pid file.
inline constexpr std::string_view kProcessFileSuffix = ".process";

/// Removes the pid file and what is beside it; nothing where it is empty.
void remove_spawn_files(const std::string& pid_file);

/// Starts a program in a session of its own; our descriptors are not passed on.
[[nodiscard]] Result<pid_t> spawn(const SpawnOptions& options);

/// Kills a child with its whole process group, and what it started elsewhere; does not reap it.
void kill_spawned(pid_t pid, const std::string& pid_file);

struct ExitStatus {
  int code = 0;  // 128 + signal when a signal ended it
};

/// Reaps a child once it has ended (waits for that). Requires: `pid` is our child.
Task<Result<ExitStatus>> reap(pid_t pid);

struct CommandResult {
  int exit_code = 0;
  std::string output;  // stdout and stderr together, its beginning
};

inline constexpr std::size_t kCommandOutputMax = 16UL * 1024;

/// Output that arrives this long after a program's end still counts as its own: a grandchild may
/// hold the pipe open for as long as it likes.
inline constexpr auto kOutputAfterExit = std::chrono::milliseconds(200);

/// Runs a program to its end; at the deadline (kTimeout) or on cancellation it is killed as by
/// kill_spawned(). Children that it leaves behind are not waited for.
Task<Result<CommandResult>> run_command(SpawnOptions options, Deadline deadline);

/// A pipe, both ends close-on-exec. The read end does not block.
struct Pipe {
  Fd read_end;
  Fd write_end;
};

[[nodiscard]] Result<Pipe> make_pipe();

/// Reads what there is, waiting for the first byte; 0 at the end.
Task<Result<std::size_t>> read_some(FdWatch& watch, char* into, std::size_t size);

}  // namespace insula::node
