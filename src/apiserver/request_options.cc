#include "apiserver/request_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/apply/managed_fields.h"
#include "api/field_errors.h"
#include "api/go_quoted.h"
#include "api/invalid.h"
#include "apiserver/go_time.h"
#include "apiserver/request_info.h"
#include "http/url.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kOptionsGroup = "meta.k8s.io";
constexpr std::string_view kDryRunAll = "All";

Result<> verdict(std::string_view kind, api::FieldErrors errors) {
  if (errors.empty()) return {};
  return std::unexpected(api::invalid(kind, kOptionsGroup, "", std::move(errors).take()));
}

std::vector<std::string> query_values(const http::Request& request, std::string_view name) {
  std::vector<std::string> out;
  std::string_view query = http::target_query(request.target);
  while (auto parameter = http::next_parameter(query)) {
    if (parameter->name == name) out.push_back(std::move(parameter->value));
  }
  return out;
}

void check_dry_run(const std::vector<std::string>& stages, api::FieldErrors& errors) {
  if (std::ranges::all_of(stages, [](const std::string& stage) { return stage == kDryRunAll; }))
    return;
  json::Array shown;
  for (const std::string& stage : stages)
    shown.emplace_back(stage);
  errors.not_supported(api::FieldPath("dryRun"), api::ShownValue::json(json::write(shown)),
                       {kDryRunAll});
}

void check_field_manager(std::string_view manager, api::FieldErrors& errors) {
  const api::FieldPath path("fieldManager");
  if (manager.size() > api::kManagerNameMax) errors.too_long(path, api::kManagerNameMax);
  for (std::size_t at = 0; at < manager.size();) {
    const auto [point, bytes] = api::first_character(manager.substr(at));
    if (!api::is_printable(point))
      errors.invalid(path, manager,
                     fmt::format("invalid character U+{:04X} (at position {})",
                                 static_cast<std::uint32_t>(point), at));
    at += bytes;
  }
}

std::optional<api::Strictness> strictness_of(std::string_view text) {
  if (text == "Strict") return api::Strictness::kStrict;
  if (text.empty() || text == "Warn") return api::Strictness::kWarn;
  if (text == "Ignore") return api::Strictness::kIgnore;
  return std::nullopt;
}

std::string word(const http::Request& request, std::string_view name) {
  return request.query(name).value_or("");
}

/// Numbers of a list and of a watch are read whether they are heeded or not.
struct ListNumbers {
  std::optional<std::int64_t> timeout_seconds;
  std::optional<std::int64_t> limit;
};

Result<ListNumbers> list_numbers(const http::Request& request) {
  ListNumbers out;
  INSULA_TRY(out.timeout_seconds, query_number(request, "timeoutSeconds"));
  INSULA_TRY(out.limit, query_number(request, "limit"));
  return out;
}

void check_list(const http::Request& request, const ListQuery& query, api::FieldErrors& errors) {
  const api::FieldPath path("resourceVersionMatch");
  if (const std::string match = word(request, "resourceVersionMatch"); !match.empty()) {
    if (query.resource_version.empty())
      errors.forbidden(path,
                       "resourceVersionMatch is forbidden unless resourceVersion is provided");
    if (!query.continue_token.empty())
      errors.forbidden(path, "resourceVersionMatch is forbidden when continue is provided");
    if (match != "Exact" && match != "NotOlderThan")
      errors.not_supported(path, match, {"Exact"sv, "NotOlderThan"sv, ""sv});
    if (match == "Exact" && query.resource_version == "0")
      errors.forbidden(path,
                       "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
  }
  if (request.query("sendInitialEvents"))
    errors.forbidden(api::FieldPath("sendInitialEvents"),
                     "sendInitialEvents is forbidden for list");
}

/// Spec: KEP-3157, validation of sendInitialEvents.
void check_watch(const http::Request& request,
                 const WatchOptions& options,
                 api::FieldErrors& errors) {
  const api::FieldPath path("resourceVersionMatch");
  const std::string match = word(request, "resourceVersionMatch");
  const bool send_given = options.send_initial_events.has_value();
  if (send_given && match != "NotOlderThan")
    errors.forbidden(path,
                     "sendInitialEvents requires setting resourceVersionMatch to "
                     "NotOlderThan");
  if (!match.empty() && !send_given)
    errors.forbidden(path,
                     "resourceVersionMatch is forbidden for watch unless sendInitialEvents is "
                     "provided");
  if (!match.empty() && match != "NotOlderThan")
    errors.not_supported(path, match, {"NotOlderThan"sv});
  // What begins with all there is has this match without saying so.
  const bool from_start = options.resource_version.empty() || options.resource_version == "0";
  const bool has_match = !match.empty() || (!send_given && from_start);
  if (has_match && !word(request, "continue").empty())
    errors.forbidden(path, "resourceVersionMatch is forbidden when continue is provided");
}

Propagation propagation_of(const api::DeleteOptions& options) {
  const std::string policy = options.propagation_policy.value_or("");
  if (policy == "Background") return Propagation::kBackground;
  if (policy == "Foreground") return Propagation::kForeground;
  if (policy == "Orphan") return Propagation::kOrphan;
  if (!options.orphan_dependents) return Propagation::kDefault;
  return *options.orphan_dependents ? Propagation::kOrphan : Propagation::kBackground;
}

}  // namespace

