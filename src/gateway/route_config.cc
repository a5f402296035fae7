#include "gateway/route_config.h"

#include <algorithm>
#include <array>

#include "gateway/json_members.h"

namespace insula::gateway {
namespace {

/// The words for RouteAccess and PathKind, in their order.
constexpr std::array<std::string_view, 3> kAccessWords = {"everybody", "tenant", "nobody"};
constexpr std::array<std::string_view, 3> kPathWords = {"prefix", "exact", "pattern"};

json::Value list_of(const std::vector<ValueMatchConfig>& matches) {
  json::Array array;
  for (const ValueMatchConfig& match : matches)
    array.push_back(
        json::Object{{"name", match.name}, {"value", match.value}, {"pattern", match.is_pattern}});
  return array;
}

std::vector<ValueMatchConfig> matches_in(const json::Object& object, std::string_view key) {
  std::vector<ValueMatchConfig> matches;
  for_each_object(object, key, [&](const json::Object& match) {
    matches.push_back(
        {string_in(match, "name"), string_in(match, "value"), flag_in(match, "pattern")});
  });
  return matches;
}

json::Value to_value(const MatchConfig& match) {
  json::Object object{{"kind", std::string(kPathWords[static_cast<std::size_t>(match.kind)])},
                      {"path", match.path}};
  if (!match.method.empty()) object.set("method", match.method);
  if (!match.headers.empty()) object.set("headers", list_of(match.headers));
  if (!match.parameters.empty()) object.set("parameters", list_of(match.parameters));
  return object;
}

MatchConfig match_from(const json::Object& object) {
  const auto kind = std::ranges::find(kPathWords, string_in(object, "kind"));
  return {.kind = kind == kPathWords.end() ? PathKind::kExact
                                           : static_cast<PathKind>(kind - kPathWords.begin()),
          .path = string_in(object, "path"),
          .method = string_in(object, "method"),
          .headers = matches_in(object, "headers"),
          .parameters = matches_in(object, "parameters")};
}

void set_edits(json::Object& object, const char* key, const HeaderEditsConfig& edits) {
  if (edits != HeaderEditsConfig{}) object.set(key, to_value(edits));
}

HeaderEditsConfig edits_in(const json::Object& object, std::string_view key) {
  const json::Object* found = object_in(object, key);
  return found == nullptr ? HeaderEditsConfig{} : header_edits_from(*found);
}

void set_path(json::Object& object, const std::optional<PathChangeConfig>& change) {
  if (change)
    object.set("path", json::Object{{"ofPrefix", change->of_prefix}, {"path", change->path}});
}

std::optional<PathChangeConfig> path_in(const json::Object& object) {
  const json::Object* found = object_in(object, "path");
  if (found == nullptr) return std::nullopt;
  return PathChangeConfig{flag_in(*found, "ofPrefix"), string_in(*found, "path")};
}

void set_rewrite(json::Object& object, const std::optional<RewriteConfig>& rewrite) {
  if (!rewrite) return;
  json::Object value{{"host", rewrite->host}};
  set_path(value, rewrite->path);
  object.set("rewrite", std::move(value));
}

std::optional<RewriteConfig> rewrite_in(const json::Object& object) {
  const json::Object* found = object_in(object, "rewrite");
  if (found == nullptr) return std::nullopt;
  return RewriteConfig{.host = string_in(*found, "host"), .path = path_in(*found)};
}

json::Value to_value(const RedirectConfig& redirect) {
  json::Object object{{"scheme", redirect.scheme},
                      {"host", redirect.host},
                      {"port", static_cast<std::int64_t>(redirect.port)},
                      {"status", static_cast<std::int64_t>(redirect.status)}};
  set_path(object, redirect.path);
  return object;
}

json::Value to_value(const RouteBackendConfig& backend) {
  json::Object object{{"backend", to_value(backend.backend)}, {"problem", backend.problem}};
  set_edits(object, "request", backend.request);
  set_edits(object, "reply", backend.reply);
  set_rewrite(object, backend.rewrite);
  return object;
}

json::Value to_value(const MirrorConfig& mirror) {
  return json::Object{{"backend", to_value(mirror.backend)},
                      {"numerator", mirror.numerator},
                      {"denominator", mirror.denominator}};
}

MirrorConfig mirror_from(const json::Object& object) {
  MirrorConfig mirror{.backend = {},
                      .numerator = number_in(object, "numerator").value_or(0),
                      .denominator = number_in(object, "denominator").value_or(1)};
  if (const json::Object* found = object_in(object, "backend"); found != nullptr)
    mirror.backend = backend_from(*found);
  return mirror;
}

RouteBackendConfig route_backend_from(const json::Object& object) {
  RouteBackendConfig backend{.backend = {},
                             .problem = string_in(object, "problem"),
                             .request = edits_in(object, "request"),
                             .reply = edits_in(object, "reply"),
                             .rewrite = rewrite_in(object)};
  if (const json::Object* found = object_in(object, "backend"); found != nullptr)
    backend.backend = backend_from(*found);
  return backend;
}

}  // namespace

std::string_view word_of(RouteAccess access) {
  return kAccessWords[static_cast<std::size_t>(access)];
}

RouteAccess access_from(std::string_view word) {
  const auto found = std::ranges::find(kAccessWords, word);
  return found == kAccessWords.end() ? RouteAccess::kNobody
                                     : static_cast<RouteAccess>(found - kAccessWords.begin());
}

json::Value to_value(const RuleConfig& rule) {
  json::Array matches;
  for (const MatchConfig& match : rule.matches)
    matches.push_back(to_value(match));
  json::Array backends;
  for (const RouteBackendConfig& backend : rule.backends)
    backends.push_back(to_value(backend));
  json::Object object{{"name", rule.name},
                      {"access", std::string(word_of(rule.access))},
                      {"matches", std::move(matches)},
                      {"backends", std::move(backends)},
                      {"requestMillis", static_cast<std::int64_t>(rule.request_time.count())},
                      {"backendMillis", static_cast<std::int64_t>(rule.backend_time.count())}};
  set_route_edge(object, rule.edge);
  set_edits(object, "request", rule.request);
  set_edits(object, "reply", rule.reply);
  set_rewrite(object, rule.rewrite);
  if (rule.redirect) object.set("redirect", to_value(*rule.redirect));
  json::Array mirrors;
  for (const MirrorConfig& mirror : rule.mirrors)
    mirrors.push_back(to_value(mirror));
  if (!mirrors.empty()) object.set("mirrors", std::move(mirrors));
  return object;
}

void set_route_edge(json::Object& object, const api::RouteEdge& edge) {
  if (edge.bounds) object.set("bounded", true);
  if (edge.cors) object.set("cors", true);
}

api::RouteEdge route_edge_in(const json::Object& object) {
  return {.bounds = flag_in(object, "bounded"), .cors = flag_in(object, "cors")};
}

RuleConfig rule_from(const json::Object& object) {
  const auto time_in = [&](std::string_view key) {
    return std::chrono::milliseconds(std::max<std::int64_t>(number_in(object, key).value_or(0), 0));
  };
  RuleConfig rule{.name = string_in(object, "name"),
                  .access = access_from(string_in(object, "access")),
                  .edge = route_edge_in(object),
                  .request = edits_in(object, "request"),
                  .reply = edits_in(object, "reply"),
                  .rewrite = rewrite_in(object),
                  .request_time = time_in("requestMillis"),
                  .backend_time = time_in("backendMillis")};
  for_each_object(object, "matches",
                  [&](const json::Object& match) { rule.matches.push_back(match_from(match)); });
  for_each_object(object, "backends", [&](const json::Object& backend) {
    rule.backends.push_back(route_backend_from(backend));
  });
  for_each_object(object, "mirrors",
                  [&](const json::Object& mirror) { rule.mirrors.push_back(mirror_from(mirror)); });
  if (const json::Object* found = object_in(object, "redirect"); found != nullptr) {
    constexpr int kFound = 302;
    rule.redirect =
        RedirectConfig{.scheme = string_in(*found, "scheme"),
                       .host = string_in(*found, "host"),
                       .path = path_in(*found),
                       .port = static_cast<int>(number_in(*found, "port").value_or(0)),
                       .status = static_cast<int>(number_in(*found, "status").value_or(kFound))};
  }
  return rule;
}

}  // namespace insula::gateway
