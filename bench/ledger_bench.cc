// The bill against what was produced: `ledger_bench [REQUESTS [CLIENTS]]`.
//
// A gateway on a loop of its own; upstream and clients on another. Each request says in its model's
// name how it will end: answered whole with or without usage, as a stream with and without usage,
// cut off by the upstream, left by its client before the first byte or among the events, refused.
// The upstream counts what it produced of each, and the ledger must say the same. Memory and
// descriptors of the process, which has both sides in it, are read after each twentieth of the
// requests; the first fifth is warm-up. Last line: JSON; the exit code is 1 when the sums differ or
// a client saw something else than it should.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "async/loop.h"
#include "async/task_group.h"
#include "base/random.h"
#include "gateway/gateway.h"
#include "gateway/jwt.h"
#include "jose/jws_key.h"
#include "net/listener.h"
#include "net/stream.h"
#include "testing/temp_dir.h"

namespace {

using namespace insula;
using std::chrono_literals::operator""s;

constexpr std::int64_t kRequestsDefault = 100'000;
constexpr int kClientsDefault = 64;
constexpr int kEventsMax = 20;
constexpr std::chrono::seconds kSettledWithin{20};
constexpr std::int64_t kLooks = 20;
constexpr std::size_t kLooksOfWarmUp = 4;
constexpr std::int64_t kSurprisesTold = 20;

/// How a request ends. Those from kStreamCut on are not told any usage: their completion counts as
/// many tokens as events were passed on.
enum class End : std::uint8_t {
  kWhole,
  kStream,
  kStreamUntold,
  kStreamCut,
  kStreamLeft,
  kLeftBeforeReply,
  kRefused,
  kCount
};

constexpr std::size_t kEnds = static_cast<std::size_t>(End::kCount);
constexpr std::array<std::string_view, kEnds> kNames = {
    "whole",  "stream", "stream-untold", "stream-cut", "stream-left", "left-before-reply",
    "refused"};

/// What was produced for requests that ended alike.
struct Produced {
  std::int64_t requests = 0;
  std::int64_t prompt_tokens = 0;  // of those that told
  std::int64_t completion_tokens = 0;
};

/// A request as both sides know it: it is written into the body.
struct Plan {
  End end = End::kWhole;
  int events = 0;
  std::int64_t prompt_tokens = 0;
};

Plan any_plan(Random& random) {
  return {.end = static_cast<End>(random.below(kEnds)),
          .events = 1 + static_cast<int>(random.below(kEventsMax)),
          .prompt_tokens = static_cast<std::int64_t>(1 + random.below(1000))};
}

bool is_stream(End end) {
  return end == End::kStream || end == End::kStreamUntold || end == End::kStreamCut ||
         end == End::kStreamLeft;
}

std::string body_of(const Plan& plan) {
  return fmt::format(
      R"({{"model":"{}","stream":{},"messages":[{{"role":"user","content":"hello"}}],)"
      R"("plan":"{},{},{}"}})",
      kNames[static_cast<std::size_t>(plan.end)], is_stream(plan.end), static_cast<int>(plan.end),
      plan.events, plan.prompt_tokens);
}

Plan plan_in(std::string_view body) {
  constexpr std::string_view kMark = R"("plan":")";
  Plan plan;
  int end = 0;
  const std::string text(body.substr(body.find(kMark) + kMark.size(), 40));
  if (std::sscanf(text.c_str(), "%d,%d,%ld", &end, &plan.events, &plan.prompt_tokens) != 3)
    std::abort();
  plan.end = static_cast<End>(end);
  return plan;
}

std::string chunk(std::string_view data) {
  return fmt::format("{:x}\r\n{}\r\n", data.size(), data);
}

std::string usage_text(std::int64_t prompt, std::int64_t completion) {
  return fmt::format(R"("usage":{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{}}})",
                     prompt, completion, prompt + completion);
}

/// Reads one message with a Content-Length; what follows it stays in `received`. Empty: the end.
Task<std::string> read_message(net::Stream& stream, std::string& received) {
  constexpr std::string_view kLength = "ontent-Length: ";
  std::array<char, 8192> buffer{};
  for (;;) {
    const auto head = received.find("\r\n\r\n");
    if (head != received.npos) {
      const auto at = received.find(kLength);
      const std::size_t length = std::strtoul(received.c_str() + at + kLength.size(), nullptr, 10);
      const std::size_t end = head + 4 + (at < head ? length : 0);
      if (received.size() >= end) {
        std::string message = received.substr(0, end);
        received.erase(0, end);
        co_return message;
      }
    }
    const auto got = co_await stream.read(buffer);
    if (!got || *got == 0) co_return std::string();
    received.append(buffer.data(), *got);
  }
}

