#include "base/random.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <sys/random.h>

#include "base/check.h"

namespace insula {
namespace {

class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::getrandom(bytes.data(), bytes.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      INSULA_CHECK(n > 0, "getrandom");
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
  }
};

}  // namespace

std::uint64_t Random::below(std::uint64_t bound) {
  INSULA_CHECK(bound > 0);
  // Rejects the last, incomplete block of the 64-bit range, so every value is equally likely.
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  std::uint64_t value = 0;
  do {
    std::array<std::uint8_t, 8> bytes{};
    fill(bytes);
    value = 0;
    for (const std::uint8_t byte : bytes)
      value = value << 8 | byte;
  } while (value >= limit);
  return value % bound;
}

Random& system_random() {
  static SystemRandom random;
  return random;
}

void SeededRandom::fill(std::span<std::uint8_t> bytes) {
  for (std::uint8_t& byte : bytes) {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    byte = static_cast<std::uint8_t>(z ^ (z >> 31));
  }
}

std::string random_uuid(Random& random) {
  std::array<std::uint8_t, 16> b{};
  random.fill(b);
  b[6] = static_cast<std::uint8_t>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<std::uint8_t>((b[8] & 0x3f) | 0x80);
  std::string text;
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    fmt::format_to(std::back_inserter(text), "{:02x}", b[i]);
  }
  return text;
}

std::string random_text(Random& random, std::string_view alphabet, std::size_t length) {
  std::string text(length, '\0');
  std::ranges::generate(text, [&] { return alphabet[random.below(alphabet.size())]; });
  return text;
}

}  // namespace insula
