#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "async/blocking_pool.h"
#include "async/event.h"
#include "async/task.h"
#include "async/task_group.h"
#include "base/clock.h"
#include "base/error.h"
#include "store/entry.h"
#include "store/history.h"
#include "store/journal.h"
#include "store/watch.h"

namespace insula::store {

struct StoreOptions {
  /// Keys below these prefixes are not worth an fsync of their own: heartbeats, events. They are
  /// written to disk along with the next durable write and on stop(); a crash may lose their latest
  /// changes.
  std::vector<std::string> ephemeral_prefixes = {};
  /// Bounds of the history that lists at an old revision and resumed watches can use.
  std::size_t history_changes_max = 20'000;
  std::size_t history_bytes_max = std::size_t{24} << 20;
  /// How long a state can be listed at least after it was replaced; twice as long at most.
  std::chrono::seconds history_age_max{300};
  /// Live changes that a watch may be behind.
  std::size_t watch_backlog_max = 4'000;
  /// Bytes of them, per watch beyond what it began with, and of all watches together; a version
  /// that several watches wait for is in memory once and counts once in the latter.
  std::size_t watch_backlog_bytes_max = std::size_t{16} << 20;
  std::size_t watch_backlogs_bytes_max = std::size_t{128} << 20;
  /// Staged writes waiting for the disk; beyond it writers get kTooManyRequests.
  std::size_t queued_writes_max = 20'000;
  /// Revisions reserved at a time for writes that leave no row behind.
  Revision reserve_block = 50'000;
};

/// A new version's bytes, and their decoded form if the writer has it at hand.
struct Encoded {
  std::string value;
  std::shared_ptr<const void> decoded;
};

/// Makes the bytes of a new version, which may contain its own revision. Called at once.
using Encoder = std::function<Encoded(Revision)>;

class Store;

/// What a transaction sees and does: reads are of the pending head, which includes writes that are
/// staged but not durable yet, and its own.
class Transaction {
 public:
  /// Null if the key does not exist.
  [[nodiscard]] EntryPtr find(std::string_view key) const;

  void scan(std::string_view prefix, const std::function<bool(const EntryPtr&)>& visit) const;

  /// Writes a new version of the key, whatever is there.
  EntryPtr put(std::string_view key, const Encoder& encode);

  /// Errors: kAlreadyExists.
  Result<EntryPtr> create(std::string_view key, const Encoder& encode);

  /// Errors: kNotFound; kConflict when the newest version is not `expected` (0: any).
  Result<EntryPtr> update(std::string_view key, Revision expected, const Encoder& encode);

  /// Deletes the key; the encoder gives the last state for watchers. Errors: as update().
  Result<EntryPtr> remove(std::string_view key, Revision expected, const Encoder& encode);

 private:
  friend class Store;

  explicit Transaction(Store& store) : store_(store) {}

  Result<> check(std::string_view key, Revision expected) const;
  EntryPtr add(std::string_view key, const Encoder& encode, bool deleted);

  Store& store_;
  std::vector<EntryPtr> written_;
};

/// A durable, ordered key-value store with one global revision, compare-and-swap writes and
/// watches.
///
/// Model. A key is a path such as `pods/a/web-0`; a value is bytes, held in memory once and shared
/// by all who read it. Every write of a key takes the next revision. Reads and watches see
/// *committed* state: what is on stable storage. Transactions see the *pending head*, so that two
/// writers that race for the last place of a quota are told apart at once, without waiting for the
/// disk.
///
/// Durability. One thread commits; writes that arrive meanwhile share the next transaction and its
/// fsync. A write is acknowledged, and shown to watchers, only after its commit. When a commit
/// fails everything pending is discarded and the store is read-only; after a full disk it tries
/// again with the first write that comes kRetryAfter later, after other failures only a restart
/// helps.
///
/// Lifetime: the loop outlives the store. Threads: the loop that opened it.
class Store {
 public:
  /// Loads everything the journal holds into memory.
  ///
  /// Errors: the journal's.
  static Result<std::unique_ptr<Store>> open(std::unique_ptr<Journal> journal,
                                             StoreOptions options);

  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  /// The newest committed revision.
  [[nodiscard]] Revision revision() const { return committed_; }

  /// Reads and watches from below it fail with kExpired.
  [[nodiscard]] Revision floor() const { return history_.floor(); }

  [[nodiscard]] EntryPtr find(std::string_view key) const { return history_.find(key, committed_); }

