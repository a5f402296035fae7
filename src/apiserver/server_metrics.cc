#include "apiserver/server_metrics.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/gen/core_v1.h"
#include "apiserver/object.h"

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

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
    std::vector<std::pair<const api::Kind*, double>> counts;
    for (const api::Kind* kind : kinds.stored()) {
      std::size_t count = 0;
      const auto scanned =
          store.scan(store_key(*kind, "", ""), "", 0, [&count](const store::EntryPtr&) {
            ++count;
            return true;
          });
      if (!scanned) continue;
      counts.emplace_back(kind, static_cast<double>(count));
      out.sample("apiserver_storage_objects", {{"resource", kind->group_resource()}},
                 counts.back().second);
    }
    out.family("apiserver_resource_objects", "Objects stored, by group and resource.", "gauge");
    for (const auto& [kind, count] : counts)
      out.sample("apiserver_resource_objects",
                 {{"group", std::string(kind->group)}, {"resource", std::string(kind->plural)}},
                 count);
    out.family("insula_store_revision",
               "Newest durable revision; it stands still while nothing is written.", "gauge");
    out.sample("insula_store_revision", {}, static_cast<double>(store.revision()));
    out.family("insula_store_read_only",
               "1 while writes are refused; see /readyz and the log for the reason.", "gauge");
    out.sample("insula_store_read_only", {}, store.read_only_reason().empty() ? 0 : 1);
  });
}

ServerMetrics::ServerMetrics(MetricsRegistry& registry, api::KindCatalog& kinds, const Clock& clock)
    : registry_(registry), kinds_(kinds), requests_(registry, kinds), attempts_(), users_() {
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
  constexpr std::array kDecisions = {"allowed"sv, "no-opinion"sv};
  for (std::size_t i = 0; i < kDecisions.size(); ++i)
    decisions_.at(i) = &registry.counter(
        "authorization_attempts_total",
        "Requests by whether their callers may do this: allowed or no-opinion (nothing gives them "
        "the right, and they are refused).",
        {{"result", std::string(kDecisions.at(i))}});
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

void ServerMetrics::record(const FinishedRequest& request) {
  requests_.record(request);
  const RequestInfo& info = request.info;
  if (!info.is_resource) return;
  const api::Kind* kind = kinds_.find(info.group, info.version, info.resource);
  if (kind == &api::kind_of<api::Endpoints>()) note_deprecated(*kind, info);
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
  Labels labels{{"verb", std::string(name_of(verb_of(info)))}};
  add_resource_labels(info, kinds_.find(info.group, info.version, info.resource), labels);
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
