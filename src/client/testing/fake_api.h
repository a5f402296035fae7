#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/event.h"
#include "base/clock.h"
#include "client/client.h"
#include "json/value.h"

namespace insula::client::testing {

/// A Kubernetes API in memory, for tests of what stands above Client.
///
/// Does what controllers depend on: revisions, optimistic concurrency, uid, generation,
/// generateName, the status subresource, finalizers, graceful deletion of pods that are on a node,
/// terminating namespaces, pods/binding, merge patches, equality selectors, watches with history.
/// Does not default, validate, authorise or charge quotas; set_hook() stands in for refusals. Every
/// call lets other tasks run once before it takes effect, as a real one would.
class FakeApi final : public Client {
 public:
  /// Decides on a request before it takes effect; an Error refuses it. `verb` as in RBAC.
  using Hook = std::function<std::optional<Error>(std::string_view verb, const Target& target)>;

  /// Whether a request gets no answer for now.
  using Silence = std::function<bool(std::string_view verb, const Target& target)>;

  /// With the namespace `default`.
  explicit FakeApi(const Clock& clock);
  ~FakeApi() override;

  Task<Result<std::string>> get(Target target) override;
  Task<Result<std::string>> list(Target target, ListOptions options) override;
  Task<Result<std::unique_ptr<WatchStream>>> watch(Target target, WatchOptions options) override;
  Task<Result<std::string>> create(Target target,
                                   std::string object,
                                   WriteOptions options) override;
  Task<Result<std::string>> update(Target target,
                                   std::string object,
                                   WriteOptions options) override;
  Task<Result<std::string>> patch(Target target,
                                  PatchType type,
                                  std::string body,
                                  WriteOptions options) override;
  Task<Result<std::string>> remove(Target target, DeleteOptions options) override;
  Task<Result<std::string>> remove_collection(Target target,
                                              DeleteOptions options,
                                              ListOptions select) override;

  void set_hook(Hook hook) { hook_ = std::move(hook); }

  /// Requests that `silence` picks wait until the next call says otherwise; nullptr: none do.
  void set_silence(Silence silence);

  /// Ends every open watch, as a server that restarts does.
  void end_watches();
  /// Forgets all history: open and resumed watches answer kExpired until the next list.
  void compact();

  /// Requests so far, refused ones included.
  [[nodiscard]] int count(std::string_view verb, std::string_view plural) const;

  [[nodiscard]] std::int64_t revision() const { return revision_; }

 private:
  class Stream;
  using ObjectKey = std::pair<std::string, std::string>;
  using Collection = std::map<ObjectKey, json::Value>;

  struct Change {
    std::int64_t revision = 0;
    const api::Kind* kind = nullptr;
    WatchEventType type = WatchEventType::kAdded;
    json::Value object;
  };

  Task<Result<>> admit(std::string_view verb, const Target& target);
  Result<json::Value> create_object(const Target& target, json::Value object);
  Result<json::Value> bind(const Target& target, const json::Value& binding);
  Result<json::Value> update_object(const Target& target, json::Value object);
  Result<json::Value> remove_object(const Target& target, const DeleteOptions& options);
  Result<json::Value> store(const Target& target, json::Value next);
  json::Value* find(const Target& target);
  void publish(const api::Kind& kind, WatchEventType type, const json::Value& object);

  const Clock& clock_;
  Hook hook_;
  Silence silence_;
  Event silence_over_;
  std::map<const api::Kind*, Collection> objects_;
  std::vector<Change> history_;
  std::int64_t compacted_ = 0;
  std::int64_t revision_ = 0;
  std::uint64_t names_ = 0;
  std::map<std::pair<std::string, std::string>, int> counts_;
  std::set<Stream*> streams_;
};

}  // namespace insula::client::testing
