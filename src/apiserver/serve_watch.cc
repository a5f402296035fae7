#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "api/custom/custom_kind.h"
#include "api/gen/meta_v1.h"
#include "apiserver/api_server.h"
#include "apiserver/status.h"
#include "async/deadline.h"
#include "async/loop.h"

namespace insula::apiserver {

namespace {

/// How often an idle watch is told that it is up to date.
constexpr std::chrono::seconds kBookmarkEvery{60};
/// Without timeoutSeconds a watch ends after once to twice this, so that reconnects spread out.
constexpr std::chrono::seconds kWatchTimeoutMin{1800};
constexpr std::chrono::seconds kWatchTimeoutMax{24 * 3600};
/// What is written of a watch at a time, and how long the client may take to read it. The server's
/// write timeout asks for some progress only; a client that drips would hold its piece for ever.
constexpr std::size_t kPieceBytes = std::size_t{128} << 10;
constexpr std::chrono::seconds kPieceTimeout{60};

/// What the query of a watch asks for.
struct WatchPlan {
  bool initial_events = false;      // what is there comes first, as ADDED
  bool initial_events_end = false;  // and then a bookmark that says so
  bool bookmarks = false;
  store::Revision since = 0;
  std::chrono::seconds timeout{0};
};

Result<WatchPlan> plan_watch(const WatchOptions& options, std::uint32_t spread) {
  WatchPlan plan;
  plan.bookmarks = options.bookmarks;
  if (!options.resource_version.empty()) {
    INSULA_TRY(plan.since, parse_resource_version(options.resource_version));
  }
  const bool send = options.send_initial_events.value_or(false);
  plan.initial_events_end = send && options.bookmarks;
  plan.initial_events = send || (!options.send_initial_events && plan.since == 0);
  plan.timeout = kWatchTimeoutMin + std::chrono::seconds(spread % kWatchTimeoutMin.count());
  if (const std::int64_t seconds = options.timeout_seconds.value_or(0); seconds != 0)
    plan.timeout =
        std::clamp(std::chrono::seconds(seconds), std::chrono::seconds(0), kWatchTimeoutMax);
  return plan;
}

/// Which objects a watch is about: those that it selects, or the one of its URL.
Result<Selectors> watched_of(const Call& call) {
  const std::string& name = call.info.name;
  std::string fields = call.query("fieldSelector");
  if (fields.empty() && !name.empty()) fields = "metadata.name=" + name;
  INSULA_TRY(Selectors selectors,
             Selectors::parse(*call.kind, call.query("labelSelector"), fields));
  if (!name.empty() && selectors.fields.required("metadata.name") != name)
    return fail(ErrorCode::kBadRequest, "fieldSelector metadata.name doesn't match requested name");
  return selectors;
}

/// The definition of the kind that is watched, whose changes end the watch; of a kind that is built
/// in there is none.
class DefinitionWatch {
 public:
  /// Errors: those of Store::watch().
  static Result<DefinitionWatch> of(const api::Kind& kind,
                                    api::KindCatalog& kinds,
                                    store::Store& store) {
    DefinitionWatch out(kind, kinds);
    if (const api::CustomKind* custom = api::custom_kind(kind)) {
      const std::string key =
          store_key(api::kind_of<api::CustomResourceDefinition>(), "", custom->definition_name());
      INSULA_TRY(store::Watch watch, store.watch(key, store.revision()));
      out.watch_.emplace(std::move(watch));
    }
    return out;
  }

  /// Whether the kind is served as it was when the watch began.
  [[nodiscard]] bool holds() {
    if (!watch_) return true;
    (void)watch_->take(1);
    return kinds_->find(kind_->group, kind_->version, kind_->plural) == kind_;
  }

  /// Set while there may be a change; null when there never is one.
  [[nodiscard]] Event* ready() { return watch_ ? &watch_->ready() : nullptr; }

 private:
  DefinitionWatch(const api::Kind& kind, api::KindCatalog& kinds) : kind_(&kind), kinds_(&kinds) {}