Result<std::optional<std::int64_t>> query_number(const http::Request& request,
                                                 std::string_view name) {
  const std::optional<std::string> given = request.query(name);
  if (!given) return std::optional<std::int64_t>();
  std::string_view digits = *given;
  if (digits.size() > 1 && digits.front() == '+' && digits[1] != '-') digits.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = end == digits.data() + digits.size();
  if (whole && code == std::errc()) return std::optional(value);
  const bool too_large = whole && code == std::errc::result_out_of_range;
  return fail(ErrorCode::kBadRequest,
              fmt::format("strconv.ParseInt: parsing {}: {}", api::go_quoted(*given),
                          too_large ? "value out of range" : "invalid syntax"));
}

bool query_flag(const http::Request& request, std::string_view name) {
  const std::optional<std::string> given = request.query(name);
  return given && is_yes(*given);
}

std::string_view options_kind(WriteVerb verb) {
  switch (verb) {
    case WriteVerb::kCreate:
      return "CreateOptions";
    case WriteVerb::kUpdate:
      return "UpdateOptions";
    case WriteVerb::kPatch:
    case WriteVerb::kApply:
      return "PatchOptions";
  }
  return "";
}

Result<WriteOptions> write_options(const http::Request& request, WriteVerb verb) {
  WriteOptions out;
  api::FieldErrors errors;
  const std::string manager = word(request, "fieldManager");
  if (verb == WriteVerb::kApply && manager.empty())
    errors.required(api::FieldPath("fieldManager"), "is required for apply patch");
  if (verb == WriteVerb::kPatch && request.query("force"))
    errors.forbidden(api::FieldPath("force"), "may not be specified for non-apply patch");
  check_field_manager(manager, errors);
  const std::vector<std::string> stages = query_values(request, "dryRun");
  check_dry_run(stages, errors);
  const std::string strictness = word(request, "fieldValidation");
  const auto known = strictness_of(strictness);
  if (!known)
    errors.not_supported(api::FieldPath("fieldValidation"), strictness,
                         {""sv, "Ignore"sv, "Strict"sv, "Warn"sv});
  INSULA_TRY_VOID(verdict(options_kind(verb), std::move(errors)));
  out.dry_run = !stages.empty();
  out.strictness = *known;
  out.field_manager = api::well_formed(manager);
  out.force = verb == WriteVerb::kApply && query_flag(request, "force");
  return out;
}

Result<ListQuery> list_options(const http::Request& request, const api::Kind& kind) {
  ListQuery query;
  INSULA_TRY(const ListNumbers numbers, list_numbers(request));
  INSULA_TRY(query.selectors, Selectors::parse(kind, word(request, "labelSelector"),
                                               word(request, "fieldSelector")));
  query.limit = static_cast<std::size_t>(std::max<std::int64_t>(0, numbers.limit.value_or(0)));
  query.continue_token = word(request, "continue");
  query.resource_version = word(request, "resourceVersion");
  api::FieldErrors errors;
  check_list(request, query, errors);
  INSULA_TRY_VOID(verdict("ListOptions", std::move(errors)));
  const std::string match = word(request, "resourceVersionMatch");
  if (match == "Exact") query.match = VersionMatch::kExact;
  if (match == "NotOlderThan") query.match = VersionMatch::kNotOlderThan;
  return query;
}

