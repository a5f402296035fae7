#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "gateway/backend.h"

namespace insula::gateway {

/// A request at an endpoint: counted there for as long as this lives, and telling of its health.
class Visit {
 public:
  Visit() = default;

  /// Requires: it is counted at the endpoint.
  Visit(Endpoint& endpoint, bool is_probe) : endpoint_(&endpoint), is_probe_(is_probe) {}

  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

  Visit(Visit&& other) noexcept
      : endpoint_(std::exchange(other.endpoint_, nullptr)), is_probe_(other.is_probe_) {}

  Visit& operator=(Visit&& other) noexcept {
    std::swap(endpoint_, other.endpoint_);
    std::swap(is_probe_, other.is_probe_);
    return *this;
  }

  ~Visit() {
    if (endpoint_ != nullptr) endpoint_->in_flight.fetch_sub(1, std::memory_order_relaxed);
  }

  /// False when no endpoint could take the request.
  explicit operator bool() const { return endpoint_ != nullptr; }

  [[nodiscard]] Endpoint& endpoint() const { return *endpoint_; }

  [[nodiscard]] bool is_probe() const { return is_probe_; }

 private:
  Endpoint* endpoint_ = nullptr;
  bool is_probe_ = false;
};

/// Numbers in [0, 1): the multiples of an irrational number, without their whole part. Successive
/// ones fall into every part of that range as often as it is large, and those of every second or
/// third request do so, too (Weyl, 1916).
class EvenDraws {
 public:
  explicit EvenDraws(double step) : step_(step) {}

  [[nodiscard]] double next() {
    at_ += step_;
    if (at_ >= 1) at_ -= 1;
    return at_;
  }

 private:
  double step_;
  double at_ = 0;
};

/// Chooses which endpoint of a backend gets a request.
///
/// The one with the fewest requests for its share (see EndpointHealth) gets it, each as often as
/// others among equals. Of more than kScanMax endpoints it is the better of two at random
/// (Mitzenmacher, "The Power of Two Choices", 2001): to look at all would cost more than it gains,
/// and several loops would all choose the same one.
///
/// Ejected endpoints are left out, but never all, nor more than half of them: those whose ejection
/// ends first are asked all the same, so that the others are not overrun. A probe that is due goes
/// first.
///
/// Threads: one loop's own.
class Balancer {
 public:
  static constexpr std::size_t kScanMax = 8;

  /// `seed`: of the choices of two.
  explicit Balancer(std::uint64_t seed) : random_(seed) {}

  /// An endpoint that is none of `tried`, if there is another. Nobody when each has as many
  /// requests as its backend allows. Requires: the backend has endpoints.
  [[nodiscard]] Visit choose(const Backend& backend,
                             std::span<Endpoint* const> tried,
                             SteadyTime now);

  /// A number in [0, 1), for the choice of a backend by weight.
  [[nodiscard]] double draw() { return weights_.next(); }

 private:
  struct Choice {
    Endpoint* endpoint = nullptr;
    bool is_probe = false;
  };

  Choice better_of_two(const Backend& backend, std::span<Endpoint* const> tried, SteadyTime now);
  Choice best(const Backend& backend, std::span<Endpoint* const> tried, SteadyTime now);
  SteadyTime left_out_after(const Backend& backend, SteadyTime now);

  SeededRandom random_;
  // Two numbers of which no multiples meet: else a backend would have its requests at some of its
  // endpoints only.
  EvenDraws weights_{0.6180339887498949};  // the golden ratio
  EvenDraws equals_{0.4142135623730951};   // the root of 2
  std::vector<SteadyTime> ejections_;      // kept for its memory
};

/// Whether the backend has an endpoint that is well and none of `tried`.
[[nodiscard]] bool has_another(const Backend& backend,
                               std::span<Endpoint* const> tried,
                               SteadyTime now);

}  // namespace insula::gateway
