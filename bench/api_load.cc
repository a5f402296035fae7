// Load on a Kubernetes API server: durable creates, reads of one ConfigMap or lists of all, from N
// connections with a client certificate, for a fixed time or number. bench/apiserver.py runs it
// against Insula and a peer, bench/fairness.py several of it at a time.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "api_target.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "base/error.h"
#include "http/client.h"

namespace insula {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kValueBytes = 1000;  // with its metadata an object of about 1.2 KB

struct LoadOptions {
  ApiTarget target;
  std::string operation = "create";
  std::string name_space = "default";
  std::string format = "json";  // of answers
  std::string run = "0";        // keeps the names of two runs apart
  unsigned connections = 64;
  unsigned seconds = 5;
  std::uint64_t count = 0;  // 0: as many as there is time for
};

struct Tally {
  std::vector<std::chrono::nanoseconds> latencies;
  std::uint64_t refused = 0;  // with 429
  std::uint64_t failed = 0;   // those that were refused, too
  std::string first_failure;
};

http::Request make_request(const LoadOptions& options, unsigned worker, std::uint64_t number) {
  http::Request request;
  const bool protobuf = options.format == "protobuf";
  request.headers.set("Accept",
                      protobuf ? "application/vnd.kubernetes.protobuf" : "application/json");
  request.target = fmt::format("/api/v1/namespaces/{}/configmaps", options.name_space);
  if (options.operation == "list") return request;
  if (options.operation == "get") {
    request.target += "/load-get";
    return request;
  }
  request.method = "POST";
  request.target += "?fieldManager=load";
  request.headers.set("Content-Type", "application/json");
  const std::string name = options.operation == "seed"
                               ? std::string("load-get")
                               : fmt::format("load-{}-{}-{}", options.run, worker, number);
  request.body = fmt::format(
      R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{}"}},"data":{{"v":"{}"}}}})",
      name, std::string(kValueBytes, 'x'));
  return request;
}

struct Work {
  const LoadOptions& options;
  http::Client& client;
  http::Origin origin;
  Deadline end;
  std::uint64_t& left;
  Tally& tally;
};

/// As a client that keeps nothing of a long answer: what is measured is the server.
Task<Result<http::Response>> read_through(const Work& shared,
                                          http::Request request,
                                          Deadline deadline) {
  INSULA_CO_TRY(const auto stream,
                co_await shared.client.open(shared.origin, std::move(request), deadline));
  http::Response answer;
  answer.status = stream->status();
  std::array<char, 64 * 1024> buffer;  // NOLINT(*-member-init): read into
  for (;;) {
    INSULA_CO_TRY(const std::size_t n, co_await stream->read(buffer, deadline));
    if (n == 0) co_return answer;
    if (!answer.ok()) answer.body.append(buffer.data(), n);
  }
}

Task<Result<http::Response>> ask(const Work& shared, http::Request request, Deadline deadline) {
  if (shared.options.operation == "list") return read_through(shared, std::move(request), deadline);
  return shared.client.send(shared.origin, std::move(request), deadline);
}

Task<> work(const Work& shared, unsigned worker) {
  Loop& loop = Loop::current();
  std::uint64_t number = 0;
  while (shared.left > 0) {
    --shared.left;
    auto request = make_request(shared.options, worker, number++);
    const SteadyTime start = loop.now();
    auto answer = co_await ask(shared, std::move(request), start + 30s);
    if (answer && answer->ok()) {
      shared.tally.latencies.push_back(loop.now() - start);
    } else {
      if (answer && answer->status == 429) ++shared.tally.refused;
      if (shared.tally.failed++ == 0)
        shared.tally.first_failure = answer ? answer->body : answer.error().message();
    }
    if (loop.now() >= shared.end) break;
  }
}

Task<> work_all(const Work& shared) {
  TaskGroup group;
  for (unsigned i = 0; i < shared.options.connections; ++i)
    group.spawn(work(shared, i));
  co_await group.drained();
}

Result<> run(const LoadOptions& options) {
  INSULA_TRY(const auto origin, options.target.origin());
  Loop loop;
  INSULA_TRY(const auto client, options.target.client(options.connections));
  Tally tally;
  const SteadyTime start = loop.now();
  const bool counted = options.count > 0 || options.operation == "seed";
  std::uint64_t left = counted ? std::max<std::uint64_t>(options.count, 1)
                               : std::numeric_limits<std::uint64_t>::max();
  const Deadline end = counted ? Deadline::max() : start + std::chrono::seconds(options.seconds);
  run_until_complete(loop, work_all({options, *client, origin, end, left, tally}));
  const double seconds = std::chrono::duration<double>(loop.now() - start).count();
  std::ranges::sort(tally.latencies);
  fmt::print(
      R"({{"operation":"{}","connections":{},"done":{},"per_second":{:.2f},"p50_ms":{:.3f},"p99_ms":{:.3f},"failed":{},"refused":{}}})"
      "\n",
      options.operation, options.connections, tally.latencies.size(),
      static_cast<double>(tally.latencies.size()) / seconds, milliseconds(tally.latencies, 0.5),
      milliseconds(tally.latencies, 0.99), tally.failed, tally.refused);
  if (tally.failed != 0) fmt::print(stderr, "first failure: {}\n", tally.first_failure);
  if (tally.latencies.empty()) return fail(ErrorCode::kUpstream, "no request succeeded");
  return {};
}

}  // namespace
}  // namespace insula

int main(int argc, char** argv) {
  insula::LoadOptions options;
  CLI::App app("load on a Kubernetes API server");
  options.target.add_options(app);
  app.add_option("--operation", options.operation)
      ->check(CLI::IsMember({"create", "get", "list", "seed"}));
  app.add_option("--namespace", options.name_space);
  app.add_option("--format", options.format, "of answers")
      ->check(CLI::IsMember({"json", "protobuf"}));
  app.add_option("--run", options.run, "part of the names created");
  app.add_option("--connections", options.connections);
  app.add_option("--seconds", options.seconds);
  app.add_option("--count", options.count, "so many requests, however long they take");
  CLI11_PARSE(app, argc, argv);
  const auto done = insula::run(options);
  if (!done) fmt::print(stderr, "{}\n", done.error().message());
  return done ? 0 : 1;
}
