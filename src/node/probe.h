#pragma once

#include <cstdint>
#include <string>

#include "api/gen/core_v1.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "http/client.h"
#include "node/runtime.h"

namespace insula::node {

/// What a probe or hook needs of the container it is about; borrowed.
struct ProbeTarget {
  const api::Container& spec;
  const Container& container;
  Runtime& runtime;
  http::Client& http;
  std::string ip;
  std::vector<std::string> env;
  std::string cwd;
};

/// Of the client that asks containers: over TLS any certificate will do, as for the kubelet.
[[nodiscard]] http::ClientOptions probe_client_options();

/// One check. Success, or an error whose message is the kubelet's (`HTTP probe failed with
/// statuscode: 500`, ...), for the event.
Task<Result<>> check(const api::ProbeHandler& handler,
                     const ProbeTarget& target,
                     Deadline deadline);

/// One lifecycle hook. Errors: as check(); kTimeout at the deadline.
Task<Result<>> run_hook(const api::LifecycleHandler& hook,
                        const ProbeTarget& target,
                        Deadline deadline);

/// Turns single results into a state that changes only after enough of them in a row.
class ProbeState {
 public:
  ProbeState(int success_threshold, int failure_threshold, bool initially)
      : success_threshold_(success_threshold),
        failure_threshold_(failure_threshold),
        passing_(initially) {}

  /// True when the state changed, or when it failed enough times again (a liveness probe then acts
  /// again).
  bool add(bool success);

  [[nodiscard]] bool passing() const { return passing_; }

 private:
  int success_threshold_;
  int failure_threshold_;
  bool passing_;
  int in_a_row_ = 0;
  bool last_ = false;
};

}  // namespace insula::node
