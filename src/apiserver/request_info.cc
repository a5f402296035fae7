#include "apiserver/request_info.h"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "apiserver/refusals.h"
#include "http/url.h"

namespace insula::apiserver {

namespace {

constexpr std::size_t kSegmentsMax = 64;

/// Segments of a path, decoded; a trailing slash adds none.
Result<std::vector<std::string>> split(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    if (segment.empty() && path.empty()) break;
    auto decoded = http::percent_decode(segment);
    if (!decoded || decoded->empty() || out.size() == kSegmentsMax)
      return fail(ErrorCode::kBadRequest, "the path of the request is malformed");
    out.push_back(*std::move(decoded));
  }
  return out;
}

bool is_true(std::string_view query, std::string_view name) {
  const auto value = http::query_value(query, name);
  return value && is_yes(*value);
}

std::string verb_of(std::string_view method, std::string_view query, bool has_name) {
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return has_name ? "delete" : "deletecollection";
  if (method == "GET" || method == "HEAD") {
    if (has_name) return "get";
    return is_true(query, "watch") ? "watch" : "list";
  }
  return "";
}

}  // namespace

bool is_yes(std::string_view word) {
  constexpr std::string_view kNo = "false";
  const bool no = std::ranges::equal(
      word, kNo, [](char c, char small) { return c == small || c == small - 'a' + 'A'; });
  return !no && word != "0";
}

std::string RequestInfo::group_resource() const {
  return group.empty() ? resource : resource + "." + group;
}

Result<RequestInfo> parse_request_info(std::string_view method, std::string_view target) {
  const std::string_view path = http::target_path(target);
  const std::string_view query = http::target_query(target);
  if (!http::is_unambiguous_path(path))
    return fail(ErrorCode::kBadRequest, "the path of the request is malformed");
  RequestInfo info;
  info.path = path;
  info.verb = method;
  std::ranges::transform(info.verb, info.verb.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  INSULA_TRY(std::vector<std::string> parts, split(path));
  std::size_t at = 0;
  if (parts.size() >= 3 && parts[0] == "api") {
    info.version = parts[1];
    at = 2;
  } else if (parts.size() >= 4 && parts[0] == "apis") {
    info.group = parts[1];
    info.version = parts[2];
    at = 3;
  } else {
    return info;
  }
  info.is_resource = true;
  const bool watches = parts[at] == "watch" && parts.size() > at + 1;
  if (watches) ++at;
  if (parts[at] == "namespaces" && parts.size() > at + 1) {
    info.name_space = parts[at + 1];
    // `namespaces/x` and its own subresources speak of the namespace, the rest of what is in it.
    const bool inside =
        parts.size() > at + 2 && parts[at + 2] != "status" && parts[at + 2] != "finalize";
    if (inside) at += 2;
    // A namespace inside another would be authorised as the one and read as the other.
    if (inside && parts[at] == "namespaces") return no_resource();
  }
  auto take = [&](std::string& into) {
    if (at < parts.size()) into = std::move(parts[at++]);
  };
  take(info.resource);
  take(info.name);
  take(info.subresource);
  for (; at < parts.size(); ++at)
    info.rest += "/" + parts[at];
  info.verb = watches ? "watch" : verb_of(method, query, !info.name.empty());
  // What is asked by OPTIONS is up to the pod; as in Kubernetes, only a right to all verbs is one
  // to that.
  const bool is_for_pod = method == "OPTIONS" && info.subresource == "proxy";
  if (info.verb.empty() && !is_for_pod) return method_not_allowed();
  info.field_selector = http::query_value(query, "fieldSelector").value_or("");
  return info;
}

}  // namespace insula::apiserver
