#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace insula {

/// Names and values of one series, in the order given.
using Labels = std::vector<std::pair<std::string, std::string>>;

/// Content-Type of what MetricsRegistry::expose() returns.
inline constexpr std::string_view kPrometheusContentType =
    "text/plain; version=0.0.4; charset=utf-8";

/// Series of one family beyond this share one whose label values are all `other`, so that a label
/// taken from a request can never grow memory without bound.
inline constexpr std::size_t kSeriesPerFamilyMax = 2000;

/// Only goes up. Threads: any, without a lock.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }

  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Goes up and down. Threads: any, without a lock.
class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }

  void add(double by) { value_.fetch_add(by, std::memory_order_relaxed); }

  [[nodiscard]] double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// Counts observations by upper bound. Threads: any, without a lock; a scrape during an observation
/// may see its bucket and not yet its sum.
class Histogram {
 public:
  /// Requires: bounds rise strictly. The bucket up to infinity is added.
  explicit Histogram(std::span<const double> bounds);
  void observe(double value);

  [[nodiscard]] std::uint64_t count() const;

  [[nodiscard]] double sum() const { return sum_.load(std::memory_order_relaxed); }

  [[nodiscard]] std::span<const double> bounds() const { return bounds_; }

  /// Observations in bucket `i` alone, not cumulated; `i` up to bounds().size().
  [[nodiscard]] std::uint64_t bucket(std::size_t i) const {
    return buckets_[i].load(std::memory_order_relaxed);
  }

 private:
  std::vector<double> bounds_;
  std::vector<std::atomic<std::uint64_t>> buckets_;
  std::atomic<double> sum_{0};
};

/// Upper bounds in seconds for the latency of a request: 0.5 ms to 60 s.
[[nodiscard]] std::span<const double> latency_bounds();

/// Writes Prometheus' text format, version 0.0.4.
/// Spec: prometheus.io, "Exposition formats".
class Exposition {
 public:
  /// Begins a family; its samples follow. `type` is counter, gauge or histogram.
  void family(std::string_view name, std::string_view help, std::string_view type);
  void sample(std::string_view name, const Labels& labels, double value);

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// The series of one process, built by its composition root and passed down.
///
/// A series exists, at zero, from the moment it is asked for, so components ask for theirs when
/// they are built and a dashboard shows 0 rather than "no data". Asking again for the same name and
/// labels gives the same series. Help says what the number is and what to do when it moves.
///
/// Lifetime: series live as long as the registry. Threads: any; asking for a series takes a lock,
/// changing one does not.
class MetricsRegistry {
 public:
  MetricsRegistry();
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& histogram(std::string_view name,
                       std::string_view help,
                       std::span<const double> bounds,
                       const Labels& labels = {});

  /// Unregisters its collector when destroyed.
  class Registration {
   public:
    Registration() = default;
    Registration(Registration&& other) noexcept;
    Registration& operator=(Registration&& other) noexcept;
    ~Registration();

   private:
    friend class MetricsRegistry;

    Registration(MetricsRegistry& registry, std::uint64_t id) : registry_(&registry), id_(id) {}

    MetricsRegistry* registry_ = nullptr;
    std::uint64_t id_ = 0;
  };

  /// Calls `collect` at every scrape, on the scraping thread: for values that are read elsewhere,
  /// or whose series come and go. It may not call back into the registry.
  [[nodiscard]] Registration on_collect(std::function<void(Exposition&)> collect);

  /// Everything, in Prometheus' text format, families sorted by name.
  [[nodiscard]] std::string expose() const;

 private:
  struct Family;
  Family& family_of(std::string_view name, std::string_view help, std::string_view type);

  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Family>, std::less<>> families_;
  std::map<std::uint64_t, std::function<void(Exposition&)>> collectors_;
  std::uint64_t next_collector_ = 1;
};

/// CPU, memory, descriptors and start time of this process, under Prometheus' usual `process_`
/// names.
[[nodiscard]] MetricsRegistry::Registration register_process_metrics(MetricsRegistry& registry);

}  // namespace insula
