#include "client/in_process_client.h"

#include <deque>
#include <utility>
#include <vector>

#include "apiserver/apply.h"
#include "apiserver/body.h"
#include "apiserver/list_output.h"
#include "apiserver/patch.h"
#include "apiserver/subresource.h"
#include "async/loop.h"
#include "json/parse.h"

namespace insula::client {

namespace {

/// Who owns what the control plane's own loops write, where they do not say.
constexpr const char* kFieldManager = "insula-controller-manager";

constexpr const char* kSuccess =
    R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success"})";

apiserver::Target target_of(Target target) {
  return {target.kind, std::move(target.name_space), std::move(target.name),
          std::move(target.subresource)};
}

Result<apiserver::ListQuery> query_of(const api::Kind& kind, ListOptions options) {
  apiserver::ListQuery query;
  INSULA_TRY(query.selectors,
             apiserver::Selectors::parse(kind, options.label_selector, options.field_selector));
  query.limit = static_cast<std::size_t>(options.limit);
  query.continue_token = std::move(options.continue_token);
  query.resource_version = std::move(options.resource_version);
  if (options.resource_version_match == "Exact") query.match = apiserver::VersionMatch::kExact;
  if (options.resource_version_match == "NotOlderThan")
    query.match = apiserver::VersionMatch::kNotOlderThan;
  return query;
}

apiserver::DeleteQuery query_of(DeleteOptions options) {
  apiserver::DeleteQuery query;
  query.grace_period_seconds = options.grace_period_seconds;
  switch (options.propagation) {
    case Propagation::kDefault:
      break;
    case Propagation::kBackground:
      query.propagation = apiserver::Propagation::kBackground;
      break;
    case Propagation::kForeground:
      query.propagation = apiserver::Propagation::kForeground;
      break;
    case Propagation::kOrphan:
      query.propagation = apiserver::Propagation::kOrphan;
      break;
  }
  if (!options.precondition_uid.empty()) query.uid = std::move(options.precondition_uid);
  if (!options.precondition_resource_version.empty()) {
    query.resource_version = std::move(options.precondition_resource_version);
  }
  return query;
}

api::Strictness strictness_of(const WriteOptions& options) {
  if (options.field_validation == "Strict") return api::Strictness::kStrict;
  return api::Strictness::kIgnore;
}

Result<apiserver::Object> decode(const Target& target,
                                 std::string_view text,
                                 const WriteOptions& options) {
  api::DecodeReport report;
  return apiserver::decode_body(apiserver::body_kind(*target.kind, target.subresource).type,
                                apiserver::BodyFormat::kJson, text, strictness_of(options), report);
}

WatchEventType type_of(apiserver::ObjectEvent::Type type) {
  switch (type) {
    case apiserver::ObjectEvent::Type::kAdded:
      return WatchEventType::kAdded;
    case apiserver::ObjectEvent::Type::kModified:
      return WatchEventType::kModified;
    case apiserver::ObjectEvent::Type::kDeleted:
      return WatchEventType::kDeleted;
  }
  std::unreachable();
}

class InProcessWatch final : public WatchStream {
 public:
  InProcessWatch(const api::Kind& kind, apiserver::ObjectWatch watch)
      : kind_(kind), watch_(std::move(watch)) {}

  void add(WatchEventType type, const store::Entry& entry) {
    events_.push_back({type, {}, apiserver::object_of(kind_, entry)});
  }

  void add(WatchEvent event) { events_.push_back(std::move(event)); }

  Task<Result<WatchEvent>> next() override {
    while (events_.empty()) {
      co_await watch_.ready().wait();
      INSULA_CO_TRY(const std::vector<apiserver::ObjectEvent> changes, watch_.take());
      for (const apiserver::ObjectEvent& change : changes)
        add(type_of(change.type), *change.entry);
      // A turn of the loop for others, however fast changes come.
      co_await yield();
    }
    WatchEvent event = std::move(events_.front());
    events_.pop_front();
    co_return event;
  }

