#include "client/testing/fake_api.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/time.h"
#include "async/loop.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::client::testing {

namespace {

const json::Value& read(const json::Value& value, std::string_view key) {
  return value[key];
}

std::string text_at(const json::Value& object, std::string_view dotted) {
  const json::Value* value = &object;
  while (value != nullptr && !dotted.empty()) {
    const std::size_t dot = dotted.find('.');
    value = value->find(dotted.substr(0, dot));
    dotted = dot == std::string_view::npos ? std::string_view() : dotted.substr(dot + 1);
  }
  return value == nullptr ? std::string() : std::string(value->text());
}

// Comma-separated `key=value`, `key==value`, `key!=value` and bare `key`.
bool selected(const json::Value& object, std::string_view selector, bool labels) {
  while (!selector.empty()) {
    const std::string_view term = selector.substr(0, selector.find(','));
    selector.remove_prefix(std::min(selector.size(), term.size() + 1));
    const std::size_t sign = term.find('=');
    const bool negated = sign != std::string_view::npos && sign > 0 && term[sign - 1] == '!';
    const std::string_view key = term.substr(0, negated ? sign - 1 : sign);
    const json::Value& map = read(read(object, "metadata"), "labels");
    if (sign == std::string_view::npos) {
      if (map.find(key) == nullptr) return false;
      continue;
    }
    std::string_view wanted = term.substr(sign + 1);
    if (wanted.starts_with('=')) wanted.remove_prefix(1);
    const std::string actual = labels ? std::string(map[key].text()) : text_at(object, key);
    if ((actual == wanted) == negated) return false;
  }
  return true;
}

bool selected(const json::Value& object, const std::string& labels, const std::string& fields) {
  return selected(object, labels, true) && selected(object, fields, false);
}

void merge(json::Value& target, const json::Value& patch) {
  const json::Object* members = patch.as_object();
  if (members == nullptr) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = json::Object();
  for (const json::Object::Member& member : *members) {
    if (member.value.is_null()) {
      target.as_object()->erase(member.key);
    } else {
      merge((*target.as_object())[member.key], member.value);
    }
  }
}

bool has_finalizers(const json::Value& object) {
  const json::Array* list = read(read(object, "metadata"), "finalizers").as_array();
  return list != nullptr && !list->empty();
}

bool has_spec_finalizers(const json::Value& object) {
  const json::Array* list = read(read(object, "spec"), "finalizers").as_array();
  return list != nullptr && !list->empty();
}

bool is_terminating(const json::Value& object) {
  return !read(read(object, "metadata"), "deletionTimestamp").is_null();
}

void add_finalizer(json::Value& object, std::string_view name) {
  json::Value& list = object["metadata"]["finalizers"];
  if (!list.is_array()) list = json::Array();
  list.as_array()->push_back(json::Value(name));
}

Error not_found(const Target& target) {
  return {ErrorCode::kNotFound,
          fmt::format("{} \"{}\" not found", target.kind->group_resource(), target.name)};
}

Error conflict(const Target& target, std::string_view what) {
  return {ErrorCode::kConflict, fmt::format("Operation cannot be fulfilled on {} \"{}\": {}",
                                            target.kind->group_resource(), target.name, what)};
}

}  // namespace

class FakeApi::Stream final : public WatchStream {
 public:
  Stream(FakeApi& owner, Target target, WatchOptions options)
      : owner_(owner), target_(std::move(target)), options_(std::move(options)) {
    owner_.streams_.insert(this);
  }

  ~Stream() override { owner_.streams_.erase(this); }

  Task<Result<WatchEvent>> next() override {
    co_await yield();
    while (events_.empty()) {
      if (end_) co_return std::unexpected(*end_);
      changed_.reset();
      co_await changed_.wait();
    }
    WatchEvent event = std::move(events_.front());
    events_.pop_front();
    co_return event;
  }

  void offer(const Change& change) {
    if (change.kind != target_.kind) return;
    const json::Value& metadata = read(change.object, "metadata");
    if (!target_.name_space.empty() && metadata["namespace"].text() != target_.name_space) return;
    const std::string key =
        fmt::format("{}/{}", metadata["namespace"].text(), metadata["name"].text());
    const bool match = selected(change.object, options_.label_selector, options_.field_selector);
    const bool known = known_.contains(key);
    // What leaves the selection is gone for this reader.
    WatchEventType type = change.type;
    if (!match && !known) return;
    if (!match) type = WatchEventType::kDeleted;
    if (type == WatchEventType::kDeleted) {
      known_.erase(key);
    } else {
      known_.insert(key);
    }
    events_.push_back({type, json::write(change.object)});
    changed_.set();
  }

