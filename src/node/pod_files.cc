#include "node/pod_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "node/files.h"

namespace insula::node {

std::string pod_hostname(const api::Pod& pod) {
  if (!pod.spec.hostname.empty()) return pod.spec.hostname;
  // Linux takes no more than 64 bytes, names of the DNS no more than 63.
  constexpr std::size_t kLongest = 63;
  std::string name = pod.metadata.name.substr(0, kLongest);
  // What is cut must not end in what no name may end in.
  if (name.size() < pod.metadata.name.size()) name.erase(name.find_last_not_of("-.") + 1);
  return name;
}

std::string hosts_file(const api::Pod& pod,
                       const std::string& hostname,
                       const std::string& ip,
                       const std::string& host) {
  std::string out;
  if (pod.spec.host_network) {
    out = fmt::format("# Kubernetes-managed hosts file (host network).\n{}", host);
    if (!out.ends_with('\n')) out += '\n';
  } else {
    const std::string domain = pod.spec.subdomain.empty()
                                   ? ""
                                   : fmt::format("{}.{}.{}.svc.cluster.local ", hostname,
                                                 pod.spec.subdomain, pod.metadata.namespace_);
    out = fmt::format(
        "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\n{}\t{}{}\n",
        ip, domain, hostname);
  }
  for (const api::HostAlias& alias : pod.spec.host_aliases) {
    out += fmt::format("{}\t{}\n", alias.ip, fmt::join(alias.hostnames, "\t"));
  }
  return out;
}

std::string resolver_file(const api::Pod& pod, const std::string& host) {
  std::string out;
  std::string options = "ndots:5";
  // In the host's network ClusterFirst is the machine's, too; ClusterFirstWithHostNet is not.
  const bool of_machine = pod.spec.dns_policy == "Default" ||
                          (pod.spec.host_network && pod.spec.dns_policy == "ClusterFirst");
  if (of_machine) {
    out = host;
    options.clear();
  } else if (pod.spec.dns_policy != "None") {
    out = fmt::format("search {}.svc.cluster.local svc.cluster.local cluster.local\n",
                      pod.metadata.namespace_);
  } else {
    options.clear();
  }
  if (const auto& config = pod.spec.dns_config) {
    for (const std::string& server : config->nameservers)
      out += fmt::format("nameserver {}\n", server);
    if (!config->searches.empty())
      out += fmt::format("search {}\n", fmt::join(config->searches, " "));
    for (const api::PodDNSConfigOption& option : config->options) {
      options += fmt::format("{}{}{}", options.empty() ? "" : " ", option.name,
                             option.value ? ":" + *option.value : "");
    }
  }
  if (!options.empty()) out += fmt::format("options {}\n", options);
  return out;
}

Result<> write_pod_files(const std::string& dir,
                         const api::Pod& pod,
                         const std::string& hostname,
                         const std::string& ip) {
  INSULA_TRY_VOID(make_dirs(dir, 0755));
  INSULA_TRY_VOID(write_file(
      dir + "/hosts", hosts_file(pod, hostname, ip, read_file("/etc/hosts").value_or("")), 0644));
  INSULA_TRY_VOID(write_file(dir + "/hostname", hostname + "\n", 0644));
  return write_file(dir + "/resolv.conf",
                    resolver_file(pod, read_file("/etc/resolv.conf").value_or("")), 0644);
}

}  // namespace insula::node
