#include "api/columns/gateway.h"

#include "api/columns/columns.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::api {

namespace {

constexpr Column kClassColumns[] = {
    kNameColumn,
    {"Controller", "string", "", "Who serves the Gateways of the class."},
    {"Accepted", "string", "", "Whether the controller serves them."},
    kAgeColumn,
    {"Description", "string", "", "What the class is for.", 1},
};

constexpr Column kGatewayColumns[] = {
    kNameColumn,
    {"Class", "string", "", "The GatewayClass."},
    {"Address", "string", "", "Where it is reached."},
    {"Programmed", "string", "", "Whether it is served."},
    kAgeColumn,
};

constexpr Column kRouteColumns[] = {
    kNameColumn,
    {"Hostnames", "string", "", "Hosts of the requests."},
    kAgeColumn,
};

constexpr Column kGrantColumns[] = {kNameColumn, kAgeColumn};

std::string status_of(const std::vector<Condition>& conditions, std::string_view type) {
  for (const Condition& condition : conditions) {
    if (condition.type == type) return condition.status;
  }
  return {};
}

}  // namespace

std::span<const Column> gateway_class_columns() {
  return kClassColumns;
}

std::vector<Cell> cells(const GatewayClass& object, WallTime now) {
  return {object.metadata.name, object.spec.controller_name,
          status_of(object.status.conditions, "Accepted"),
          age(object.metadata.creation_timestamp, now), object.spec.description.value_or("")};
}

std::span<const Column> gateway_columns() {
  return kGatewayColumns;
}

std::vector<Cell> cells(const Gateway& object, WallTime now) {
  std::string addresses;
  for (const GatewayStatusAddress& address : object.status.addresses)
    addresses += addresses.empty() ? address.value : "," + address.value;
  return {object.metadata.name, object.spec.gateway_class_name, addresses,
          status_of(object.status.conditions, "Programmed"),
          age(object.metadata.creation_timestamp, now)};
}

std::span<const Column> http_route_columns() {
  return kRouteColumns;
}

std::vector<Cell> cells(const HTTPRoute& object, WallTime now) {
  // As a definition's column shows a list.
  json::Array hosts;
  for (const std::string& host : object.spec.hostnames)
    hosts.emplace_back(host);
  return {object.metadata.name, hosts.empty() ? std::string() : json::write(hosts),
          age(object.metadata.creation_timestamp, now)};
}

std::span<const Column> reference_grant_columns() {
  return kGrantColumns;
}

std::vector<Cell> cells(const ReferenceGrant& object, WallTime now) {
  return {object.metadata.name, age(object.metadata.creation_timestamp, now)};
}

}  // namespace insula::api
