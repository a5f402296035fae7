#include "apiserver/audit_policy.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.h"
#include "json/value.h"
#include "json/yaml.h"

namespace insula::apiserver {

// Leases, nodes and pods' status are written every few seconds by the node: noting them would keep
// the disk busy on an idle machine and say nothing.
const std::string_view kDefaultAuditPolicy = R"(apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  userGroups: ["system:nodes", "insula:gateway"]
  verbs: [get, list, watch]
- level: None
  userGroups: ["system:nodes"]
  resources:
  - group: coordination.k8s.io
    resources: [leases]
  - group: ""
    resources: [nodes/status, pods/status, events]
- level: None
  nonResourceURLs: ["/healthz*", "/livez*", "/readyz*", "/version", "/metrics*", "/openapi*", "/api", "/api/*", "/apis", "/apis/*", "/openid/*", "/.well-known/*"]
- level: Metadata
)";

namespace {

constexpr std::array kLevels = {AuditLevel::kNone, AuditLevel::kMetadata, AuditLevel::kRequest,
                                AuditLevel::kRequestResponse};
constexpr std::array kStages = {AuditStage::kRequestReceived, AuditStage::kResponseStarted,
                                AuditStage::kResponseComplete};
/// Of a crash of the server within one request, of which there is none to tell here.
constexpr std::string_view kPanic = "Panic";
constexpr std::size_t kProblemsMax = 20;

bool has(const std::vector<std::string>& texts, std::string_view text) {
  return std::ranges::find(texts, text) != texts.end();
}

/// Spec: audit.k8s.io/v1, GroupResources.resources.
bool names_resource(std::string_view pattern, const RequestInfo& request) {
  if (pattern == "*") return true;
  const std::size_t slash = pattern.find('/');
  const std::string_view resource = pattern.substr(0, slash);
  const std::string_view subresource =
      slash == std::string_view::npos ? std::string_view() : pattern.substr(slash + 1);
  if (resource == "*") return !request.subresource.empty() && subresource == request.subresource;
  if (resource != request.resource) return false;
  return subresource == "*" || subresource == request.subresource;
}

bool names_path(std::string_view pattern, std::string_view path) {
  if (!pattern.ends_with('*')) return pattern == path;
  pattern.remove_suffix(1);
  return path.starts_with(pattern);
}

}  // namespace

std::string_view name_of(AuditLevel level) {
  switch (level) {
    case AuditLevel::kNone:
      return "None";
    case AuditLevel::kMetadata:
      return "Metadata";
    case AuditLevel::kRequest:
      return "Request";
    case AuditLevel::kRequestResponse:
      return "RequestResponse";
  }
  return "";
}

std::string_view name_of(AuditStage stage) {
  switch (stage) {
    case AuditStage::kRequestReceived:
      return "RequestReceived";
    case AuditStage::kResponseStarted:
      return "ResponseStarted";
    case AuditStage::kResponseComplete:
      return "ResponseComplete";
  }
  return "";
}

/// Reads a policy and collects what is wrong with it.
class AuditPolicyReader {
 public:
  Result<AuditPolicy> read(const json::Value& document) {
    AuditPolicy policy;
    if (!document.is_object()) {
      complain("", "must be an object of kind Policy");
    } else {
      check_members(document, "",
                    {"apiVersion", "kind", "metadata", "rules", "omitStages", "omitManagedFields"});
      check_type(document);
      policy.omitted_ = stages(document, "omitStages");
      policy.omit_managed_fields_ = flag(document, "omitManagedFields").value_or(false);
      read_rules(document["rules"], policy);
    }
    if (problems_.empty()) return policy;
    if (problems_.size() > kProblemsMax) problems_.resize(kProblemsMax);
    return fail(ErrorCode::kInvalid, fmt::format("{}", fmt::join(problems_, "; ")));
  }

 private:
  void complain(std::string_view path, std::string_view what) {
    problems_.push_back(path.empty() ? std::string(what) : fmt::format("{}: {}", path, what));
  }

