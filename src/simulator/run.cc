#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "async/loop.h"
#include "async/signals.h"
#include "net/listener.h"
#include "simulator/simulator.h"

namespace insula::simulator {
namespace {

Task<> serve_until_stopped(const SimulatorOptions& options, Loop& loop, int listener_fd) {
  StopSignals signals(loop);
  Simulator simulator(options, loop.clock());
  simulator.serve(std::make_unique<net::Listener>(loop, listener_fd));
  co_await signals.wait();
  co_await simulator.drain(loop.now() + options.drain_time);
}

Result<int> listen(const SimulatorOptions& options) {
  INSULA_TRY(const net::Address address, net::Address::ip(options.host, options.port));
  return net::listen_socket(address);
}

}  // namespace

int run(const SimulatorOptions& options) {
  const auto fd = listen(options);
  if (!fd) {
    fmt::print(stderr, "insula llm-sim: {}\n", fd.error().message());
    return 1;
  }
  fmt::print("serving {} on {}:{}; every reply is invented\n",
             options.models.empty() ? std::string(kDefaultModel)
                                    : fmt::format("{}", fmt::join(options.models, ", ")),
             options.host, options.port);
  std::fflush(stdout);
  Loop loop;
  run_until_complete(loop, serve_until_stopped(options, loop, *fd));
  return 0;
}

int run_command(std::span<const std::string_view> arguments) {
  const auto options = parse_options(arguments);
  if (!options) {
    fmt::print(stderr, "insula llm-sim: {}\n", options.error().message());
    return 2;
  }
  if (!*options) {
    fmt::print("{}", usage_text());
    return 0;
  }
  return run(**options);
}

}  // namespace insula::simulator
