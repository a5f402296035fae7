#include "node/pod_server.h"

#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/inotify.h>

#include "api/kind.h"
#include "async/deadline.h"
#include "async/loop.h"
#include "gpu/dcgm.h"
#include "http/url.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::node {
namespace {

// How long a follower sleeps when nothing tells it that the log grew.
constexpr auto kFollowCheck = std::chrono::milliseconds(500);
constexpr std::size_t kExecWordsMax = 1000;

std::string reason_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound:
      return "NotFound";
    case ErrorCode::kBadRequest:
      return "BadRequest";
    case ErrorCode::kInvalid:
      return "Invalid";
    case ErrorCode::kMethodNotAllowed:
      return "MethodNotAllowed";
    case ErrorCode::kNotImplemented:
      return "NotImplemented";
    case ErrorCode::kUnavailable:
      return "ServiceUnavailable";
    default:
      return "InternalError";
  }
}

// Says when a directory's files change; without inotify the follower only checks now and then.
class DirectoryWatch {
 public:
  explicit DirectoryWatch(const std::string& path) : fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    if (!fd_ || inotify_add_watch(fd_.get(), path.c_str(), IN_MODIFY | IN_CREATE) < 0) return;
    watch_.emplace(Loop::current(), fd_.get());
  }

  Task<> changed() {
    if (!watch_) {
      co_await sleep_for(kFollowCheck);
      co_return;
    }
    std::array<char, 4096>
        events;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
    static_cast<void>(co_await read_some(*watch_, events.data(), events.size()));
  }

 private:
  Fd fd_;
  std::optional<FdWatch> watch_;
};

Task<> change_or_pause(DirectoryWatch& watch) {
  co_await race(watch.changed(), sleep_for(kFollowCheck));
}

ExecOptions exec_options(std::string_view query) {
  ExecOptions out;
  while (const std::optional<http::QueryParameter> parameter = http::next_parameter(query)) {
    const bool yes = parameter->value == "true" || parameter->value == "1";
    if (parameter->name == "command" && out.command.size() < kExecWordsMax)
      out.command.push_back(parameter->value);
    if (parameter->name == "container") out.container = parameter->value;
    if (parameter->name == "stdin") out.stdin_open = yes;
    if (parameter->name == "stdout") out.stdout_open = yes;
    if (parameter->name == "stderr") out.stderr_open = yes;
    if (parameter->name == "tty") out.tty = yes;
  }
  return out;
}

std::string missing_container(const PodWorker& worker) {
  std::vector<std::string> names;
  for (const api::Container& container : worker.pod().spec.containers)
    names.push_back(container.name);
  return fmt::format("a container name must be specified for pod {}, choose one of: [{}]",
                     worker.pod().metadata.name, fmt::join(names, " "));
}

}  // namespace

http::Response status_response(const Error& error) {
  json::Value status;
  status["kind"] = "Status";
  status["apiVersion"] = "v1";
  status["metadata"] = json::Object();
  status["status"] = "Failure";
  status["message"] = error.message();
  status["reason"] = reason_of(error.code());
  status["code"] = http_status(error.code());
  return http::make_response(http_status(error.code()), "application/json", json::write(status));
}

PodServer::PodServer(NodeServices& services,
                     const Agent& agent,
                     MetricsRegistry& metrics,
                     std::string node_name,
                     Random& random)
    : services_(services),
      agent_(agent),
      metrics_(metrics),
      node_name_(std::move(node_name)),
      random_(random) {}

Task<> PodServer::handle(http::Exchange& exchange) {
  const Result<> answered = co_await answer(exchange);
  if (answered || exchange.answered()) co_return;
  static_cast<void>(co_await exchange.respond(status_response(answered.error())));
}

Task<Result<>> PodServer::answer(http::Exchange& exchange) {
  const std::string path(exchange.request().path());
  // The longer path is the API server's, which relays requests as they came.
  if (path == "/metrics" || path == "/metrics/node") {
    co_return co_await exchange.respond(
        http::make_response(200, kPrometheusContentType, metrics_text()));
  }
  if (path == "/pods")
    co_return co_await exchange.respond(http::make_response(200, "text/plain", pods_text()));
  std::optional<PodPath> pod = parse(path);
  if (!pod) co_return fail(ErrorCode::kNotFound, "the node does not serve " + path);
  co_return co_await answer_pod(exchange, *std::move(pod));
}

Task<Result<>> PodServer::answer_pod(http::Exchange& exchange, PodPath path) {
  if (path.subresource == "log") co_return co_await answer_log(exchange, std::move(path));
  if (path.subresource == "exec") co_return co_await answer_exec(exchange, std::move(path));
  co_return fail(ErrorCode::kNotImplemented,
                 fmt::format("pods/{} is not implemented by this node", path.subresource));
}

