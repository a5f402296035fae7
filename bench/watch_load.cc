// How late watchers hear of what is written: many of them over some namespaces of a Kubernetes API
// server, and one writer that changes a ConfigMap of each namespace in turn at a fixed rate. The
// delay of an event runs from the moment its write was sent, so that the write's own time is in it.
// Last line: JSON.

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "api_target.h"
#include "async/deadline.h"
#include "async/event.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "base/error.h"
#include "http/client.h"

namespace insula {
namespace {

using namespace std::chrono_literals;

/// Within which all watches are open.
constexpr auto kBeginTime = 60s;
constexpr std::string_view kMark = R"("sentAt":")";

struct WatchOptions {
  ApiTarget target;
  std::string prefix;  // of the namespaces' names, which end with their numbers
  unsigned watchers = 1000;
  unsigned namespaces = 100;
  unsigned writes = 500;  // a second
  unsigned seconds = 5;
};

struct Figures {
  bool counting = false;
  std::vector<std::chrono::nanoseconds> delays;
  std::uint64_t written = 0;
  std::uint64_t failed = 0;
  std::string first_failure;

  void note_failure(std::string why) {
    if (failed++ == 0) first_failure = std::move(why);
  }
};

std::int64_t now_ns() {
  return std::chrono::nanoseconds(Loop::current().now().time_since_epoch()).count();
}

class WatchLoad {
 public:
  WatchLoad(const WatchOptions& options, http::Client& client, http::Origin origin)
      : options_(options), client_(client), origin_(std::move(origin)) {}

  Task<Result<>> run() {
    for (unsigned i = 0; i < options_.namespaces; ++i)
      INSULA_CO_TRY_VOID(co_await make_object(i));
    for (unsigned i = 0; i < options_.watchers; ++i)
      watches_.spawn(watch(i % options_.namespaces));
    INSULA_CO_TRY_VOID(co_await with_deadline(Loop::current().now() + kBeginTime, all_begin()));
    figures_.counting = true;
    co_await write_all();
    // The last ones are on their way.
    co_await sleep_for(1s);
    watches_.cancel();
    co_return Result<>();
  }

  /// What events there should be: each write, once for each watcher of its namespace.
  [[nodiscard]] std::uint64_t expected() const {
    return figures_.written * options_.watchers / options_.namespaces;
  }

  [[nodiscard]] Figures& figures() { return figures_; }

 private:
  [[nodiscard]] std::string maps_of(unsigned number) const {
    return fmt::format("/api/v1/namespaces/{}{}/configmaps", options_.prefix, number);
  }

  static http::Request writing(std::string method, std::string target, std::string_view type) {
    http::Request request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.headers.set("Content-Type", std::string(type));
    return request;
  }

