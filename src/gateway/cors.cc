#include "gateway/cors.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/cors.h"
#include "http/scan.h"

namespace insula::gateway {
namespace {

constexpr std::string_view kAny = "*";
/// Names of headers that are told back to a preflight, with their commas.
constexpr std::size_t kHeadersBytesMax = 4096;
/// They need no permission; who looks at the answer wants to see them all the same.
constexpr std::array<std::string_view, 3> kSafelistedMethods = {"GET", "HEAD", "POST"};
constexpr std::string_view kMethodDefault = "DELETE";
constexpr std::array<std::string_view, 11> kExposed = {"x-request-id",
                                                       "retry-after",
                                                       "x-should-retry",
                                                       "ratelimit",
                                                       "ratelimit-policy",
                                                       "x-ratelimit-limit-requests",
                                                       "x-ratelimit-remaining-requests",
                                                       "x-ratelimit-reset-requests",
                                                       "x-ratelimit-limit-tokens",
                                                       "x-ratelimit-remaining-tokens",
                                                       "x-ratelimit-reset-tokens"};

bool contains_any(const std::vector<std::string>& list) {
  return std::ranges::find(list, kAny) != list.end();
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/// Whether it is a list of tokens, as browsers write it.
bool is_list_of_names(std::string_view text) {
  if (text.empty() || text.size() > kHeadersBytesMax) return false;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    if (!http::is_token(http::trim(text.substr(0, comma)))) return false;
    if (comma == text.npos) break;
    text.remove_prefix(comma + 1);
  }
  return true;
}

/// Adds what is not there yet.
void join_lists(std::vector<std::string>& list, const std::vector<std::string>& more) {
  std::ranges::copy_if(more, std::back_inserter(list), [&](const std::string& text) {
    return std::ranges::find(list, text) == list.end();
  });
}

}  // namespace

std::vector<std::string_view> exposed_by_default() {
  return {kExposed.begin(), kExposed.end()};
}

CorsPolicy::CorsPolicy(const CorsConfig& config)
    : allow_credentials_(config.allow_credentials),
      any_method_(contains_any(config.allow_methods)),
      any_header_(config.allow_headers.empty() || contains_any(config.allow_headers)) {
  for (const std::string& origin : config.allow_origins) {
    if (origin == kAny) {
      any_origin_ = true;
    } else if (const auto pattern = api::parse_origin_pattern(origin); !pattern) {
      continue;
    } else if (pattern->is_wildcard) {
      wildcards_.push_back(
          {.before = std::string(pattern->scheme), .after = "." + std::string(pattern->rest)});
    } else {
      origins_.insert(origin);
    }
  }
  std::vector<std::string_view> methods(kSafelistedMethods.begin(), kSafelistedMethods.end());
  if (config.allow_methods.empty()) methods.push_back(kMethodDefault);
  for (const std::string& method : config.allow_methods) {
    if (method != kAny && std::ranges::find(methods, method) == methods.end())
      methods.push_back(method);
  }
  methods_ = fmt::format("{}", fmt::join(methods, ", "));
  headers_ = fmt::format("{}", fmt::join(config.allow_headers, ", "));
  expose_line_ = fmt::format("Access-Control-Expose-Headers: {}\r\n",
                             config.expose_headers.empty()
                                 ? fmt::format("{}", fmt::join(kExposed, ", "))
                                 : fmt::format("{}", fmt::join(config.expose_headers, ", ")));
  age_line_ = fmt::format("Access-Control-Max-Age: {}\r\n", config.max_age.count());
}

bool CorsPolicy::allows(std::string_view origin) const {
  if (any_origin_) return true;
  if (origins_.contains(std::string(origin))) return true;
  return std::ranges::any_of(wildcards_, [&](const Wildcard& wildcard) {
    if (origin.size() <= wildcard.before.size() + wildcard.after.size() ||
        !origin.starts_with(wildcard.before) || !origin.ends_with(wildcard.after))
      return false;
    std::string_view between = origin.substr(wildcard.before.size());
    between.remove_suffix(wildcard.after.size());
    return std::ranges::all_of(between, is_host_character);
  });
}

void CorsPolicy::append_origin(std::string& out, std::string_view origin) const {
  out.append("Access-Control-Allow-Origin: ").append(tells_any() ? kAny : origin).append("\r\n");
  if (allow_credentials_) out.append("Access-Control-Allow-Credentials: true\r\n");
}

void CorsPolicy::append_reply_lines(std::string& out,
                                    std::optional<std::string_view> origin) const {
  // The same for everybody, so that caches need not tell origins apart.
  if (!tells_any()) out.append("Vary: Origin\r\n");
  if (!tells_any() && (!origin || !allows(*origin))) return;
  append_origin(out, origin.value_or(kAny));
  out.append(expose_line_);
}

void CorsPolicy::append_preflight_lines(std::string& out, const Preflight& preflight) const {
  append_origin(out, preflight.origin);
  const bool any_method = any_method_ && http::is_token(preflight.method);
  out.append("Access-Control-Allow-Methods: ")
      .append(any_method ? preflight.method : std::string_view(methods_))
      .append("\r\n");
  // `*` would leave out Authorization, and everything where there are credentials.
  const bool told_back = any_header_ && is_list_of_names(preflight.headers);
  if (told_back || !any_header_) {
    out.append("Access-Control-Allow-Headers: ")
        .append(told_back ? preflight.headers : std::string_view(headers_))
        .append("\r\n");
  }
  out.append(age_line_);
  out.append("Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n");
}

std::optional<CorsConfig> join(const std::vector<const CorsConfig*>& configs) {
  if (configs.empty()) return std::nullopt;
  CorsConfig all = *configs.front();
  bool every_header = false;
  for (const CorsConfig* config : configs) {
    join_lists(all.allow_origins, config->allow_origins);
    join_lists(all.allow_methods, config->allow_methods);
    join_lists(all.allow_headers, config->allow_headers);
    every_header = every_header || config->allow_headers.empty();
    // Else the pages of one would have credentials by leave of another.
    all.allow_credentials = all.allow_credentials && config->allow_credentials;
    all.max_age = std::min(all.max_age, config->max_age);
    if (config->allow_methods.empty()) join_lists(all.allow_methods, {std::string(kMethodDefault)});
  }
  if (every_header) all.allow_headers.clear();
  all.expose_headers.clear();
  return all;
}

}  // namespace insula::gateway