  void assume_known(const std::string& key) { known_.insert(key); }

  void end(Error error) {
    end_ = std::move(error);
    changed_.set();
  }

 private:
  FakeApi& owner_;
  Target target_;
  WatchOptions options_;
  std::set<std::string> known_;
  std::deque<WatchEvent> events_;
  std::optional<Error> end_;
  Event changed_;
};

FakeApi::FakeApi(const Clock& clock) : clock_(clock) {
  const api::Kind* kind = api::find_kind("", "v1", "namespaces");
  json::Value object = json::Object{{"metadata", json::Object{{"name", "default"}}}};
  const Target target{kind, {}, {}, {}};
  (void)create_object(target, std::move(object));
}

FakeApi::~FakeApi() = default;

Task<Result<>> FakeApi::admit(std::string_view verb, const Target& target) {
  co_await yield();
  while (silence_ && silence_(verb, target))
    co_await silence_over_.wait();
  ++counts_[{std::string(verb), std::string(target.kind->plural)}];
  if (hook_) {
    if (std::optional<Error> refusal = hook_(verb, target))
      co_return std::unexpected(*std::move(refusal));
  }
  co_return Result<>{};
}

json::Value* FakeApi::find(const Target& target) {
  Collection& collection = objects_[target.kind];
  const auto it = collection.find({target.name_space, target.name});
  return it == collection.end() ? nullptr : &it->second;
}

void FakeApi::publish(const api::Kind& kind, WatchEventType type, const json::Value& object) {
  history_.push_back({revision_, &kind, type, object});
  for (Stream* stream : streams_)
    stream->offer(history_.back());
}

Task<Result<std::string>> FakeApi::get(Target target) {
  INSULA_CO_TRY_VOID(target.check_name());
  INSULA_CO_TRY_VOID(co_await admit("get", target));
  const json::Value* object = find(target);
  if (object == nullptr) co_return std::unexpected(not_found(target));
  co_return json::write(*object);
}

Task<Result<std::string>> FakeApi::list(Target target, ListOptions options) {
  INSULA_CO_TRY_VOID(co_await admit("list", target));
  json::Array items;
  for (const auto& [key, object] : objects_[target.kind]) {
    if (!target.name_space.empty() && key.first != target.name_space) continue;
    if (selected(object, options.label_selector, options.field_selector)) items.push_back(object);
  }
  json::Object metadata{{"resourceVersion", std::to_string(revision_)}};
  json::Object body{{"kind", std::string(target.kind->kind) + "List"},
                    {"apiVersion", target.kind->api_version()},
                    {"metadata", std::move(metadata)},
                    {"items", std::move(items)}};
  co_return json::write(body);
}

Task<Result<std::unique_ptr<WatchStream>>> FakeApi::watch(Target target, WatchOptions options) {
  INSULA_CO_TRY_VOID(co_await admit("watch", target));
  const std::int64_t since = options.resource_version.empty()
                                 ? revision_
                                 : std::strtoll(options.resource_version.c_str(), nullptr, 10);
  if (since < compacted_) {
    co_return fail(ErrorCode::kExpired,
                   fmt::format("too old resource version: {} ({})", since, compacted_));
  }
  auto stream = std::make_unique<Stream>(*this, target, options);
  // What existed before: replayed from the beginning, so that the stream knows what it has
  // selected.
  for (const auto& [key, object] : objects_[target.kind]) {
    if (selected(object, options.label_selector, options.field_selector)) {
      stream->assume_known(key.first + "/" + key.second);
    }
  }
  for (const Change& change : history_) {
    if (change.revision > since) stream->offer(change);
  }
  co_return std::unique_ptr<WatchStream>(std::move(stream));
}

Task<Result<std::string>> FakeApi::create(Target target, std::string object, WriteOptions options) {
  if (!target.subresource.empty()) INSULA_CO_TRY_VOID(target.check_name());
  (void)options;
  INSULA_CO_TRY_VOID(co_await admit("create", target));
  INSULA_CO_TRY(json::Value body, json::parse(object));
  Result<json::Value> made =
      target.subresource == "binding" ? bind(target, body) : create_object(target, std::move(body));
  if (!made) co_return std::unexpected(std::move(made).error());
  co_return json::write(*made);
}

