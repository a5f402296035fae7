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

  /// Somebody may be waiting for the place.
  ~Visit();

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

/// What ties a request to some endpoints more than to others.
struct Affinity {
  std::uint64_t session = 0;                // 0: it is of none
  std::span<const std::uint64_t> blocks{};  // of its prompt, see PrefixBlocks
};

/// Chooses which endpoint of a backend gets a request.
///
/// The one with the fewest requests for its share (see EndpointHealth) gets it, each as often as
/// others among equals. Of more than kScanMax endpoints it is the better of two at random
/// (Mitzenmacher, "The Power of Two Choices", 2001): to look at all would cost more than it gains,
/// and several loops would all choose the same one.
///
/// With the policy kSession the requests of a session go to the endpoint with the highest hash of
/// both (Thaler and Ravishankar, "rendezvous hashing", 1998): when endpoints come or go, only those
/// move that must. None gets more than kSessionShare times its share of what runs, the next one by
/// hash then does (Mirrokni et al., "Consistent Hashing with Bounded Loads", 2016).
///
/// With kPrefixCache each endpoint's score is kPrefixWeight for the part of the prompt that it has
/// been sent already, less kQueueWeight for as many further requests as kQueueScale, and
/// kCacheWeight for a full KV cache; weights as the Gateway API Inference Extension has them. Who
/// has far more to do than the least busy is not asked, whatever it has in its cache.
///
/// Both leave it to the fewest requests when nothing ties the request to an endpoint.
///
/// Ejected endpoints are left out, but never all, nor more than half of them: those whose ejection
/// ends first are asked all the same, so that the others are not overrun. A probe that is due goes
/// first.
///
/// Threads: one loop's own.
class Balancer {
 public:
  static constexpr std::size_t kScanMax = 8;
  static constexpr double kSessionShare = 1.25;
  /// Requests that one endpoint may have in any case.
  static constexpr double kSessionLoadMin = 4;
  static constexpr double kPrefixWeight = 2;
  static constexpr double kQueueWeight = 2;
  static constexpr double kQueueScale = 8;
  static constexpr double kCacheWeight = 1;
  /// Times the requests of the least busy, and kQueueScale more.
  static constexpr double kImbalance = 1.5;

  /// `seed`: of the choices of two.
  explicit Balancer(std::uint64_t seed) : random_(seed) {}

  /// An endpoint that is none of `tried`, if there is another. Nobody when each has as many
  /// requests as its backend allows. Requires: the backend has endpoints.
  [[nodiscard]] Visit choose(const Backend& backend,
                             std::span<Endpoint* const> tried,
                             SteadyTime now,
                             const Affinity& affinity = {});

  /// A number in [0, 1), for the choice of a backend by weight.
  [[nodiscard]] double draw() { return weights_.next(); }

 private:
  struct Choice {
    Endpoint* endpoint = nullptr;
    bool is_probe = false;
  };

  /// What all choices by affinity ask of an endpoint. Returns whether it may be chosen; a due probe
  /// is put into `choice`.
  static bool is_fit(const Backend& backend,
                     Endpoint& endpoint,
                     std::span<Endpoint* const> tried,
                     SteadyTime now,
                     Choice& choice);
  static Choice by_session(const Backend& backend,
                           std::span<Endpoint* const> tried,
                           SteadyTime now,
                           std::uint64_t session);
  static Choice by_prefix(const Backend& backend,
                          std::span<Endpoint* const> tried,
                          SteadyTime now,
                          std::span<const std::uint64_t> blocks);
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
