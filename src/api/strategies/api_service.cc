#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "api/columns/columns.h"
#include "api/defaulting/set.h"
#include "api/gen/apiregistration_v1.h"
#include "api/strategies/erased.h"
#include "api/strategies/further.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"

namespace insula::api {

namespace {

constexpr std::int32_t kHttpsPort = 443;
constexpr std::int32_t kGroupPriorityMax = 20'000;
constexpr std::int32_t kVersionPriorityMax = 1'000;

constexpr Column kColumns[] = {
    kNameColumn,
    {"Service", "string", "", "The Service in front of the server, or Local for this one."},
    {"Available", "string", "", "Whether the version is served."},
    kAgeColumn,
};

std::span<const Column> api_service_columns() {
  return kColumns;
}

/// What this server serves is there; nothing is asked of other servers.
void note_availability(APIService& object) {
  APIServiceCondition available;
  available.type = "Available";
  available.last_transition_time = object.metadata.creation_timestamp;
  if (object.spec.service) {
    available.status = "False";
    available.reason = "NotForwarded";
    available.message = "this server does not forward requests to other API servers yet";
  } else {
    available.status = "True";
    available.reason = "Local";
    available.message = "Local APIServices are always available";
  }
  object.status.conditions = {std::move(available)};
}

void set_defaults(APIService& object) {
  if (object.spec.service) set_if_absent(object.spec.service->port, kHttpsPort);
}

void prepare_for_update(APIService& object, const APIService& old, std::string_view subresource) {
  if (subresource == "status") {
    object.spec = old.spec;
    erased::keep_metadata(object.metadata, old.metadata);
    return;
  }
  object.status = old.status;
  if (!(object.spec.service == old.spec.service)) note_availability(object);
}

void validate_service(const APIServiceSpec& spec, const FieldPath& path, FieldErrors& errors) {
  if (!spec.service) {
    if (!spec.ca_bundle.empty()) {
      errors.invalid(path.child("caBundle"), fmt::format("{} bytes", spec.ca_bundle.size()),
                     "local APIServices may not have a caBundle");
    }
    if (spec.insecure_skip_tls_verify) {
      errors.invalid(path.child("insecureSkipTLSVerify"), true,
                     "local APIServices may not have insecureSkipTLSVerify");
    }
    return;
  }
  const FieldPath service = path.child("service");
  if (spec.service->namespace_.empty()) errors.required(service.child("namespace"));
  if (spec.service->name.empty()) errors.required(service.child("name"));
  const std::int32_t port = spec.service->port.value_or(kHttpsPort);
  for (const std::string& complaint : check_port_number(port))
    errors.invalid(service.child("port"), port, "port is not valid: " + complaint);
  if (spec.insecure_skip_tls_verify && !spec.ca_bundle.empty()) {
    errors.invalid(path.child("insecureSkipTLSVerify"), true,
                   "may not be true if caBundle is present");
  }
}

void validate(const APIService& object, FieldErrors& errors) {
  const APIServiceSpec& spec = object.spec;
  const FieldPath path("spec");
  const std::string name = spec.version + "." + spec.group;
  if (object.metadata.name != name) {
    errors.invalid(FieldPath("metadata.name"), object.metadata.name,
                   fmt::format("must be `spec.version+\".\"+spec.group`: \"{}\"", name));
  }
  if (spec.group.empty() && spec.version != "v1") {
    errors.required(path.child("group"),
                    "only v1 may have an empty group and it better be legacy kube");
  }
  if (!spec.group.empty())
    errors.invalid_each(path.child("group"), spec.group, check_dns1123_subdomain(spec.group));
  errors.invalid_each(path.child("version"), spec.version, check_dns1123_label(spec.version));
  if (spec.group_priority_minimum <= 0 || spec.group_priority_minimum > kGroupPriorityMax) {
    errors.invalid(path.child("groupPriorityMinimum"), spec.group_priority_minimum,
                   fmt::format("must be positive and less than {}", kGroupPriorityMax));
  }
  if (spec.version_priority <= 0 || spec.version_priority > kVersionPriorityMax) {
    errors.invalid(path.child("versionPriority"), spec.version_priority,
                   fmt::format("must be positive and less than {}", kVersionPriorityMax));
  }
  validate_service(spec, path, errors);
}

std::vector<std::string> warnings(const void* object) {
  if (!static_cast<const APIService*>(object)->spec.service) return {};
  return erased::not_acted_on("APIService", "no requests are forwarded to its Service");
}

std::vector<Cell> cells(const APIService& object, WallTime now) {
  const auto& service = object.spec.service;
  const auto& conditions = object.status.conditions;
  const auto it = std::ranges::find(conditions, "Available", &APIServiceCondition::type);
  std::string available = it == conditions.end() ? "Unknown" : it->status;
  if (available != "True" && it != conditions.end() && !it->reason.empty())
    available += " (" + it->reason + ")";
  return {
      object.metadata.name,
      service ? service->namespace_ + "/" + service->name : std::string("Local"),
      available,
      age(object.metadata.creation_timestamp, now),
  };
}

constexpr KindStrategy kStrategy{
    .kind = kind_of<APIService>,
    .name_rule = NameRule::kPathSegment,
    .set_defaults = erased::change<APIService, set_defaults>,
    .prepare_for_create = erased::change<APIService, note_availability>,
    .prepare_for_update = erased::change_from<APIService, prepare_for_update>,
    .validate = erased::check<APIService, validate>,
    .warnings = warnings,
    .columns = api_service_columns,
    .cells = erased::row<APIService, cells>,
};

}  // namespace

const KindStrategy& api_service_strategy() {
  return kStrategy;
}

}  // namespace insula::api
