#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/error.h"
#include "base/fd.h"

namespace insula::server {

/// What VERSION holds; raised when an older build could not read what this one writes.
inline constexpr int kDataVersion = 1;

/// Below this much free space `insula up` refuses to start: nothing could be acknowledged.
inline constexpr std::uint64_t kFreeBytesMin = 16ULL << 20;

/// Paths inside the data directory. Nothing here touches the disk.
///
///   VERSION lock pki/ kubeconfig run/   the supervisor's
///   control/                            control's: the store
///   audit/                              control's: the audit log, unless it is elsewhere
///   gateway/                            the gateway's: snapshot, rate windows, usage, its socket
///   node/                               the node agent's: pods, images, logs, its socket
///   logs/                               a folder for each process
struct Layout {
  std::string root;

  [[nodiscard]] std::string version() const { return root + "/VERSION"; }

  [[nodiscard]] std::string lock() const { return root + "/lock"; }

  [[nodiscard]] std::string kubeconfig() const { return root + "/kubeconfig"; }

  [[nodiscard]] std::string pki() const { return root + "/pki"; }

  [[nodiscard]] std::string control() const { return root + "/control"; }

  [[nodiscard]] std::string audit() const { return root + "/audit"; }

  [[nodiscard]] std::string gateway() const { return root + "/gateway"; }

  [[nodiscard]] std::string node() const { return root + "/node"; }

  [[nodiscard]] std::string run() const { return root + "/run"; }

  [[nodiscard]] std::string logs() const { return root + "/logs"; }

  /// Where control reaches the node agent for logs, exec and metrics.
  [[nodiscard]] std::string node_socket() const { return node() + "/agent.sock"; }

  /// What `insula status` reads; written by the supervisor.
  [[nodiscard]] std::string state() const { return run() + "/state.json"; }
};

/// Creates what is missing, takes the lock, which is held until the descriptor is closed, and
/// checks VERSION and free space. A folder that is there must be a data directory or empty; its
/// mode and owner are left as they are. Each failure is one line an operator can act on.
///
/// Errors: kConflict when another instance holds it (its pid is in the message), kInvalid when it
/// is something else than a data directory (nothing is touched then) or a newer build wrote it,
/// kInsufficientStorage when the disk is full.
[[nodiscard]] Result<Fd> open_data_dir(const Layout& layout);

/// The process that holds the lock; 0 when nobody does, or when the pid in the file is not the
/// holder's, nor became so within a second (see is_locked()).
[[nodiscard]] pid_t lock_holder(const Layout& layout);
[[nodiscard]] bool is_locked(const Layout& layout);

/// Who runs a process and owns its files.
struct Account {
  uid_t uid = 0;
  gid_t gid = 0;

  bool operator==(const Account&) const = default;
};

/// Whether a process of `account` can enter the data directory and every folder above it. A private
/// parent, such as a home folder of mode 0700, keeps the unprivileged processes out.
///
/// Errors: kForbidden, with the folder and what to do.
[[nodiscard]] Result<> check_reachable(const Layout& layout, Account account);

/// Replaces the file in one step: another process sees the old or the new content.
[[nodiscard]] Result<> write_file(const std::string& path,
                                  std::string_view content,
                                  mode_t mode,
                                  std::optional<Account> owner = {});
/// The same, and the new content survives a crash of the machine.
[[nodiscard]] Result<> write_file_durably(const std::string& path,
                                          std::string_view content,
                                          mode_t mode,
                                          std::optional<Account> owner = {});
[[nodiscard]] Result<std::string> read_file(const std::string& path);

/// Makes `owner` that of all that is below `folder`. Errors: fail_errno.
[[nodiscard]] Result<> give_files(const std::string& folder, const Account& owner);

/// Creates `path` (with its parents) if it is not there, and gives it this mode and owner.
[[nodiscard]] Result<> make_directory(const std::string& path, mode_t mode, Account owner);

}  // namespace insula::server
