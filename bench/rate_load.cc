// The same request at a fixed rate, evenly spaced and whether or not answers come:
// `rate_load PORT RATE SECONDS BODY_FILE [NAME:VALUE...] PATH`. A delay runs from the moment a
// request was due to the end of its answer, so that a server that stalls does not hide it
// (coordinated omission). Answers other than 200 are failures. Last line: JSON.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "async/loop.h"
#include "async/task_group.h"
#include "http/client.h"

namespace {

using namespace insula;
using std::chrono_literals::operator""s;

struct Load {
  http::Origin origin;
  http::Request request;
  std::int64_t rate = 0;     // a second
  std::int64_t seconds = 0;  // that are measured, after one that is not
};

struct Figures {
  std::vector<std::chrono::nanoseconds> delays;
  std::size_t failed = 0;

  [[nodiscard]] double micros_at(double share) const {
    const auto at = static_cast<std::size_t>(share * static_cast<double>(delays.size() - 1));
    return static_cast<double>(delays[at].count()) / 1e3;
  }
};

Task<> ask(http::Client& client, const Load& load, SteadyTime due, Figures* figures) {
  const auto response = co_await client.send(load.origin, load.request, due + 10s);
  if (figures == nullptr) co_return;
  if (response && response->status == 200) {
    figures->delays.push_back(Loop::current().now() - due);
  } else {
    ++figures->failed;
  }
}

Task<> run(const Load& load, Figures& figures) {
  http::Client client({.connections_per_origin = 1000, .idle_per_origin = 1000});
  {
    TaskGroup requests;
    const SteadyTime begin = Loop::current().now();
    for (std::int64_t i = 0; i < load.rate * (load.seconds + 1); ++i) {
      const SteadyTime due = begin + std::chrono::nanoseconds(i * 1'000'000'000 / load.rate);
      co_await sleep_until(due);
      requests.spawn(ask(client, load, due, i < load.rate ? nullptr : &figures));
    }
    co_await requests.drained();
  }
}

std::string text_of(const char* file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Result<Load> load_of(std::span<char*> arguments) {
  if (arguments.size() < 6) {
    return fail(ErrorCode::kInvalid,
                "usage: rate_load PORT RATE SECONDS BODY_FILE [NAME:VALUE...] PATH");
  }
  INSULA_TRY(auto origin, http::Origin::parse(fmt::format("http://127.0.0.1:{}", arguments[1])));
  Load load{
      .origin = std::move(origin),
      .request = {.method = "POST", .target = arguments.back(), .body = text_of(arguments[4])},
      .rate = std::atol(arguments[2]),
      .seconds = std::atol(arguments[3])};
  for (const std::string_view header : arguments.subspan(5, arguments.size() - 6)) {
    const std::size_t colon = header.find(':');
    if (colon == header.npos)
      return fail(ErrorCode::kInvalid, fmt::format("no header: {}; write NAME:VALUE", header));
    load.request.headers.add(header.substr(0, colon), header.substr(colon + 1));
  }
  return load;
}

}  // namespace

int main(int argc, char** argv) {
  const auto load = load_of({argv, static_cast<std::size_t>(argc)});
  if (!load) {
    fmt::print(stderr, "{}\n", load.error().message());
    return 2;
  }
  // epoll waits for whole milliseconds.
  const auto loop = Loop::make(system_clock(), IoEngine::kAuto).value();
  Figures figures;
  run_until_complete(*loop, run(*load, figures));
  if (figures.delays.empty()) {
    fmt::print(stderr, "none of {} requests was answered with 200\n", figures.failed);
    return 1;
  }
  std::ranges::sort(figures.delays);
  fmt::print("{{\"requests\":{},\"failed\":{},\"p50\":{:.1f},\"p99\":{:.1f}}}\n",
             figures.delays.size(), figures.failed, figures.micros_at(0.5),
             figures.micros_at(0.99));
  return 0;
}
