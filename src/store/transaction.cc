#include <fmt/format.h>

#include "store/store.h"

namespace insula::store {

EntryPtr Transaction::find(std::string_view key) const {
  return store_.history_.find(key, store_.head_);
}

void Transaction::scan(std::string_view prefix,
                       const std::function<bool(const EntryPtr&)>& visit) const {
  store_.history_.scan(prefix, {}, store_.head_, visit);
}

EntryPtr Transaction::add(std::string_view key, const Encoder& encode, bool deleted) {
  auto entry = std::make_shared<Entry>();
  entry->key = key;
  entry->revision = ++store_.head_;
  Encoded encoded = encode(entry->revision);
  entry->value = std::move(encoded.value);
  entry->decoded = std::move(encoded.decoded);
  entry->deleted = deleted;
  store_.history_.append(entry);
  written_.push_back(entry);
  return entry;
}

EntryPtr Transaction::put(std::string_view key, const Encoder& encode) {
  return add(key, encode, false);
}

Result<EntryPtr> Transaction::create(std::string_view key, const Encoder& encode) {
  if (find(key)) return fail(ErrorCode::kAlreadyExists, fmt::format("{} already exists", key));
  return add(key, encode, false);
}

Result<> Transaction::check(std::string_view key, Revision expected) const {
  const EntryPtr entry = find(key);
  if (!entry) return fail(ErrorCode::kNotFound, fmt::format("{} not found", key));
  if (expected != 0 && entry->revision != expected) {
    return fail(ErrorCode::kConflict,
                fmt::format("{} is at revision {}, not {}", key, entry->revision, expected));
  }
  return {};
}

Result<EntryPtr> Transaction::update(std::string_view key,
                                     Revision expected,
                                     const Encoder& encode) {
  INSULA_TRY_VOID(check(key, expected));
  return add(key, encode, false);
}

Result<EntryPtr> Transaction::remove(std::string_view key,
                                     Revision expected,
                                     const Encoder& encode) {
  INSULA_TRY_VOID(check(key, expected));
  return add(key, encode, true);
}

}  // namespace insula::store