  /// Visits committed keys that begin with `prefix` and sort after `after`, in order, until the
  /// visitor returns false. `at` is a past revision, or 0 for the newest. Returns the revision that
  /// was read.
  ///
  /// Errors: kExpired when `at` is compacted or older than history_age_max allows; kTimeout when it
  /// lies in the future.
  Result<Revision> scan(std::string_view prefix,
                        std::string_view after,
                        Revision at,
                        const std::function<bool(const EntryPtr&)>& visit) const;

  /// Runs `body` on the pending head, at once and without interruption, then waits until what it
  /// wrote is durable and visible. When `body` fails nothing is written and its error is returned.
  ///
  /// Returns the revision of its last write, or the present one if it wrote nothing.
  /// Errors: the body's; kInsufficientStorage or kUnavailable when the store is read-only or the
  /// commit failed; kTooManyRequests. Cancellation: what is staged is committed all the same.
  Task<Result<Revision>> transact(std::function<Result<>(Transaction&)> body);

  /// Changes after `since` of one key, or of all below a path that ends in `/`.
  ///
  /// Errors: kExpired when `since` is compacted, or lies before a restart and the keys are
  /// ephemeral.
  Result<Watch> watch(std::string prefix, Revision since);

  /// Empty while writes are accepted, otherwise why not.
  [[nodiscard]] const std::string& read_only_reason() const { return read_only_reason_; }

  /// Waits for what is staged, writes ephemeral keys to disk and refuses further writes.
  Task<> stop();

  /// How long a store that found the disk full refuses writes before it tries again.
  static constexpr std::chrono::seconds kRetryAfter{5};

 private:
  friend class Transaction;
  friend class Watch;

  // The writes that share one commit, and who waits for them.
  struct Batch {
    Revision last = 0;
    std::size_t writes = 0;
    JournalBatch journal;
    std::vector<std::string> ephemeral;  // keys that are written along
    Event done;
    std::optional<Error> error;
  };

  struct TextHash {
    using is_transparent = void;

    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  Store(std::unique_ptr<Journal> journal, StoreOptions options);

  Result<> load();
  [[nodiscard]] bool is_ephemeral(std::string_view key) const;
  [[nodiscard]] Revision floor_of(std::string_view prefix) const;
  Result<> check_writable() const;
  std::shared_ptr<Batch> stage(const std::vector<EntryPtr>& written);
  Task<> commit_batches();
  void compact();
  void age();
  void complete_journal_batch(Batch& batch);
  void collect_ephemeral(Batch& batch);
  void mark_dirty(const std::string& key);
  void finish(Batch& batch, Result<> outcome);
  void show(Revision upto);
  void discard(const Batch& batch, const Error& error);
  void notify(std::string_view prefix, const Change& change);
  void bound_backlogs();

  std::shared_ptr<Journal> journal_;  // shared with a commit that is running on the pool
  StoreOptions options_;
  History history_;
  Revision head_ = 0;  // newest revision given out
  Revision committed_ = 0;
  Revision reserved_ = 0;  // durably reserved
  Revision ephemeral_floor_ = 0;
  Revision durable_floor_ = 0;
  Revision listed_floor_ = 0;  // states before it can no longer be listed
  Revision marked_ = 0;        // the next listed_floor_, history_age_max after marked_at_
  std::optional<SteadyTime> marked_at_;
  std::vector<Revision> erase_later_;  // rows of compacted versions, for the next commit
  bool committing_ = false;
  bool stopping_ = false;
  std::string read_only_reason_;
  ErrorCode read_only_code_ = ErrorCode::kUnavailable;
  std::optional<SteadyTime> retry_at_;  // none: not before a restart
  std::shared_ptr<Batch> next_;
  Event wake_;
  Event idle_;
  /// Ephemeral keys that changed since they were last written to disk.
  std::unordered_map<std::string, EntryPtr, TextHash, std::equal_to<>> ephemeral_dirty_;
  /// The row on disk of each ephemeral key that has one.
  std::unordered_map<std::string, Revision, TextHash, std::equal_to<>> ephemeral_rows_;
  std::unordered_map<std::string, std::vector<Watch::State*>, TextHash, std::equal_to<>> watches_;
  std::size_t queued_bytes_ = 0;  // kept alive by the queues of watches
  BlockingPool committer_{1};
  TaskGroup tasks_;
};

}  // namespace insula::store
