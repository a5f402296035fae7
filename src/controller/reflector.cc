#include "controller/reflector.h"

#include <utility>

#include "async/loop.h"
#include "base/number.h"

namespace insula::controller {

std::int64_t revision_of(std::string_view resource_version) {
  return parse_whole<std::int64_t>(resource_version).value_or(0);
}

Reflector::Reflector(client::Client& client,
                     const api::Kind& kind,
                     ReflectorOptions options,
                     ReflectorSink& sink,
                     Log log)
    : client_(client),
      kind_(kind),
      options_(std::move(options)),
      sink_(sink),
      log_(std::move(log)) {}

client::Target Reflector::target() const {
  return {&kind_, options_.name_space, {}, {}};
}

Task<> Reflector::run() {
  for (;;) {
    Result<> listed = co_await list();
    if (!listed) {
      co_await pause(listed.error(), "list");
      continue;
    }
    synced_.set();
    for (;;) {
      Result<> ended = co_await follow();
      if (ended) continue;
      if (ended.error().code() == ErrorCode::kExpired) break;
      co_await pause(ended.error(), "watch");
    }
  }
}

Task<Result<>> Reflector::list() {
  client::ListOptions page;
  page.label_selector = options_.label_selector;
  page.field_selector = options_.field_selector;
  page.limit = kListPageObjects;
  sink_.begin_replace();
  for (;;) {
    INSULA_CO_TRY(const client::Page found, co_await client_.page(target(), page));
    sink_.add_page(found);
    if (found.continue_token.empty()) {
      sink_.end_replace(revision_of(found.resource_version));
      co_return Result<>{};
    }
    page.continue_token = found.continue_token;
  }
}

Task<Result<>> Reflector::follow() {
  client::WatchOptions options;
  options.label_selector = options_.label_selector;
  options.field_selector = options_.field_selector;
  options.resource_version = std::to_string(sink_.revision());
  INSULA_CO_TRY(const std::unique_ptr<client::WatchStream> stream,
                co_await client_.watch(target(), options));
  bool progress = false;
  for (;;) {
    Result<client::WatchEvent> event = co_await stream->next();
    if (!event) {
      // A stream that brought something ended as streams do; go on at once. One that brought
      // nothing counts as a failure, or a server that closes every watch would be asked in a tight
      // loop.
      if (progress && event.error().code() == ErrorCode::kUnavailable) co_return Result<>{};
      co_return std::unexpected(std::move(event).error());
    }
    progress = true;
    failures_ = 0;
    sink_.apply(*event);
  }
}

Task<> Reflector::pause(const Error& error, std::string_view doing) {
  ++failures_;
  // The first failure is usually a server that restarts or a stream that timed out.
  if (failures_ > 1) {
    log_.warn("collection unreachable", "kind", kind_.plural, "doing", doing, "failures", failures_,
              "err", error);
  }
  co_await sleep_for(options_.retry.delay(failures_));
}

}  // namespace insula::controller