  void check_type(const json::Value& document) {
    const std::string_view version = document["apiVersion"].text();
    if (version != "audit.k8s.io/v1")
      complain("apiVersion", fmt::format("\"{}\" must be \"audit.k8s.io/v1\"", version));
    const std::string_view kind = document["kind"].text();
    if (kind != "Policy") complain("kind", fmt::format("\"{}\" must be \"Policy\"", kind));
  }

  void check_members(const json::Value& value,
                     std::string_view path,
                     std::initializer_list<std::string_view> known) {
    for (const auto& member : *value.as_object()) {
      if (std::ranges::find(known, member.key) == known.end())
        complain(join(path, member.key),
                 fmt::format("unknown field; known are {}", fmt::join(known, ", ")));
    }
  }

  static std::string join(std::string_view path, std::string_view name) {
    return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
  }

  std::vector<std::string> texts(const json::Value& of,
                                 std::string_view name,
                                 std::string_view path = {}) {
    std::vector<std::string> out;
    const json::Value& value = of[name];
    if (value.is_null()) return out;
    const json::Array* items = value.as_array();
    const bool right = items != nullptr && std::ranges::all_of(*items, [](const json::Value& item) {
                         return item.is_string();
                       });
    if (!right) {
      complain(join(path, name), "must be a list of strings");
      return out;
    }
    for (const json::Value& item : *items)
      out.emplace_back(item.text());
    return out;
  }

  std::optional<bool> flag(const json::Value& of,
                           std::string_view name,
                           std::string_view path = {}) {
    const json::Value& value = of[name];
    if (!value.is_null() && !value.as_bool()) complain(join(path, name), "must be true or false");
    return value.as_bool();
  }

  AuditStages stages(const json::Value& of, std::string_view name, std::string_view path = {}) {
    AuditStages out;
    for (const std::string& text : texts(of, name, path)) {
      const auto known = std::ranges::find(kStages, text, [](AuditStage s) { return name_of(s); });
      if (known != kStages.end()) {
        out.add(*known);
      } else if (text != kPanic) {
        complain(join(path, name),
                 fmt::format("\"{}\" must be one of RequestReceived, ResponseStarted, "
                             "ResponseComplete, Panic",
                             text));
      }
    }
    return out;
  }

  void read_rules(const json::Value& value, AuditPolicy& policy) {
    const json::Array* rules = value.as_array();
    if (rules == nullptr || rules->empty())
      return complain("rules", "must be a list of at least one rule");
    for (std::size_t i = 0; i < rules->size(); ++i) {
      const std::string path = fmt::format("rules[{}]", i);
      if ((*rules)[i].is_object())
        policy.rules_.push_back(read_rule((*rules)[i], path));
      else
        complain(path, "must be an object");
    }
  }

  AuditPolicy::Rule read_rule(const json::Value& value, const std::string& path) {
    check_members(value, path,
                  {"level", "users", "userGroups", "verbs", "resources", "namespaces",
                   "nonResourceURLs", "omitStages", "omitManagedFields"});
    AuditPolicy::Rule rule;
    const std::string_view level = value["level"].text();
    const auto known = std::ranges::find(kLevels, level, [](AuditLevel l) { return name_of(l); });
    if (known == kLevels.end()) {
      complain(
          path + ".level",
          fmt::format("\"{}\" must be one of None, Metadata, Request, RequestResponse", level));
    } else {
      rule.level = *known;
    }
    rule.users = texts(value, "users", path);
    rule.groups = texts(value, "userGroups", path);
    rule.verbs = texts(value, "verbs", path);
    rule.namespaces = texts(value, "namespaces", path);
    rule.urls = texts(value, "nonResourceURLs", path);
    rule.omitted = stages(value, "omitStages", path);
    rule.omit_managed_fields = flag(value, "omitManagedFields", path);
    rule.resources = read_resources(value["resources"], path + ".resources");
    check_urls(rule, path + ".nonResourceURLs");
    return rule;
  }

