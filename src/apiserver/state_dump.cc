#include "apiserver/state_dump.h"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "json/parse.h"
#include "json/write.h"

namespace insula::apiserver {
namespace {

constexpr std::int64_t kFormat = 1;
constexpr std::size_t kPieceBytes = std::size_t{256} << 10U;
/// Rows of one transaction.
constexpr std::size_t kBatch = 1000;

std::string line(const json::Object& object) {
  return json::write(object) + '\n';
}

std::string entry_line(const store::Entry& entry) {
  return line(
      json::Object{{"key", entry.key}, {"revision", entry.revision}, {"value", entry.value}});
}

std::unexpected<Error> wrong(std::size_t number, std::string_view what) {
  return fail(ErrorCode::kInvalid, fmt::format("line {} of the state: {}", number, what));
}

/// Takes the lines of a dump one after another.
class DumpReader {
 public:
  Result<> take(const json::Value& object);
  Result<DumpedState> finish();

 private:
  Result<> take_head(const json::Value& object);
  Result<> take_entry(const json::Value& object);

  DumpedState state_;
  std::size_t number_ = 0;
  bool is_whole_ = false;
};

Result<> DumpReader::take(const json::Value& object) {
  ++number_;
  if (is_whole_) return wrong(number_, "something after the end");
  if (number_ == 1) return take_head(object);
  const auto count = object["count"].as_int64();
  if (!count) return take_entry(object);
  if (std::cmp_not_equal(*count, state_.entries.size()))
    return wrong(number_,
                 fmt::format("{} objects are there, not {}", state_.entries.size(), *count));
  is_whole_ = true;
  return {};
}

Result<> DumpReader::take_head(const json::Value& object) {
  const auto format = object["format"].as_int64();
  const auto revision = object["revision"].as_int64();
  if (!format || !revision || *revision < 0) return wrong(number_, "not the beginning of a dump");
  if (*format > kFormat) {
    return wrong(number_, fmt::format("format {}, written by a newer version; this one reads {}",
                                      *format, kFormat));
  }
  state_.revision = *revision;
  return {};
}

Result<> DumpReader::take_entry(const json::Value& object) {
  const std::string* key = object["key"].as_string();
  const std::string* value = object["value"].as_string();
  const auto revision = object["revision"].as_int64();
  if (key == nullptr || key->empty() || value == nullptr || !revision)
    return wrong(number_, "not an object with its key and revision");
  if (*revision < 1 || *revision > state_.revision)
    return wrong(number_, fmt::format("revision {} is none of the dump's", *revision));
  auto entry = std::make_shared<store::Entry>();
  entry->key = *key;
  entry->revision = *revision;
  entry->value = *value;
  state_.entries.push_back(std::move(entry));
  return {};
}

Result<DumpedState> DumpReader::finish() {
  if (!is_whole_) return wrong(number_ + 1, "the end is missing");
  auto& entries = state_.entries;
  std::ranges::sort(entries, {}, &store::Entry::revision);
  const auto twice = std::ranges::adjacent_find(entries, {}, &store::Entry::revision);
  if (twice != entries.end()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("the state has revision {} twice", (*twice)->revision));
  }
  return std::move(state_);
}

}  // namespace

StateDump::StateDump(const store::Store& store) : revision_(store.revision()) {
  // Of the newest revision, so that it cannot be compacted.
  static_cast<void>(store.scan("", "", 0, [this](const store::EntryPtr& entry) {
    entries_.push_back(entry);
    return true;
  }));
}

std::string StateDump::next() {
  std::string lines;
  if (ended_) return lines;
  if (!std::exchange(begun_, true))
    lines += line(json::Object{{"format", kFormat}, {"revision", revision_}});
  while (at_ < entries_.size() && lines.size() < kPieceBytes)
    lines += entry_line(*entries_[at_++]);
  if (at_ < entries_.size()) return lines;
  ended_ = true;
  return lines + line(json::Object{{"count", entries_.size()}});
}

Result<DumpedState> read_state_dump(std::string_view text) {
  DumpReader reader;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const auto object = json::parse(text.substr(0, end));
    if (!object || object->as_object() == nullptr) return wrong(number, "not a JSON object");
    INSULA_TRY_VOID(reader.take(*object));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return reader.finish();
}

Result<> restore_state(const DumpedState& state, store::Journal& journal) {
  INSULA_TRY(const store::JournalState there, journal.load());
  if (!there.rows.empty() || there.reserved != 0)
    return fail(ErrorCode::kConflict, "there is a state already");
  const std::span entries(state.entries);
  for (std::size_t at = 0; at < entries.size(); at += kBatch) {
    const auto part = entries.subspan(at, std::min(kBatch, entries.size() - at));
    store::JournalBatch batch;
    batch.add.assign(part.begin(), part.end());
    INSULA_TRY_VOID(journal.commit(batch));
  }
  store::JournalBatch last;
  last.floor = last.reserved = state.revision + kRevisionGap;
  return journal.commit(last);
}

}  // namespace insula::apiserver
