// What it costs a request to be on the bill: noted when it is admitted, kept up to date while its
// reply passes, settled in the sums, the log of records and the table of what runs.

#include <memory>
#include <string_view>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "fastest_runs.h"
#include "gateway/record_log.h"
#include "gateway/usage_recorder.h"
#include "telemetry/metrics.h"
#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

/// The bar of the whole, with the log's writer.
constexpr double kBarNs = 1000;

/// The files of one loop.
struct Files {
  testing::TempDir directory;
  MetricsRegistry registry;
  UsageRecorder recorder{
      UsageJournal::open(directory / "journal").value(),
      InFlightTable::open(directory / "running").value(),
      RecordRing::open(directory / "ring").value(),
      UsageLosses{registry.counter("dropped", ""), registry.counter("unnoted", "")}};
  std::unique_ptr<RecordLog> log = RecordLog::open(directory / "records",
                                                   {.bytes_max = 64U << 20U},
                                                   system_clock(),
                                                   registry.counter("damaged", ""),
                                                   {})
                                       .value();
};

/// As Request makes it: texts are copied into their places.
UsageRecord make_record(std::string_view id) {
  UsageRecord record;
  record.subject.tenant.set("tenant-a");
  record.subject.uid.set("8f2b1a52-53ad-4d29-9a0e-2f35b0a7c2f1");
  record.subject.model.set("llama-3.3-70b-instruct");
  record.subject.key.set("alphaalpha");
  record.subject.currency.set("USD");
  record.request_id.set(id);
  record.prompt_tokens = 200;
  return record;
}

void settle_one(UsageRecorder& recorder, WallTime now) {
  constexpr ModelPrice kPrice{150'000, 75'000, 600'000};
  const InFlight running{
      .record = make_record("req_0123456789abcdef"), .price = kPrice, .completion_reserved = 512};
  const std::size_t place = recorder.begin(running);
  const llm::Usage usage{.prompt_tokens = 210, .completion_tokens = 64};
  recorder.note(place, usage, 512);
  UsageRecord record = make_record("req_0123456789abcdef");
  record.set_usage(usage);
  record.cost = cost_of(kPrice, usage);
  record.ended_us = micros_of(now);
  recorder.settle(place, record, now);
}

/// On the loop alone: the ring is emptied for nothing.
void bill_a_request(benchmark::State& state) {
  Files files;
  RecordRing& ring = files.recorder.ring();
  const WallTime now = system_clock().wall();
  for (auto _ : state) {
    settle_one(files.recorder, now);
    ring.forget_before(ring.next());
  }
}

BENCHMARK(bill_a_request);

/// With what another thread does for it: sums over bytes and writes.
void bill_and_log_a_request(benchmark::State& state) {
  Files files;
  RecordRing& ring = files.recorder.ring();
  const WallTime now = system_clock().wall();
  for (auto _ : state) {
    settle_one(files.recorder, now);
    if (ring.unread() >= RecordRing::kRecordsWorthReading) {
      files.recorder.reading();
      RecordRing* const rings = &ring;
      if (!files.log->write_from({&rings, 1})) state.SkipWithError("the log cannot be written");
    }
  }
}

BENCHMARK(bill_and_log_a_request);

}  // namespace
}  // namespace insula::gateway

int main(int argc, char** argv) {
  const insula::bench::FastestRuns fastest = insula::bench::run_benchmarks(argc, argv);
  fmt::print(R"({{"bench":"usage","loop_ns":{:.0f},"with_log_ns":{:.0f},"bar_ns":{:.0f}}})"
             "\n",
             fastest.of("bill_a_request"), fastest.of("bill_and_log_a_request"),
             insula::gateway::kBarNs);
  return 0;
}
