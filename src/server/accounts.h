#pragma once

#include "server/data_dir.h"

namespace insula::server {

/// The accounts that processes run as and whose files they own. Equal to the caller's own where
/// privileges cannot be dropped: not root, or in a container that maps no other users.
struct Accounts {
  Account self;
  Account control;
  Account gateway;

  /// True when control and the gateway are users of their own.
  [[nodiscard]] bool separate() const { return control != self; }
};

/// Users, and groups of the same number, without an entry in /etc/passwd: above Debian's ranges for
/// people and below systemd's dynamic users. They share nothing, so that neither reaches the
/// other's files and sockets.
inline constexpr uid_t kControlUser = 60901;
inline constexpr uid_t kGatewayUser = 60902;

[[nodiscard]] Accounts choose_accounts();

}  // namespace insula::server
