#include "controller/event_recorder.h"

#include <utility>

#include <fmt/format.h>

#include "client/typed.h"

namespace insula::controller {

namespace {

std::string similar_key(const api::Event& event) {
  return fmt::format("{}\n{}\n{}\n{}\n{}", event.involved_object.uid, event.involved_object.kind,
                     event.involved_object.name, event.type, event.reason);
}

constexpr std::string_view kCombined = "(combined from similar events): ";

}  // namespace

api::ObjectReference reference_to(const api::Kind& kind, const api::ObjectMeta& metadata) {
  api::ObjectReference reference;
  reference.api_version = kind.api_version();
  reference.kind = kind.kind;
  reference.namespace_ = metadata.namespace_;
  reference.name = metadata.name;
  reference.uid = metadata.uid;
  reference.resource_version = metadata.resource_version;
  return reference;
}

EventRecorder::EventRecorder(client::Client& client, const Runtime& runtime, std::string component)
    : client_(client),
      clock_(runtime.clock),
      log_(runtime.log),
      dropped_(runtime.metrics.counter(
          "insula_events_dropped_total",
          "Events that were not stored, because too many waited or the API server "
          "refused them; users miss explanations while this rises.",
          {{"component", component}})),
      component_(std::move(component)) {}

void EventRecorder::start() {
  tasks_.spawn(write_all());
}

void EventRecorder::record(api::ObjectReference about,
                           EventType type,
                           std::string reason,
                           std::string message) {
  const WallTime now = clock_.wall();
  api::Event event;
  event.metadata.namespace_ = about.namespace_.empty() ? "default" : about.namespace_;
  // Unique without asking: the time in nanoseconds, and a number for events of the same instant.
  event.metadata.name =
      fmt::format("{}.{:x}{:04x}", about.name,
                  std::chrono::nanoseconds(now.time_since_epoch()).count(), ++sequence_ & 0xffff);
  event.involved_object = std::move(about);
  event.type = type == EventType::kNormal ? "Normal" : "Warning";
  event.reason = std::move(reason);
  event.message = std::move(message);
  event.source.component = component_;
  event.reporting_component = component_;
  event.first_timestamp = api::Time::from(now);
  event.last_timestamp = event.first_timestamp;
  event.count = 1;
  if (!queue_.try_send(std::move(event))) dropped_.add();
}

Task<> EventRecorder::write_all() {
  while (std::optional<api::Event> event = co_await queue_.receive()) {
    writing_ = true;
    const Result<> written = co_await write(*std::move(event));
    if (!written) {
      dropped_.add();
      log_.debug("event not stored", "component", component_, "err", written.error());
    }
    writing_ = false;
  }
}

Task<Result<>> EventRecorder::write(api::Event event) {
  std::string key = similar_key(event);
  if (!by_key_.contains(key + "\n" + event.message) && is_one_of_many(event)) {
    event.message.insert(0, kCombined);
  } else {
    key += "\n" + event.message;
  }
  const auto known = by_key_.find(key);
  if (known != by_key_.end()) {
    api::Event repeated = known->second->event;
    if (event.first_timestamp.wall() - repeated.last_timestamp.wall() <= kEventMergeWindow) {
      repeated.count += 1;
      repeated.message = event.message;
      repeated.last_timestamp = event.last_timestamp;
      Result<api::Event> stored = co_await client::update(client_, std::move(repeated));
      if (stored) {
        remember(std::move(key), *std::move(stored));
        co_return Result<>{};
      }
      // Gone or changed by somebody: begin anew.
    }
  }
  Result<api::Event> stored = co_await client::create(client_, std::move(event));
  if (!stored) co_return std::unexpected(std::move(stored).error());
  remember(std::move(key), *std::move(stored));
  co_return Result<>{};
}

bool EventRecorder::is_one_of_many(const api::Event& event) {
  const SteadyTime now = clock_.now();
  if (similar_.size() >= kEventsRememberedMax) {
    std::erase_if(similar_, [now](const auto& entry) {
      return now - entry.second.since > kEventMergeWindow;
    });
    if (similar_.size() >= kEventsRememberedMax) return false;
  }
  Similar& similar = similar_[similar_key(event)];
  if (similar.count == 0 || now - similar.since > kEventMergeWindow) similar = {0, now};
  return ++similar.count > kSimilarEventsMax;
}

void EventRecorder::remember(std::string key, api::Event event) {
  const auto known = by_key_.find(key);
  if (known != by_key_.end()) {
    recent_.erase(known->second);
    by_key_.erase(known);
  }
  recent_.push_front({std::move(key), std::move(event)});
  by_key_[recent_.front().key] = recent_.begin();
  if (recent_.size() > kEventsRememberedMax) {
    by_key_.erase(recent_.back().key);
    recent_.pop_back();
  }
}

}  // namespace insula::controller