  std::vector<AuditPolicy::Resources> read_resources(const json::Value& value,
                                                     const std::string& path) {
    std::vector<AuditPolicy::Resources> out;
    if (value.is_null()) return out;
    const json::Array* groups = value.as_array();
    if (groups == nullptr) {
      complain(path, "must be a list of groups with their resources");
      return out;
    }
    for (std::size_t i = 0; i < groups->size(); ++i) {
      const json::Value& group = (*groups)[i];
      const std::string at = fmt::format("{}[{}]", path, i);
      if (!group.is_object()) {
        complain(at, "must be an object with group and resources");
        continue;
      }
      check_members(group, at, {"group", "resources", "resourceNames"});
      AuditPolicy::Resources read{std::string(group["group"].text()), texts(group, "resources", at),
                                  texts(group, "resourceNames", at)};
      if (!group["group"].is_null() && !group["group"].is_string())
        complain(at + ".group", "must be a string");
      if (read.group.find('/') != std::string::npos)
        complain(at + ".group",
                 fmt::format("\"{}\" must be a group without a version", read.group));
      if (!read.names.empty() && read.resources.empty())
        complain(at + ".resourceNames", "needs at least one of resources");
      out.push_back(std::move(read));
    }
    return out;
  }

  void check_urls(const AuditPolicy::Rule& rule, const std::string& path) {
    if (!rule.urls.empty() && (!rule.resources.empty() || !rule.namespaces.empty()))
      complain(path, "a rule is for resources and namespaces or for these, not for both");
    for (const std::string& url : rule.urls) {
      const bool right = url == "*" || (url.starts_with('/') && url.find('*') >= url.size() - 1);
      if (!right)
        complain(path, fmt::format("\"{}\" must begin with / and may have a * at its end", url));
    }
  }

  std::vector<std::string> problems_;
};

Result<AuditPolicy> AuditPolicy::parse(std::string_view text) {
  INSULA_TRY(const json::Value document, json::parse_yaml_document(text));
  return AuditPolicyReader().read(document);
}

AuditPolicy AuditPolicy::standard() {
  auto policy = parse(kDefaultAuditPolicy);
  INSULA_CHECK(policy, policy ? "" : policy.error().message());
  return *std::move(policy);
}

bool AuditPolicy::Resources::match(const RequestInfo& request) const {
  if (group != request.group) return false;
  if (resources.empty()) return true;
  if (!names.empty() && !has(names, request.name)) return false;
  return std::ranges::any_of(
      resources, [&](const std::string& pattern) { return names_resource(pattern, request); });
}

bool AuditPolicy::Rule::match(const User* user, const RequestInfo& request) const {
  if (!users.empty() && (user == nullptr || !has(users, user->name))) return false;
  if (!groups.empty()) {
    const bool in_one = user != nullptr && std::ranges::any_of(groups, [&](const auto& group) {
                          return user->in(group);
                        });
    if (!in_one) return false;
  }
  if (!verbs.empty() && !has(verbs, request.verb)) return false;
  if (!namespaces.empty() || !resources.empty()) {
    if (!request.is_resource) return false;
    if (!namespaces.empty() && !has(namespaces, request.name_space)) return false;
    return resources.empty() || std::ranges::any_of(resources, [&](const Resources& each) {
             return each.match(request);
           });
  }
  if (urls.empty()) return true;
  return !request.is_resource && std::ranges::any_of(urls, [&](const std::string& pattern) {
    return names_path(pattern, request.path);
  });
}

AuditDecision AuditPolicy::decide(const User* user, const RequestInfo& request) const {
  for (const Rule& rule : rules_) {
    if (!rule.match(user, request)) continue;
    AuditDecision decision{rule.level, omitted_,
                           rule.omit_managed_fields.value_or(omit_managed_fields_)};
    decision.omitted.add(rule.omitted);
    return decision;
  }
  return {};
}

}  // namespace insula::apiserver