 private:
  const api::Kind& kind_;
  apiserver::ObjectWatch watch_;
  std::deque<WatchEvent> events_;  // what one take() gave; the store bounds it
};

}  // namespace

InProcessClient::InProcessClient(apiserver::Registry& registry, apiserver::User user)
    : registry_(registry), user_(std::move(user)) {}

apiserver::WriteContext InProcessClient::context(const WriteOptions& options) const {
  return {.user = user_,
          .dry_run = options.dry_run,
          .field_manager = options.field_manager.empty() ? kFieldManager : options.field_manager,
          .warnings = nullptr};
}

Task<Result<std::string>> InProcessClient::get(Target target) {
  INSULA_CO_TRY_VOID(target.check_name());
  INSULA_CO_TRY(const store::EntryPtr entry, registry_.get(target_of(std::move(target))));
  co_return entry->value;
}

Task<Result<std::string>> InProcessClient::list(Target target, ListOptions options) {
  const api::Kind& kind = *target.kind;
  INSULA_CO_TRY(const apiserver::ListQuery query, query_of(kind, std::move(options)));
  INSULA_CO_TRY(const apiserver::ObjectList found,
                registry_.list(target_of(std::move(target)), query));
  co_return apiserver::list_output(kind, found, {});
}

Task<Result<Page>> InProcessClient::page(Target target, ListOptions options) {
  const api::Kind& kind = *target.kind;
  INSULA_CO_TRY(const apiserver::ListQuery query, query_of(kind, std::move(options)));
  INSULA_CO_TRY(const apiserver::ObjectList found,
                registry_.list(target_of(std::move(target)), query));
  Page page{{}, std::to_string(found.revision), found.continue_token};
  page.items.reserve(found.entries.size());
  for (const store::EntryPtr& entry : found.entries)
    page.items.push_back({{}, apiserver::object_of(kind, *entry)});
  co_return page;
}

Task<Result<std::unique_ptr<WatchStream>>> InProcessClient::watch(Target target,
                                                                  WatchOptions options) {
  const api::Kind& kind = *target.kind;
  INSULA_CO_TRY(const apiserver::Selectors selectors,
                apiserver::Selectors::parse(kind, options.label_selector, options.field_selector));
  const bool initial = options.send_initial_events || options.resource_version.empty();
  apiserver::ObjectList present;
  if (initial) {
    apiserver::ListQuery query;
    query.selectors = selectors;
    INSULA_CO_TRY(present, registry_.list(target_of(target), query));
  } else {
    INSULA_CO_TRY(present.revision, apiserver::parse_resource_version(options.resource_version));
  }
  INSULA_CO_TRY(apiserver::ObjectWatch changes,
                registry_.watch(target_of(std::move(target)), selectors, present.revision));
  auto stream = std::make_unique<InProcessWatch>(kind, std::move(changes));
  for (const store::EntryPtr& entry : present.entries)
    stream->add(WatchEventType::kAdded, *entry);
  if (options.send_initial_events) {
    std::string bookmark = R"({"metadata":{"resourceVersion":")" +
                           std::to_string(present.revision) +
                           R"(","annotations":{"k8s.io/initial-events-end":"true"}}})";
    stream->add({WatchEventType::kBookmark, std::move(bookmark)});
  }
  co_return std::unique_ptr<WatchStream>(std::move(stream));
}

Task<Result<std::string>> InProcessClient::create(Target target,
                                                  std::string object,
                                                  WriteOptions options) {
  if (!target.subresource.empty()) INSULA_CO_TRY_VOID(target.check_name());
  INSULA_CO_TRY(const apiserver::Object decoded, decode(target, object, options));
  const bool answers_status = target.subresource == "binding" || target.subresource == "eviction";
  INSULA_CO_TRY(const apiserver::Written written,
                co_await registry_.create(target_of(std::move(target)), decoded, context(options)));
  if (answers_status) co_return std::string(kSuccess);
  co_return written.entry->value;
}

Task<Result<std::string>> InProcessClient::update(Target target,
                                                  std::string object,
                                                  WriteOptions options) {
  INSULA_CO_TRY_VOID(target.check_name());
  INSULA_CO_TRY(const apiserver::Object decoded, decode(target, object, options));
  INSULA_CO_TRY(const apiserver::Written written,
                co_await registry_.update(target_of(std::move(target)), decoded, context(options)));
  co_return written.entry->value;
}

Task<Result<std::string>> InProcessClient::patch(Target target,
                                                 PatchType type,
                                                 std::string body,
                                                 WriteOptions options) {
  INSULA_CO_TRY_VOID(target.check_name());
  apiserver::Patch patch;
  INSULA_CO_TRY(patch.format, apiserver::patch_format(content_type(type)));
  patch.strictness = strictness_of(options);
  const apiserver::Target about = target_of(std::move(target));
  if (patch.format == apiserver::PatchFormat::kApply) {
    apiserver::Application application{.force = options.force};
    INSULA_CO_TRY(application.config, apiserver::parse_configuration(body));
    INSULA_CO_TRY(const apiserver::Written applied,
                  co_await registry_.apply(about, std::move(application), context(options)));
    co_return applied.entry->value;
  }
  INSULA_CO_TRY(patch.content, json::parse(body));
  std::vector<std::string> warnings;
  auto change = apiserver::patch_change(about, std::move(patch), warnings);
  INSULA_CO_TRY(const apiserver::Written written,
                co_await registry_.change(about, std::move(change), context(options)));
  co_return written.entry->value;
}

Task<Result<std::string>> InProcessClient::remove(Target target, DeleteOptions options) {
  INSULA_CO_TRY_VOID(target.check_name());
  WriteOptions write;
  write.dry_run = options.dry_run;
  INSULA_CO_TRY(const apiserver::Written written,
                co_await registry_.remove(target_of(std::move(target)),
                                          query_of(std::move(options)), context(write)));
  if (written.gone) co_return std::string(kSuccess);
  co_return written.entry->value;
}

Task<Result<std::string>> InProcessClient::remove_collection(Target target,
                                                             DeleteOptions options,
                                                             ListOptions select) {
  INSULA_CO_TRY(apiserver::ListQuery query, query_of(*target.kind, std::move(select)));
  WriteOptions write;
  write.dry_run = options.dry_run;
  INSULA_CO_TRY_VOID(co_await registry_.remove_collection(target_of(std::move(target)),
                                                          query_of(std::move(options)),
                                                          std::move(query), context(write)));
  co_return std::string(kSuccess);
}

}  // namespace insula::client
