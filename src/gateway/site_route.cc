#include "gateway/site_route.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "http/scan.h"
#include "http/url.h"

namespace insula::gateway {
namespace {

/// The value of a header that is there once, or all of its values with commas between them.
/// Spec: RFC 9110 section 5.3.
std::optional<std::string> header_value(const http::RequestHead& head, std::string_view name) {
  std::optional<std::string> value;
  for (const http::Field& field : head.fields()) {
    if (!http::equals_ignoring_case(field.name, name)) continue;
    if (value) {
      value->append(",").append(field.value);
    } else {
      value.emplace(field.value);
    }
  }
  return value;
}

}  // namespace

bool SiteConditions::Value::fits(std::string_view value) const {
  return pattern ? pattern->fits(value) : value == text;
}

Result<std::vector<SiteConditions::Value>> SiteConditions::values_of(
    const std::vector<ValueMatchConfig>& matches) {
  std::vector<Value> values;
  for (const ValueMatchConfig& match : matches) {
    Value value{.name = match.name, .text = match.value, .pattern = std::nullopt};
    if (match.is_pattern) {
      INSULA_TRY(value.pattern, api::RoutePattern::compile(match.value));
    }
    values.push_back(std::move(value));
  }
  return values;
}

Result<SiteConditions> SiteConditions::make(const MatchConfig& match) {
  SiteConditions conditions;
  conditions.kind_ = match.kind;
  conditions.path_ = match.path;
  if (match.kind == PathKind::kPattern) {
    INSULA_TRY(conditions.pattern_, api::RoutePattern::compile(match.path));
  }
  conditions.method_ = match.method;
  INSULA_TRY(conditions.headers_, values_of(match.headers));
  INSULA_TRY(conditions.parameters_, values_of(match.parameters));
  return conditions;
}

bool SiteConditions::fit(const SiteRequest& request) const {
  if (!method_.empty() && method_ != request.method) return false;
  const auto has_header = [&](const Value& wanted) {
    if (request.head == nullptr) return false;
    const auto value = header_value(*request.head, wanted.name);
    return value && wanted.fits(*value);
  };
  const auto has_parameter = [&](const Value& wanted) {
    const auto value = http::query_value(request.query, wanted.name);
    return value && wanted.fits(*value);
  };
  return std::ranges::all_of(headers_, has_header) &&
         std::ranges::all_of(parameters_, has_parameter);
}

const SiteBackend* SiteRoute::choose(double draw) const {
  std::int64_t all = 0;
  for (const SiteBackend& one : backends)
    all += one.backend.weight;
  if (all == 0) return nullptr;
  double left = draw * static_cast<double>(all);
  const SiteBackend* chosen = nullptr;
  for (const SiteBackend& one : backends) {
    if (one.backend.weight == 0) continue;
    chosen = &one;
    left -= static_cast<double>(one.backend.weight);
    if (left < 0) break;
  }
  return chosen;
}

std::string changed_path(const PathChangeConfig& change,
                         std::string_view path,
                         std::size_t prefix_bytes) {
  if (!change.of_prefix) return change.path.empty() ? "/" : change.path;
  const std::string_view rest = path.substr(std::min(prefix_bytes, path.size()));
  std::string_view begin = change.path;
  if (!rest.empty() && begin.ends_with('/')) begin.remove_suffix(1);
  std::string out(begin);
  out.append(rest);
  return out.empty() ? "/" : out;
}

std::string location_of(const RedirectConfig& redirect, const RedirectedRequest& request) {
  constexpr int kHttpPort = 80;
  constexpr int kHttpsPort = 443;
  const std::string_view scheme = redirect.scheme.empty() ? request.scheme : redirect.scheme;
  const std::string_view host = redirect.host.empty() ? request.host : redirect.host;
  std::string location = fmt::format("{}://{}", scheme, host);
  const int usual = scheme == "https" ? kHttpsPort : kHttpPort;
  if (redirect.port != 0 && redirect.port != usual) location += fmt::format(":{}", redirect.port);
  if (redirect.path) {
    location += changed_path(*redirect.path, request.path, request.prefix_bytes);
  } else {
    location.append(request.path);
  }
  if (!request.query.empty()) location.append("?").append(request.query);
  return location;
}

}  // namespace insula::gateway
