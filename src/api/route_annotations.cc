#include "api/route_annotations.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "api/ingress_hosts.h"

namespace insula::api {

namespace {

/// Nothing: it is not understood.
std::optional<RouteEdge> parse_edge(std::string_view text) {
  constexpr std::string_view kSpace = " \t";
  RouteEdge edge;
  for (;;) {
    const std::size_t comma = text.find(',');
    std::string_view word = text.substr(0, comma);
    word.remove_prefix(std::min(word.find_first_not_of(kSpace), word.size()));
    word = word.substr(0, word.find_last_not_of(kSpace) + 1);
    if (word == "bounds") {
      edge.bounds = true;
    } else if (word == "cors") {
      edge.cors = true;
    } else {
      return std::nullopt;
    }
    if (comma == text.npos) return edge;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

RouteEdge route_edge(const ObjectMeta& metadata) {
  const auto found = metadata.annotations.find(kRouteEdgeAnnotation);
  if (found == metadata.annotations.end()) return {};
  return parse_edge(found->second).value_or(RouteEdge{.bounds = true, .cors = true});
}

Verdict judge_access(const ObjectMeta& metadata) {
  const auto access = metadata.annotations.find(kIngressAuthAnnotation);
  if (access == metadata.annotations.end() || access->second == "none" ||
      access->second == "tenant")
    return {};
  return refused("UnsupportedValue",
                 fmt::format("the annotation {} must be tenant or none; until then every request "
                             "is refused",
                             kIngressAuthAnnotation));
}

Verdict judge_edge(const ObjectMeta& metadata) {
  const auto found = metadata.annotations.find(kRouteEdgeAnnotation);
  if (found == metadata.annotations.end() || parse_edge(found->second)) return {};
  return refused("UnsupportedValue",
                 fmt::format("the annotation {} must be bounds, cors or both with a comma between "
                             "them; until then both hold",
                             kRouteEdgeAnnotation));
}

Verdict judge_annotations(const ObjectMeta& metadata) {
  Verdict access = judge_access(metadata);
  return access ? judge_edge(metadata) : access;
}

}  // namespace insula::api