  const api::Kind* kind_;
  api::KindCatalog* kinds_;
  std::optional<store::Watch> watch_;
};

/// Returns when there is something to send or the definition changes, when `until` comes, or (true)
/// when the client has left.
Task<bool> wait_for_news(Event& ready,
                         Event* definition,
                         Deadline until,
                         http::Exchange& exchange) {
  auto news = [](Event& event) -> Task<> { co_await event.wait(); };
  auto either = [](Task<> a, Task<> b) -> Task<> {
    (void)co_await race(std::move(a), std::move(b));
  };
  Task<> any = either(news(ready), sleep_until(until));
  if (definition != nullptr) any = either(std::move(any), news(*definition));
  const auto first = co_await race(std::move(any), exchange.client_gone());
  co_return first.index() == 1;
}

/// `fieldSelector=metadata.name=x` needs to look at one key only.
Target narrowed(Target target, const Selectors& selectors) {
  if (target.name.empty() && (!target.name_space.empty() || !target.kind->namespaced)) {
    if (const auto name = selectors.fields.required("metadata.name")) target.name = *name;
  }
  return target;
}

Task<Result<>> write_piece(http::Exchange& exchange, std::string_view text) {
  co_return co_await with_deadline(Loop::current().now() + kPieceTimeout, exchange.write(text));
}

/// What is there now, and the bookmark that says so if it is wanted.
Task<Result<>> stream_initial(Call& call,
                              ObjectList list,
                              const WatchPlan& plan,
                              const WatchSeries& series) {
  std::string text;
  for (store::EntryPtr& entry : list.entries) {
    const std::size_t before = text.size();
    text += event_output(*call.kind, {ObjectEvent::Type::kAdded, std::exchange(entry, nullptr)},
                         call.output);
    series.sent(text.size() - before);
    call.output.says_columns = false;
    if (text.size() < kPieceBytes) continue;
    call.sent_bytes += text.size();
    INSULA_CO_TRY_VOID(co_await call.ticket->with_client(write_piece(call.exchange, text)));
    text.clear();
    co_await call.ticket->give_way();
  }
  if (plan.initial_events_end)
    text += bookmark_output(*call.kind, list.revision, true, call.output);
  call.sent_bytes += text.size();
  co_return co_await call.ticket->with_client(write_piece(call.exchange, text));
}

Task<Result<>> stream_changes(Call& call,
                              ObjectWatch& watch,
                              DefinitionWatch& definition,
                              const WatchPlan& plan,
                              const WatchSeries& series) {
  Loop& loop = Loop::current();
  const Deadline end = loop.now() + plan.timeout;
  Deadline bookmark = loop.now() + kBookmarkEvery;
  while (true) {
    auto changes = watch.take();
    if (!changes) {
      co_return co_await call.exchange.write(
          error_event_output(status_json(changes.error(), {}), call.output.format));
    }
    std::string text;
    for (const ObjectEvent& change : *changes) {
      const std::size_t before = text.size();
      text += event_output(*call.kind, change, call.output);
      series.sent(text.size() - before);
      call.output.says_columns = false;
    }
    if (text.empty() && plan.bookmarks && loop.now() >= bookmark)
      text = bookmark_output(*call.kind, watch.revision(), false, call.output);
    if (!text.empty()) {
      bookmark = loop.now() + kBookmarkEvery;
      call.sent_bytes += text.size();
      INSULA_CO_TRY_VOID(co_await write_piece(call.exchange, text));
    }
    if (!definition.holds()) co_return Result<>{};
    if (watch.ready().is_set()) continue;
    if (loop.now() >= end) co_return Result<>{};
    const Deadline until = plan.bookmarks ? std::min(bookmark, end) : end;
    if (co_await wait_for_news(watch.ready(), definition.ready(), until, call.exchange))
      co_return Result<>{};
  }
}

}  // namespace

Task<Result<>> ApiServer::serve_watch(Call& call) {
  INSULA_CO_TRY(const StreamGate::Pass pass, enter_stream(call));
  INSULA_CO_TRY(const WatchOptions options, watch_options(call.exchange.request()));
  INSULA_CO_TRY(
      WatchPlan plan,
      plan_watch(options, static_cast<std::uint32_t>(call.began.time_since_epoch().count() >> 10)));
  INSULA_CO_TRY(Selectors selectors, watched_of(call));
  INSULA_CO_TRY(DefinitionWatch definition,
                DefinitionWatch::of(*call.kind, kinds_, registry_.store()));
  const Target target = narrowed(target_of(call), selectors);
  ObjectList list;
  if (plan.initial_events) {
    ListQuery query;
    query.selectors = selectors;
    // Not older than what the client has seen, which may be of another server's future.
    query.resource_version = call.query("resourceVersion");
    INSULA_CO_TRY(list, registry_.list({target.kind, target.name_space, "", ""}, query));
    plan.since = list.revision;
  } else if (plan.since == 0) {
    plan.since = registry_.store().revision();
  }
  INSULA_CO_TRY(ObjectWatch watch, registry_.watch(target, std::move(selectors), plan.since));
  http::Headers headers{{"Content-Type", std::string(content_type(call.output.format, true))},
                        {"Cache-Control", "no-cache, private"}};
  describe(call, headers);
  INSULA_CO_TRY_VOID(co_await call.exchange.start(200, std::move(headers)));
  call.status = 200;
  if (call.audit) call.audit->started(call.status);
  const Counted counted(metrics_.long_running(call.info));
  const WatchSeries series = metrics_.watches(*call.kind);
  const WatchCounts::Entry entry(dispatcher_.watches(), *call.kind, target.name_space);
  Result<> outcome = co_await stream_initial(call, std::move(list), plan, series);
  // Seats are for beginning; changes come at the pace of those who write.
  call.ticket->release();
  if (outcome) outcome = co_await stream_changes(call, watch, definition, plan, series);
  if (!outcome) co_return outcome;
  co_return co_await call.exchange.finish();
}

}  // namespace insula::apiserver
