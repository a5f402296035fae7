#include "node/probe.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "async/deadline.h"
#include "net/address.h"
#include "net/stream.h"
#include "net/unverified_tls.h"

namespace insula::node {
namespace {

constexpr std::size_t kMessageOutputMax = 512;

Result<std::uint16_t> port_number(const api::IntOrString& port, const api::Container& container) {
  if (!port.is_string()) return static_cast<std::uint16_t>(port.number());
  const auto found = std::ranges::find(container.ports, port.name(), &api::ContainerPort::name);
  if (found == container.ports.end())
    return fail(ErrorCode::kInvalid, fmt::format("couldn't find port: {}", port.name()));
  return static_cast<std::uint16_t>(found->container_port);
}

bool is_sendable(const api::HTTPHeader& header) {
  constexpr std::string_view kNoToken = "()<>@,;:\\\"/[]?={} \t";
  const bool name = !header.name.empty() && std::ranges::all_of(header.name, [kNoToken](char c) {
    return c > ' ' && c < 127 && kNoToken.find(c) == std::string_view::npos;
  });
  return name && std::ranges::none_of(header.value,
                                      [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

Task<Result<>> check_http(const api::HTTPGetAction& action,
                          const ProbeTarget& target,
                          Deadline deadline) {
  INSULA_CO_TRY(const std::uint16_t port, port_number(action.port, target.spec));
  const std::string host = action.host.empty() ? target.ip : action.host;
  INSULA_CO_TRY(const net::Address address, net::Address::ip(host, port));
  const bool secure = action.scheme == "HTTPS";
  http::Origin origin{address, fmt::format("{}:{}", host, port), secure};
  http::Request request;
  request.method = "GET";
  request.target = action.path.empty() ? "/" : action.path;
  if (request.target.front() != '/') request.target.insert(0, "/");
  request.headers.set("User-Agent", "kube-probe/1.34");
  request.headers.set("Accept", "*/*");
  request.headers.set("Connection", "close");
  for (const api::HTTPHeader& header : action.http_headers) {
    if (!is_sendable(header))
      co_return fail(ErrorCode::kInvalid, fmt::format("header \"{}\" cannot be sent", header.name));
    if (header.name == "Host") {
      origin.host = header.value;
    } else {
      request.headers.set(header.name, header.value);
    }
  }
  // Only the head counts, so a body of any size is not waited for.
  const auto answer = co_await target.http.open(std::move(origin), std::move(request), deadline);
  if (!answer) {
    co_return fail(answer.error().code(),
                   fmt::format("Get \"{}://{}:{}{}\": {}", secure ? "https" : "http", host, port,
                               action.path, answer.error().message()));
  }
  const int status = (*answer)->status();
  if (status >= 200 && status < 400) co_return Result<>{};
  co_return fail(ErrorCode::kUpstream,
                 fmt::format("HTTP probe failed with statuscode: {}", status));
}

Task<Result<>> check_tcp(const api::TCPSocketAction& action,
                         const ProbeTarget& target,
                         Deadline deadline) {
  INSULA_CO_TRY(const std::uint16_t port, port_number(action.port, target.spec));
  const std::string host = action.host.empty() ? target.ip : action.host;
  INSULA_CO_TRY(const net::Address address, net::Address::ip(host, port));
  INSULA_CO_TRY(const auto stream, co_await net::dial(address, deadline));
  co_return Result<>{};
}

Task<Result<>> check_exec(const api::ExecAction& action,
                          const ProbeTarget& target,
                          Deadline deadline) {
  ExecRequest request;
  request.argv = action.command;
  request.env = target.env;
  request.cwd = target.cwd;
  INSULA_CO_TRY(SpawnOptions options, target.runtime.exec(target.container, request));
  INSULA_CO_TRY(CommandResult result, co_await run_command(std::move(options), deadline));
  if (result.exit_code == 0) co_return Result<>{};
  result.output.resize(std::min(result.output.size(), kMessageOutputMax));
  co_return fail(ErrorCode::kUpstream, result.output.empty()
                                           ? fmt::format("exit code {}", result.exit_code)
                                           : result.output);
}

Task<Result<>> sleep_hook(std::int64_t seconds) {
  co_await sleep_for(std::chrono::seconds(seconds));
  co_return Result<>{};
}

}  // namespace

http::ClientOptions probe_client_options() {
  http::ClientOptions options;
  options.tls = net::unverified_tls_client();
  return options;
}

Task<Result<>> check(const api::ProbeHandler& handler,
                     const ProbeTarget& target,
                     Deadline deadline) {
  if (handler.http_get) co_return co_await check_http(*handler.http_get, target, deadline);
  if (handler.tcp_socket) co_return co_await check_tcp(*handler.tcp_socket, target, deadline);
  if (handler.exec) co_return co_await check_exec(*handler.exec, target, deadline);
  co_return fail(ErrorCode::kNotImplemented, "this node does not support gRPC probes");
}

Task<Result<>> run_hook(const api::LifecycleHandler& hook,
                        const ProbeTarget& target,
                        Deadline deadline) {
  if (hook.exec) co_return co_await check_exec(*hook.exec, target, deadline);
  if (hook.http_get) co_return co_await check_http(*hook.http_get, target, deadline);
  if (hook.sleep) co_return co_await with_deadline(deadline, sleep_hook(hook.sleep->seconds));
  co_return Result<>{};
}

bool ProbeState::add(bool success) {
  in_a_row_ = success == last_ ? in_a_row_ + 1 : 1;
  last_ = success;
  if (in_a_row_ < (success ? success_threshold_ : failure_threshold_)) return false;
  const bool changed = passing_ != success;
  passing_ = success;
  if (!success) in_a_row_ = 0;
  return changed || !success;
}

}  // namespace insula::node