class Upstream {
 public:
  explicit Upstream(std::unique_ptr<net::Listener> listener) : listener_(std::move(listener)) {
    tasks_.spawn(accept_all());
  }

  [[nodiscard]] std::string address() const { return listener_->address().text(); }

  [[nodiscard]] const Produced& of(std::size_t end) const { return produced_[end]; }

 private:
  Task<> accept_all() {
    for (;;) {
      auto stream = co_await listener_->accept();
      if (stream) tasks_.spawn(serve(*std::move(stream)));
    }
  }

  Task<> serve(std::unique_ptr<net::Stream> stream) {
    std::string received;
    for (;;) {
      const std::string message = co_await read_message(*stream, received);
      if (message.empty()) co_return;
      if (!co_await answer(*stream, plan_in(message))) co_return;
    }
  }

  /// Whether the connection goes on.
  Task<bool> answer(net::Stream& stream, Plan plan) {
    Produced& produced = produced_[static_cast<std::size_t>(plan.end)];
    ++produced.requests;
    if (plan.end == End::kRefused) {
      co_return (co_await stream.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}"))
          .has_value();
    }
    if (plan.end == End::kLeftBeforeReply) {
      co_await stream.hangup();
      co_return false;
    }
    produced.completion_tokens += plan.events;
    if (plan.end == End::kWhole) {
      produced.prompt_tokens += plan.prompt_tokens;
      const std::string body = "{" + usage_text(plan.prompt_tokens, plan.events) + "}";
      co_return (
          co_await stream.write(fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                            "Content-Length: {}\r\n\r\n",
                                            body.size()),
                                body))
          .has_value();
    }
    co_return co_await send_events(stream, plan, produced);
  }

  static Task<bool> send_events(net::Stream& stream, Plan plan, Produced& produced) {
    std::string text =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < plan.events; ++i) {
      text += chunk("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word\"}}]}\n\n");
      if (i % 3 != 2) continue;
      if (!co_await stream.write(std::exchange(text, {}))) co_return false;
    }
    if (plan.end == End::kStream) {
      produced.prompt_tokens += plan.prompt_tokens;
      text +=
          chunk("data: {\"choices\":[]," + usage_text(plan.prompt_tokens, plan.events) + "}\n\n");
    }
    const bool whole = plan.end == End::kStream || plan.end == End::kStreamUntold;
    if (whole) text += chunk("data: [DONE]\n\n") + "0\r\n\r\n";
    if (!text.empty() && !co_await stream.write(text)) co_return false;
    if (plan.end == End::kStreamLeft) co_await stream.hangup();
    co_return whole;
  }

  std::unique_ptr<net::Listener> listener_;
  std::array<Produced, kEnds> produced_;
  TaskGroup tasks_;
};

/// What the process holds.
struct Held {
  double anonymous_mib = 0;  // memory of its own
  double mapped_mib = 0;     // pages of mapped files, the log of records among them
  std::int64_t descriptors = 0;
};

Held held_now() {
  Held held;
  std::int64_t pages = 0;
  std::int64_t resident = 0;
  std::int64_t mapped = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident >> mapped;
  const double page_mib = static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
  held.anonymous_mib = static_cast<double>(resident - mapped) * page_mib;
  held.mapped_mib = static_cast<double>(mapped) * page_mib;
  held.descriptors = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  return held;
}

/// What the clients do, and what they got to see.
struct Load {
  net::Address gateway;
  std::string token;
  std::int64_t left = 0;
  std::array<std::int64_t, kEnds> sent{};
  std::int64_t surprises = 0;
  std::vector<Held> held = {};
  std::int64_t next_look = 0;

  /// Counts what a client did not expect, and says what the first of them were.
  void note_surprise(End end, std::string_view what) {
    if (++surprises > kSurprisesTold) return;
    fmt::print(stderr, "{}: {}\n", kNames[static_cast<std::size_t>(end)], what);
  }

  /// Counts a request down, and looks at the process once in a while.
  void begin_request(std::int64_t all) {
    if (--left > next_look) return;
    held.push_back(held_now());
    next_look -= std::max<std::int64_t>(all / kLooks, 1);
  }
};

