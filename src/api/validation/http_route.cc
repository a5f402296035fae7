#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "api/route_pattern.h"
#include "api/validation/gateway.h"
#include "api/validation/names.h"

namespace insula::api {

namespace {

constexpr std::size_t kRulesMax = 16;
constexpr std::size_t kMatchesMax = 64;          // of a rule
constexpr std::size_t kMatchesOfRouteMax = 128;  // of all rules
constexpr std::size_t kListMax = 16;             // headers, parameters, filters, backends
constexpr std::size_t kHeaderNameMax = 256;
constexpr std::size_t kHeaderValueMax = 4096;
constexpr std::size_t kPathMax = 1024;
constexpr std::int32_t kWeightMax = 1'000'000;

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Spec: RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() &&
         std::ranges::all_of(text, [&](char c) { return is_alnum(c) || kOthers.contains(c); });
}

/// Spec: RFC 9110 section 5.5.
bool is_header_value(std::string_view text) {
  const auto allowed = [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
  };
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  return std::ranges::all_of(text, allowed) && !text.empty() && !is_space(text.front()) &&
         !is_space(text.back());
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return out;
}

void validate_header_name(const std::string& name, const FieldPath& path, FieldErrors& errors) {
  if (name.size() > kHeaderNameMax) errors.too_long(path, kHeaderNameMax);
  if (name.empty()) {
    errors.required(path);
  } else if (!is_token(name)) {
    errors.invalid(path, name, "must be a token as RFC 9110 has it, such as X-Tenant");
  }
}

void validate_pattern(const std::string& text, const FieldPath& path, FieldErrors& errors) {
  if (const auto pattern = RoutePattern::compile(text); !pattern)
    errors.invalid(path, text, pattern.error().message());
}

/// The path of a match or a modifier. Paths are compared as they are written, so there must be one
/// way to write them.
void validate_plain_path(const std::string& value, const FieldPath& path, FieldErrors& errors) {
  constexpr std::array<std::string_view, 6> kParts = {"//", "/./", "/../", "%2f", "%2F", "#"};
  constexpr std::array<std::string_view, 2> kEnds = {"/..", "/."};
  constexpr std::string_view kOthers = "-/._~!$&'()*+,;=:@%";
  if (!value.starts_with('/'))
    errors.invalid(path, value, "must be an absolute path and start with '/'");
  for (const std::string_view part : kParts) {
    if (value.contains(part))
      errors.invalid(path, value, fmt::format("must not contain '{}'", part));
  }
  for (const std::string_view end : kEnds) {
    if (value.ends_with(end))
      errors.invalid(path, value, fmt::format("must not end with '{}'", end));
  }
  if (!std::ranges::all_of(value, [&](char c) { return is_alnum(c) || kOthers.contains(c); }))
    errors.invalid(path, value, "must have only the characters that RFC 3986 allows in paths");
}

void validate_path(const HTTPPathMatch& match, const FieldPath& path, FieldErrors& errors) {
  const std::string type = match.type.value_or("");
  const std::string value = match.value.value_or("");
  const FieldPath at = path.child("value");
  if (value.size() > kPathMax) errors.too_long(at, kPathMax);
  if (type == "Exact" || type == "PathPrefix") {
    validate_plain_path(value, at, errors);
  } else if (type == "RegularExpression") {
    validate_pattern(value, at, errors);
  } else {
    errors.not_supported(path.child("type"), type, {"Exact", "PathPrefix", "RegularExpression"});
  }
}

/// Of a header or a parameter.
struct ValueMatch {
  const std::optional<std::string>& type;
  const std::string& name;
  const std::string& value;
};

void validate_value(const ValueMatch& match, const FieldPath& path, FieldErrors& errors) {
  validate_header_name(match.name, path.child("name"), errors);
  const FieldPath at = path.child("value");
  if (match.value.empty()) errors.required(at);
  if (match.value.size() > kHeaderValueMax) errors.too_long(at, kHeaderValueMax);
  const std::string type = match.type.value_or("");
  if (type == "RegularExpression") {
    validate_pattern(match.value, at, errors);
  } else if (type != "Exact") {
    errors.not_supported(path.child("type"), type, {"Exact", "RegularExpression"});
  }
}

void validate_match(const HTTPRouteMatch& match, const FieldPath& path, FieldErrors& errors) {
  constexpr std::array<std::string_view, 9> kMethods = {
      "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  if (match.path) validate_path(*match.path, path.child("path"), errors);
  const FieldPath headers = path.child("headers");
  if (match.headers.size() > kListMax) errors.too_many(headers, match.headers.size(), kListMax);
  std::set<std::string> names;
  for (std::size_t i = 0; i < match.headers.size(); ++i) {
    const HTTPHeaderMatch& header = match.headers[i];
    validate_value({header.type, header.name, header.value}, headers.index(i), errors);
    if (!names.insert(header.name).second)
      errors.duplicate(headers.index(i).child("name"), header.name);
  }
  const FieldPath parameters = path.child("queryParams");
  if (match.query_params.size() > kListMax)
    errors.too_many(parameters, match.query_params.size(), kListMax);
  names.clear();
  for (std::size_t i = 0; i < match.query_params.size(); ++i) {
    const HTTPQueryParamMatch& parameter = match.query_params[i];
    validate_value({parameter.type, parameter.name, parameter.value}, parameters.index(i), errors);
    if (!names.insert(parameter.name).second)
      errors.duplicate(parameters.index(i).child("name"), parameter.name);
  }
  if (match.method && std::ranges::find(kMethods, *match.method) == kMethods.end())
    errors.not_supported(path.child("method"), *match.method,
                         std::vector<std::string_view>(kMethods.begin(), kMethods.end()));
}

void validate_headers(const std::vector<RouteHeader>& headers,
                      const FieldPath& path,
                      FieldErrors& errors) {
  if (headers.size() > kListMax) errors.too_many(path, headers.size(), kListMax);
  std::set<std::string> names;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const FieldPath at = path.index(i);
    validate_header_name(headers[i].name, at.child("name"), errors);
    if (!names.insert(lower(headers[i].name)).second)
      errors.duplicate(at.child("name"), headers[i].name);
    if (headers[i].value.size() > kHeaderValueMax)
      errors.too_long(at.child("value"), kHeaderValueMax);
    if (!is_header_value(headers[i].value))
      errors.invalid(at.child("value"), headers[i].value,
                     "must be the value of a header: no control characters, no space at its ends");
  }
}

void validate_header_filter(const HTTPHeaderFilter& filter,
                            const FieldPath& path,
                            FieldErrors& errors) {
  validate_headers(filter.set, path.child("set"), errors);
  validate_headers(filter.add, path.child("add"), errors);
  const FieldPath remove = path.child("remove");
  if (filter.remove.size() > kListMax) errors.too_many(remove, filter.remove.size(), kListMax);
  for (std::size_t i = 0; i < filter.remove.size(); ++i)
    validate_header_name(filter.remove[i], remove.index(i), errors);
}

void validate_modifier(const HTTPPathModifier& modifier,
                       const FieldPath& path,
                       FieldErrors& errors) {
  struct Form {
    std::string_view type;
    std::string_view member;
    const std::optional<std::string>& value;
  };

  const std::array<Form, 2> forms = {
      {{"ReplaceFullPath", "replaceFullPath", modifier.replace_full_path},
       {"ReplacePrefixMatch", "replacePrefixMatch", modifier.replace_prefix_match}}};
  if (modifier.type != forms[0].type && modifier.type != forms[1].type)
    errors.not_supported(path.child("type"), modifier.type, {forms[0].type, forms[1].type});
  for (const Form& form : forms) {
    const FieldPath at = path.child(form.member);
    if (modifier.type == form.type && !form.value)
      errors.required(at, fmt::format("must be specified when type is set to '{}'", form.type));
    if (modifier.type != form.type && form.value)
      errors.invalid(at, *form.value,
                     fmt::format("type must be '{}' when {} is set", form.type, form.member));
    if (!form.value) continue;
    if (form.value->size() > kPathMax) errors.too_long(at, kPathMax);
    if (!form.value->empty()) validate_plain_path(*form.value, at, errors);
  }
}

void validate_redirect(const HTTPRequestRedirectFilter& redirect,
                       const FieldPath& path,
                       FieldErrors& errors) {
  if (redirect.scheme && *redirect.scheme != "http" && *redirect.scheme != "https")
    errors.not_supported(path.child("scheme"), *redirect.scheme, {"http", "https"});
  if (redirect.hostname)
    errors.invalid_each(path.child("hostname"), *redirect.hostname,
                        check_dns1123_subdomain(*redirect.hostname));
  if (redirect.path) validate_modifier(*redirect.path, path.child("path"), errors);
  if (redirect.port)
    errors.invalid_each(path.child("port"), *redirect.port, check_port_number(*redirect.port));
  constexpr std::array<std::int32_t, 5> kStatuses = {301, 302, 303, 307, 308};
  const std::int32_t status = redirect.status_code.value_or(0);
  if (std::ranges::find(kStatuses, status) == kStatuses.end())
    errors.not_supported(path.child("statusCode"), status, {"301", "302", "303", "307", "308"});
}

/// The member that `type` names must be there, and no other.
void validate_members(const HTTPRouteFilter& filter, const FieldPath& path, FieldErrors& errors) {
  struct Member {
    std::string_view type;
    std::string_view name;
    bool present;
  };

  const std::array<Member, 6> members = {
      {{"ExtensionRef", "extensionRef", filter.extension_ref.has_value()},
       {"RequestHeaderModifier", "requestHeaderModifier",
        filter.request_header_modifier.has_value()},
       {"RequestMirror", "requestMirror", filter.request_mirror.has_value()},
       {"RequestRedirect", "requestRedirect", filter.request_redirect.has_value()},
       {"ResponseHeaderModifier", "responseHeaderModifier",
        filter.response_header_modifier.has_value()},
       {"URLRewrite", "urlRewrite", filter.url_rewrite.has_value()}}};
  if (std::ranges::find(members, filter.type, &Member::type) == members.end()) {
    std::vector<std::string_view> types;
    types.reserve(members.size());
    for (const Member& member : members)
      types.push_back(member.type);
    errors.not_supported(path.child("type"), filter.type, types);
    return;
  }
  for (const Member& member : members) {
    if (member.present && member.type != filter.type)
      errors.invalid(path, fmt::format("filter.{} must be nil if the filter.type is not {}",
                                       member.name, member.type));
    if (!member.present && member.type == filter.type)
      errors.required(path.child(member.name),
                      fmt::format("must be specified for {} filter.type", member.type));
  }
}

/// Of a backend or a mirror.
template <class Ref>
void validate_service(const Ref& backend, const FieldPath& path, FieldErrors& errors) {
  validate_reference({.group = backend.group.value_or(""),
                      .kind = backend.kind.value_or(""),
                      .name = backend.name,
                      .name_space = backend.namespace_},
                     path, errors);
  if (backend.name.empty()) errors.required(path.child("name"));
  if (backend.port) {
    errors.invalid_each(path.child("port"), *backend.port, check_port_number(*backend.port));
  } else if (backend.kind == "Service" && backend.group == "") {
    errors.required(path.child("port"), "must have port for Service reference");
  }
}

void validate_mirror(const HTTPRequestMirrorFilter& mirror,
                     const FieldPath& path,
                     FieldErrors& errors) {
  constexpr std::int32_t kPercent = 100;
  validate_service(mirror.backend_ref, path.child("backendRef"), errors);
  if (mirror.percent && mirror.fraction)
    errors.invalid(path,
                   "Only one of percent or fraction may be specified in HTTPRequestMirrorFilter");
  if (mirror.percent && (*mirror.percent < 0 || *mirror.percent > kPercent))
    errors.invalid(path.child("percent"), *mirror.percent, "must be between 0 and 100");
  if (!mirror.fraction) return;
  const FieldPath fraction = path.child("fraction");
  const std::int32_t denominator = mirror.fraction->denominator.value_or(kPercent);
  if (mirror.fraction->numerator < 0)
    errors.invalid(fraction.child("numerator"), mirror.fraction->numerator,
                   "must be greater than or equal to 0");
  if (denominator < 1) {
    errors.invalid(fraction.child("denominator"), denominator, "must be greater than 0");
  } else if (mirror.fraction->numerator > denominator) {
    errors.invalid(fraction, "numerator must be less than or equal to denominator");
  }
}

void validate_filter(const HTTPRouteFilter& filter, const FieldPath& path, FieldErrors& errors) {
  validate_members(filter, path, errors);
  if (filter.request_header_modifier)
    validate_header_filter(*filter.request_header_modifier, path.child("requestHeaderModifier"),
                           errors);
  if (filter.response_header_modifier)
    validate_header_filter(*filter.response_header_modifier, path.child("responseHeaderModifier"),
                           errors);
  if (filter.request_mirror)
    validate_mirror(*filter.request_mirror, path.child("requestMirror"), errors);
  if (filter.request_redirect)
    validate_redirect(*filter.request_redirect, path.child("requestRedirect"), errors);
  if (filter.url_rewrite) {
    const HTTPURLRewriteFilter& rewrite = *filter.url_rewrite;
    const FieldPath at = path.child("urlRewrite");
    if (rewrite.hostname)
      errors.invalid_each(at.child("hostname"), *rewrite.hostname,
                          check_dns1123_subdomain(*rewrite.hostname));
    if (rewrite.path) validate_modifier(*rewrite.path, at.child("path"), errors);
  }
}

void validate_filters(const std::vector<HTTPRouteFilter>& filters,
                      const FieldPath& path,
                      FieldErrors& errors) {
  constexpr std::array<std::string_view, 4> kOnce = {
      "RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite"};
  if (filters.size() > kListMax) errors.too_many(path, filters.size(), kListMax);
  std::map<std::string_view, std::size_t> count;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    validate_filter(filters[i], path.index(i), errors);
    ++count[filters[i].type];
  }
  for (const std::string_view type : kOnce) {
    if (count[type] > 1) errors.invalid(path, fmt::format("{} filter cannot be repeated", type));
  }
  if (count["RequestRedirect"] > 0 && count["URLRewrite"] > 0)
    errors.invalid(path,
                   "may specify either a RequestRedirect or a URLRewrite filter, but not both");
}

