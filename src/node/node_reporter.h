#pragma once

#include "async/task.h"
#include "async/task_group.h"
#include "client/client.h"
#include "node/node_object.h"
#include "telemetry/log.h"

namespace insula::node {

/// Keeps the Node object and its Lease.
///
/// The object is read every cycle and written when it does not say what is true of the machine:
/// something changed, or somebody else wrote it. That the node is alive is told by the Lease alone,
/// which the API server need not store durably.
class NodeReporter {
 public:
  NodeReporter(client::Client& client, NodeFacts facts, std::string data_dir, Log log);

  /// Creates or updates the Node. Errors: those of the API.
  Task<Result<>> register_node();

  /// Renews the lease and keeps the status right, for ever.
  void start();

 private:
  Task<> renew_for_ever();
  Task<Result<>> renew_lease();
  Task<Result<>> write_status();
  void measure_pressure();

  client::Client& client_;
  NodeFacts facts_;
  std::string data_dir_;
  Log log_;
  TaskGroup tasks_;
};

}  // namespace insula::node
