#include "store/memory_journal.h"

namespace insula::store {

Result<JournalState> MemoryJournal::load() {
  JournalState state{{}, disk_->floor, disk_->reserved};
  for (const auto& [revision, entry] : disk_->rows) {
    auto copy = std::make_shared<Entry>(*entry);
    copy->decoded.reset();
    state.rows.push_back(std::move(copy));
  }
  return state;
}

Result<> MemoryJournal::commit(const JournalBatch& batch) {
  ++disk_->commits;
  if (disk_->failure) return std::unexpected(*disk_->failure);
  for (const EntryPtr& entry : batch.add)
    disk_->rows[entry->revision] = entry;
  for (const Revision revision : batch.erase)
    disk_->rows.erase(revision);
  disk_->floor = batch.floor.value_or(disk_->floor);
  disk_->reserved = batch.reserved.value_or(disk_->reserved);
  return {};
}

}  // namespace insula::store