void validate_backend(const HTTPBackendRef& backend, const FieldPath& path, FieldErrors& errors) {
  validate_service(backend, path, errors);
  const std::int32_t weight = backend.weight.value_or(1);
  if (weight < 0 || weight > kWeightMax)
    errors.invalid(path.child("weight"), weight, range_complaint(0, kWeightMax));
  validate_filters(backend.filters, path.child("filters"), errors);
}

bool has_redirect(const std::vector<HTTPRouteFilter>& filters) {
  return std::ranges::any_of(
      filters, [](const HTTPRouteFilter& filter) { return filter.request_redirect.has_value(); });
}

/// What takes the place of a prefix needs one.
void validate_prefix(const HTTPRouteRule& rule, const FieldPath& path, FieldErrors& errors) {
  const bool has_prefix = rule.matches.size() == 1 && rule.matches[0].path &&
                          rule.matches[0].path->type == "PathPrefix";
  if (has_prefix) return;
  const auto look = [&](const std::vector<HTTPRouteFilter>& filters, const FieldPath& at) {
    for (const HTTPRouteFilter& filter : filters) {
      const bool replaces = (filter.request_redirect && filter.request_redirect->path &&
                             filter.request_redirect->path->replace_prefix_match) ||
                            (filter.url_rewrite && filter.url_rewrite->path &&
                             filter.url_rewrite->path->replace_prefix_match);
      if (replaces)
        errors.invalid(at,
                       fmt::format("When using {} filter with path.replacePrefixMatch, exactly one "
                                   "PathPrefix match must be specified",
                                   filter.type));
    }
  };
  look(rule.filters, path.child("filters"));
  for (std::size_t i = 0; i < rule.backend_refs.size(); ++i)
    look(rule.backend_refs[i].filters, path.child("backendRefs").index(i).child("filters"));
}