// "/api/v1/namespaces/NS/pods/NAME/SUBRESOURCE"
std::optional<PodServer::PodPath> PodServer::parse(std::string_view path) {
  std::array<std::string, 7> parts;
  for (std::string& part : parts) {
    if (!path.starts_with('/')) return std::nullopt;
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    std::optional<std::string> text = http::percent_decode(path.substr(0, end));
    if (!text) return std::nullopt;
    part = *std::move(text);
    path.remove_prefix(end);
  }
  if (!path.empty() || parts[0] != "api" || parts[1] != "v1" || parts[2] != "namespaces" ||
      parts[4] != "pods")
    return std::nullopt;
  return PodPath{parts[3], parts[5], parts[6]};
}

Result<const PodWorker*> PodServer::worker_of(const PodPath& path) const {
  const PodWorker* worker = agent_.find(path.name_space, path.name);
  if (worker == nullptr)
    return fail(ErrorCode::kNotFound, fmt::format("pods \"{}\" not found", path.name));
  return worker;
}

Result<std::string> PodServer::log_file(const PodWorker& worker, const LogQuery& query) const {
  if (query.container.empty() && worker.pod().spec.containers.size() > 1)
    return fail(ErrorCode::kBadRequest, missing_container(worker));
  INSULA_TRY(const std::vector<std::string> files, worker.log_files(query.container));
  const std::string name =
      query.container.empty() ? worker.pod().spec.containers.front().name : query.container;
  if (query.previous) {
    if (files.size() < 2) {
      return fail(ErrorCode::kBadRequest,
                  fmt::format("previous terminated container \"{}\" in pod \"{}\" not found", name,
                              worker.pod().metadata.name));
    }
    return files[files.size() - 2];
  }
  if (files.empty()) {
    return fail(ErrorCode::kBadRequest,
                fmt::format("container \"{}\" in pod \"{}\" is waiting to start", name,
                            worker.pod().metadata.name));
  }
  return files.back();
}

Task<Result<>> PodServer::answer_log(http::Exchange& exchange, PodPath path) {
  if (exchange.request().method != "GET")
    co_return fail(ErrorCode::kMethodNotAllowed, "logs are read with GET");
  INSULA_CO_TRY(LogQuery query, LogQuery::parse(http::target_query(exchange.request().target),
                                                Loop::current().clock().wall()));
  INSULA_CO_TRY(const PodWorker* worker, worker_of(path));
  INSULA_CO_TRY(const std::string file, log_file(*worker, query));
  const std::string uid = worker->pod().metadata.uid;
  const bool follow = query.follow && !query.previous;
  const std::string container = query.container;
  DirectoryWatch watch(file.substr(0, file.find_last_of('/')));
  LogReader reader(file, std::move(query));
  INSULA_CO_TRY_VOID(co_await exchange.start(200, {{"Content-Type", "text/plain; charset=utf-8"}}));
  while (true) {
    // Asked before reading: what is written after the answer belongs to a container that still ran.
    const auto known = agent_.workers().find(uid);
    const bool more =
        follow && known != agent_.workers().end() && known->second->may_log_more(container);
    std::string out;
    while (reader.read(out)) {
      if (!out.empty()) INSULA_CO_TRY_VOID(co_await exchange.write(out));
      out.clear();
    }
    if (!out.empty()) INSULA_CO_TRY_VOID(co_await exchange.write(out));
    if (!more || reader.exhausted()) break;
    const auto ended = co_await race(exchange.client_gone(), change_or_pause(watch));
    if (ended.index() == 0) co_return Result<>{};
  }
  co_return co_await exchange.finish();
}

Task<Result<>> PodServer::answer_exec(http::Exchange& exchange, PodPath path) {
  ExecOptions options = exec_options(http::target_query(exchange.request().target));
  if (options.command.empty())
    co_return fail(ErrorCode::kBadRequest, "you must specify at least 1 command for the container");
  INSULA_CO_TRY(const PodWorker* worker, worker_of(path));
  if (options.container.empty() && worker->pod().spec.containers.size() > 1) {
    co_return fail(ErrorCode::kBadRequest, missing_container(*worker));
  }
  INSULA_CO_TRY(const PodWorker::ExecTarget target, worker->exec_target(options.container));
  INSULA_CO_TRY(SpawnOptions spawn,
                services_.runtime.exec(target.container,
                                       {options.command, target.env, target.cwd, options.tty}));
  co_return co_await serve_exec(exchange, std::move(options), std::move(spawn), random_);
}

std::string PodServer::metrics_text() {
  return metrics_.expose() +
         gpu::dcgm_text(services_.gpus.readings(), node_name_, services_.gpus.driver_version());
}

std::string PodServer::pods_text() const {
  std::string out;
  for (const auto& [uid, worker] : agent_.workers())
    out += worker->describe() + "\n";
  return out;
}

}  // namespace insula::node
