#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/kind.h"
#include "async/task.h"
#include "base/error.h"
#include "json/value.h"

namespace insula::client {

/// What a request is about. `name` is empty for a collection, `name_space` for cluster-scoped kinds
/// and for a list or watch over all namespaces.
struct Target {
  const api::Kind* kind = nullptr;
  std::string name_space;
  std::string name;
  std::string subresource;  // "status", "scale", "binding", ...; empty for the object itself

  /// The URL path without query, percent-encoded: `/api/v1/namespaces/a/pods/x/status`.
  [[nodiscard]] std::string path() const;

  /// Whether one object is named. Without this a request about one object with an empty name would
  /// be one about the whole collection: a deletion would delete everything.
  /// Errors: kInvalid when the name is empty, `.` or `..`.
  [[nodiscard]] Result<> check_name() const;
};

struct ListOptions {
  std::string label_selector;
  std::string field_selector;
  std::int64_t limit = 0;  // 0: everything in one answer
  std::string continue_token;
  std::string resource_version;        // empty: the newest state; "0": any
  std::string resource_version_match;  // "", "Exact" or "NotOlderThan"
};

struct WatchOptions {
  std::string label_selector;
  std::string field_selector;
  /// Changes after this revision. Empty: the current objects first, as kAdded.
  std::string resource_version;
  bool bookmarks = true;
  /// The current objects first (as kAdded), then a bookmark annotated `k8s.io/initial-events-end`.
  bool send_initial_events = false;
};

struct WriteOptions {
  std::string field_manager;
  bool dry_run = false;
  bool force = false;            // server-side apply: take fields over
  std::string field_validation;  // "", "Ignore", "Warn" or "Strict"
};

enum class Propagation : std::uint8_t { kDefault, kBackground, kForeground, kOrphan };

struct DeleteOptions {
  std::optional<std::int64_t> grace_period_seconds;
  Propagation propagation = Propagation::kDefault;
  std::string precondition_uid;
  std::string precondition_resource_version;
  bool dry_run = false;

  /// The JSON body of the request.
  [[nodiscard]] std::string json() const;
};

enum class PatchType : std::uint8_t { kJson, kMerge, kStrategicMerge, kApply };

/// `application/merge-patch+json` and its siblings.
[[nodiscard]] std::string_view content_type(PatchType type);

enum class WatchEventType : std::uint8_t { kAdded, kModified, kDeleted, kBookmark };

struct WatchEvent {
  WatchEventType type = WatchEventType::kAdded;
  std::string object;  // JSON; of a bookmark only metadata.resourceVersion is meant
  /// The struct of the kind, shared and immutable, where the client has it at hand; `object` is
  /// then empty. decode_event() in typed.h reads either.
  std::shared_ptr<const void> decoded = nullptr;
};

/// One object of a page: its struct where the client has it at hand, else its JSON.
struct PageItem {
  json::Value json;
  std::shared_ptr<const void> decoded = nullptr;
};

/// One page of a collection, or all of it.
struct Page {
  std::vector<PageItem> items;
  std::string resource_version;  // where a watch goes on
  std::string continue_token;    // empty: this was the last page
};

/// The changes of one watch, in order. Destroying it ends the watch.
class WatchStream {
 public:
  virtual ~WatchStream() = default;

  /// Waits for the next change. One caller at a time.
  ///
  /// Errors: kExpired when the revision is compacted or this reader fell too far behind (list
  /// again); kUnavailable when the server ended the stream, as it does every half hour or so (watch
  /// again from the last revision seen); whatever else the server reports. After an error the
  /// stream is over.
  virtual Task<Result<WatchEvent>> next() = 0;
};

/// The one door to the Kubernetes API: objects as JSON text in and out.
///
/// Whether an embedded server in this process answers or a remote cluster is decided where the
/// client is made; callers cannot tell. typed.h adds the forms that take and return structs.
///
/// Errors: those of the server's Status, with its message in Kubernetes' words and its causes;
/// kUnavailable and kTimeout when no server answered (see Error::retry()); kInvalid, before
/// anything is sent, when a request about one object names none.
/// Cancellation: destroying the task gives the request up; a write may have happened.
/// Lifetime: the client outlives its tasks and streams. Threads: the loop that made it.
class Client {
 public:
  virtual ~Client() = default;

  virtual Task<Result<std::string>> get(Target target) = 0;
  /// The text of a `...List` object.
  virtual Task<Result<std::string>> list(Target target, ListOptions options) = 0;
  /// list(), taken apart. A client in the server's process shares the server's own structs, so that
  /// a mirror of a collection costs a pointer for each object.
  virtual Task<Result<Page>> page(Target target, ListOptions options);
  virtual Task<Result<std::unique_ptr<WatchStream>>> watch(Target target, WatchOptions options) = 0;
  /// `target.name` only with a subresource (`pods/x/binding`); otherwise the name is in the object.
  virtual Task<Result<std::string>> create(Target target,
                                           std::string object,
                                           WriteOptions options) = 0;
  virtual Task<Result<std::string>> update(Target target,
                                           std::string object,
                                           WriteOptions options) = 0;
  virtual Task<Result<std::string>> patch(Target target,
                                          PatchType type,
                                          std::string body,
                                          WriteOptions options) = 0;
  /// The object as it was, or a Status.
  virtual Task<Result<std::string>> remove(Target target, DeleteOptions options) = 0;
  /// Every object of a collection that the selectors of `select` match.
  virtual Task<Result<std::string>> remove_collection(Target target,
                                                      DeleteOptions options,
                                                      ListOptions select) = 0;
};

}  // namespace insula::client