/// Reads until so many events have come, or the end.
Task<int> read_events(net::Stream& stream, std::string& received, int most) {
  std::array<char, 8192> buffer{};
  int events = 0;
  for (;;) {
    for (std::size_t at = 0; (at = received.find("\"word\"")) != received.npos;) {
      received.erase(0, at + 6);
      if (++events == most) co_return events;
    }
    if (received.find("[DONE]") != received.npos &&
        received.find("\r\n0\r\n\r\n") != received.npos) {
      received.clear();
      co_return events;
    }
    const auto got = co_await stream.read(buffer);
    if (!got || *got == 0) co_return -1 - events;
    received.append(buffer.data(), *got);
    if (received.starts_with("HTTP/1.1 ") && !received.starts_with("HTTP/1.1 200")) co_return -1;
  }
}

std::string counted(Plan plan, int events, std::string_view received) {
  return fmt::format("{} events were sent, {} came; the rest: {:?}", plan.events, events, received);
}

/// Returns whether the connection can be used again.
Task<bool> make_request(Load& load, net::Stream& stream, Plan plan) {
  const std::string body = body_of(plan);
  if (!co_await stream.write(
          fmt::format(
              "POST /t/v1/chat/completions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\n"
              "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
              load.token, body.size()),
          body)) {
    load.note_surprise(plan.end, "the request could not be written");
    co_return false;
  }
  ++load.sent[static_cast<std::size_t>(plan.end)];
  std::string received;
  switch (plan.end) {
    case End::kWhole:
    case End::kRefused: {
      const std::string reply = co_await read_message(stream, received);
      if (!reply.starts_with(plan.end == End::kWhole ? "HTTP/1.1 200" : "HTTP/1.1 400"))
        load.note_surprise(plan.end, fmt::format("got {:?}", reply));
      co_return !reply.empty();
    }
    case End::kStream:
    case End::kStreamUntold: {
      const int events = co_await read_events(stream, received, INT32_MAX);
      if (events != plan.events) load.note_surprise(plan.end, counted(plan, events, received));
      co_return events >= 0;
    }
    case End::kStreamCut: {
      const int events = co_await read_events(stream, received, INT32_MAX);
      if (events != -1 - plan.events) load.note_surprise(plan.end, counted(plan, events, received));
      co_return false;
    }
    case End::kStreamLeft: {
      const int events = co_await read_events(stream, received, plan.events);
      if (events != plan.events) load.note_surprise(plan.end, counted(plan, events, received));
      co_return false;
    }
    default:
      co_return false;  // It leaves at once.
  }
}

Task<> be_client(Load& load, std::int64_t all) {
  std::unique_ptr<net::Stream> stream;
  while (load.left > 0) {
    load.begin_request(all);
    if (stream == nullptr) {
      auto dialled = co_await net::dial(load.gateway, Loop::current().now() + 10s);
      if (!dialled) {
        load.note_surprise({}, dialled.error().message());
        continue;
      }
      stream = *std::move(dialled);
    }
    const Plan plan = any_plan(system_random());
    if (!co_await make_request(load, *stream, plan)) stream.reset();
  }
}

using Bill = std::array<gateway::UsageCounts, kEnds>;

Task<Bill> bill_of(gateway::Gateway& gateway) {
  Bill bill{};
  const auto answer = co_await gateway.usage({.tenant = "t", .by = gateway::UsageBy::kModel});
  if (!answer) co_return bill;
  for (const gateway::UsageRow& row : answer->rows) {
    for (std::size_t end = 0; end < kEnds; ++end)
      if (row.model == kNames[end]) bill[end] += row.counts;
  }
  co_return bill;
}

/// Once every request that was sent is on it: ends of connections take a moment.
Task<Bill> settled_bill(gateway::Gateway& gateway, const Load& load) {
  const SteadyTime last = Loop::current().now() + kSettledWithin;
  for (;;) {
    const Bill bill = co_await bill_of(gateway);
    bool all = true;
    for (std::size_t end = 0; end < kEnds; ++end)
      all = all && bill[end].requests == load.sent[end];
    if (all || Loop::current().now() > last) co_return bill;
    co_await sleep_for(std::chrono::milliseconds(50));
  }
}

