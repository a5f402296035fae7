// Streams through a proxy: `sse_load UPSTREAM_PORT PROXY_PORT STREAMS SECONDS [PATH [TOKEN]]`.
//
// Upstream and clients in one process. Every stream gets an event of about 260 bytes each 20 ms; an
// event carries the time it was sent, and its delay is measured where it is read. The upstream can
// be asked directly by giving its own port twice. Last line: JSON.

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "async/loop.h"
#include "async/task_group.h"
#include "net/listener.h"
#include "net/stream.h"

namespace {

using namespace insula;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

constexpr auto kInterval = 20ms;
constexpr int kSlices = 20;  // Streams are spread over the interval.
constexpr std::string_view kMark = "\"t\":";
const std::string kPadding(180, 'x');

std::int64_t now_ns() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// One chunk with one event.
std::string event() {
  const std::string data =
      fmt::format("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}],\"t\":{}}}\n\n",
                  kPadding, now_ns());
  return fmt::format("{:x}\r\n{}\r\n", data.size(), data);
}

class Upstream {
 public:
  explicit Upstream(std::unique_ptr<net::Listener> listener) : listener_(std::move(listener)) {
    tasks_.spawn(accept_all());
    tasks_.spawn(tick());
  }

 private:
  Task<> accept_all() {
    for (;;) {
      auto stream = co_await listener_->accept();
      if (stream) tasks_.spawn(begin(*std::move(stream)));
    }
  }

  Task<> begin(std::unique_ptr<net::Stream> stream) {
    std::array<char, 4096> buffer{};
    const auto got = co_await stream->read(buffer);
    if (!got || *got == 0) co_return;
    constexpr std::string_view kHead =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    if (co_await stream->write(kHead)) slices_[next_++ % kSlices].push_back(std::move(stream));
  }

  Task<> tick() {
    SteadyTime due = Loop::current().now();
    for (std::size_t slice = 0;; slice = (slice + 1) % kSlices) {
      due += std::chrono::duration_cast<std::chrono::nanoseconds>(kInterval) / kSlices;
      co_await sleep_until(due);
      for (const auto& stream : slices_[slice])
        static_cast<void>(stream->try_write(event(), {}));
    }
  }

  std::unique_ptr<net::Listener> listener_;
  std::array<std::vector<std::unique_ptr<net::Stream>>, kSlices> slices_;
  std::size_t next_ = 0;
  TaskGroup tasks_;
};

struct Figures {
  bool counting = false;
  std::vector<std::int64_t> delays;
  std::size_t broken = 0;
};

/// Reads events as they come. An event that is split over two reads is not counted; there are few.
Task<> read_events(net::Address address, std::string request, Figures& figures) {
  auto stream = co_await net::dial(address, Loop::current().now() + 10s);
  if (!stream || !co_await (*stream)->write(request)) {
    ++figures.broken;
    co_return;
  }
  std::vector<char> buffer(16 * 1024);
  for (;;) {
    const auto got = co_await (*stream)->read(buffer);
    if (!got || *got == 0) {
      ++figures.broken;
      co_return;
    }
    if (!figures.counting) continue;
    const std::int64_t now = now_ns();
    const std::string_view text(buffer.data(), *got);
    for (std::size_t at = text.find(kMark); at != text.npos; at = text.find(kMark, at + 1)) {
      std::int64_t sent = 0;
      std::from_chars(text.data() + at + kMark.size(), text.data() + text.size(), sent);
      if (sent > 0) figures.delays.push_back(now - sent);
    }
  }
}

Task<> measure(int argc, char** argv) {
  const auto port = [&](int at) {
    return net::Address::parse(fmt::format("127.0.0.1:{}", argv[at])).value();
  };
  const int streams = std::atoi(argv[3]);
  const std::string path = argc > 5 ? argv[5] : "/v1/chat/completions";
  const std::string token = argc > 6 ? fmt::format("Authorization: Bearer {}\r\n", argv[6]) : "";
  const std::string body =
      R"({"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]})";
  const std::string request = fmt::format(
      "POST {} HTTP/1.1\r\nHost: x\r\n{}Content-Type: application/json\r\n"
      "Content-Length: {}\r\n\r\n{}",
      path, token, body.size(), body);
  Loop& loop = Loop::current();
  const Upstream upstream(net::Listener::bind(loop, port(1)).value());
  Figures figures;
  TaskGroup readers;
  for (int i = 0; i < streams; ++i) {
    readers.spawn(read_events(port(2), request, figures));
    if (i % 50 == 49) co_await sleep_for(5ms);
  }
  co_await sleep_for(1s);
  // Who reads the proxy's CPU time takes it between these two lines.
  fmt::print("counting\n");
  std::fflush(stdout);
  figures.counting = true;
  co_await sleep_for(std::chrono::seconds(std::atoi(argv[4])));
  figures.counting = false;
  auto& delays = figures.delays;
  std::ranges::sort(delays);
  const auto at = [&](double share) {
    return delays.empty() ? 0.0
                          : static_cast<double>(delays[static_cast<std::size_t>(
                                share * static_cast<double>(delays.size() - 1))]) /
                                1e3;
  };
  fmt::print(
      "{{\"streams\":{},\"events\":{},\"p50Micros\":{:.1f},\"p99Micros\":{:.1f},\"broken\":{}}}\n",
      streams, delays.size(), at(0.5), at(0.99), figures.broken);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr,
                 "usage: sse_load UPSTREAM_PORT PROXY_PORT STREAMS SECONDS [PATH [TOKEN]]\n");
    return 2;
  }
  Loop loop;
  run_until_complete(loop, measure(argc, argv));
  // Thousands of streams need not be taken down one by one.
  std::_Exit(0);
}
