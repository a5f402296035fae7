#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "store/journal.h"

namespace insula::store {

/// What a MemoryJournal keeps; shared, so that a journal opened after another finds the same rows.
struct MemoryDisk {
  std::map<Revision, EntryPtr> rows;
  Revision floor = 0;
  Revision reserved = 0;
  int commits = 0;
  /// What the next commits fail with.
  std::optional<Error> failure;
};

/// A journal without a disk: for tests, and for servers whose state may be lost.
class MemoryJournal final : public Journal {
 public:
  explicit MemoryJournal(std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>())
      : disk_(std::move(disk)) {}

  Result<JournalState> load() override;
  Result<> commit(const JournalBatch& batch) override;

 private:
  std::shared_ptr<MemoryDisk> disk_;
};

}  // namespace insula::store
