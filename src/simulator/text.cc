#include "simulator/text.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace insula::simulator {
namespace {

constexpr std::array<std::string_view, 48> kWords = {
    "the",    "a",       "of",      "to",      "and",     "in",      "that",   "is",
    "with",   "as",      "on",      "for",     "island",  "house",   "tenant", "roof",
    "stone",  "harbour", "street",  "window",  "lamp",    "river",   "garden", "bridge",
    "small",  "quiet",   "old",     "bright",  "patient", "careful", "steady", "open",
    "shares", "keeps",   "counts",  "answers", "builds",  "waits",   "turns",  "holds",
    "under",  "beside",  "between", "before",  "always",  "often",   "never",  "again"};
constexpr std::uint64_t kLengthMin = 8;
constexpr std::uint64_t kLengthMax = 32;

std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

std::uint64_t hash_of(std::uint64_t seed, std::string_view text) {
  std::uint64_t hash = mix(seed + 0x9e3779b97f4a7c15U);
  for (const char c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return mix(hash);
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

}  // namespace

std::int64_t count_tokens(std::string_view text) {
  std::int64_t count = 0;
  bool inside = false;
  for (const char c : text) {
    if (!is_space(c) && !inside) ++count;
    inside = !is_space(c);
  }
  return count;
}

InventedReply invent_reply(std::uint64_t seed, std::string_view prompt, std::int64_t max_tokens) {
  std::uint64_t state = hash_of(seed, prompt);
  const auto wanted = static_cast<std::int64_t>(kLengthMin + state % (kLengthMax - kLengthMin + 1));
  InventedReply reply;
  reply.cut = wanted > max_tokens;
  for (std::int64_t i = 0; i < std::min(wanted, max_tokens); ++i) {
    state = mix(state + 0x9e3779b97f4a7c15U);
    reply.tokens.push_back(kWords[state % kWords.size()]);
  }
  return reply;
}

std::vector<double> invent_embedding(std::uint64_t seed, std::string_view text, std::size_t size) {
  std::uint64_t state = hash_of(seed, text);
  std::vector<double> vector(size);
  double sum = 0;
  for (double& entry : vector) {
    state = mix(state + 0x9e3779b97f4a7c15U);
    entry = static_cast<double>(static_cast<std::int64_t>(state >> 11U)) / 4503599627370496.0 - 1.0;
    sum += entry * entry;
  }
  for (double& entry : vector)
    entry /= std::sqrt(sum);
  return vector;
}

}  // namespace insula::simulator
