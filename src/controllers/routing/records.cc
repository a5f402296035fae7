#include "controllers/routing/records.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace insula::controllers {

namespace {

/// Whether what was accepted last is something else, or is not remembered.
template <class T>
bool is_new(const T& object, const api::AcceptedSpecs& known) {
  const std::string& uid = object.metadata.uid;
  return !uid.empty() && (known.find(uid) == nullptr || known.earlier(object) != nullptr);
}

bool is_whole(const api::ServedGateway& one) {
  return !one.wanted &&
         std::ranges::all_of(one.listeners, [&](const api::ServedListener& listener) {
           return one.serves(listener);
         });
}

bool is_accepted(const api::AttachedRoute& one) {
  return !one.wanted && std::ranges::any_of(one.parents, [](const api::RouteParent& parent) {
    return parent.accepted.good;
  });
}

}  // namespace

std::vector<api::ControllerRevision> fresh_records(const api::Routing& routing,
                                                   const api::AcceptedSpecs& known) {
  std::vector<api::ControllerRevision> records;
  for (const api::ServedGateway& one : routing.gateways) {
    if (is_whole(one) && is_new(*one.gateway, known))
      records.push_back(api::accepted_record(*one.gateway));
  }
  for (const api::AttachedRoute& one : routing.routes) {
    if (is_accepted(one) && is_new(*one.route, known))
      records.push_back(api::accepted_record(*one.route));
  }
  return records;
}

api::AcceptedRecords outlived_records(const api::RoutingObjects& objects) {
  const api::AcceptedSpecs newest(objects.accepted);
  std::set<std::string_view> present;
  for (const auto& route : objects.routes)
    present.insert(route->metadata.uid);
  for (const auto& gateway : objects.gateways)
    present.insert(gateway->metadata.uid);
  api::AcceptedRecords outlived;
  for (const auto& record : objects.accepted) {
    const auto uid = record->metadata.labels.find(api::kAcceptedUidLabel);
    // Somebody else's.
    if (uid == record->metadata.labels.end()) continue;
    if (!present.contains(uid->second) || newest.find(uid->second) != record.get())
      outlived.push_back(record);
  }
  return outlived;
}

}  // namespace insula::controllers
