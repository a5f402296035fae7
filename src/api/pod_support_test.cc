#include "api/pod_support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(UnsupportedFields, AreNamedWithTheirPaths) {
  PodSpec spec;
  spec.share_process_namespace = true;
  spec.volumes.emplace_back().volume_source.empty_dir.emplace().size_limit = Quantity::of(1);
  Container& container = spec.containers.emplace_back();
  container.ports.emplace_back().host_port = 80;
  container.resources.limits["ephemeral-storage"] = Quantity::of(1);
  container.volume_mounts.emplace_back().mount_propagation = "HostToContainer";
  container.liveness_probe.emplace().handler.grpc.emplace();
  container.lifecycle.emplace().pre_stop.emplace().tcp_socket.emplace();
  EXPECT_THAT(
      unsupported_fields(spec, FieldPath("spec")),
      ElementsAre(StartsWith("spec.shareProcessNamespace: not enforced by this server yet: "),
                  StartsWith("spec.volumes[0].emptyDir.sizeLimit: "),
                  StartsWith("spec.containers[0].ports[0].hostPort: "),
                  StartsWith("spec.containers[0].resources.limits[ephemeral-storage]: "),
                  StartsWith("spec.containers[0].volumeMounts[0].mountPropagation: "),
                  StartsWith("spec.containers[0].livenessProbe.grpc: "),
                  StartsWith("spec.containers[0].lifecycle.preStop.tcpSocket: ")));
}

TEST(UnsupportedFields, AreNoneOfThoseThatWork) {
  PodSpec spec;
  spec.host_network = true;
  auto& memory = spec.volumes.emplace_back().volume_source.empty_dir.emplace();
  memory.medium = "Memory";
  memory.size_limit = Quantity::of(1);
  Container& container = spec.containers.emplace_back();
  container.ports.emplace_back().host_port = 80;
  container.volume_mounts.emplace_back().mount_propagation = "None";
  container.readiness_probe.emplace().handler.http_get.emplace().scheme = "HTTP";
  EXPECT_THAT(unsupported_fields(spec, FieldPath("spec")), IsEmpty());
}

}  // namespace
}  // namespace insula::api
