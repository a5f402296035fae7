#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

namespace insula::bench {

/// Prints as usual and keeps the fastest run of each benchmark: what else the machine does can only
/// make one slower.
class FastestRuns final : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      const double ns = run.GetAdjustedCPUTime();
      auto [entry, is_new] = nanoseconds_.try_emplace(run.run_name.function_name, ns);
      entry->second = std::min(entry->second, ns);
    }
    ConsoleReporter::ReportRuns(runs);
  }

  /// CPU time by the function's name; 0 for what did not run.
  [[nodiscard]] double of(const std::string& function) const {
    const auto found = nanoseconds_.find(function);
    return found == nanoseconds_.end() ? 0 : found->second;
  }

 private:
  std::map<std::string, double> nanoseconds_;
};

/// Runs all benchmarks of the program seven times, unless its arguments say otherwise.
inline FastestRuns run_benchmarks(int argc, char** argv) {
  std::vector<char*> args(argv, argv + argc);
  std::string repetitions = "--benchmark_repetitions=7";
  args.insert(args.begin() + 1, repetitions.data());
  int count = static_cast<int>(args.size());
  benchmark::Initialize(&count, args.data());
  FastestRuns fastest;
  benchmark::RunSpecifiedBenchmarks(&fastest);
  return fastest;
}

}  // namespace insula::bench
