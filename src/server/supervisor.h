#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "server/data_dir.h"
#include "telemetry/log.h"

namespace insula::server {

/// The environment variable that names the descriptor on which a child says `READY\n`, once.
inline constexpr const char* kNotifyVariable = "INSULA_NOTIFY_FD";

/// How one child is started.
struct ProcessSpec {
  std::string name;
  std::vector<std::string> arguments;  // after argv[0]
  /// Listening sockets, open in the child under the same numbers. They are kept for the time
  /// between two lives of the child, and closed when it is told to stop: while it still ends what
  /// it began, new clients are refused instead of left waiting.
  std::vector<Fd> sockets;
  /// Set: the child runs as this account, with no way back (no_new_privs). Not set: as we do.
  std::optional<Account> account;
  std::chrono::milliseconds stop_grace = std::chrono::seconds(10);
};

/// Starts processes, starts them again when they die, stops them in reverse order.
///
/// A child that ran for kSteadyAfter is started again at once; one that keeps dying waits twice as
/// long each time, up to kRestartDelayMax. Children are in sessions of their own, so that Ctrl-C
/// reaches only the supervisor; they get SIGTERM when it dies, however it dies.
///
/// Threads: none but its own; run() blocks SIGTERM, SIGINT, SIGHUP and SIGCHLD for the whole
/// process.
class Supervisor {
 public:
  static constexpr std::chrono::milliseconds kRestartDelayMin{100};
  static constexpr std::chrono::milliseconds kRestartDelayMax{10'000};
  static constexpr std::chrono::milliseconds kSteadyAfter{1'000};
  static constexpr std::chrono::milliseconds kTellAgainAfter{1'000};

  struct Status {
    std::string name;
    pid_t pid = 0;  // 0: not running at the moment
    bool ready = false;
    int restarts = 0;
  };

  struct Options {
    int executable_fd = -1;  // every child is this file
    std::string executable_name;
    /// A child that died this often without ever being ready ends it all: it would not do better
    /// the next time. 0: such a child is started again like any other.
    int failed_starts_max = 0;
    /// A supervisor in the background outlives the terminal it was started from.
    bool ignore_hangup = false;
    /// Called after every change of a Status, from run(). Whoever returns false could not take note
    /// of it and is called again after kTellAgainAfter.
    std::function<bool(const std::vector<Status>&)> on_change;
  };

  Supervisor(std::vector<ProcessSpec> processes, Options options, Log log, const Clock& clock);
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Runs the children until SIGTERM, SIGINT or SIGHUP (see ignore_hangup) arrives, then stops
  /// them.
  /// Errors: signals cannot be taken, a child cannot even be forked at the start, or one does not
  /// start (see failed_starts_max and failed_child()).
  Result<> run();

  /// The child whose failed starts ended run(); empty when it ended otherwise.
  [[nodiscard]] const std::string& failed_child() const { return failed_child_; }

 private:
  struct Child {
    ProcessSpec spec;
    Status status;
    Fd notify;
    SteadyTime started{};
    bool was_ready = false;
    int failed_starts = 0;
    std::optional<SteadyTime> restart_at;
    std::chrono::milliseconds delay = kRestartDelayMin;
  };

  Result<> start(Child& child);
  [[noreturn]] void become(const Child& child, int notify_fd, pid_t parent) const;
  void restart_due();
  void wait_for_events(std::chrono::milliseconds limit);
  void take_signals();
  void take_notification(Child& child);
  void reap();
  void on_exit(Child& child, int wait_status);
  void stop_all();
  void tell_again();
  [[nodiscard]] std::chrono::milliseconds until_next_turn() const;
  void changed();

  std::vector<Child> children_;
  Options options_;
  Log log_;
  const Clock& clock_;
  Fd signals_;
  bool stopping_ = false;
  std::optional<SteadyTime> tell_again_at_;
  std::string failed_child_;
  std::string failed_exit_;
};

/// Says READY to the supervisor that started this process; nothing when there is none.
void notify_ready();

}  // namespace insula::server
