#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "telemetry/metrics.h"

namespace insula {
namespace {

std::string read_file(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

double resident_bytes() {
  const std::string text = read_file("/proc/self/statm");
  const auto space = text.find(' ');
  if (space == std::string::npos) return 0;
  long pages = 0;
  std::from_chars(text.data() + space + 1, text.data() + text.size(), pages);
  return static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double open_descriptors() {
  std::error_code error;
  std::filesystem::directory_iterator it("/proc/self/fd", error);
  if (error) return 0;
  return static_cast<double>(std::distance(it, std::filesystem::directory_iterator()));
}

}  // namespace

MetricsRegistry::Registration register_process_metrics(MetricsRegistry& registry) {
  const double started =
      std::chrono::duration<double>(system_clock().wall().time_since_epoch()).count();
  return registry.on_collect([started](Exposition& out) {
    out.family("process_cpu_seconds_total", "CPU time spent, user and system.", "counter");
    out.sample("process_cpu_seconds_total", {}, cpu_seconds());
    out.family("process_open_fds", "Open descriptors; a steady rise is a leak.", "gauge");
    out.sample("process_open_fds", {}, open_descriptors());
    out.family("process_resident_memory_bytes", "Resident memory; a steady rise is a leak.",
               "gauge");
    out.sample("process_resident_memory_bytes", {}, resident_bytes());
    out.family("process_start_time_seconds", "When the process started; a change is a restart.",
               "gauge");
    out.sample("process_start_time_seconds", {}, started);
  });
}

}  // namespace insula
