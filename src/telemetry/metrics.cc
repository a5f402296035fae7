#include "telemetry/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "base/check.h"

namespace insula {
namespace {

constexpr std::array kLatencyBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                       0.25,   0.5,   1.0,    2.5,   5.0,  10.0,  30.0, 60.0};

void append_escaped(std::string& out, std::string_view text, bool quote) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quote) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  // Whole numbers without an exponent, as people expect to read counters.
  constexpr double kExactMax = 9007199254740992.0;
  if (value == std::floor(value) && std::abs(value) < kExactMax) {
    return fmt::format("{}", static_cast<std::int64_t>(value));
  }
  return fmt::format("{}", value);
}

Labels all_other(const Labels& labels) {
  Labels other = labels;
  for (auto& [name, value] : other)
    value = "other";
  return other;
}

}  // namespace

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds.begin(), bounds.end()), buckets_(bounds.size() + 1) {
  INSULA_CHECK(std::ranges::is_sorted(bounds_, std::less_equal<>()));
}

void Histogram::observe(double value) {
  const auto bound = std::ranges::lower_bound(bounds_, value);
  buckets_[static_cast<std::size_t>(bound - bounds_.begin())].fetch_add(1,
                                                                        std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const {
  std::uint64_t total = 0;
  for (const auto& bucket : buckets_)
    total += bucket.load(std::memory_order_relaxed);
  return total;
}

std::span<const double> latency_bounds() {
  return kLatencyBounds;
}

void Exposition::family(std::string_view name, std::string_view help, std::string_view type) {
  text_ += fmt::format("# HELP {} ", name);
  append_escaped(text_, help, false);
  text_ += fmt::format("\n# TYPE {} {}\n", name, type);
}

void Exposition::sample(std::string_view name, const Labels& labels, double value) {
  text_ += name;
  char separator = '{';
  for (const auto& [label, label_value] : labels) {
    text_ += separator;
    text_ += label;
    text_ += "=\"";
    append_escaped(text_, label_value, true);
    text_ += '"';
    separator = ',';
  }
  if (!labels.empty()) text_ += '}';
  text_ += ' ';
  text_ += number(value);
  text_ += '\n';
}

struct MetricsRegistry::Family {
  std::string help;
  std::string type;
  std::map<Labels, std::unique_ptr<Counter>> counters;
  std::map<Labels, std::unique_ptr<Gauge>> gauges;
  std::map<Labels, std::unique_ptr<Histogram>> histograms;

  template <class Series, class... Arguments>
  static Series& find_or_add(std::map<Labels, std::unique_ptr<Series>>& series,
                             const Labels& labels,
                             const Arguments&... arguments) {
    if (const auto found = series.find(labels); found != series.end()) return *found->second;
    const Labels& key = series.size() < kSeriesPerFamilyMax ? labels : all_other(labels);
    auto& slot = series[key];
    if (!slot) slot = std::make_unique<Series>(arguments...);
    return *slot;
  }

  void expose(const std::string& name, Exposition& out) const;
};

void MetricsRegistry::Family::expose(const std::string& name, Exposition& out) const {
  out.family(name, help, type);
  for (const auto& [labels, counter] : counters) {
    out.sample(name, labels, static_cast<double>(counter->value()));
  }
  for (const auto& [labels, gauge] : gauges)
    out.sample(name, labels, gauge->value());
  for (const auto& [labels, histogram] : histograms) {
    Labels bucket_labels = labels;
    bucket_labels.emplace_back("le", "");
    std::uint64_t below = 0;
    for (std::size_t i = 0; i <= histogram->bounds().size(); ++i) {
      below += histogram->bucket(i);
      const bool last = i == histogram->bounds().size();
      bucket_labels.back().second = last ? "+Inf" : number(histogram->bounds()[i]);
      out.sample(name + "_bucket", bucket_labels, static_cast<double>(below));
    }
    out.sample(name + "_sum", labels, histogram->sum());
    out.sample(name + "_count", labels, static_cast<double>(below));
  }
}

MetricsRegistry::MetricsRegistry() = default;
MetricsRegistry::~MetricsRegistry() = default;

MetricsRegistry::Family& MetricsRegistry::family_of(std::string_view name,
                                                    std::string_view help,
                                                    std::string_view type) {
  const auto found = families_.find(name);
  if (found != families_.end()) {
    INSULA_CHECK(found->second->type == type, "one metric name has one type");
    return *found->second;
  }
  auto family = std::make_unique<Family>();
  family->help = help;
  family->type = type;
  return *families_.emplace(name, std::move(family)).first->second;
}

Counter& MetricsRegistry::counter(std::string_view name,
                                  std::string_view help,
                                  const Labels& labels) {
  const std::scoped_lock lock(mutex_);
  return Family::find_or_add(family_of(name, help, "counter").counters, labels);
}

Gauge& MetricsRegistry::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  const std::scoped_lock lock(mutex_);
  return Family::find_or_add(family_of(name, help, "gauge").gauges, labels);
}

Histogram& MetricsRegistry::histogram(std::string_view name,
                                      std::string_view help,
                                      std::span<const double> bounds,
                                      const Labels& labels) {
  const std::scoped_lock lock(mutex_);
  return Family::find_or_add(family_of(name, help, "histogram").histograms, labels, bounds);
}

MetricsRegistry::Registration MetricsRegistry::on_collect(
    std::function<void(Exposition&)> collect) {
  const std::scoped_lock lock(mutex_);
  const std::uint64_t id = next_collector_++;
  collectors_.emplace(id, std::move(collect));
  return {*this, id};
}

std::string MetricsRegistry::expose() const {
  const std::scoped_lock lock(mutex_);
  Exposition out;
  for (const auto& [name, family] : families_)
    family->expose(name, out);
  for (const auto& [id, collect] : collectors_)
    collect(out);
  return out.text();
}

MetricsRegistry::Registration::Registration(Registration&& other) noexcept
    : registry_(std::exchange(other.registry_, nullptr)), id_(other.id_) {}

MetricsRegistry::Registration& MetricsRegistry::Registration::operator=(
    Registration&& other) noexcept {
  std::swap(registry_, other.registry_);
  std::swap(id_, other.id_);
  return *this;
}

MetricsRegistry::Registration::~Registration() {
  if (registry_ == nullptr) return;
  const std::scoped_lock lock(registry_->mutex_);
  registry_->collectors_.erase(id_);
}

}  // namespace insula
