#include "apiserver/event_expiry.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "api/gen/core_v1.h"
#include "async/loop.h"

namespace insula::apiserver {

namespace {

std::int64_t last_seen_seconds(const api::Event& event) {
  constexpr std::int64_t kMicros = 1'000'000;
  std::int64_t seen = std::max({event.metadata.creation_timestamp.seconds,
                                event.last_timestamp.seconds, event.event_time.micros / kMicros});
  if (event.series) seen = std::max(seen, event.series->last_observed_time.micros / kMicros);
  return seen;
}

struct Aged {
  std::int64_t seen = 0;
  Target target;
};

}  // namespace

Task<> expire_events(Registry& registry) {
  const api::Kind& kind = api::kind_of<api::Event>();
  std::vector<Aged> events;
  const auto scanned =
      registry.store().scan(store_key(kind, "", ""), "", 0, [&](const store::EntryPtr& entry) {
        const auto event = object_of<api::Event>(*entry);
        events.push_back({last_seen_seconds(*event),
                          {&kind, event->metadata.namespace_, event->metadata.name, ""}});
        return true;
      });
  if (!scanned) co_return;
  std::ranges::sort(events, {}, &Aged::seen);
  const std::size_t too_many = events.size() > kEventsMax ? events.size() - kEventsMax : 0;
  const std::int64_t oldest = api::Time::from(registry.clock().wall() - kEventLifetime).seconds;
  for (std::size_t i = 0; i < events.size() && (i < too_many || events[i].seen < oldest); ++i) {
    // Somebody else may have removed it meanwhile, which is as good.
    (void)co_await registry.remove(std::move(events[i].target), DeleteQuery(), WriteContext());
  }
}

Task<> keep_expiring_events(Registry& registry) {
  while (true) {
    co_await sleep_for(kEventSweepEvery);
    co_await expire_events(registry);
  }
}

}  // namespace insula::apiserver
