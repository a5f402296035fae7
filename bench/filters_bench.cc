// What filters cost a request: a list of what a prompt may not have, over prompts of three sizes
// and over one that is made to have the matcher think anew at each byte, of which the longest turn
// of the loop counts; and changes of headers. The bars are 2 ms of processor for 100,000 tokens
// (400 KB), and 5 ms for a turn of the loop.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "async/blocking_pool.h"
#include "async/deadline.h"
#include "async/loop.h"
#include "fastest_runs.h"
#include "gateway/body_memory.h"
#include "gateway/header_edits.h"
#include "gateway/prompt_deny_list.h"
#include "gateway/prompt_search.h"
#include "gateway/testing/restless_text.h"

namespace insula::gateway {
namespace {

constexpr double kBarNs = 2'000'000;
constexpr double kTurnBarNs = 5'000'000;

/// A list as a company has it: 64 phrases and some patterns.
PromptDenyListConfig usual_list() {
  PromptDenyListConfig config{
      .phrases = {},
      .patterns = {R"(\b\d{3}-\d{2}-\d{4}\b)", R"(\b(?:\d[ -]?){15,16}\b)",
                   R"((?i)\bAKIA[0-9A-Z]{16}\b)", R"(-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----)"}};
  for (int i = 0; i < 64; ++i)
    config.phrases.push_back(fmt::format("project condor {}", i));
  return config;
}

/// Words that are none of the list's.
std::string usual_text(std::size_t bytes) {
  constexpr std::string_view kWords =
      "The project was about condors, 12 of them, and what they eat when nobody looks. ";
  std::string text;
  while (text.size() < bytes)
    text += kWords;
  text.resize(bytes);
  return text;
}

template <class T>
Task<> keep(Task<T> task, std::optional<T>& result) {
  result = co_await std::move(task);
}

/// A loop, and what filters may use of it.
class FilterBench {
 public:
  /// `patience`: how long a prompt may take.
  explicit FilterBench(const PromptDenyListConfig& config,
                       std::chrono::nanoseconds patience = PromptDenyList::kSearchTimeMax)
      : filter_(PromptDenyList::make(config, patience).value()) {}

  void take(std::string_view text) {
    body_ = fmt::format(R"({{"messages":[{{"role":"user","content":"{}"}}]}})", text);
    bytes_ = body_.size();
    body_.append(llm::PromptReader::kPadding, '\0');
  }

  [[nodiscard]] bool is_refused() {
    std::optional<std::optional<FilterRefusal>> refusal;
    run_until_complete(loop_, keep(ask(), refusal));
    return refusal->has_value();
  }

  /// The longest time for which the loop was held, of the processor's.
  [[nodiscard]] double longest_turn_ns() {
    run_until_complete(loop_, search_while_others_run());
    return static_cast<double>(longest_.count());
  }

 private:
  Task<std::optional<FilterRefusal>> ask() {
    return filter_->on_request({.operation = llm::Operation::kChatCompletions,
                                .tenant = "alpha",
                                .body = std::string_view(body_).substr(0, bytes_),
                                .client_gone = client_gone_,
                                .prompts = reader_,
                                .memory = memory_,
                                .pool = pool_});
  }

  Task<> search_while_others_run() { co_await race(search(), run_others()); }

  Task<> search() { benchmark::DoNotOptimize(co_await ask()); }

  Task<> run_others() {
    std::chrono::nanoseconds before = thread_cpu_time();
    for (;;) {
      co_await sleep_for(std::chrono::microseconds(100));
      const std::chrono::nanoseconds now = thread_cpu_time();
      longest_ = std::max(longest_, now - before);
      before = now;
    }
  }

