#include "apiserver/server_metrics.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <string_view>

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

ServerMetrics::ServerMetrics(MetricsRegistry& registry, api::KindCatalog& kinds)
    : long_running(registry.gauge(
          "apiserver_longrunning_requests",
          "Watches, logs, terminals and proxied requests that are open; they cost memory and "
          "connections.")),
      registry_(registry),
      kinds_(kinds) {}

void ServerMetrics::record(const RequestInfo& info, int status, std::chrono::nanoseconds took) {
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
}

Counter& ServerMetrics::audited(AuditLevel level) {
  return registry_.counter("apiserver_audit_level_total",
                           "Requests by the level that the audit policy has for them.",
                           {{"level", std::string(name_of(level))}});
}

}  // namespace insula::apiserver
