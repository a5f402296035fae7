#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "async/task_group.h"
#include "client/typed.h"
#include "controller/key.h"
#include "controller/reflector.h"

namespace insula::controller {

/// The part of an Informer that does not depend on its type.
class Mirror {
 public:
  virtual ~Mirror() = default;
  virtual void start() = 0;
  /// Set once the first list has arrived.
  virtual Event& synced() = 0;
};

/// A local copy of one collection, kept up to date by a watch. Controllers read it instead of
/// asking the server.
///
/// Objects are snapshots: a pointer from get() never changes under its holder. The copy is behind
/// the server by the latency of the watch; observe() puts the answer to one's own write into the
/// copy at once, so that a controller never acts twice on what it has not seen yet.
///
/// Handlers run inside the watch task, after the copy has changed: they note keys and return.
/// Indexes and handlers are added before start().
///
/// Lifetime: the client outlives the informer. Threads: one loop.
template <class T>
class Informer final : public Mirror, private ReflectorSink {
 public:
  using Object = std::shared_ptr<const T>;
  /// Null before: the object is new. Null after: it is gone.
  using Handler = std::function<void(const T* before, const T* after)>;
  using IndexFunction = std::function<std::vector<std::string>(const T&)>;
  using IndexId = std::size_t;

  explicit Informer(client::Client& client, ReflectorOptions options = {}, Log log = {})
      : log_(log), reflector_(client, api::kind_of<T>(), std::move(options), *this, log) {}

  IndexId add_index(IndexFunction values) {
    indexes_.push_back({std::move(values), {}});
    return indexes_.size() - 1;
  }

  void on_change(Handler handler) { handlers_.push_back(std::move(handler)); }

  void start() override { tasks_.spawn(reflector_.run()); }

  Event& synced() override { return reflector_.synced(); }

  /// Null when there is none.
  [[nodiscard]] Object get(const Key& key) const {
    const auto it = objects_.find(key);
    return it == objects_.end() ? nullptr : it->second;
  }

  [[nodiscard]] const std::map<Key, Object>& all() const { return objects_; }

  [[nodiscard]] std::vector<Object> list(const std::string& name_space) const {
    std::vector<Object> found;
    for (auto it = objects_.lower_bound({name_space, {}}); it != objects_.end(); ++it) {
      if (it->first.name_space != name_space) break;
      found.push_back(it->second);
    }
    return found;
  }

  [[nodiscard]] std::vector<Object> by_index(IndexId index, const std::string& value) const {
    std::vector<Object> found;
    const auto it = indexes_[index].keys.find(value);
    if (it == indexes_[index].keys.end()) return found;
    found.reserve(it->second.size());
    for (const Key& key : it->second)
      found.push_back(objects_.at(key));
    return found;
  }

  /// The answer to a write of one's own. Ignored when the watch is already past it.
  void observe(const T& object) {
    if (revision_of(object.metadata.resource_version) > revision_)
      put(std::make_shared<const T>(object));
  }

  /// As observe(), for an object that one's own request removed.
  void observe_gone(const T& object) {
    const Object known = get(key_of(object));
    if (known && known->metadata.uid == object.metadata.uid) erase(key_of(object));
  }

  [[nodiscard]] std::int64_t revision() const override { return revision_; }

 private:
  struct Index {
    IndexFunction values;
    std::map<std::string, std::set<Key>> keys;
  };

  void begin_replace() override { listed_.clear(); }

  void add_page(const client::Page& page) override {
    for (const client::PageItem& item : page.items) {
      Result<Object> object = client::decode_item<T>(item);
      if (!object) {
        log_.error("object skipped", "kind", api::kind_of<T>().kind, "err", object.error());
        continue;
      }
      Key key = key_of(**object);
      listed_.insert_or_assign(std::move(key), *std::move(object));
    }
  }

  void end_replace(std::int64_t revision) override {
    std::vector<Key> gone;
    for (const auto& [key, object] : objects_) {
      // One's own write may be newer than the list.
      if (!listed_.contains(key) && revision_of(object->metadata.resource_version) <= revision)
        gone.push_back(key);
    }
    for (const Key& key : gone)
      erase(key);
    for (auto& [key, object] : std::exchange(listed_, {}))
      put(std::move(object));
    revision_ = revision;
  }

  void apply(const client::WatchEvent& event) override {
    Result<Object> object = client::decode_event<T>(event);
    if (!object) {
      log_.error("object skipped", "kind", api::kind_of<T>().kind, "err", object.error());
      return;
    }
    const std::int64_t revision = revision_of((*object)->metadata.resource_version);
    if (event.type == client::WatchEventType::kDeleted) {
      const Key key = key_of(**object);
      const Object known = get(key);
      // An observed successor of the same name is newer than the deletion.
      if (known && revision_of(known->metadata.resource_version) <= revision) erase(key);
    } else if (event.type != client::WatchEventType::kBookmark) {
      put(*std::move(object));
    }
    revision_ = std::max(revision_, revision);
  }

  void put(Object object) {
    const Key key = key_of(*object);
    Object& slot = objects_[key];
    const Object before = slot;
    if (before && before->metadata.uid == object->metadata.uid &&
        revision_of(before->metadata.resource_version) >=
            revision_of(object->metadata.resource_version)) {
      return;
    }
    slot = object;
    if (before) unindex(key, *before);
    for (Index& index : indexes_) {
      for (const std::string& value : index.values(*object))
        index.keys[value].insert(key);
    }
    for (const Handler& handler : handlers_)
      handler(before.get(), object.get());
  }

  void erase(const Key& key) {
    const auto it = objects_.find(key);
    if (it == objects_.end()) return;
    const Object before = it->second;
    unindex(key, *before);
    objects_.erase(it);
    for (const Handler& handler : handlers_)
      handler(before.get(), nullptr);
  }

  void unindex(const Key& key, const T& object) {
    for (Index& index : indexes_) {
      for (const std::string& value : index.values(object)) {
        const auto it = index.keys.find(value);
        if (it == index.keys.end()) continue;
        it->second.erase(key);
        if (it->second.empty()) index.keys.erase(it);
      }
    }
  }

  Log log_;
  std::map<Key, Object> objects_;
  std::map<Key, Object> listed_;  // the pages of a list that is not complete yet
  std::vector<Index> indexes_;
  std::vector<Handler> handlers_;
  std::int64_t revision_ = 0;
  Reflector reflector_;
  TaskGroup tasks_;
};

}  // namespace insula::controller
