#include "apiserver/flowcontrol/shuffle_sharding.h"

#include <algorithm>

#include "api/flow_control.h"

namespace insula::apiserver {

namespace {

// FNV-1a, whose bits are then mixed as splitmix64 does.
constexpr std::uint64_t kOffset = 0xcbf29ce484222325;
constexpr std::uint64_t kPrime = 0x100000001b3;

std::uint64_t add_text(std::uint64_t hash, std::string_view text) {
  for (const char c : text)
    hash = (hash ^ static_cast<std::uint8_t>(c)) * kPrime;
  return hash;
}

std::uint64_t mixed(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31U);
}

}  // namespace

std::uint64_t flow_hash(std::string_view schema, std::string_view distinguisher) {
  constexpr std::uint64_t kMask = (std::uint64_t{1} << api::kShuffleBitsMax) - 1;
  const std::uint64_t named = add_text(kOffset, schema) * kPrime;  // as a byte of zero between
  return mixed(add_text(named, distinguisher)) & kMask;
}

std::vector<std::uint32_t> deal_hand(std::uint64_t hash, std::uint32_t queues, std::uint32_t hand) {
  std::vector<std::uint32_t> dealt;
  std::vector<std::uint32_t> taken;  // the same, sorted
  dealt.reserve(hand);
  taken.reserve(hand);
  for (std::uint32_t i = 0; i < hand; ++i) {
    // The next of what is left, counted over those that are taken.
    const std::uint32_t left = queues - i;
    auto card = static_cast<std::uint32_t>(hash % left);
    hash /= left;
    auto at = taken.begin();
    for (; at != taken.end() && *at <= card; ++at)
      ++card;
    taken.insert(at, card);
    dealt.push_back(card);
  }
  return dealt;
}

}  // namespace insula::apiserver