Result<json::Value> FakeApi::create_object(const Target& target, json::Value object) {
  json::Value& metadata = object["metadata"];
  const std::string& name_space = target.name_space;
  if (target.kind->namespaced) {
    const Target parent{api::find_kind("", "v1", "namespaces"), {}, name_space, {}};
    const json::Value* owner = find(parent);
    if (owner == nullptr) return std::unexpected(not_found(parent));
    if (is_terminating(*owner)) {
      std::string message = fmt::format(
          "{} \"{}\" is forbidden: unable to create new content in namespace {} because it is "
          "being terminated",
          target.kind->group_resource(), read(metadata, "name").text(), name_space);
      return std::unexpected(
          Error(ErrorCode::kForbidden, std::move(message))
              .with_causes({{"metadata.namespace", "NamespaceTerminating", "being terminated"}}));
    }
    metadata["namespace"] = name_space;
  }
  if (read(metadata, "name").is_null()) {
    metadata["name"] = fmt::format("{}{:05x}", read(metadata, "generateName").text(), ++names_);
  }
  Target named = target;
  named.name = read(metadata, "name").text();
  if (find(named) != nullptr) {
    return fail(ErrorCode::kAlreadyExists,
                fmt::format("{} \"{}\" already exists", target.kind->group_resource(), named.name));
  }
  metadata["uid"] = fmt::format("uid-{}", revision_ + 1);
  metadata["creationTimestamp"] = api::Time::from(clock_.wall()).text();
  metadata["generation"] = 1;
  object["kind"] = target.kind->kind;
  object["apiVersion"] = target.kind->api_version();
  if (target.kind->has_subresource("status")) object.as_object()->erase("status");
  if (target.kind->plural == "namespaces") {
    object["spec"]["finalizers"] = json::Array{"kubernetes"};
    object["status"]["phase"] = "Active";
  }
  if (target.kind->plural == "pods") object["status"]["phase"] = "Pending";
  // Not through `metadata`: members added to the object may have moved it.
  object["metadata"]["resourceVersion"] = std::to_string(++revision_);
  objects_[target.kind].insert_or_assign({name_space, named.name}, object);
  publish(*target.kind, WatchEventType::kAdded, object);
  return object;
}

Result<json::Value> FakeApi::bind(const Target& target, const json::Value& binding) {
  const json::Value* there = find(target);
  if (there == nullptr) return std::unexpected(not_found(target));
  if (!read(read(*there, "spec"), "nodeName").is_null()) {
    return std::unexpected(conflict(target, "pod is already assigned to a node"));
  }
  json::Value next = *there;
  next["spec"]["nodeName"] = read(read(binding, "target"), "name");
  const json::Object scheduled{{"type", "PodScheduled"}, {"status", "True"}};
  next["status"]["conditions"] = json::Array{scheduled};
  Target object = target;
  object.subresource.clear();
  return store(object, std::move(next));
}

Task<Result<std::string>> FakeApi::update(Target target, std::string object, WriteOptions options) {
  INSULA_CO_TRY_VOID(target.check_name());
  (void)options;
  INSULA_CO_TRY_VOID(co_await admit("update", target));
  INSULA_CO_TRY(json::Value body, json::parse(object));
  INSULA_CO_TRY(const json::Value stored, update_object(target, std::move(body)));
  co_return json::write(stored);
}

Result<json::Value> FakeApi::update_object(const Target& target, json::Value object) {
  const json::Value* there = find(target);
  if (there == nullptr) return std::unexpected(not_found(target));
  const json::Value& old = *there;
  const std::string_view read_at = read(read(object, "metadata"), "resourceVersion").text();
  const std::string_view now_at = read(read(old, "metadata"), "resourceVersion").text();
  if (!read_at.empty() && read_at != now_at) {
    return std::unexpected(conflict(target,
                                    "the object has been modified; please apply your changes to "
                                    "the latest version and try again"));
  }
  json::Value next = old;
  if (target.subresource == "status") {
    next["status"] = read(object, "status");
  } else if (target.subresource == "finalize") {
    next["spec"]["finalizers"] = read(read(object, "spec"), "finalizers");
  } else {
    next = std::move(object);
    if (target.kind->has_subresource("status") && old.find("status") != nullptr)
      next["status"] = read(old, "status");
    for (const char* field :
         {"uid", "creationTimestamp", "deletionTimestamp", "generation", "resourceVersion"}) {
      const json::Value& value = read(read(old, "metadata"), field);
      if (!value.is_null()) next["metadata"][field] = value;
    }
    if (!(read(next, "spec") == read(old, "spec"))) {
      next["metadata"]["generation"] =
          read(read(old, "metadata"), "generation").as_int64().value_or(0) + 1;
    }
  }
  return store(target, std::move(next));
}