void validate_timeouts(const HTTPRouteTimeouts& timeouts,
                       const FieldPath& path,
                       FieldErrors& errors) {
  const auto read = [&](const std::optional<std::string>& text, std::string_view name) {
    const auto duration = text ? parse_route_duration(*text) : std::nullopt;
    if (text && !duration)
      errors.invalid(path.child(name), *text, "must be a duration such as 10s, 1h30m or 500ms");
    return duration;
  };
  const auto request = read(timeouts.request, "request");
  const auto backend = read(timeouts.backend_request, "backendRequest");
  if (request && backend && request->count() != 0 && *backend > *request)
    errors.invalid(path.child("backendRequest"), *timeouts.backend_request,
                   "backendRequest timeout cannot be longer than request timeout");
}

void validate_rule(const HTTPRouteRule& rule, const FieldPath& path, FieldErrors& errors) {
  if (rule.name)
    errors.invalid_each(path.child("name"), *rule.name, check_dns1123_subdomain(*rule.name));
  const FieldPath matches = path.child("matches");
  if (rule.matches.size() > kMatchesMax) errors.too_many(matches, rule.matches.size(), kMatchesMax);
  for (std::size_t i = 0; i < rule.matches.size(); ++i)
    validate_match(rule.matches[i], matches.index(i), errors);
  validate_filters(rule.filters, path.child("filters"), errors);
  const FieldPath backends = path.child("backendRefs");
  if (rule.backend_refs.size() > kListMax)
    errors.too_many(backends, rule.backend_refs.size(), kListMax);
  for (std::size_t i = 0; i < rule.backend_refs.size(); ++i)
    validate_backend(rule.backend_refs[i], backends.index(i), errors);
  if (!rule.backend_refs.empty() && has_redirect(rule.filters))
    errors.invalid(path, "RequestRedirect filter must not be used together with backendRefs");
  validate_prefix(rule, path, errors);
  if (rule.timeouts) validate_timeouts(*rule.timeouts, path.child("timeouts"), errors);
}

}  // namespace

