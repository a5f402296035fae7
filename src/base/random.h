#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace insula {

/// Randomness, as a constructor parameter, so that tests are repeatable.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> bytes) = 0;
  /// Uniform in [0, bound). Requires: bound > 0.
  std::uint64_t below(std::uint64_t bound);
};

/// getrandom(2): fit for keys and tokens. Any thread.
[[nodiscard]] Random& system_random();

/// Repeatable from its seed (splitmix64); never for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}

  void fill(std::span<std::uint8_t> bytes) override;

 private:
  std::uint64_t state_;
};

/// RFC 9562 version 4, in the usual 36-character form.
[[nodiscard]] std::string random_uuid(Random& random);

/// `length` characters from `alphabet`, each equally likely.
[[nodiscard]] std::string random_text(Random& random,
                                      std::string_view alphabet,
                                      std::size_t length);

}  // namespace insula
