#include "apiserver/server_metrics.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "api/gen/core_v1.h"
#include "apiserver/object.h"

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

/// Label values come from closed sets: an unknown resource is `other`, whatever the path says.
std::string resource_label(const RequestInfo& info, api::KindCatalog& kinds) {
  if (!info.is_resource) return "";
  const bool known = kinds.find(info.group, info.version, info.resource) != nullptr;
  return known ? info.resource : "other";
}

std::string subresource_label(const RequestInfo& info, api::KindCatalog& kinds) {
  if (!info.is_resource || info.subresource.empty()) return "";
  const api::Kind* kind = kinds.find(info.group, info.version, info.resource);
  const bool known = kind != nullptr && kind->has_subresource(info.subresource);
  return known ? info.subresource : "other";
}

/// As kube-apiserver calls requests that become a connection to a pod.
constexpr std::array kConnecting = {"attach"sv, "exec"sv, "portforward"sv, "proxy"sv};

std::string verb_label(const RequestInfo& info) {
  if (std::ranges::find(kConnecting, info.subresource) != kConnecting.end()) return "CONNECT";
  constexpr std::string_view kVerbs[] = {"get",    "list",  "watch",  "create",
                                         "update", "patch", "delete", "deletecollection",
                                         "post",   "put"};
  for (const std::string_view verb : kVerbs) {
    if (info.verb != verb) continue;
    std::string out(verb);
    for (char& c : out)
      c = static_cast<char>(c - 'a' + 'A');
    return out;
  }
  return "other";
}

/// Of a request about a kind, as kube-apiserver has them beside the verb.
void add_resource_labels(const RequestInfo& info, const api::Kind& kind, Labels& labels) {
  std::string_view scope = "cluster";
  if (!info.name_space.empty() && kind.namespaced) scope = "namespace";
  if (!info.name.empty()) scope = "resource";
  labels.emplace_back("group", kind.group);
  labels.emplace_back("version", kind.version);
  labels.emplace_back("resource", kind.plural);
  labels.emplace_back("subresource",
                      kind.has_subresource(info.subresource) ? info.subresource : "");
  labels.emplace_back("scope", scope);
  labels.emplace_back("component", "apiserver");
}

Counter& user_counter(MetricsRegistry& registry, std::string_view username) {
  return registry.counter("authenticated_user_requests",
                          "Requests of callers that are known, by name as far as it is one of "
                          "Kubernetes' own.",
                          {{"username", std::string(username)}});
}

}  // namespace

MetricsRegistry::Registration register_store_metrics(MetricsRegistry& registry,
                                                     const store::Store& store,
                                                     api::KindCatalog& kinds) {
  return registry.on_collect([&store, &kinds](Exposition& out) {
    out.family("apiserver_storage_objects", "Objects stored; all are held in memory.", "gauge");
    for (const api::Kind* kind : kinds.stored()) {
      std::size_t count = 0;
      const auto scanned =
          store.scan(store_key(*kind, "", ""), "", 0, [&count](const store::EntryPtr&) {
            ++count;
            return true;
          });
      if (scanned)
        out.sample("apiserver_storage_objects", {{"resource", kind->group_resource()}},
                   static_cast<double>(count));
    }
    out.family("insula_store_revision",
               "Newest durable revision; it stands still while nothing is written.", "gauge");
    out.sample("insula_store_revision", {}, static_cast<double>(store.revision()));
    out.family("insula_store_read_only",
               "1 while writes are refused; see /readyz and the log for the reason.", "gauge");
    out.sample("insula_store_read_only", {}, store.read_only_reason().empty() ? 0 : 1);
  });
}

ServerMetrics::ServerMetrics(MetricsRegistry& registry, api::KindCatalog& kinds, const Clock& clock)
    : registry_(registry), kinds_(kinds), attempts_(), users_() {
  for (std::size_t i = 0; i < kNamedUsers.size(); ++i)
    users_.at(i) = &user_counter(registry, kNamedUsers.at(i));
  users_.at(kNamedUsers.size()) = &user_counter(registry, "email_id");
  users_.back() = &user_counter(registry, "other");
  constexpr std::array kResults = {"success"sv, "failure"sv, "error"sv};
  for (std::size_t i = 0; i < kResults.size(); ++i)
    attempts_.at(i) = &registry.counter(
        "authentication_attempts",
        "Requests by whether it is known who sent them: success, failure (no credentials) or error "
        "(wrong ones; somebody may be guessing).",
        {{"result", std::string(kResults.at(i))}});
  collector_ = registry.on_collect([this, &clock](Exposition& out) {
    constexpr std::string_view kName = "apiserver_current_inflight_requests";
    out.family(kName,
               "The most requests that were served at once in the last second, without watches and "
               "streams; near the seats there are, look at apiserver_flowcontrol_.",
               "gauge");
    const SteadyTime now = clock.now();
    out.sample(kName, {{"request_kind", "mutating"}}, static_cast<double>(writes_.peak(now)));
    out.sample(kName, {{"request_kind", "readOnly"}}, static_cast<double>(reads_.peak(now)));
  });
}

