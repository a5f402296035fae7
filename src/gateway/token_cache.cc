#include "gateway/token_cache.h"

#include <utility>

namespace insula::gateway {

const TokenCache::Entry* TokenCache::Table::find(const Key& key, WallTime now) {
  const auto found = index.find(key);
  if (found == index.end()) return nullptr;
  const auto entry = found->second;
  if (now >= entry->ends) {
    index.erase(found);
    by_age.erase(entry);
    return nullptr;
  }
  by_age.splice(by_age.begin(), by_age, entry);
  return &*entry;
}

void TokenCache::Table::put(Entry entry, std::size_t max) {
  if (const auto old = index.find(entry.key()); old != index.end()) {
    const auto place = old->second;
    index.erase(old);
    by_age.erase(place);
  }
  if (index.size() >= max) {
    index.erase(by_age.back().key());
    by_age.pop_back();
  }
  by_age.push_front(std::move(entry));
  index.emplace(by_age.front().key(), by_age.begin());
}

const Result<JwtClaims>* TokenCache::find(Scope scope, std::string_view token, WallTime now) {
  const Key key{scope, token};
  const Entry* entry = verified_.find(key, now);
  if (entry == nullptr) entry = refused_.find(key, now);
  return entry == nullptr ? nullptr : &entry->result;
}

void TokenCache::put(Scope scope, std::string_view token, Result<JwtClaims> result, WallTime now) {
  const bool verified = result.has_value();
  const WallTime ends = verified ? result->expires + kTokenLeeway : now + kRefusalTime;
  Entry entry{std::string(scope.tenant), scope.number, std::string(token), std::move(result), ends};
  if (verified) {
    verified_.put(std::move(entry), kVerifiedMax);
  } else {
    refused_.put(std::move(entry), kRefusedMax);
  }
}

}  // namespace insula::gateway
