#include "node/pod_network.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include "base/fd.h"
#include "node/files.h"
#include "node/netlink.h"
#include "node/run.h"

namespace insula::node {
namespace {

// Link-local, so it can meet no address that a pod wants to reach. The same on every node end.
constexpr Ipv4 kGateway{(169U << 24U) | (254U << 16U) | (1U << 8U) | 1U};
constexpr int kLoopbackIndex = 1;

// Runs `work` on a thread of its own: entering a namespace changes the thread for good, so it ends.
Result<> on_own_thread(std::function<Result<>()> work) {
  Result<> outcome;
  std::thread([&] { outcome = work(); }).join();
  return outcome;
}

Result<> configure_inside(int ns, Ipv4 address) {
  return on_own_thread([&]() -> Result<> {
    if (setns(ns, CLONE_NEWNET) != 0) return fail_errno("enter the pod's network namespace");
    // Ports below 1024 are free to all: a user namespace has no say over this network namespace.
    static_cast<void>(
        write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0\n").has_value());
    INSULA_TRY(Netlink inside, Netlink::open());
    const int eth0 = link_index("eth0");
    INSULA_TRY_VOID(inside.set_up(kLoopbackIndex));
    INSULA_TRY_VOID(inside.add_address(eth0, address));
    INSULA_TRY_VOID(inside.set_up(eth0));
    INSULA_TRY_VOID(inside.add_host_route(eth0, kGateway));
    return inside.add_default_route(eth0, kGateway);
  });
}

// Takes the half-made interface away when a later step fails.
class RemoveOnFailure {
 public:
  RemoveOnFailure(Netlink& netlink, int index) : netlink_(netlink), index_(index) {}

  RemoveOnFailure(const RemoveOnFailure&) = delete;
  RemoveOnFailure& operator=(const RemoveOnFailure&) = delete;

  ~RemoveOnFailure() {
    if (index_ != 0) static_cast<void>(netlink_.remove_link(index_).has_value());
  }

  void release() { index_ = 0; }

 private:
  Netlink& netlink_;
  int index_;
};

Result<> make_links(const std::string& name, const std::string& ns_path, Ipv4 address) {
  const Fd ns(open(ns_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!ns) return fail_errno("open " + ns_path);
  INSULA_TRY(Netlink host, Netlink::open());
  INSULA_TRY_VOID(host.add_veth(name, "eth0", ns.get()));
  const int index = link_index(name);
  RemoveOnFailure undo(host, index);
  INSULA_TRY_VOID(host.set_up(index));
  INSULA_TRY_VOID(host.add_address(index, kGateway));
  INSULA_TRY_VOID(host.add_host_route(index, address));
  INSULA_TRY_VOID(configure_inside(ns.get(), address));
  undo.release();
  return {};
}

}  // namespace

std::string host_link_name(std::string_view pod_uid) {
  const std::uint64_t hash = std::hash<std::string_view>{}(pod_uid);
  return fmt::format("ins{:011x}", hash & 0xfffffffffffU);
}

Result<> PodNetwork::prepare() const {
  INSULA_TRY_VOID(make_dirs(dir_));
  // Without forwarding pods reach the node only. It is on already on many machines, and then a
  // read-only /proc/sys does not matter.
  const Result<std::string> forwarding = read_file("/proc/sys/net/ipv4/ip_forward");
  if (forwarding && forwarding->starts_with('1')) return {};
  return write_file("/proc/sys/net/ipv4/ip_forward", "1\n");
}

Result<> PodNetwork::add(const std::string& pod_uid,
                         Ipv4 address,
                         std::optional<std::uint32_t> user_base) const {
  // An agent that died half way may have made them for another address and other ids.
  INSULA_TRY_VOID(remove(pod_uid));
  const NamespacePaths paths = namespaces(pod_uid);
  INSULA_TRY_VOID(make_namespaces(paths, user_base));
  return make_links(host_link_name(pod_uid), paths.network, address);
}

Result<> PodNetwork::remove(const std::string& pod_uid) const {
  const std::string name = host_link_name(pod_uid);
  if (const int index = link_index(name); index != 0) {
    INSULA_TRY(Netlink host, Netlink::open());
    if (Result<> removed = host.remove_link(index);
        !removed && removed.error().code() != ErrorCode::kNotFound)
      return removed;
  }
  const NamespacePaths paths = namespaces(pod_uid);
  INSULA_TRY_VOID(drop_namespace(paths.network));
  return drop_namespace(paths.user);
}

Result<> release_networks(const std::string& data_dir) {
  return PodNetwork(network_folder(data_dir)).remove_all();
}

Result<> PodNetwork::remove_all() const {
  std::vector<std::string> pods;
  std::error_code none;
  for (const auto& file : std::filesystem::directory_iterator(dir_, none)) {
    if (file.path().extension() != ".user") pods.push_back(file.path().filename());
  }
  for (const std::string& pod_uid : pods)
    INSULA_TRY_VOID(remove(pod_uid));
  return {};
}

}  // namespace insula::node
