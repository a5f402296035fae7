// What filters cost a request: a list of what a prompt may not have, over prompts of three sizes
// and over one that is made to have the matcher think anew at each byte; and changes of headers.
// The bar is 2 ms for 100,000 tokens (400 KB).

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "fastest_runs.h"
#include "gateway/header_edits.h"
#include "gateway/prompt_deny_list.h"

namespace insula::gateway {
namespace {

constexpr double kBarNs = 2'000'000;

/// A list as a company has it: 64 phrases and some patterns.
PromptDenyListConfig usual_list() {
  PromptDenyListConfig config{
      .phrases = {},
      .patterns = {R"(\b\d{3}-\d{2}-\d{4}\b)", R"(\b(?:\d[ -]?){15,16}\b)",
                   R"((?i)\bAKIA[0-9A-Z]{16}\b)", R"(-----BEGIN [A-Z ]*PRIVATE KEY-----)"}};
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

/// Letters of which no longer sequence comes again.
std::string hostile_text(std::size_t bytes) {
  std::string text;
  std::uint64_t state = 1;
  while (text.size() < bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    text += (state >> 40U & 1U) == 0 ? 'a' : 'b';
  }
  return text;
}

void look(benchmark::State& state, const PromptDenyListConfig& config, const std::string& text) {
  const auto filter = PromptDenyList::make(config).value();
  llm::PromptReader reader;
  std::string body = fmt::format(R"({{"messages":[{{"role":"user","content":"{}"}}]}})", text);
  const std::size_t bytes = body.size();
  body.append(llm::PromptReader::kPadding, '\0');
  for (auto _ : state) {
    const auto refusal = filter->on_request({.operation = llm::Operation::kChatCompletions,
                                             .body = std::string_view(body).substr(0, bytes),
                                             .prompts = reader});
    if (refusal) state.SkipWithError("it was refused");
  }
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
  look(state, {.phrases = {}, .patterns = {"a[ab]{60}c", "b[ab]{50}d"}}, hostile_text(400'000));
}

BENCHMARK(deny_list_4k);
BENCHMARK(deny_list_400k);
BENCHMARK(deny_list_4m);
BENCHMARK(deny_list_hostile_400k);

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
  const insula::bench::FastestRuns fastest = insula::bench::run_benchmarks(argc, argv);
  fmt::print(R"({{"bench":"filters","deny_4k_ns":{:.0f},"deny_400k_ns":{:.0f},"deny_4m_ns":{:.0f},)"
             R"("deny_hostile_400k_ns":{:.0f},"edit_headers_ns":{:.0f},"bar_ns":{:.0f}}})"
             "\n",
             fastest.of("deny_list_4k"), fastest.of("deny_list_400k"), fastest.of("deny_list_4m"),
             fastest.of("deny_list_hostile_400k"), fastest.of("edit_headers"),
             insula::gateway::kBarNs);
  return 0;
}
