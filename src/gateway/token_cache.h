#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/jwt.h"

namespace insula::gateway {

/// Results of verifying tokens, so that a token costs its signature check once and not per request.
///
/// An entry is found by the whole token and by `scope`, a number that names the configuration it
/// was verified under (the tenant's issuers and keys); it ends with the token. Refused tokens have
/// a small table of their own, so that a flood of them cannot push out the good ones, and end after
/// kRefusalTime. Least recently used entries go first.
///
/// Threads: one loop only; each loop has its own.
class TokenCache {
 public:
  static constexpr std::size_t kVerifiedMax = 2048;
  static constexpr std::size_t kRefusedMax = 256;
  static constexpr std::chrono::seconds kRefusalTime{10};

  /// nullptr: unknown. Valid until the next call of put().
  [[nodiscard]] const Result<JwtClaims>* find(std::uint64_t scope,
                                              std::string_view token,
                                              WallTime now);

  void put(std::uint64_t scope, std::string_view token, Result<JwtClaims> result, WallTime now);

  [[nodiscard]] std::size_t size() const { return verified_.index.size() + refused_.index.size(); }

 private:
  struct Entry {
    std::uint64_t scope;
    std::string token;
    Result<JwtClaims> result;
    WallTime ends;
  };

  struct Key {
    std::uint64_t scope;
    std::string_view token;

    bool operator==(const Key&) const = default;
  };

  struct Hash {
    std::size_t operator()(const Key& key) const {
      return std::hash<std::string_view>()(key.token) ^ (key.scope * 0x9e3779b97f4a7c15U);
    }
  };

  struct Table {
    std::list<Entry> by_age;  // Most recently used first. The index's keys point into it.
    std::unordered_map<Key, std::list<Entry>::iterator, Hash> index;

    const Entry* find(const Key& key, WallTime now);
    void put(Entry entry, std::size_t max);
  };

  Table verified_;
  Table refused_;
};

}  // namespace insula::gateway
