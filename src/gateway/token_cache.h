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
/// An entry is found by the whole token and by what it was verified under; it ends with the token.
/// Refused tokens have a small table of their own, so that a flood of them cannot push out the good
/// ones, and end after kRefusalTime. Least recently used entries go first.
///
/// Threads: one loop only; each loop has its own.
class TokenCache {
 public:
  static constexpr std::size_t kVerifiedMax = 2048;
  static constexpr std::size_t kRefusedMax = 256;
  static constexpr std::chrono::seconds kRefusalTime{10};

  /// What a token is verified under: whose issuers and keys, and a number that changes with them.
  struct Scope {
    std::string_view tenant;
    std::uint64_t number = 0;

    bool operator==(const Scope&) const = default;
  };

  /// nullptr: unknown. Valid until the next call of put().
  [[nodiscard]] const Result<JwtClaims>* find(Scope scope, std::string_view token, WallTime now);

  void put(Scope scope, std::string_view token, Result<JwtClaims> result, WallTime now);

  [[nodiscard]] std::size_t size() const { return verified_.index.size() + refused_.index.size(); }

 private:
  struct Key {
    Scope scope;
    std::string_view token;

    bool operator==(const Key&) const = default;
  };

  struct Entry {
    std::string tenant;
    std::uint64_t scope_number;
    std::string token;
    Result<JwtClaims> result;
    WallTime ends;

    [[nodiscard]] Key key() const { return {{tenant, scope_number}, token}; }
  };

  struct Hash {
    std::size_t operator()(const Key& key) const {
      return std::hash<std::string_view>()(key.token) ^ (key.scope.number * 0x9e3779b97f4a7c15U);
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