Result<WatchOptions> watch_options(const http::Request& request) {
  WatchOptions out;
  INSULA_TRY(const ListNumbers numbers, list_numbers(request));
  out.timeout_seconds = numbers.timeout_seconds;
  out.bookmarks = query_flag(request, "allowWatchBookmarks");
  out.resource_version = word(request, "resourceVersion");
  if (const auto send = request.query("sendInitialEvents")) out.send_initial_events = is_yes(*send);
  api::FieldErrors errors;
  check_watch(request, out, errors);
  INSULA_TRY_VOID(verdict("ListOptions", std::move(errors)));
  return out;
}

Result<api::DeleteOptions> delete_options(const http::Request& request, std::string_view verb) {
  api::DeleteOptions out;
  INSULA_TRY(out.grace_period_seconds, query_number(request, "gracePeriodSeconds"));
  if (const auto orphan = request.query("orphanDependents"))
    out.orphan_dependents = is_yes(*orphan);
  out.propagation_policy = request.query("propagationPolicy");
  out.dry_run = query_values(request, "dryRun");
  api::Preconditions conditions{request.query("uid"), request.query("resourceVersion")};
  if (verb != "delete") conditions.resource_version.reset();
  if (conditions.uid || conditions.resource_version) out.preconditions = std::move(conditions);
  return out;
}

Result<DeleteQuery> delete_query(const api::DeleteOptions& options) {
  api::FieldErrors errors;
  const api::FieldPath path("propagationPolicy");
  if (const auto& policy = options.propagation_policy) {
    constexpr std::array kPolicies = {"Foreground"sv, "Background"sv, "Orphan"sv};
    if (options.orphan_dependents)
      errors.invalid(path, *policy, "orphanDependents and deletionPropagation cannot be both set");
    if (std::ranges::find(kPolicies, *policy) == kPolicies.end())
      errors.not_supported(path, *policy, {"Foreground"sv, "Background"sv, "Orphan"sv, "nil"sv});
  }
  check_dry_run(options.dry_run, errors);
  INSULA_TRY_VOID(verdict("DeleteOptions", std::move(errors)));
  DeleteQuery query;
  query.grace_period_seconds = options.grace_period_seconds;
  if (options.preconditions) {
    query.uid = options.preconditions->uid;
    query.resource_version = options.preconditions->resource_version;
  }
  query.propagation = propagation_of(options);
  return query;
}

Result<> check_log_options(const http::Request& request, std::string_view pod) {
  INSULA_TRY(const auto since, query_number(request, "sinceSeconds"));
  const std::optional<std::string> since_time = request.query("sinceTime");
  if (since_time && !since_time->empty() && *since_time != "null")
    INSULA_TRY_VOID(check_go_time(*since_time));
  INSULA_TRY(const auto lines, query_number(request, "tailLines"));
  INSULA_TRY(const auto bytes, query_number(request, "limitBytes"));
  constexpr std::string_view kPositive = "must be greater than 0";
  api::FieldErrors errors;
  if (lines && *lines < 0)
    errors.invalid(api::FieldPath("tailLines"), *lines, "must be greater than or equal to 0");
  if (bytes && *bytes < 1) errors.invalid(api::FieldPath("limitBytes"), *bytes, kPositive);
  // The field is named as in Kubernetes, which has no name for two at once.
  if (since && since_time)
    errors.forbidden(api::FieldPath("[]"),
                     "at most one of `sinceTime` or `sinceSeconds` may be specified");
  else if (since && *since < 1)
    errors.invalid(api::FieldPath("sinceSeconds"), *since, kPositive);
  if (request.query("stream")) errors.forbidden(api::FieldPath("stream"), "may not be specified");
  if (errors.empty()) return {};
  return std::unexpected(api::invalid("PodLogOptions", "", pod, std::move(errors).take()));
}

}  // namespace insula::apiserver
