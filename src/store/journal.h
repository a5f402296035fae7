#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "store/entry.h"

namespace insula::store {

/// What one durable transaction of the journal changes.
struct JournalBatch {
  std::vector<EntryPtr> add;
  std::vector<Revision> erase;
  std::optional<Revision> floor;     // compacted up to here
  std::optional<Revision> reserved;  // revisions up to here may be in use without a row

  [[nodiscard]] bool empty() const { return add.empty() && erase.empty() && !floor && !reserved; }
};

/// What was found on opening.
struct JournalState {
  std::vector<std::shared_ptr<Entry>> rows;  // ascending revision
  Revision floor = 0;
  Revision reserved = 0;
};

/// Where the store's writes become durable.
///
/// Threads: one at a time; after load(), the committer's.
class Journal {
 public:
  virtual ~Journal() = default;

  virtual Result<JournalState> load() = 0;

  /// All of the batch is on stable storage when this returns success, and after an error none of
  /// it, unless the device itself failed.
  ///
  /// Errors: kInsufficientStorage when the disk is full (later batches may succeed), kInternal when
  /// the journal is not to be trusted any more.
  virtual Result<> commit(const JournalBatch& batch) = 0;
};

/// A journal in one SQLite database, for one process at a time.
///
/// Table `log` holds one row per version, its key the revision, so that writes append; `meta` holds
/// the format version, the compaction floor and the reserved revisions. WAL with synchronous=FULL:
/// one fsync a transaction, and nothing is written between transactions. See
/// docs/decisions/0005-store-format.md.
///
/// Errors: the file cannot be opened, is locked by another process, damaged, or of a newer format.
[[nodiscard]] Result<std::unique_ptr<Journal>> open_sqlite_journal(const std::string& path);

}  // namespace insula::store
