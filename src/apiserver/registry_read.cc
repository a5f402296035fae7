#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "api/custom/custom_kind.h"
#include "api/gen/meta_v1.h"
#include "api/go_quoted.h"
#include "api/strategy.h"
#include "apiserver/registry.h"
#include "apiserver/subresource.h"
#include "apiserver/version.h"
#include "apiserver/write_admission.h"
#include "base/number.h"

namespace insula::apiserver {

namespace {

/// Changes that a watch hands over at a time: what waits for a slow reader beside the backlog.
constexpr std::size_t kWatchTakeMax = 500;
constexpr std::size_t kWatchTakeBytesMax = std::size_t{1} << 20;

/// Where the next part of a list begins, and the state it must be of.
struct Position {
  store::Revision revision = 0;
  std::string after;
};

std::string continue_token(store::Revision revision, std::string_view last_key) {
  return fmt::format("{}:{}", revision, last_key);
}

Result<Position> parse_continue(std::string_view token, std::string_view prefix) {
  const std::size_t colon = token.find(':');
  Result<store::Revision> revision =
      parse_resource_version(token.substr(0, std::min(colon, token.size())));
  if (colon == std::string_view::npos || !revision || !token.substr(colon + 1).starts_with(prefix))
    return fail(ErrorCode::kBadRequest,
                "invalid continue token: continue key is not valid: it is not of this list");
  return Position{*revision, std::string(token.substr(colon + 1))};
}

std::unexpected<Error> too_large(store::Revision asked, store::Revision newest) {
  Error error(ErrorCode::kTimeout,
              fmt::format("Timeout: Too large resource version: {}, current: {}", asked, newest));
  // By this cause clients know that it may be there later.
  return std::unexpected(std::move(error).with_causes(
      {{"", "ResourceVersionTooLarge", "Too large resource version"}}));
}

/// The state that a list without continue token reads; 0 for the newest.
Result<store::Revision> revision_of(const ListQuery& query, store::Revision newest) {
  if (query.resource_version.empty()) return store::Revision{0};
  Result<store::Revision> read = parse_resource_version(query.resource_version);
  if (!read) return std::unexpected(std::move(read).error().in("invalid resource version"));
  const store::Revision asked = *read;
  const bool exact = query.match == VersionMatch::kExact ||
                     (query.match == VersionMatch::kUnset && query.limit > 0 && asked > 0);
  if (exact) return asked;
  if (asked > newest) return too_large(asked, newest);
  return store::Revision{0};
}

/// In Kubernetes' words: those of kinds that have fields of their own are others.
std::unexpected<Error> unknown_field(const api::Kind& kind, std::string_view field) {
  const bool custom = api::custom_kind(kind) != nullptr;
  const api::KindStrategy* strategy = custom ? nullptr : &api::strategy_of(kind);
  std::string why;
  if (strategy != nullptr && strategy->unknown_field != nullptr)
    why = strategy->unknown_field(field);
  else if (custom || !strategy->selectable_fields.empty())
    why = fmt::format("field label not supported: {}", field);
  else
    why = fmt::format(
        "{} is not a known field selector: only \"metadata.name\", "
        "\"metadata.namespace\"",
        api::go_quoted(field));
  return fail(ErrorCode::kBadRequest, std::move(why));
}

}  // namespace

std::string inconsistent_continue(std::string_view token) {
  return "0" + std::string(token.substr(std::min(token.find(':'), token.size())));
}

Result<store::Revision> parse_resource_version(std::string_view text) {
  const auto value = parse_whole<store::Revision>(text);
  if (value && *value >= 0) return *value;
  const std::string shown = api::go_quoted(text);
  return fail(ErrorCode::kBadRequest,
              fmt::format("resourceVersion: Invalid value: {}: strconv.ParseUint: parsing {}: "
                          "invalid syntax",
                          shown, shown));
}

Result<Selectors> Selectors::parse(const api::Kind& kind,
                                   std::string_view labels,
                                   std::string_view fields) {
  Selectors out;
  INSULA_TRY(out.labels, LabelSelector::parse(labels));
  INSULA_TRY(out.fields, FieldSelector::parse(fields));
  for (const auto& requirement : out.fields.requirements()) {
    if (!api::is_selectable_field(kind, requirement.field))
      return unknown_field(kind, requirement.field);
  }
  return out;
}

bool Selectors::match(const api::Kind& kind, const store::Entry& entry) const {
  if (empty()) return true;
  const ConstObject object = object_of(kind, entry);
  if (!labels.matches(kind.metadata(object.get()).labels)) return false;
  return fields.empty() || fields.matches([&](std::string_view path) {
    return api::selectable_field(kind, object.get(), path);
  });
}

Registry::Registry(store::Store& store, const Clock& clock, Random& random, ServiceRange services)
    : store_(store),
      clock_(clock),
      random_(random),
      services_(services),
      kinds_(store),
      admission_(std::make_unique<WriteAdmission>(store, random, kinds_)) {}

Registry::~Registry() = default;

void Registry::measure(MetricsRegistry& metrics) {
  admission_->measure(metrics);
}

Result<store::EntryPtr> Registry::get(const Target& target) const {
  store::EntryPtr entry = store_.find(store_key(*target.kind, target.name_space, target.name));
  if (!entry) {
    return fail(ErrorCode::kNotFound,
                fmt::format("{} \"{}\" not found", target.kind->group_resource(), target.name));
  }
  if (target.subresource == "scale") {
    INSULA_TRY_VOID(check_has_replicas(*target.kind, object_of(*target.kind, *entry).get()));
    return scale_entry(*target.kind, *entry);
  }
  return shown_as(*target.kind, entry);
}

Result<> Registry::check_reached(std::string_view resource_version) const {
  if (resource_version.empty()) return {};
  INSULA_TRY(const store::Revision asked, parse_resource_version(resource_version));
  if (asked > store_.revision()) return too_large(asked, store_.revision());
  return {};
}

Result<ObjectList> Registry::list(const Target& target, const ListQuery& query) const {
  const std::string prefix = store_key(*target.kind, target.name_space, "");
  Position position;
  if (query.continue_token.empty()) {
    INSULA_TRY(position.revision, revision_of(query, store_.revision()));
  } else {
    INSULA_TRY(position, parse_continue(query.continue_token, prefix));
    if (!query.resource_version.empty() && query.resource_version != "0")
      return fail(ErrorCode::kBadRequest,
                  "specifying resource version is not allowed when using continue");
  }
  ObjectList out;
  std::int64_t remaining = 0;
  auto visit = [&](const store::EntryPtr& entry) {
    if (query.limit > 0 && out.entries.size() >= query.limit) {
      ++remaining;
      return query.selectors.empty();
    }
    store::EntryPtr shown = shown_as(*target.kind, entry);
    if (query.selectors.match(*target.kind, *shown)) out.entries.push_back(std::move(shown));
    return true;
  };
  auto revision = store_.scan(prefix, position.after, position.revision, visit);
  if (!revision) {
    if (revision.error().code() == ErrorCode::kExpired && !query.continue_token.empty()) {
      return fail(
          ErrorCode::kExpired,
          "The provided continue parameter is too old to display a consistent list result. You can "
          "start a new list without the continue parameter, or use the continue token in this "
          "response to retrieve the remainder of the results. Continuing with the provided token "
          "results in an inconsistent list - objects that were created, modified, or deleted "
          "between the time the first chunk was returned and now may show up in the list.");
    }
    return std::unexpected(std::move(revision).error());
  }
  out.revision = *revision;
  if (remaining > 0) {
    out.continue_token = continue_token(out.revision, out.entries.back()->key);
    if (query.selectors.empty()) out.remaining = remaining;
  }
  return out;
}

Result<ObjectWatch> Registry::watch(const Target& target,
                                    Selectors selectors,
                                    store::Revision since) const {
  INSULA_TRY(store::Watch watch,
             store_.watch(store_key(*target.kind, target.name_space, target.name), since));
  return Result<ObjectWatch>(std::in_place, *target.kind, std::move(selectors), std::move(watch));
}

// The object as the watcher last saw it: what it has become is none of the watcher's selection. The
// version is that of the change all the same, or a watch resumed from it would see it again.
store::EntryPtr ObjectWatch::left(const store::Entry& previous, store::Revision revision) const {
  const ConstObject last = object_of(kind_, previous);
  const Object object = copy_object(kind_.type, last.get());
  kind_.metadata(object.get()).resource_version = std::to_string(revision);
  auto entry = std::make_shared<store::Entry>();
  entry->key = previous.key;
  entry->revision = revision;
  entry->value = encode(kind_, object.get());
  entry->decoded = object;
  return entry;
}

Result<std::vector<ObjectEvent>> ObjectWatch::take() {
  using Type = ObjectEvent::Type;
  INSULA_TRY(const std::vector<store::Change> changes,
             watch_.take(kWatchTakeMax, kWatchTakeBytesMax));
  std::vector<ObjectEvent> out;
  for (const store::Change& change : changes) {
    const store::EntryPtr entry = shown_as(kind_, change.entry);
    const store::EntryPtr previous =
        change.previous ? shown_as(kind_, change.previous) : store::EntryPtr();
    const bool is = !entry->deleted && selectors_.match(kind_, *entry);
    const bool was = previous && selectors_.match(kind_, *previous);
    if (!is && !was) continue;
    if (is || entry->deleted) {
      const Type type = is && was ? Type::kModified : is ? Type::kAdded : Type::kDeleted;
      out.push_back({type, entry});
    } else {
      out.push_back({Type::kDeleted, left(*previous, entry->revision)});
    }
  }
  return out;
}

}  // namespace insula::apiserver
