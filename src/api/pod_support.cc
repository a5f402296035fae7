#include "api/pod_support.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace insula::api {

namespace {

class Complaints {
 public:
  void add(const FieldPath& path, std::string_view consequence) {
    out_.push_back(
        fmt::format("{}: not enforced by this server yet: {}", path.text(), consequence));
  }

  [[nodiscard]] std::vector<std::string> take() { return std::move(out_); }

 private:
  std::vector<std::string> out_;
};

void check_probe(const Box<Probe>& probe, const FieldPath& path, Complaints& out) {
  if (!probe) return;
  if (probe->handler.grpc) out.add(path.child("grpc"), "gRPC probes always fail");
}

void check_hook(const Box<LifecycleHandler>& hook, const FieldPath& path, Complaints& out) {
  if (!hook) return;
  if (hook->tcp_socket) out.add(path.child("tcpSocket"), "the hook does nothing");
}

void check_container(const Container& container,
                     bool host_network,
                     const FieldPath& path,
                     Complaints& out) {
  for (std::size_t i = 0; i < container.ports.size(); ++i) {
    if (container.ports[i].host_port != 0 && !host_network)
      out.add(path.child("ports").index(i).child("hostPort"), "no port of the node is opened");
  }
  if (container.resources.limits.contains("ephemeral-storage")) {
    out.add(path.child("resources").child("limits").key("ephemeral-storage"),
            "the container may write more");
  }
  for (std::size_t i = 0; i < container.volume_mounts.size(); ++i) {
    const auto& propagation = container.volume_mounts[i].mount_propagation;
    if (propagation && *propagation != "None" && !propagation->empty()) {
      out.add(path.child("volumeMounts").index(i).child("mountPropagation"),
              "mounts are not propagated");
    }
  }
  check_probe(container.liveness_probe, path.child("livenessProbe"), out);
  check_probe(container.readiness_probe, path.child("readinessProbe"), out);
  check_probe(container.startup_probe, path.child("startupProbe"), out);
  if (!container.lifecycle) return;
  check_hook(container.lifecycle->post_start, path.child("lifecycle").child("postStart"), out);
  check_hook(container.lifecycle->pre_stop, path.child("lifecycle").child("preStop"), out);
}

bool names_host(const Box<HTTPGetAction>& http, const Box<TCPSocketAction>& tcp) {
  return (http && !http->host.empty()) || (tcp && !tcp->host.empty());
}

}  // namespace

std::vector<std::string> unsupported_fields(const PodSpec& spec, const FieldPath& path) {
  Complaints out;
  if (spec.host_pid) out.add(path.child("hostPID"), "the pod gets process namespaces of its own");
  if (spec.host_ipc) out.add(path.child("hostIPC"), "the pod gets IPC namespaces of its own");
  if (spec.share_process_namespace.value_or(false)) {
    out.add(path.child("shareProcessNamespace"),
            "each container has a process namespace of its own");
  }
  for (std::size_t i = 0; i < spec.volumes.size(); ++i) {
    const auto& empty = spec.volumes[i].volume_source.empty_dir;
    if (empty && empty->size_limit && empty->medium != "Memory") {
      out.add(path.child("volumes").index(i).child("emptyDir").child("sizeLimit"),
              "the volume may grow beyond it");
    }
  }
  const auto each = [&](const std::vector<Container>& containers, std::string_view field) {
    for (std::size_t i = 0; i < containers.size(); ++i)
      check_container(containers[i], spec.host_network, path.child(field).index(i), out);
  };
  each(spec.init_containers, "initContainers");
  each(spec.containers, "containers");
  return out.take();
}

bool names_probe_host(const Container& container) {
  const auto probe = [](const Box<Probe>& it) {
    return it && names_host(it->handler.http_get, it->handler.tcp_socket);
  };
  const auto hook = [](const Box<LifecycleHandler>& it) {
    return it && names_host(it->http_get, it->tcp_socket);
  };
  return probe(container.liveness_probe) || probe(container.readiness_probe) ||
         probe(container.startup_probe) ||
         (container.lifecycle &&
          (hook(container.lifecycle->post_start) || hook(container.lifecycle->pre_stop)));
}

}  // namespace insula::api