void validate_rules(const std::vector<HTTPRouteRule>& rules,
                    const FieldPath& path,
                    FieldErrors& errors) {
  if (rules.size() > kRulesMax) errors.too_many(path, rules.size(), kRulesMax);
  std::size_t matches = 0;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    validate_rule(rules[i], path.index(i), errors);
    matches += rules[i].matches.size();
  }
  if (matches > kMatchesOfRouteMax)
    errors.invalid(path, fmt::format("all rules together may have {} matches, and have {}",
                                     kMatchesOfRouteMax, matches));
}

std::optional<std::chrono::milliseconds> parse_route_duration(std::string_view text) {
  constexpr std::size_t kPartsMax = 4;
  constexpr std::size_t kDigitsMax = 5;
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> kUnits = {
      {{"ms", 1}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}}};
  std::int64_t sum = 0;
  std::size_t parts = 0;
  while (!text.empty()) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0 || digits > kDigitsMax || ++parts > kPartsMax) return std::nullopt;
    std::int64_t number = 0;
    for (const char c : text.substr(0, digits))
      number = number * 10 + (c - '0');
    text.remove_prefix(digits);
    const auto unit = std::ranges::find_if(
        kUnits, [&](const auto& entry) { return text.starts_with(entry.first); });
    if (unit == kUnits.end()) return std::nullopt;
    sum += number * unit->second;
    text.remove_prefix(unit->first.size());
  }
  if (parts == 0) return std::nullopt;
  return std::chrono::milliseconds(sum);
}

}  // namespace insula::api
