#include "store/history.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"

namespace insula::store {

namespace {

/// Bookkeeping of one superseded version beside its value: entry, key, list and map slots.
constexpr std::size_t kVersionOverheadBytes = 256;

}  // namespace

const EntryPtr* History::version_at(const Versions& versions, Revision at) {
  if (versions.newest->revision <= at) return &versions.newest;
  const std::span<const EntryPtr> older = versions.kept();
  const auto above = std::ranges::upper_bound(older, at, {}, &Entry::revision);
  return above == older.begin() ? nullptr : &*std::prev(above);
}

History::Keys::const_iterator History::end_of(std::string_view prefix) const {
  std::string above(prefix);
  while (above.ends_with('\xff'))
    above.pop_back();
  if (above.empty()) return keys_.end();
  above.back() = static_cast<char>(static_cast<unsigned char>(above.back()) + 1);
  return keys_.lower_bound(above);
}

EntryPtr History::find(std::string_view key, Revision at) const {
  const auto it = keys_.find(key);
  if (it == keys_.end()) return nullptr;
  const EntryPtr* version = version_at(it->second, at);
  if (version == nullptr || (*version)->deleted) return nullptr;
  return *version;
}

std::size_t History::weight(const Change& change) {
  std::size_t bytes = kVersionOverheadBytes;
  if (change.previous) bytes += change.previous->value.size();
  if (change.entry->deleted) bytes += change.entry->value.size();
  return bytes;
}

void History::append(EntryPtr entry) {
  INSULA_CHECK(log_.empty() || log_.back().change.entry->revision < entry->revision);
  const auto key = keys_.try_emplace(entry->key).first;
  Versions& versions = key->second;
  Change change{.entry = entry, .previous = nullptr};
  if (versions.newest) {
    if (!versions.newest->deleted) change.previous = versions.newest;
    versions.older.push_back(std::move(versions.newest));
  }
  versions.newest = std::move(entry);
  superseded_bytes_ += weight(change);
  log_.push_back({std::move(change), key});
}

void History::rollback(Revision to) {
  while (!log_.empty() && log_.back().change.entry->revision > to) {
    const Logged last = std::move(log_.back());
    log_.pop_back();
    superseded_bytes_ -= weight(last.change);
    Versions& versions = last.key->second;
    if (versions.kept().empty()) {
      keys_.erase(last.key);
    } else {
      versions.newest = std::move(versions.older.back());
      versions.older.pop_back();
    }
  }
}

EntryPtr History::restore(EntryPtr entry) {
  const auto it = keys_.try_emplace(entry->key).first;
  EntryPtr replaced = std::move(it->second.newest);
  if (entry->deleted)
    keys_.erase(it);
  else
    it->second.newest = std::move(entry);
  return replaced;
}

void History::scan(std::string_view prefix,
                   std::string_view after,
                   Revision at,
                   const std::function<bool(const EntryPtr&)>& visit) const {
  if (after > prefix && !after.starts_with(prefix)) return;
  auto it = after > prefix ? keys_.upper_bound(after) : keys_.lower_bound(prefix);
  // Found once, so that the keys, each somewhere else in memory, need not be looked at.
  const auto end = end_of(prefix);
  for (; it != end; ++it) {
    const EntryPtr* version = version_at(it->second, at);
    if (version == nullptr || (*version)->deleted) continue;
    if (!visit(*version)) return;
  }
}

void History::replay(Revision after,
                     Revision upto,
                     const std::function<void(const Change&)>& visit) const {
  auto it = std::ranges::upper_bound(
      log_, after, {}, [](const Logged& logged) { return logged.change.entry->revision; });
  for (; it != log_.end() && it->change.entry->revision <= upto; ++it)
    visit(it->change);
}

void History::drop_before(Keys::iterator key, const Entry& change, std::vector<EntryPtr>& gone) {
  Versions& versions = key->second;
  const auto is_over = [&change](const Entry& version) {
    return version.revision < change.revision ||
           (version.revision == change.revision && change.deleted);
  };
  std::vector<EntryPtr>& older = versions.older;
  while (versions.dropped < older.size() && is_over(*older[versions.dropped]))
    gone.push_back(std::move(older[versions.dropped++]));
  // Not one by one: those behind move.
  if (versions.dropped * 2 >= older.size()) {
    older.erase(older.begin(), older.begin() + static_cast<std::ptrdiff_t>(versions.dropped));
    versions.dropped = 0;
    if (older.empty()) older.shrink_to_fit();
  }
  if (change.deleted && versions.newest->revision == change.revision) {
    gone.push_back(std::move(versions.newest));
    keys_.erase(key);
  }
}

std::vector<EntryPtr> History::compact(Revision upto,
                                       std::size_t changes_max,
                                       std::size_t bytes_max) {
  std::vector<EntryPtr> gone;
  while (!log_.empty() && log_.front().change.entry->revision <= upto &&
         (log_.size() > changes_max || superseded_bytes_ > bytes_max)) {
    const Logged first = std::move(log_.front());
    log_.pop_front();
    superseded_bytes_ -= weight(first.change);
    floor_ = first.change.entry->revision;
    drop_before(first.key, *first.change.entry, gone);
  }
  return gone;
}

}  // namespace insula::store
