#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/custom/kind_catalog.h"
#include "apiserver/request_info.h"
#include "http/message.h"
#include "telemetry/metrics.h"

namespace insula::apiserver {

/// What is counted of a request when it is over.
struct FinishedRequest {
  const RequestInfo& info;
  const http::Request& head;
  int status = 0;
  std::chrono::nanoseconds took{};
  std::chrono::nanoseconds waited{};  // of these, for seats and webhooks
  std::size_t sent_bytes = 0;         // of the answer's body
};

/// As kube-apiserver calls what a request does.
enum class RequestVerb : std::uint8_t {
  kOther,
  kGet,
  kList,
  kWatch,
  kPost,
  kPut,
  kPatch,
  kApply,
  kDelete,
  kConnect,
};

[[nodiscard]] std::string_view name_of(RequestVerb verb);

/// `head` null: PATCH stands for APPLY, too.
[[nodiscard]] RequestVerb verb_of(const RequestInfo& info, const http::Request* head = nullptr);

/// The labels kube-apiserver has beside the verb: group, version, resource, subresource, scope and
/// component. `kind` is null for what is no resource here. All values come from closed sets,
/// whatever the path says: a resource and a subresource that are not there are `other`.
void add_resource_labels(const RequestInfo& info, const api::Kind* kind, Labels& labels);

/// The series of requests, in a table of their own by what tells them apart: a request that is like
/// one before it costs no label.
///
/// Lifetime: registry and `kinds` outlive it. Threads: one loop.
class RequestSeries {
 public:
  RequestSeries(MetricsRegistry& registry, api::KindCatalog& kinds)
      : registry_(registry), kinds_(kinds) {}

  void record(const FinishedRequest& request);
  /// The body of a request about objects.
  void received(const RequestInfo& info, std::size_t bytes);

 private:
  struct Key {
    const api::Kind* kind = nullptr;
    RequestVerb verb = RequestVerb::kOther;
    std::size_t subresource = 0;
    std::uint8_t scope = 0;
    std::uint8_t dry_run = 0;
    std::uint8_t client = 0;
    bool is_resource = false;

    auto operator<=>(const Key&) const = default;
  };

  struct Series {
    std::vector<std::pair<int, Counter*>> outcomes = {};  // by status
    Histogram* durations = nullptr;
    Histogram* own_durations = nullptr;  // null for dry runs
    Histogram* sizes = nullptr;          // null for what reads nothing
  };

  static Key key_of(const FinishedRequest& request, const api::Kind* kind);
  Series make(const Key& key, const RequestInfo& info);
  Counter& outcome(Series& series, const Key& key, const FinishedRequest& request);
  /// Of a request's info; forgets what was found for kinds that may have gone.
  const api::Kind* kind_of(const RequestInfo& info);

  MetricsRegistry& registry_;
  api::KindCatalog& kinds_;
  std::map<Key, Series> series_;
  std::map<std::pair<const api::Kind*, std::string>, Histogram*> bodies_;
  std::uint64_t generation_ = 0;
};

}  // namespace insula::apiserver