gateway::GatewayConfig config_of(const std::string& upstream, const std::string& public_pem) {
  gateway::GatewayConfig config;
  config.tenants = {
      {.name = "t",
       .service_host = "s.t.svc:1",
       .endpoints = {upstream},
       .limits = {.requests_per_hour = 10'000'000, .tokens_per_minute = 1'000'000'000},
       .issuers = {}}};
  config.builtin_keys = {public_pem};
  return config;
}

/// Prints what differs; returns how many ends do.
int compare(const Bill& bill, const Upstream& upstream, const Load& load) {
  int different = 0;
  for (std::size_t end = 0; end < kEnds; ++end) {
    const Produced& produced = upstream.of(end);
    const gateway::UsageCounts& billed = bill[end];
    // Where no usage is told, the prompt is estimated.
    const bool told = end <= static_cast<std::size_t>(End::kStream);
    const bool same = billed.requests == load.sent[end] &&
                      billed.completion_tokens == produced.completion_tokens &&
                      (!told || billed.prompt_tokens == produced.prompt_tokens);
    different += same ? 0 : 1;
    fmt::print(
        "{:<18} sent {:>8} billed {:>8}   completion tokens produced {:>9} billed {:>9}   "
        "prompt tokens told {:>10} billed {:>10}{}\n",
        kNames[end], load.sent[end], billed.requests, produced.completion_tokens,
        billed.completion_tokens, produced.prompt_tokens, billed.prompt_tokens,
        same ? "" : "   DIFFERENT");
  }
  return different;
}

void print_result(const Load& load, std::int64_t requests, int different, double seconds) {
  const std::span held(load.held);
  const auto steady = held.subspan(std::min(kLooksOfWarmUp, held.size() - 1));
  const auto [least, most] = std::ranges::minmax(steady, {}, &Held::anonymous_mib);
  const auto [fewest, many] = std::ranges::minmax(steady, {}, &Held::descriptors);
  fmt::print(R"({{"bench":"ledger","requests":{},"different":{},"surprises":{},"seconds":{:.1f},)"
             R"("anonymous_mib_min":{:.1f},"anonymous_mib_max":{:.1f},"mapped_mib_end":{:.1f},)"
             R"("descriptors_min":{},)"
             R"("descriptors_max":{}}})"
             "\n",
             requests, different, load.surprises, seconds, least.anonymous_mib, most.anonymous_mib,
             held.back().mapped_mib, fewest.descriptors, many.descriptors);
}

Task<> measure(std::int64_t requests, int clients, int& failed) {
  const testing::TempDir directory;
  Loop& loop = Loop::current();
  const net::Address any = net::Address::parse("127.0.0.1:0").value();
  const Upstream upstream(net::Listener::bind(loop, any).value());
  const auto listener = net::Listener::bind(loop, any).value();
  const auto keys = jose::generate_ed25519_keys().value();
  const auto signer = jose::JwsSigner::from_private_pem(keys.private_pem).value();
  MetricsRegistry registry;
  gateway::GatewaySettings settings;
  settings.directory = directory.path();
  const auto gateway = gateway::Gateway::create(settings, system_clock(), registry, Log()).value();
  if (!co_await gateway->apply(config_of(upstream.address(), keys.public_pem)) ||
      !gateway->serve(listener->fd())) {
    failed = 1;
    co_return;
  }
  Load load{
      .gateway = listener->address(),
      .token = gateway::mint_token(signer, {.tenant = "t", .subject = "s"}, system_clock().wall())
                   .value(),
      .left = requests};
  load.next_look = requests - requests / kLooks;
  const SteadyTime began = loop.now();
  TaskGroup tasks;
  for (int i = 0; i < clients; ++i)
    tasks.spawn(be_client(load, requests));
  co_await tasks.drained();
  const double seconds = std::chrono::duration<double>(loop.now() - began).count();
  const Bill bill = co_await settled_bill(*gateway, load);
  const int different = compare(bill, upstream, load);
  print_result(load, requests, different, seconds);
  failed = different > 0 || load.surprises > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t requests = argc > 1 ? std::atoll(argv[1]) : kRequestsDefault;
  const int clients = argc > 2 ? std::atoi(argv[2]) : kClientsDefault;
  if (requests <= 0 || clients <= 0) {
    std::fprintf(stderr, "usage: ledger_bench [REQUESTS [CLIENTS]]\n");
    return 2;
  }
  Loop loop;
  int failed = 0;
  run_until_complete(loop, measure(requests, clients, failed));
  std::fflush(stdout);
  return failed;
}
