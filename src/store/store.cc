#include "store/store.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "async/loop.h"

namespace insula::store {

Store::Store(std::unique_ptr<Journal> journal, StoreOptions options)
    : journal_(std::move(journal)), options_(std::move(options)) {}

Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(std::unique_ptr<Journal> journal, StoreOptions options) {
  std::unique_ptr<Store> store(new Store(std::move(journal), std::move(options)));
  INSULA_TRY_VOID(store->load());
  store->tasks_.spawn(store->commit_batches());
  return store;
}

Result<> Store::load() {
  INSULA_TRY(JournalState state, journal_->load());
  history_.set_floor(state.floor);
  durable_floor_ = state.floor;
  for (auto& row : state.rows) {
    head_ = row->revision;
    if (is_ephemeral(row->key)) ephemeral_rows_[row->key] = row->revision;
    if (row->revision > state.floor) {
      history_.append(std::move(row));
      continue;
    }
    if (row->deleted) erase_later_.push_back(row->revision);
    if (const EntryPtr replaced = history_.restore(std::move(row)))
      erase_later_.push_back(replaced->revision);
  }
  // Revisions of the last reserved block may have been seen by somebody, so none of them comes
  // again.
  head_ = std::max(head_, state.reserved);
  reserved_ = state.reserved;
  committed_ = head_;
  ephemeral_floor_ = head_;
  return {};
}

bool Store::is_ephemeral(std::string_view key) const {
  return std::ranges::any_of(options_.ephemeral_prefixes,
                             [key](const std::string& prefix) { return key.starts_with(prefix); });
}

// A path above ephemeral keys has lost their history, too.
Revision Store::floor_of(std::string_view prefix) const {
  const bool holds_ephemeral =
      std::ranges::any_of(options_.ephemeral_prefixes, [prefix](const std::string& ephemeral) {
        return prefix.starts_with(ephemeral) ||
               (prefix.ends_with('/') && ephemeral.starts_with(prefix));
      });
  return holds_ephemeral ? std::max(history_.floor(), ephemeral_floor_) : history_.floor();
}

Result<Revision> Store::scan(std::string_view prefix,
                             std::string_view after,
                             Revision at,
                             const std::function<bool(const EntryPtr&)>& visit) const {
  if (at == 0) at = committed_;
  if (at > committed_) {
    return fail(ErrorCode::kTimeout,
                fmt::format("Too large resource version: {}, current: {}", at, committed_));
  }
  const Revision floor = std::max(floor_of(prefix), listed_floor_);
  if (at < floor)
    return fail(ErrorCode::kExpired, fmt::format("too old resource version: {} ({})", at, floor));
  history_.scan(prefix, after, at, visit);
  return at;
}

Result<> Store::check_writable() const {
  if (stopping_) return fail(ErrorCode::kUnavailable, "the store is stopping");
  if (!read_only_reason_.empty() && (!retry_at_ || Loop::current().now() < *retry_at_))
    return fail(read_only_code_, read_only_reason_);
  return {};
}

Task<Result<Revision>> Store::transact(std::function<Result<>(Transaction&)> body) {
  if (next_ && next_->writes >= options_.queued_writes_max)
    co_return fail(ErrorCode::kTooManyRequests, "too many writes are waiting for the disk");
  const Revision before = head_;
  Transaction transaction(*this);
  Result<> outcome = body(transaction);
  const bool durable = std::ranges::any_of(
      transaction.written_, [this](const EntryPtr& entry) { return !is_ephemeral(entry->key); });
  if (outcome && (durable || stopping_)) outcome = check_writable();
  if (!outcome) {
    history_.rollback(before);
    head_ = before;
    co_return std::unexpected(std::move(outcome).error());
  }
  if (transaction.written_.empty()) co_return committed_;
  const Revision last = head_;
  const std::shared_ptr<Batch> batch = stage(transaction.written_);
  if (batch) {
    co_await batch->done.wait();
    if (batch->error) co_return std::unexpected(*batch->error);
  }
  co_return last;
}

std::shared_ptr<Store::Batch> Store::stage(const std::vector<EntryPtr>& written) {
  bool durable = false;
  for (const EntryPtr& entry : written) {
    if (is_ephemeral(entry->key))
      ephemeral_dirty_[entry->key] = entry;
    else
      durable = true;
  }
  if (!durable && !next_ && !committing_ && head_ <= reserved_) {
    show(head_);
    compact();
    return nullptr;
  }
  if (!next_) {
    next_ = std::make_shared<Batch>();
    wake_.set();
  }
  next_->last = head_;
  next_->writes += written.size();
  for (const EntryPtr& entry : written) {
    if (!is_ephemeral(entry->key)) next_->journal.add.push_back(entry);
  }
  return next_;
}

// Watches go on from older states as long as the history has what changed since.
void Store::age() {
  const SteadyTime now = Loop::current().now();
  if (marked_at_ && now - *marked_at_ < options_.history_age_max) return;
  listed_floor_ = marked_;
  marked_ = committed_;
  marked_at_ = now;
}

void Store::compact() {
  age();
  for (const EntryPtr& gone :
       history_.compact(committed_, options_.history_changes_max, options_.history_bytes_max)) {
    if (!is_ephemeral(gone->key)) erase_later_.push_back(gone->revision);
  }
}

void Store::collect_ephemeral(Batch& batch) {
  for (auto& [key, entry] : ephemeral_dirty_) {
    if (const auto row = ephemeral_rows_.find(key); row != ephemeral_rows_.end()) {
      erase_later_.push_back(row->second);
      ephemeral_rows_.erase(row);
    }
    batch.ephemeral.push_back(key);
    if (entry->deleted) continue;
    batch.journal.add.push_back(entry);
    ephemeral_rows_[key] = entry->revision;
  }
  ephemeral_dirty_.clear();
}

void Store::complete_journal_batch(Batch& batch) {
  compact();
  JournalBatch& journal = batch.journal;
  if (!journal.add.empty() || stopping_) {
    collect_ephemeral(batch);
    journal.erase = std::exchange(erase_later_, {});
    if (history_.floor() != durable_floor_) journal.floor = history_.floor();
  }
  if (batch.last + options_.reserve_block / 2 > reserved_)
    journal.reserved = batch.last + options_.reserve_block;
}

Task<> Store::commit_batches() {
  while (true) {
    while (!next_) {
      idle_.set();
      wake_.reset();
      co_await wake_.wait();
    }
    idle_.reset();
    committing_ = true;
    const std::shared_ptr<Batch> batch = std::exchange(next_, nullptr);
    complete_journal_batch(*batch);
    Result<> outcome;
    if (!batch->journal.empty()) {
      auto commit = [journal = journal_, batch] { return journal->commit(batch->journal); };
      outcome = co_await committer_.run(std::move(commit));
    }
    committing_ = false;
    finish(*batch, std::move(outcome));
  }
}

void Store::finish(Batch& batch, Result<> outcome) {
  if (!outcome) {
    batch.error = outcome.error();
    discard(batch, outcome.error());
  } else {
    if (!batch.journal.empty()) read_only_reason_.clear();
    if (batch.journal.floor) durable_floor_ = *batch.journal.floor;
    if (batch.journal.reserved) reserved_ = *batch.journal.reserved;
    show(batch.last);
  }
  batch.done.set();
}

void Store::mark_dirty(const std::string& key) {
  EntryPtr entry = history_.find(key, committed_);
  if (!entry) {
    auto gone = std::make_shared<Entry>();
    gone->key = key;
    gone->deleted = true;
    entry = std::move(gone);
  }
  ephemeral_dirty_[key] = std::move(entry);
}

void Store::discard(const Batch& batch, const Error& error) {
  // The discarded revisions are not given out again: the device may have kept what it reported
  // lost.
  history_.rollback(committed_);
  std::vector<std::string> touched = batch.ephemeral;
  for (const auto& [key, entry] : ephemeral_dirty_)
    touched.push_back(key);
  for (const std::string& key : batch.ephemeral)
    ephemeral_rows_.erase(key);
  for (const std::string& key : touched)
    mark_dirty(key);
  erase_later_.insert(erase_later_.end(), batch.journal.erase.begin(), batch.journal.erase.end());
  const bool full = error.code() == ErrorCode::kInsufficientStorage;
  read_only_code_ = full ? ErrorCode::kInsufficientStorage : ErrorCode::kUnavailable;
  read_only_reason_ = "the store is read-only: " + error.message();
  if (full)
    retry_at_ = Loop::current().now() + kRetryAfter;
  else
    retry_at_.reset();
  if (const auto queued = std::exchange(next_, nullptr)) {
    queued->error = Error(read_only_code_, read_only_reason_);
    queued->done.set();
  }
}

void Store::notify(std::string_view prefix, const Change& change) {
  const auto it = watches_.find(prefix);
  if (it == watches_.end()) return;
  for (Watch::State* watch : it->second) {
    if (watch->expired || change.entry->revision <= watch->taken) continue;
    watch->push(change);
    watch->ready.set();
    if (watch->queue.size() > watch->queue_max || watch->bytes > watch->bytes_max) watch->expire();
  }
  bound_backlogs();
}

// Largest first: most likely the slowest reader, and the one whose end frees most.
void Store::bound_backlogs() {
  while (queued_bytes_ > options_.watch_backlogs_bytes_max) {
    Watch::State* largest = nullptr;
    for (const auto& [prefix, watches] : watches_) {
      for (Watch::State* watch : watches) {
        if (largest == nullptr || watch->bytes > largest->bytes) largest = watch;
      }
    }
    largest->expire();
  }
}

void Store::show(Revision upto) {
  const Revision before = std::exchange(committed_, upto);
  if (watches_.empty()) return;
  history_.replay(before, upto, [this](const Change& change) {
    const std::string_view key = change.entry->key;
    for (std::size_t slash = key.find('/'); slash != std::string_view::npos;
         slash = key.find('/', slash + 1))
      notify(key.substr(0, slash + 1), change);
    notify(key, change);
  });
}

Result<Watch> Store::watch(std::string prefix, Revision since) {
  const Revision floor = floor_of(prefix);
  if (since < floor)
    return fail(ErrorCode::kExpired,
                fmt::format("too old resource version: {} ({})", since, floor));
  auto state = std::make_unique<Watch::State>();
  state->store = this;
  state->prefix = prefix;
  state->taken = since;
  const bool is_path = prefix.ends_with('/');
  history_.replay(since, committed_, [&](const Change& change) {
    const std::string& key = change.entry->key;
    if (is_path ? key.starts_with(prefix) : key == prefix) state->push(change);
  });
  state->queue_max = state->queue.size() + options_.watch_backlog_max;
  state->bytes_max = state->bytes + options_.watch_backlog_bytes_max;
  if (!state->queue.empty()) state->ready.set();
  watches_[std::move(prefix)].push_back(state.get());
  Watch watch(std::move(state));
  bound_backlogs();
  return watch;
}

Task<> Store::stop() {
  stopping_ = true;
  co_await idle_.wait();
  if (ephemeral_dirty_.empty() || !read_only_reason_.empty()) co_return;
  next_ = std::make_shared<Batch>();
  next_->last = head_;
  const std::shared_ptr<Batch> batch = next_;
  wake_.set();
  co_await batch->done.wait();
}

}  // namespace insula::store
