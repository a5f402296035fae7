#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/error.h"

namespace insula::node {

/// The process that stands between the agent and one container, so that the container survives the
/// agent: it holds the ends of its output pipes, writes the log, waits for it, and leaves the exit
/// status in a file. Started as `insula shim`; the protocol below is between two runs of one
/// binary.
///
///   insula shim --dir D --log FILE --log-bytes N --log-files N [--pid-file F] [--start ID]
///               [--cwd D] [--user UID] [--output-owner UID:GID] [--hide-unified] [--marked-env] --
///               COMMAND...
///
/// The output pipes belong to --output-owner, so that the container's user can open /dev/stdout.
/// Without --pid-file the command *is* the container: a session of its own that dies with the shim.
/// Whatever it leaves behind is killed after its end, in whatever session.
/// With it the command is an OCI runtime that leaves the container's pid there and ends; the
/// container is then adopted, because the shim is a subreaper. With --start the command is
/// `RUNTIME... create ...`, which leaves the container ID waiting; once it is adopted, `RUNTIME...
/// start ID` lets it run.
///
/// On descriptor kShimStatusFd it reports once: `started <pid>\n`, or `failed <why>\n` and ends.
/// Descriptor kShimLockFd is a lock that the agent took on a file; the shim lets go of it when it
/// has reported. Until then its container may come to life, whether that agent is still there or
/// not.
/// In D it leaves `shim` (identity, see ShimIdentity) and, at the end, `exit` (see ExitRecord).
///
/// With --marked-env the command's environment is that of the shim whose entries begin with
/// kEnvMark, without the mark. A container's own variables are handed over like this: the shim may
/// be root, and its loader must not obey them.
///
///   insula shim [--hide-unified] [--user UID] [--cwd D] [--marked-env] --exec -- COMMAND...
///
/// only becomes the command, as that user; with --hide-unified without the cgroup2 mount of a
/// hybrid hierarchy, which crun refuses.
inline constexpr char kEnvMark = '+';
inline constexpr int kShimStatusFd = 3;
inline constexpr int kShimLockFd = 4;

/// A process that a restarted agent can find again: the start time tells a reused pid apart.
struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat

  bool operator==(const ProcessIdentity&) const = default;
};

/// Errors: kNotFound when there is no such process (a zombie counts as none).
[[nodiscard]] Result<ProcessIdentity> identify(pid_t pid);
[[nodiscard]] bool is_alive(const ProcessIdentity& identity);

/// What the shim knows of itself and its container: `<dir>/shim`.
struct ShimIdentity {
  ProcessIdentity shim;
  ProcessIdentity container;

  bool operator==(const ShimIdentity&) const = default;
};

[[nodiscard]] std::string to_text(const ShimIdentity& identity);
[[nodiscard]] Result<ShimIdentity> parse_shim_identity(std::string_view text);

/// How a container ended: `<dir>/exit`.
struct ExitRecord {
  int exit_code = 0;  // 128 + signal when a signal ended it
  int signal = 0;
  std::int64_t finished_unix_ns = 0;

  bool operator==(const ExitRecord&) const = default;
};

[[nodiscard]] std::string to_text(const ExitRecord& record);
[[nodiscard]] Result<ExitRecord> parse_exit_record(std::string_view text);

}  // namespace insula::node
