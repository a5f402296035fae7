#include "apiserver/connection_request.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "apiserver/proxy_target.h"
#include "http/url.h"

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

/// Those of a pod that its node answers, for as long as the client wants.
constexpr std::array kRelayed = {"log"sv, "exec"sv, "attach"sv, "portforward"sv};

/// Of a request that is proxied: the path at the pod.
json::Value proxy_options(const RequestInfo& info) {
  const bool of_service = info.resource == "services";
  json::Object out{{"apiVersion", "v1"},
                   {"kind", of_service ? "ServiceProxyOptions" : "PodProxyOptions"}};
  if (!info.rest.empty()) out["path"] = info.rest;
  return out;
}

}  // namespace

bool is_relayed(const RequestInfo& info) {
  return info.subresource == kProxySubresource ||
         std::ranges::find(kRelayed, info.subresource) != kRelayed.end();
}

bool is_proxied(const RequestInfo& info) {
  return info.subresource == kProxySubresource;
}

bool is_terminal(const RequestInfo& info) {
  return is_relayed(info) && !is_proxied(info) && info.subresource != "log";
}

json::Value connect_options(const RequestInfo& info, const http::Request& request) {
  const auto word = [&](const char* name) { return request.query(name).value_or(""); };
  const auto flag = [&](const char* name) { return word(name) == "true" || word(name) == "1"; };
  if (is_proxied(info)) return proxy_options(info);
  json::Object out{{"apiVersion", "v1"}};
  if (info.subresource == "portforward") {
    out["kind"] = "PodPortForwardOptions";
    return out;
  }
  out["kind"] = info.subresource == "exec" ? "PodExecOptions" : "PodAttachOptions";
  for (const char* name : {"stdin", "stdout", "stderr", "tty"}) {
    if (flag(name)) out[name] = true;
  }
  if (const std::string container = word("container"); !container.empty())
    out["container"] = container;
  if (info.subresource != "exec") return out;
  json::Array command;
  std::string_view query = http::target_query(request.target);
  while (auto parameter = http::next_parameter(query)) {
    if (parameter->name == "command") command.emplace_back(std::move(parameter->value));
  }
  out["command"] = std::move(command);
  return out;
}

Result<> check_unplaced(const api::Pod& pod, const RequestInfo& info, std::string_view container) {
  const auto has = [&container](const auto& containers, auto name) {
    return std::ranges::find(containers, container, name) != containers.end();
  };
  const auto ephemeral_name = [](const api::EphemeralContainer& it) -> const std::string& {
    return it.ephemeral_container_common.name;
  };
  const bool known = container.empty() || has(pod.spec.containers, &api::Container::name) ||
                     has(pod.spec.init_containers, &api::Container::name) ||
                     has(pod.spec.ephemeral_containers, ephemeral_name);
  if (!known) {
    return fail(ErrorCode::kBadRequest,
                fmt::format("container {} is not valid for pod {}", container, pod.metadata.name));
  }
  if (!is_terminal(info)) return {};
  return fail(ErrorCode::kBadRequest,
              fmt::format("pod {} does not have a host assigned", pod.metadata.name));
}

}  // namespace insula::apiserver