Result<json::Value> FakeApi::store(const Target& target, json::Value next) {
  json::Value* there = find(target);
  if (next == *there) return next;
  next["metadata"]["resourceVersion"] = std::to_string(++revision_);
  const bool waits =
      has_finalizers(next) || has_spec_finalizers(next) ||
      (target.kind->plural == "pods" &&
       read(read(next, "metadata"), "deletionGracePeriodSeconds").as_int64().value_or(0) > 0);
  if (is_terminating(next) && !waits) {
    objects_[target.kind].erase({target.name_space, target.name});
    publish(*target.kind, WatchEventType::kDeleted, next);
    return next;
  }
  *there = next;
  publish(*target.kind, WatchEventType::kModified, next);
  return next;
}

Task<Result<std::string>> FakeApi::patch(Target target,
                                         PatchType type,
                                         std::string body,
                                         WriteOptions options) {
  INSULA_CO_TRY_VOID(target.check_name());
  (void)options;
  INSULA_CO_TRY_VOID(co_await admit("patch", target));
  if (type != PatchType::kMerge)
    co_return fail(ErrorCode::kNotImplemented, "the fake API takes merge patches only");
  const json::Value* there = find(target);
  if (there == nullptr) co_return std::unexpected(not_found(target));
  INSULA_CO_TRY(const json::Value change, json::parse(body));
  json::Value next = *there;
  // A resourceVersion in the patch is a precondition; otherwise the newest version is meant.
  merge(next, change);
  INSULA_CO_TRY(const json::Value stored, update_object(target, std::move(next)));
  co_return json::write(stored);
}

Task<Result<std::string>> FakeApi::remove(Target target, DeleteOptions options) {
  INSULA_CO_TRY_VOID(target.check_name());
  INSULA_CO_TRY_VOID(co_await admit("delete", target));
  INSULA_CO_TRY(const json::Value last, remove_object(target, options));
  co_return json::write(last);
}

Result<json::Value> FakeApi::remove_object(const Target& target, const DeleteOptions& options) {
  const json::Value* there = find(target);
  if (there == nullptr) return std::unexpected(not_found(target));
  const std::string_view uid = read(read(*there, "metadata"), "uid").text();
  if (!options.precondition_uid.empty() && options.precondition_uid != uid) {
    return std::unexpected(
        conflict(target, fmt::format("Precondition failed: UID in precondition: {}, UID in object "
                                     "meta: {}",
                                     options.precondition_uid, uid)));
  }
  json::Value next = *there;
  std::int64_t grace = 0;
  if (target.kind->plural == "pods" && !read(read(next, "spec"), "nodeName").is_null()) {
    const auto own = read(read(next, "spec"), "terminationGracePeriodSeconds").as_int64();
    grace = options.grace_period_seconds.value_or(own.value_or(30));
  }
  if (!is_terminating(next)) {
    if (options.propagation == Propagation::kForeground) add_finalizer(next, "foregroundDeletion");
    if (options.propagation == Propagation::kOrphan) add_finalizer(next, "orphan");
    next["metadata"]["deletionTimestamp"] =
        api::Time::from(clock_.wall() + std::chrono::seconds(grace)).text();
    if (target.kind->plural == "namespaces") next["status"]["phase"] = "Terminating";
  }
  next["metadata"]["deletionGracePeriodSeconds"] = grace;
  return store(target, std::move(next));
}

Task<Result<std::string>> FakeApi::remove_collection(Target target,
                                                     DeleteOptions options,
                                                     ListOptions select) {
  INSULA_CO_TRY_VOID(co_await admit("deletecollection", target));
  std::vector<Target> found;
  for (const auto& [key, object] : objects_[target.kind]) {
    if (!target.name_space.empty() && key.first != target.name_space) continue;
    if (selected(object, select.label_selector, select.field_selector)) {
      found.push_back({target.kind, key.first, key.second, {}});
    }
  }
  for (const Target& one : found)
    INSULA_CO_TRY_VOID(remove_object(one, options));
  co_return std::string(R"({"kind":"Status","apiVersion":"v1","status":"Success"})");
}

void FakeApi::set_silence(Silence silence) {
  silence_ = std::move(silence);
  silence_over_.set();
  silence_over_.reset();
}

void FakeApi::end_watches() {
  for (Stream* stream : streams_)
    stream->end({ErrorCode::kUnavailable, "watch ended"});
}

void FakeApi::compact() {
  compacted_ = revision_;
  history_.clear();
  for (Stream* stream : streams_)
    stream->end({ErrorCode::kExpired, "too old resource version"});
}

int FakeApi::count(std::string_view verb, std::string_view plural) const {
  const auto it = counts_.find({std::string(verb), std::string(plural)});
  return it == counts_.end() ? 0 : it->second;
}

}  // namespace insula::client::testing
