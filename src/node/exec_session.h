#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"
#include "base/error.h"
#include "base/random.h"
#include "http/exchange.h"
#include "node/child_process.h"

namespace insula::node {

/// What `kubectl exec` asks for.
struct ExecOptions {
  std::vector<std::string> command;
  std::string container;
  bool stdin_open = false;
  bool stdout_open = false;
  bool stderr_open = false;
  bool tty = false;
};

/// Runs a process for a client over a WebSocket: each binary message is one byte of channel number
/// and data. 0 stdin, 1 stdout, 2 stderr, 3 the final Status as JSON, 4 terminal size
/// (`{"Width":80,"Height":24}`), 255 (v5 only) the end of the channel whose number follows.
///
/// The process is killed when the client leaves.
/// Spec: Kubernetes, subprotocols v4.channel.k8s.io and v5.channel.k8s.io (remotecommand).
Task<Result<>> serve_exec(http::Exchange& exchange,
                          ExecOptions options,
                          SpawnOptions process,
                          Random& random);

/// The JSON of channel 3 for an exit code.
[[nodiscard]] std::string exec_status(int exit_code);

}  // namespace insula::node
