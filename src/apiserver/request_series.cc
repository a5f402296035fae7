#include "apiserver/request_series.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

constexpr std::array kVerbNames = {"other"sv, "GET"sv,   "LIST"sv,  "WATCH"sv,  "POST"sv,
                                   "PUT"sv,   "PATCH"sv, "APPLY"sv, "DELETE"sv, "CONNECT"sv};

constexpr std::array<std::pair<std::string_view, RequestVerb>, 11> kVerbs = {{
    {"get", RequestVerb::kGet},
    {"list", RequestVerb::kList},
    {"watch", RequestVerb::kWatch},
    {"create", RequestVerb::kPost},
    {"update", RequestVerb::kPut},
    {"patch", RequestVerb::kPatch},
    {"delete", RequestVerb::kDelete},
    {"deletecollection", RequestVerb::kDelete},
    {"head", RequestVerb::kGet},
    {"post", RequestVerb::kPost},
    {"put", RequestVerb::kPut},
}};

/// Requests that become a connection, or last as one.
constexpr std::array kConnecting = {"attach"sv, "exec"sv, "log"sv, "portforward"sv, "proxy"sv};

constexpr std::string_view kApplyType = "application/apply-patch+yaml";

/// Paths that kube-apiserver counts apart, each in the place of a subresource.
constexpr std::array kPaths = {"/healthz"sv, "/livez"sv, "/readyz"sv, "/metrics"sv, "openapi/v3"sv};

constexpr std::array kScopes = {""sv, "cluster"sv, "namespace"sv, "resource"sv};
constexpr std::array kDryRuns = {""sv, "All"sv, "invalid"sv};
constexpr std::array kClients = {""sv, "kube-apiserver"sv, "kube-controller-manager"sv,
                                 "kube-scheduler"sv, "cluster-policy-controller"sv};

constexpr std::array kDurationBounds = {0.005, 0.025, 0.05, 0.1, 0.2, 0.4,  0.6, 0.8,
                                        1.0,   1.25,  1.5,  2.0, 3.0, 4.0,  5.0, 6.0,
                                        8.0,   10.0,  15.0, 20., 30., 45.0, 60.0};
constexpr std::array kSizeBounds = {1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

constexpr std::size_t kBodyBounds = 31;

constexpr std::array<double, kBodyBounds> body_bounds() {
  std::array<double, kBodyBounds> out{};
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = 5e4 + 1e5 * static_cast<double>(i);
  return out;
}

std::uint8_t scope_of(const RequestInfo& info) {
  if (!info.is_resource) return 0;
  if (!info.name.empty() || info.verb == "create") return 3;
  return info.name_space.empty() ? 1 : 2;
}

/// 0 for none, then kPaths or those of the kind, then any other.
std::size_t subresource_of(const RequestInfo& info, const api::Kind* kind) {
  if (!info.is_resource) {
    const std::string_view path =
        info.path.starts_with("/openapi/v3") ? "openapi/v3" : std::string_view(info.path);
    const auto* found = std::ranges::find(kPaths, path);
    return found == kPaths.end() ? 0 : static_cast<std::size_t>(found - kPaths.begin()) + 1;
  }
  if (info.subresource.empty()) return 0;
  if (kind == nullptr) return 1;
  const auto found = std::ranges::find(kind->subresources, info.subresource);
  return static_cast<std::size_t>(found - kind->subresources.begin()) + 1;
}

std::string_view subresource_label(std::size_t place, bool is_resource, const api::Kind* kind) {
  if (place == 0) return "";
  if (!is_resource) return kPaths.at(place - 1);
  if (kind == nullptr || place > kind->subresources.size()) return "other";
  return kind->subresources[place - 1];
}

std::uint8_t dry_run_of(const http::Request& head) {
  if (!head.target.contains("dryRun")) return 0;
  const auto asked = head.query("dryRun");
  if (!asked) return 0;
  return *asked == "All" ? 1 : 2;
}

std::uint8_t client_of(const http::Request& head) {
  const std::string_view agent = head.headers.get("User-Agent");
  const std::size_t slash = agent.find('/');
  if (slash == std::string_view::npos) return 0;
  const auto* found = std::ranges::find(kClients, agent.substr(0, slash));
  return found == kClients.end() ? 0 : static_cast<std::uint8_t>(found - kClients.begin());
}

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

bool is_read(RequestVerb verb) {
  return verb == RequestVerb::kGet || verb == RequestVerb::kList || verb == RequestVerb::kWatch;
}

}  // namespace

std::string_view name_of(RequestVerb verb) {
  return kVerbNames.at(static_cast<std::size_t>(verb));
}

RequestVerb verb_of(const RequestInfo& info, const http::Request* head) {
  if (info.is_resource && std::ranges::find(kConnecting, info.subresource) != kConnecting.end())
    return RequestVerb::kConnect;
  const auto* found =
      std::ranges::find(kVerbs, info.verb, &std::pair<std::string_view, RequestVerb>::first);
  if (found == kVerbs.end()) return RequestVerb::kOther;
  if (found->second == RequestVerb::kPatch && head != nullptr &&
      head->headers.get("Content-Type") == kApplyType)
    return RequestVerb::kApply;
  return found->second;
}

