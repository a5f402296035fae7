#include "api/subresources.h"

namespace insula::api {
namespace {

constexpr std::string_view kGet[] = {"get"};
constexpr std::string_view kCreate[] = {"create"};
constexpr std::string_view kUpdate[] = {"update"};
constexpr std::string_view kConnect[] = {"create", "get"};
constexpr std::string_view kProxy[] = {"create", "delete", "get", "patch", "update"};
constexpr std::string_view kGetPatchUpdate[] = {"get", "patch", "update"};

/// An empty kind is that of the resource.
constexpr Subresource kKnown[] = {
    {"status", "", "", "", kGetPatchUpdate},
    {"approval", "", "", "", kGetPatchUpdate},
    {"resize", "", "", "", kGetPatchUpdate},
    {"ephemeralcontainers", "", "", "", kGetPatchUpdate},
    {"finalize", "", "", "", kUpdate},
    {"log", "", "", "", kGet},
    {"scale", "autoscaling", "v1", "Scale", kGetPatchUpdate},
    {"eviction", "policy", "v1", "Eviction", kCreate},
    {"binding", "", "v1", "Binding", kCreate},
    {"token", "authentication.k8s.io", "v1", "TokenRequest", kCreate},
    {"exec", "", "v1", "PodExecOptions", kConnect},
    {"attach", "", "v1", "PodAttachOptions", kConnect},
    {"portforward", "", "v1", "PodPortForwardOptions", kConnect},
};

/// Of pods, Services and nodes; each has options of its own.
constexpr std::string_view kProxyName = "proxy";

}  // namespace

Subresource subresource_of(const Kind& kind, std::string_view name) {
  for (Subresource known : kKnown) {
    if (known.name != name) continue;
    if (known.kind.empty()) {
      known.group = kind.group;
      known.version = kind.version;
      known.kind = kind.kind;
    }
    return known;
  }
  if (name == kProxyName) {
    const bool of_service = kind.kind == "Service";
    return {name, "", "v1", of_service ? "ServiceProxyOptions" : "PodProxyOptions", kProxy};
  }
  return {name, kind.group, kind.version, kind.kind, kGet};
}

}  // namespace insula::api