  Task<Result<>> make_object(unsigned number) {
    auto request = writing("POST", maps_of(number), "application/json");
    request.body = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"beat"}})";
    INSULA_CO_TRY(const auto answer,
                  co_await client_.send(origin_, std::move(request), Loop::current().now() + 30s));
    // One of an earlier round is as good.
    if (!answer.ok() && answer.status != 409) co_return fail(ErrorCode::kUpstream, answer.body);
    co_return Result<>();
  }

  Task<Result<>> all_begin() {
    co_await all_began_.wait();
    co_return figures_.failed == 0 ? Result<>()
                                   : fail(ErrorCode::kUpstream, figures_.first_failure);
  }

  Task<> watch(unsigned number) {
    http::Request request;
    request.target = maps_of(number) + "?watch=true";
    request.headers.set("Accept", "application/json");
    auto opened = co_await client_.open(origin_, std::move(request), Loop::current().now() + 30s);
    if (!opened || (*opened)->status() != 200) {
      figures_.note_failure(opened ? "a watch was refused" : opened.error().message());
      co_return;
    }
    std::string text;
    std::array<char, 16 * 1024> buffer{};
    for (bool began = false;; began = true) {
      const auto got = co_await (*opened)->read(buffer, Deadline::max());
      if (!got || *got == 0) {
        figures_.note_failure(got ? "a watch ended" : got.error().message());
        co_return;
      }
      text.append(buffer.data(), *got);
      const std::size_t whole = text.rfind('\n') + 1;
      note(std::string_view(text).substr(0, whole));
      text.erase(0, whole);
      // The object as it is comes first.
      if (!began && ++began_ == options_.watchers) all_began_.set();
    }
  }

  void note(std::string_view events) {
    if (!figures_.counting) return;
    const std::int64_t now = now_ns();
    for (std::size_t at = events.find(kMark); at != events.npos; at = events.find(kMark, at + 1)) {
      std::int64_t sent = 0;
      std::from_chars(events.data() + at + kMark.size(), events.data() + events.size(), sent);
      if (sent > 0) figures_.delays.emplace_back(now - sent);
    }
  }

  Task<> write_all() {
    Loop& loop = Loop::current();
    TaskGroup writes;
    const std::uint64_t count = std::uint64_t{options_.writes} * options_.seconds;
    const SteadyTime begin = loop.now();
    for (std::uint64_t i = 0; i < count; ++i) {
      co_await sleep_until(begin + i * std::chrono::nanoseconds(1s) / options_.writes);
      writes.spawn(write(static_cast<unsigned>(i % options_.namespaces)));
    }
    co_await writes.drained();
  }

  Task<> write(unsigned number) {
    auto request = writing("PATCH", maps_of(number) + "/beat", "application/merge-patch+json");
    request.body = fmt::format(R"({{"data":{{"sentAt":"{}"}}}})", now_ns());
    const auto answer =
        co_await client_.send(origin_, std::move(request), Loop::current().now() + 30s);
    if (!answer || !answer->ok()) {
      figures_.note_failure(answer ? answer->body : answer.error().message());
    } else {
      ++figures_.written;
    }
  }

  const WatchOptions& options_;
  http::Client& client_;
  http::Origin origin_;
  Figures figures_;
  unsigned began_ = 0;
  Event all_began_;
  TaskGroup watches_;
};

Task<> measure(WatchLoad& load, Result<>& outcome) {
  outcome = co_await load.run();
}

Result<> run(const WatchOptions& options) {
  constexpr std::size_t kWriters = 64;
  INSULA_TRY(const auto origin, options.target.origin());
  Loop loop;
  INSULA_TRY(const auto client, options.target.client(options.watchers + kWriters));
  Result<> outcome;
  WatchLoad load(options, *client, origin);
  run_until_complete(loop, measure(load, outcome));
  INSULA_TRY_VOID(std::move(outcome));
  Figures& figures = load.figures();
  if (figures.failed != 0) return fail(ErrorCode::kUpstream, figures.first_failure);
  const std::uint64_t events = figures.delays.size();
  if (events != load.expected())
    return fail(ErrorCode::kUpstream, fmt::format("{} events came of {}", events, load.expected()));
  std::ranges::sort(figures.delays);
  fmt::print(R"({{"watchers":{},"done":{},"events":{},"p50_ms":{:.3f},"p99_ms":{:.3f},"failed":0}})"
             "\n",
             options.watchers, figures.written, events, milliseconds(figures.delays, 0.5),
             milliseconds(figures.delays, 0.99));
  return {};
}

}  // namespace
}  // namespace insula

int main(int argc, char** argv) {
  insula::WatchOptions options;
  CLI::App app("watchers of a Kubernetes API server, and what they watch");
  options.target.add_options(app);
  app.add_option("--prefix", options.prefix, "of the namespaces, which are there")->required();
  app.add_option("--watchers", options.watchers);
  app.add_option("--namespaces", options.namespaces);
  app.add_option("--writes", options.writes, "a second");
  app.add_option("--seconds", options.seconds);
  CLI11_PARSE(app, argc, argv);
  const auto done = insula::run(options);
  if (!done) fmt::print(stderr, "{}\n", done.error().message());
  return done ? 0 : 1;
}