void add_resource_labels(const RequestInfo& info, const api::Kind* kind, Labels& labels) {
  const bool unknown = info.is_resource && kind == nullptr;
  const std::size_t place = subresource_of(info, kind);
  labels.emplace_back("group", kind == nullptr ? "" : kind->group);
  labels.emplace_back("version", kind == nullptr ? "" : kind->version);
  labels.emplace_back("resource", kind == nullptr ? (unknown ? "other" : "") : kind->plural);
  labels.emplace_back("subresource", subresource_label(place, info.is_resource, kind));
  labels.emplace_back("scope", kScopes.at(scope_of(info)));
  labels.emplace_back("component", info.is_resource ? "apiserver" : "");
}

const api::Kind* RequestSeries::kind_of(const RequestInfo& info) {
  if (std::exchange(generation_, kinds_.generation()) != kinds_.generation()) {
    series_.clear();
    bodies_.clear();
  }
  return info.is_resource ? kinds_.find(info.group, info.version, info.resource) : nullptr;
}

RequestSeries::Key RequestSeries::key_of(const FinishedRequest& request, const api::Kind* kind) {
  return {.kind = kind,
          .verb = verb_of(request.info, &request.head),
          .subresource = subresource_of(request.info, kind),
          .scope = scope_of(request.info),
          .dry_run = dry_run_of(request.head),
          .client = client_of(request.head),
          .is_resource = request.info.is_resource};
}

RequestSeries::Series RequestSeries::make(const Key& key, const RequestInfo& info) {
  Labels labels{{"verb", std::string(name_of(key.verb))}};
  add_resource_labels(info, key.kind, labels);
  Labels with_dry_run = labels;
  with_dry_run.insert(with_dry_run.begin() + 1, {"dry_run", std::string(kDryRuns.at(key.dry_run))});
  Series series;
  series.durations =
      &registry_.histogram("apiserver_request_duration_seconds",
                           "Time from the request's head to the end of the answer; when it grows, "
                           "look at the disk and at large lists.",
                           kDurationBounds, with_dry_run);
  if (key.dry_run == 0) {
    series.own_durations =
        &registry_.histogram("apiserver_request_sli_duration_seconds",
                             "The same without the time for which a request waits for its turn and "
                             "for webhooks; when only this grows, the server is slow itself.",
                             std::span(kDurationBounds).subspan(2), labels);
  }
  if (is_read(key.verb)) {
    series.sizes = &registry_.histogram("apiserver_response_sizes",
                                        "Bytes of answers to reads, as sent; many large ones cost "
                                        "memory, ask their clients to page.",
                                        kSizeBounds, labels);
  }
  return series;
}

Counter& RequestSeries::outcome(Series& series, const Key& key, const FinishedRequest& request) {
  for (const auto& [status, counter] : series.outcomes)
    if (status == request.status) return *counter;
  Labels labels{{"verb", std::string(name_of(key.verb))},
                {"dry_run", std::string(kDryRuns.at(key.dry_run))}};
  add_resource_labels(request.info, key.kind, labels);
  labels.emplace_back("code", std::to_string(request.status));
  labels.emplace_back("system_client", kClients.at(key.client));
  Counter& counter = registry_.counter(
      "apiserver_request_total",
      "Requests by outcome; look at the log when codes of 500 and above rise.", labels);
  series.outcomes.emplace_back(request.status, &counter);
  return counter;
}

void RequestSeries::record(const FinishedRequest& request) {
  const Key key = key_of(request, kind_of(request.info));
  const auto [place, is_new] = series_.try_emplace(key);
  Series& series = place->second;
  if (is_new) series = make(key, request.info);
  outcome(series, key, request).add();
  series.durations->observe(seconds(request.took));
  if (series.own_durations != nullptr)
    series.own_durations->observe(seconds(request.took - request.waited));
  if (series.sizes != nullptr) series.sizes->observe(static_cast<double>(request.sent_bytes));
}

void RequestSeries::received(const RequestInfo& info, std::size_t bytes) {
  const api::Kind* kind = kind_of(info);
  if (kind == nullptr) return;
  Histogram*& sizes = bodies_[{kind, info.verb}];
  if (sizes == nullptr) {
    constexpr std::array kBounds = body_bounds();
    const std::string verb = info.verb == "deletecollection" ? "delete_collection" : info.verb;
    sizes = &registry_.histogram("apiserver_request_body_size_bytes",
                                 "Bytes of the bodies of requests; many large ones cost memory and "
                                 "disk.",
                                 kBounds,
                                 {{"group", std::string(kind->group)},
                                  {"resource", std::string(kind->plural)},
                                  {"verb", verb}});
  }
  sizes->observe(static_cast<double>(bytes));
}

}  // namespace insula::apiserver
