// What reading a request body costs: chats of one long prompt, and, for comparison, of texts that
// are just too short for the outline to leave them out, so that all of them is parsed.

#include <cstddef>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "base/check.h"
#include "fastest_runs.h"
#include "llm/request.h"

namespace insula::llm {
namespace {

/// A body of about `bytes`, in messages of about `text` bytes.
std::string chat_of(std::size_t bytes, std::size_t text) {
  std::string words;
  while (words.size() < text)
    words += "the quick brown fox jumps over it ";
  words.resize(text);
  std::string body = R"({"model":"m","max_tokens":64,"messages":[)";
  do {
    if (body.back() == '}') body += ',';
    body.append(R"({"role":"user","content":")").append(words).append("\"}");
  } while (body.size() + text <= bytes);
  return body + "]}";
}

void read(benchmark::State& state, std::size_t bytes, std::size_t text) {
  std::string body = chat_of(bytes, text);
  const std::size_t size = body.size();
  body.append(RequestReader::kPadding, ' ');
  RequestReader reader;
  for (auto _ : state) {
    const auto peek =
        reader.read(Operation::kChatCompletions, std::string_view(body).substr(0, size));
    INSULA_CHECK(peek && peek->model == "m");
  }
}

constexpr std::size_t kShort = 4000;

void read_1k(benchmark::State& state) {
  read(state, 1024, 950);
}

void read_16k(benchmark::State& state) {
  read(state, std::size_t{16} << 10U, std::size_t{16} << 10U);
}

void read_400k(benchmark::State& state) {
  read(state, std::size_t{400} << 10U, std::size_t{400} << 10U);
}

void read_400k_of_short_texts(benchmark::State& state) {
  read(state, std::size_t{400} << 10U, kShort);
}

BENCHMARK(read_1k);
BENCHMARK(read_16k);
BENCHMARK(read_400k);
BENCHMARK(read_400k_of_short_texts);

}  // namespace
}  // namespace insula::llm

int main(int argc, char** argv) {
  const insula::bench::FastestRuns fastest = insula::bench::run_benchmarks(argc, argv);
  fmt::print(
      R"({{"bench":"request","read_1k_ns":{:.0f},"read_16k_ns":{:.0f},"read_400k_ns":{:.0f},)"
      R"("read_400k_of_short_texts_ns":{:.0f}}})"
      "\n",
      fastest.of("read_1k"), fastest.of("read_16k"), fastest.of("read_400k"),
      fastest.of("read_400k_of_short_texts"));
  return 0;
}
