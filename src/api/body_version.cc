#include "api/body_version.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "api/custom/custom_kind.h"
#include "api/go_quoted.h"

namespace insula::api {

namespace {

constexpr std::size_t kShownMax = 128;

bool is_meta(const Kind& kind) {
  return kind.group == "meta.k8s.io";
}

bool is_version_of(const Kind& kind, std::string_view api_version) {
  if (is_meta(kind) || api_version.empty() || api_version == kind.api_version()) return true;
  return kind.kind == "Eviction" && kind.group == "policy" && api_version == "policy/v1beta1";
}

/// `v1` of `apps/v1`.
std::string_view version_part(std::string_view api_version) {
  return api_version.substr(api_version.find('/') + 1);
}

std::string why_not(const Kind& kind, std::string_view name, std::string_view api_version) {
  const std::string_view version = version_part(api_version);
  if (!is_meta(kind) && find_kind(api_version, name) != nullptr)
    return fmt::format("converting ({}.{}) to ({}): unknown conversion", version, name,
                       internal_name(kind));
  return fmt::format("no kind {} is registered for version {}", go_quoted(name),
                     go_quoted(api_version));
}

/// As Kubernetes shows the beginning of a body: text where it is an object of JSON, else bytes.
std::string summary(std::string_view body) {
  constexpr std::size_t kShownBytes = 30;
  if (body.empty()) return "<empty>";
  const std::string_view begin = body.substr(0, kShownBytes);
  const std::string_view more = begin.size() < body.size() ? " ..." : "";
  if (begin.front() == '{') return fmt::format("{}{}", well_formed(begin), more);
  std::string out;
  for (const char c : begin)
    out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out.append(more);
}

}  // namespace

std::string internal_name(const Kind& kind) {
  const std::string_view group = kind.storage().group;
  return fmt::format("{}.{}", group.empty() ? "core" : group.substr(0, group.find('.')), kind.kind);
}

Result<> check_body_kind(const Kind& kind, std::string_view name, std::string_view api_version) {
  const bool same = name.empty() || name == kind.kind;
  if (same && is_version_of(kind, api_version)) return {};
  name = (name.empty() ? std::string_view(kind.kind) : name).substr(0, kShownMax);
  const std::string expected = kind.api_version();
  api_version = (api_version.empty() ? expected : api_version).substr(0, kShownMax);
  if (same && (custom_kind(kind) != nullptr || version_part(api_version).contains("beta"))) {
    return fail(ErrorCode::kBadRequest,
                fmt::format("the API version in the data ({}) does not match the expected API "
                            "version ({})",
                            api_version, expected));
  }
  std::string why = why_not(kind, name, api_version);
  if (is_meta(kind)) return fail(ErrorCode::kBadRequest, std::move(why));
  return fail(ErrorCode::kBadRequest,
              fmt::format("{} in version {} cannot be handled as a {}: {}", name,
                          go_quoted(version_part(api_version)), kind.kind, why));
}

Error unrecognized(const TypeInfo& type, Error why, std::string_view body) {
  if (type.kind == nullptr || is_meta(*type.kind)) return why;
  return Error(why.code(), fmt::format("the object provided is unrecognized (must be of type {}): "
                                       "{} ({})",
                                       type.kind->kind, why.message(), summary(body)));
}

Error unreadable(const TypeInfo& type, Error why) {
  if (type.kind == nullptr || is_meta(*type.kind)) return why;
  const Kind& kind = *type.kind;
  return std::move(why).in(fmt::format("{} in version \"{}\" cannot be handled as a {}", kind.kind,
                                       kind.version, kind.kind));
}

}  // namespace insula::api
