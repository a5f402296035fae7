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
  if (const auto old = index.find({entry.scope, entry.token}); old != index.end()) {
    const auto place = old->second;
    index.erase(old);
    by_age.erase(place);
  }
  if (index.size() >= max) {
    index.erase({by_age.back().scope, by_age.back().token});
    by_age.pop_back();
  }
  by_age.push_front(std::move(entry));
  index.emplace(Key{by_age.front().scope, by_age.front().token}, by_age.begin());
}

const Result<JwtClaims>* TokenCache::find(std::uint64_t scope,
                                          std::string_view token,
                                          WallTime now) {
  const Key key{scope, token};
  const Entry* entry = verified_.find(key, now);
  if (entry == nullptr) entry = refused_.find(key, now);
  return entry == nullptr ? nullptr : &entry->result;
}

void TokenCache::put(std::uint64_t scope,
                     std::string_view token,
                     Result<JwtClaims> result,
                     WallTime now) {
  if (result) {
    const WallTime ends = result->expires + kTokenLeeway;
    verified_.put({scope, std::string(token), std::move(result), ends}, kVerifiedMax);
  } else {
    refused_.put({scope, std::string(token), std::move(result), now + kRefusalTime}, kRefusedMax);
  }
}

}  // namespace insula::gateway
