#pragma once

#include <string>

#include "api/gen/core_v1.h"
#include "base/error.h"

namespace insula::node {

/// What a pod calls itself: spec.hostname, or as much of its name as a host name may have.
[[nodiscard]] std::string pod_hostname(const api::Pod& pod);

/// /etc/hosts of a pod: itself, loopback and its hostAliases; in the host's network what the
/// machine has, `host`, and the hostAliases. Its first line is the one by which programs know the
/// kubelet's.
[[nodiscard]] std::string hosts_file(const api::Pod& pod,
                                     const std::string& hostname,
                                     const std::string& ip,
                                     const std::string& host);

/// /etc/resolv.conf of a pod. There is no cluster DNS yet, so ClusterFirst names no server: a
/// lookup then fails at once instead of after a timeout. `host`: the machine's own file, for
/// Default and for ClusterFirst in the host's network.
[[nodiscard]] std::string resolver_file(const api::Pod& pod, const std::string& host);

/// Writes both, and the host name, into `dir`; containers mount them from there.
Result<> write_pod_files(const std::string& dir,
                         const api::Pod& pod,
                         const std::string& hostname,
                         const std::string& ip);

}  // namespace insula::node