  Loop loop_{system_clock()};
  std::unique_ptr<const Filter> filter_;
  std::string body_;
  std::size_t bytes_ = 0;
  bool client_gone_ = false;
  llm::PromptReader reader_;
  BodyMemory memory_{std::size_t{64} << 20U};
  BlockingPool pool_{1};
  std::chrono::nanoseconds longest_{0};
};

void look(benchmark::State& state, const PromptDenyListConfig& config, const std::string& text) {
  FilterBench bench(config, std::chrono::minutes(1));
  bench.take(text);
  for (auto _ : state) {
    if (bench.is_refused()) state.SkipWithError("it was refused");
  }
}

PromptDenyListConfig slow_list() {
  return {.phrases = {}, .patterns = {"a[ab]{60}c", "b[ab]{50}d"}};
}

/// The slowest that a list may be.
PromptDenyListConfig slowest_list() {
  return {.phrases = {},
          .patterns = {"a[ab]{500}c", "b[ab]{500}d", "aa[ab]{500}e", "bb[ab]{480}f"}};
}

void deny_list_4k(benchmark::State& state) {
  look(state, usual_list(), usual_text(4096));
}

void deny_list_400k(benchmark::State& state) {
  look(state, usual_list(), usual_text(400'000));
}

void deny_list_4m(benchmark::State& state) {
  look(state, usual_list(), usual_text(PromptDenyList::kTextBytesMax));
}

void deny_list_hostile_400k(benchmark::State& state) {
  look(state, slow_list(), insula::gateway::restless_text(400'000));
}

void deny_list_hostile_here(benchmark::State& state) {
  FilterBench bench(slowest_list());
  const std::string text = insula::gateway::restless_text(std::size_t{1} << 20U);
  std::size_t at = 0;
  for (auto _ : state) {
    // Never the same: what was thought of is remembered.
    bench.take(std::string_view(text).substr(at, PromptDenyList::kHereBytesMax));
    at = (at + PromptDenyList::kHereBytesMax) % (text.size() / 2);
    if (bench.is_refused()) state.SkipWithError("it was refused");
  }
}

BENCHMARK(deny_list_4k)->MeasureProcessCPUTime();
BENCHMARK(deny_list_400k)->MeasureProcessCPUTime();
BENCHMARK(deny_list_4m)->MeasureProcessCPUTime();
BENCHMARK(deny_list_hostile_400k)->MeasureProcessCPUTime();
BENCHMARK(deny_list_hostile_here);

void edit_headers(benchmark::State& state) {
  std::string head = "POST /v1/chat/completions HTTP/1.1\r\n";
  for (int i = 0; i < 13; ++i)
    head += fmt::format("X-Header-{}: some value of it\r\n", i);
  const HeaderEdits edits(
      {.set = {{"X-Header-3", "x"}, {"X-Team", "a"}}, .remove = {"User-Agent"}});
  for (auto _ : state) {
    std::string edited = head;
    edits.apply(edited);
    benchmark::DoNotOptimize(edited);
  }
}

BENCHMARK(edit_headers);

}  // namespace
}  // namespace insula::gateway

int main(int argc, char** argv) {
  using namespace insula::gateway;
  const insula::bench::FastestRuns fastest = insula::bench::run_benchmarks(argc, argv);
  const std::string longest = insula::gateway::restless_text(PromptDenyList::kTextBytesMax);
  FilterBench hostile(slowest_list());
  hostile.take(longest);
  const double turn_ns = hostile.longest_turn_ns();
  fmt::print(R"({{"bench":"filters","deny_4k_ns":{:.0f},"deny_400k_ns":{:.0f},"deny_4m_ns":{:.0f},)"
             R"("deny_hostile_400k_ns":{:.0f},"deny_hostile_here_ns":{:.0f},)"
             R"("longest_turn_ns":{:.0f},"edit_headers_ns":{:.0f},"bar_ns":{:.0f},)"
             R"("turn_bar_ns":{:.0f}}})"
             "\n",
             fastest.of("deny_list_4k"), fastest.of("deny_list_400k"), fastest.of("deny_list_4m"),
             fastest.of("deny_list_hostile_400k"), fastest.of("deny_list_hostile_here"), turn_ns,
             fastest.of("edit_headers"), kBarNs, kTurnBarNs);
  return 0;
}
