#include "gateway/usage_recorder.h"

#include <algorithm>
#include <utility>

namespace insula::gateway {

UsageRecorder::UsageRecorder(std::unique_ptr<UsageJournal> journal,
                             std::unique_ptr<InFlightTable> table,
                             std::unique_ptr<RecordRing> ring,
                             UsageLosses losses)
    : journal_(std::move(journal)),
      table_(std::move(table)),
      ring_(std::move(ring)),
      losses_(losses) {}

std::size_t UsageRecorder::begin(const InFlight& request) {
  const std::size_t place = table_->add(request);
  if (place == kUnnoted) losses_.unnoted.add();
  return place;
}

void UsageRecorder::note(std::size_t place,
                         const llm::Usage& usage,
                         std::int64_t completion_reserved) {
  if (place != kUnnoted) table_->note(place, usage, completion_reserved);
}

void UsageRecorder::settle(std::size_t place, const UsageRecord& record, WallTime now) {
  const UsageJournal::Update update = journal_->prepare(record, now);
  table_->begin({place, update, ring_->id(), ring_->next(), record});
  journal_->commit(update, record);
  append(record);
  if (place != kUnnoted) table_->remove(place);
  table_->end();
}

void UsageRecorder::append(const UsageRecord& record) {
  if (!ring_->append(record)) losses_.records_dropped.add();
  if (ring_->unread() >= RecordRing::kRecordsWorthReading && wake_ &&
      !woken_.exchange(true, std::memory_order_relaxed))
    wake_();
}

/// Makes those steps of a settlement that its process did not make.
void UsageRecorder::finish(const Settlement& settlement, WallTime now) {
  const UsageRecord& record = settlement.record;
  switch (journal_->find(settlement.update)) {
    case UsageJournal::Made::kNo:
      journal_->commit(settlement.update, record);
      break;
    case UsageJournal::Made::kYes:
      break;
    case UsageJournal::Made::kGone: {
      // The journal was damaged and kept aside, and the sums with it.
      const UsageJournal::Update update = journal_->prepare(record, now);
      Settlement again = settlement;
      again.update = update;
      // Not changed while it counts: a kill in between leaves the request in its place.
      table_->end();
      table_->begin(again);
      journal_->commit(update, record);
      break;
    }
  }
  const bool appended = settlement.ring == ring_->id() && settlement.record_number != ring_->next();
  if (!appended) append(record);
  if (settlement.slot < kUnnoted) table_->remove(settlement.slot);
  table_->end();
}

std::size_t UsageRecorder::recover(WallTime now, const std::function<void()>& make_room) {
  const auto when_full = [&] {
    if (ring_->unread() == RecordRing::kRecords) make_room();
  };
  when_full();
  if (const auto settlement = table_->unfinished(); settlement) finish(*settlement, now);
  std::size_t cut_off = 0;
  for (const std::size_t place : table_->left()) {
    when_full();
    settle(place, crashed(table_->at(place), now), now);
    ++cut_off;
  }
  return cut_off;
}

UsageRecord crashed(const InFlight& request, WallTime now) {
  UsageRecord record = request.record;
  llm::Usage usage = record.usage();
  if (request.completion_reserved != UsageRecord::kUnknown)
    usage.completion_tokens = std::min(usage.completion_tokens, request.completion_reserved);
  usage.reasoning_tokens = std::min(usage.reasoning_tokens, usage.completion_tokens);
  usage.estimated = true;
  record.set_usage(usage);
  record.ended_us = micros_of(now);
  record.duration_us = UsageRecord::kUnknown;
  record.first_token_us = UsageRecord::kUnknown;
  record.outcome = UsageOutcome::kGatewayCrashed;
  record.cost = cost_of(request.price, usage);
  return record;
}

}  // namespace insula::gateway
