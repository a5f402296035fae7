#include "api/validation/cors.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "api/cors.h"
#include "api/validation/names.h"
#include "api/validation/shown.h"

namespace insula::api {
namespace {

constexpr std::string_view kAny = "*";
constexpr std::size_t kOriginsMax = 64;
constexpr std::size_t kOriginBytesMax = 256;
constexpr std::size_t kNamesMax = 64;
constexpr std::int32_t kAgeSecondsMax = 86'400;
constexpr std::array<std::string_view, 8> kMethods = {"GET",   "HEAD",   "POST",    "PUT",
                                                      "PATCH", "DELETE", "OPTIONS", kAny};

void validate_header_names(const std::vector<std::string>& names,
                           const FieldPath& path,
                           FieldErrors& errors) {
  if (names.size() > kNamesMax) errors.too_many(path, names.size(), kNamesMax);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != kAny)
      errors.invalid_each(path.index(i), names[i], check_http_header_name(names[i]));
  }
}

bool has_any(const std::vector<std::string>& list) {
  return std::ranges::find(list, kAny) != list.end();
}

}  // namespace

void validate_cors(const TenantCors& cors, const FieldPath& path, FieldErrors& errors) {
  const FieldPath origins = path.child("allowOrigins");
  if (cors.allow_origins.empty()) errors.required(origins, "must name at least one origin");
  if (cors.allow_origins.size() > kOriginsMax)
    errors.too_many(origins, cors.allow_origins.size(), kOriginsMax);
  for (std::size_t i = 0; i < cors.allow_origins.size(); ++i) {
    const std::string& origin = cors.allow_origins[i];
    if (origin.size() > kOriginBytesMax) {
      errors.too_long(origins.index(i), kOriginBytesMax);
    } else if (origin != kAny && !parse_origin_pattern(origin)) {
      errors.invalid(origins.index(i), origin,
                     "must be *, or an origin as browsers write it, such as "
                     "https://app.example.com, https://*.example.com or http://localhost:3000: in "
                     "lower case, without a path, and without the port that the scheme has itself");
    }
  }
  const FieldPath methods = path.child("allowMethods");
  if (cors.allow_methods.size() > kNamesMax)
    errors.too_many(methods, cors.allow_methods.size(), kNamesMax);
  for (std::size_t i = 0; i < cors.allow_methods.size(); ++i) {
    const std::string& method = cors.allow_methods[i];
    if (std::ranges::find(kMethods, method) == kMethods.end())
      errors.not_supported(methods.index(i), method,
                           std::vector<std::string_view>(kMethods.begin(), kMethods.end()));
  }
  validate_header_names(cors.allow_headers, path.child("allowHeaders"), errors);
  validate_header_names(cors.expose_headers, path.child("exposeHeaders"), errors);
  if (cors.allow_credentials && has_any(cors.allow_origins))
    errors.forbidden(path.child("allowCredentials"),
                     "may not be set for every origin: name the origins");
  if (cors.allow_credentials && has_any(cors.expose_headers))
    errors.forbidden(path.child("exposeHeaders"),
                     "* is no wildcard together with `allowCredentials`: name the headers");
  if (const std::int32_t age = cors.max_age_seconds.value_or(0); age < 0 || age > kAgeSecondsMax)
    errors.invalid(path.child("maxAgeSeconds"), age, range_complaint(0, kAgeSecondsMax));
}

}  // namespace insula::api
