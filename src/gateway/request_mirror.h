#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "async/task.h"
#include "async/task_group.h"
#include "gateway/balancer.h"
#include "gateway/body_memory.h"
#include "gateway/metrics.h"
#include "gateway/snapshot.h"

namespace insula::gateway {

class Worker;

/// A request as a further server is to see it. Views are borrowed for the call.
struct MirroredRequest {
  std::shared_ptr<const Snapshot> snapshot;
  const Tenant& tenant;    // of the snapshot
  const Backend& backend;  // of the snapshot
  std::string head;        // up to and without Host
  std::string_view host;
  bool has_body = false;
  std::string_view body;
};

/// Sends copies of requests to servers whose replies nobody waits for. What would be too much is
/// left out and counted: copies must cost the requests themselves nothing but the copying.
///
/// Lifetime: the worker outlives it. Threads: the worker's loop.
class RequestMirror {
 public:
  /// Copies that are on their way, of all tenants.
  static constexpr std::size_t kAtOnceMax = 256;
  static constexpr std::size_t kBodyBytesMax = std::size_t{1} << 20U;
  /// Of a reply, that are read so that its server can finish it.
  static constexpr std::size_t kReplyBytesMax = std::size_t{1} << 20U;
  static constexpr std::chrono::seconds kTimeMax{15};

  explicit RequestMirror(Worker& worker) : worker_(worker) {}

  /// Returns at once.
  void send(MirroredRequest request);

 private:
  struct Copy;

  Task<> deliver(std::unique_ptr<Copy> copy);
  Task<Result<>> exchange(Copy& copy);

  Worker& worker_;
  TaskGroup tasks_;
};

}  // namespace insula::gateway
