#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "async/loop.h"
#include "base/check.h"
#include "base/random.h"
#include "fastest_runs.h"
#include "http/client.h"
#include "http/framing.h"
#include "http/parser.h"
#include "http/server.h"
#include "net/listener.h"

namespace insula::http {
namespace {

// What the prototype parser needed for the same request and response on the machine where the
// design was chosen (2 vCPU Sapphire Rapids, g++ 12 -O2); docs/decisions/0008.
constexpr double kReferenceRequestNs = 263;
constexpr double kReferenceResponseNs = 104;

/// What the OpenAI client for Python sends: 13 headers, a token of 700 characters; 1,093 bytes.
std::string chat_request() {
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: gw.example.com\r\nUser-Agent: OpenAI/Python "
         "1.40.0\r\n"
         "Accept: application/json\r\nAccept-Encoding: gzip, deflate\r\nContent-Type: "
         "application/json\r\n"
         "X-Stainless-Lang: python\r\nX-Stainless-Package-Version: 1.40.0\r\nX-Stainless-OS: "
         "Linux\r\n"
         "X-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython\r\nAuthorization: Bearer " +
         std::string(700, 'a') + "\r\nContent-Length: 1024\r\nConnection: keep-alive\r\n\r\n";
}

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
    "Content-Type: application/json\r\nContent-Length: 320\r\nConnection: keep-alive\r\n\r\n";

void parse_chat_request(benchmark::State& state) {
  const std::string text = chat_request();
  RequestHead head;
  for (auto _ : state) {
    INSULA_CHECK(parse_request(text, 0, {}, head) == ParseStatus::kComplete);
    benchmark::DoNotOptimize(head);
  }
}

BENCHMARK(parse_chat_request);

/// The same headers in many orders, as different clients send them: what branch prediction has
/// learnt from one request does not fit the next.
void parse_mixed_requests(benchmark::State& state) {
  const std::string text = chat_request();
  const std::size_t start = text.find("\r\n") + 2;
  std::vector<std::string> lines;
  for (std::size_t at = start; !text.substr(at).starts_with("\r\n");) {
    const std::size_t end = text.find("\r\n", at) + 2;
    lines.push_back(text.substr(at, end - at));
    at = end;
  }
  SeededRandom random(1);
  std::vector<std::string> requests;
  for (int i = 0; i < 512; ++i) {
    for (std::size_t k = lines.size() - 1; k > 0; --k)
      std::swap(lines[k], lines[random.below(k + 1)]);
    std::string& request = requests.emplace_back(text.substr(0, start));
    for (const std::string& line : lines)
      request += line;
    request += "\r\n";
  }
  RequestHead head;
  std::size_t next = 0;
  for (auto _ : state) {
    INSULA_CHECK(parse_request(requests[next++ % requests.size()], 0, {}, head) ==
                 ParseStatus::kComplete);
    benchmark::DoNotOptimize(head);
  }
}

BENCHMARK(parse_mixed_requests);

void parse_small_response(benchmark::State& state) {
  ResponseHead head;
  for (auto _ : state) {
    INSULA_CHECK(parse_response(kResponse, 0, {}, head) == ParseStatus::kComplete);
    benchmark::DoNotOptimize(head);
  }
}

BENCHMARK(parse_small_response);

/// One server-sent event of 260 bytes a chunk, as model servers send them.
void frame_one_event(benchmark::State& state) {
  const std::string chunk = "104\r\n" + std::string(260, 'x') + "\r\n";
  BodyFramer framer = BodyFramer::chunked();
  for (auto _ : state)
    benchmark::DoNotOptimize(framer.pass(chunk));
  INSULA_CHECK(framer.refusal() == Refusal::kNone);
}

BENCHMARK(frame_one_event);

class Hello final : public Handler {
 public:
  Task<> handle(Exchange& exchange) override {
    Response response = make_response(200, "application/json", std::string(320, 'x'));
    (void)co_await exchange.respond(std::move(response));
  }
};

Task<> exchange_many(benchmark::State& state, Client& client, Origin origin) {
  while (state.KeepRunning()) {
    const auto response = co_await client.send(origin, Request{}, Deadline::max());
    INSULA_CHECK(response && response->status == 200);
  }
}

/// Our client and our server on one loop, over loopback TCP: four system calls are in it.
void exchange_on_loopback(benchmark::State& state) {
  Loop loop;
  Hello hello;
  Server server(hello, {});
  auto listener = net::Listener::bind(loop, net::Address::parse("127.0.0.1:0").value());
  const Origin origin{(*listener)->address(), "bench", false};
  server.serve(*std::move(listener));
  Client client({});
  run_until_complete(loop, exchange_many(state, client, origin));
}

BENCHMARK(exchange_on_loopback);

}  // namespace
}  // namespace insula::http

int main(int argc, char** argv) {
  using insula::http::kReferenceRequestNs;
  using insula::http::kReferenceResponseNs;
  const insula::bench::FastestRuns fastest = insula::bench::run_benchmarks(argc, argv);
  const double request = fastest.of("parse_chat_request");
  const double response = fastest.of("parse_small_response");
  fmt::print(
      R"({{"bench":"http","request_ns":{:.0f},"mixed_request_ns":{:.0f},"response_ns":{:.0f},"event_framing_ns":{:.0f},)"
      R"("loopback_exchange_ns":{:.0f},"reference_request_ns":{:.0f},"reference_response_ns":{:.0f},)"
      R"("request_ratio":{:.2f},"response_ratio":{:.2f}}})"
      "\n",
      request, fastest.of("parse_mixed_requests"), response, fastest.of("frame_one_event"),
      fastest.of("exchange_on_loopback"), kReferenceRequestNs, kReferenceResponseNs,
      kReferenceRequestNs / request, kReferenceResponseNs / response);
  return 0;
}