void ServerMetrics::record(const RequestInfo& info,
                           int status,
                           std::chrono::nanoseconds took,
                           std::size_t bytes) {
  const std::string verb = verb_label(info);
  const std::string resource = resource_label(info, kinds_);
  registry_
      .counter("apiserver_request_total",
               "Requests by outcome; look at the log when codes of 500 and above rise.",
               {{"verb", verb},
                {"group", resource.empty() ? "" : info.group},
                {"resource", resource},
                {"subresource", subresource_label(info, kinds_)},
                {"code", std::to_string(status)}})
      .add();
  if (verb == "WATCH") return;
  registry_
      .histogram("apiserver_request_duration_seconds",
                 "Time from the request's head to the end of the answer; when it grows, look at "
                 "the disk and at large "
                 "lists.",
                 latency_bounds(), {{"verb", verb}, {"resource", resource}})
      .observe(std::chrono::duration<double>(took).count());
  if (!info.is_resource) return;
  const api::Kind* kind = kinds_.find(info.group, info.version, info.resource);
  if (kind == nullptr) return;
  if (kind == &api::kind_of<api::Endpoints>()) note_deprecated(*kind, info);
  if ((verb == "GET" || verb == "LIST") && info.subresource.empty())
    sizes_of(*kind, info).observe(static_cast<double>(bytes));
}

Histogram& ServerMetrics::sizes_of(const api::Kind& kind, const RequestInfo& info) {
  if (std::exchange(sizes_generation_, kinds_.generation()) != kinds_.generation()) sizes_.clear();
  Histogram*& sizes =
      sizes_[{&kind, info.verb == "list", kind.namespaced && !info.name_space.empty()}];
  if (sizes == nullptr) {
    constexpr std::array kBounds = {1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    Labels labels{{"verb", verb_label(info)}};
    add_resource_labels(info, kind, labels);
    sizes = &registry_.histogram("apiserver_response_sizes",
                                 "Bytes of answers to reads of objects and lists, as sent; many "
                                 "large ones cost memory, ask their clients to page.",
                                 kBounds, labels);
  }
  return *sizes;
}

void ServerMetrics::note_deprecated(const api::Kind& kind, const RequestInfo& info) {
  if (std::exchange(endpoints_noted_, true)) return;
  registry_
      .gauge("apiserver_requested_deprecated_apis",
             "1 for each deprecated API that was asked for since the start; its clients should "
             "change to another.",
             {{"group", std::string(kind.group)},
              {"version", std::string(kind.version)},
              {"resource", std::string(kind.plural)},
              {"subresource", info.subresource},
              {"removed_release", ""}})
      .set(1);
}

Gauge& ServerMetrics::long_running(const RequestInfo& info) {
  // A log that is followed is a connection, too.
  Labels labels{{"verb", info.subresource == "log" ? "CONNECT" : verb_label(info)}};
  if (const api::Kind* kind = kinds_.find(info.group, info.version, info.resource))
    add_resource_labels(info, *kind, labels);
  return registry_.gauge("apiserver_longrunning_requests",
                         "Watches, logs, terminals and proxied requests that are open; they cost "
                         "memory and connections.",
                         labels);
}

WatchSeries ServerMetrics::watches(const api::Kind& kind) {
  constexpr std::array kBounds = {1024., 2048., 4096., 8192., 16384., 32768., 65536., 131072.};
  const Labels labels{{"group", std::string(kind.group)},
                      {"version", std::string(kind.version)},
                      {"resource", std::string(kind.plural)}};
  return {
      registry_.counter("apiserver_watch_events_total",
                        "Events sent to watches; where they grow, something writes often.", labels),
      registry_.histogram("apiserver_watch_events_sizes",
                          "Bytes of an event, which each watch of the resource is sent.", kBounds,
                          labels)};
}

void ServerMetrics::authenticated_as(std::string_view user) {
  const auto* named = std::ranges::find(kNamedUsers, user);
  const auto place = static_cast<std::size_t>(named - kNamedUsers.begin());
  const bool is_other = named == kNamedUsers.end() && !user.contains('@');
  users_.at(is_other ? place + 1 : place)->add();
}

InFlight::Entry ServerMetrics::in_flight(const RequestInfo& info, SteadyTime now) {
  constexpr std::array kReads = {"get"sv, "head"sv, "list"sv};
  const bool reads = std::ranges::find(kReads, info.verb) != kReads.end();
  return InFlight::Entry(reads ? reads_ : writes_, now);
}

Counter& ServerMetrics::audited(AuditLevel level) {
  return registry_.counter("apiserver_audit_level_total",
                           "Requests by the level that the audit policy has for them.",
                           {{"level", std::string(name_of(level))}});
}

}  // namespace insula::apiserver
