#include "apiserver/flowcontrol/flow_match.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace insula::apiserver {

namespace {

/// `*` alone means everything, and is no pattern otherwise.
bool lists(const std::vector<std::string>& words, std::string_view word) {
  return (words.size() == 1 && words.front() == "*") ||
         std::ranges::find(words, word) != words.end();
}

/// Whether a user is an account of the namespace: this one, or any for `*`.
bool is_account(std::string_view user, const api::ServiceAccountSubject& account) {
  constexpr std::string_view kPrefix = "system:serviceaccount:";
  if (!user.starts_with(kPrefix)) return false;
  user.remove_prefix(kPrefix.size());
  const std::size_t colon = user.find(':');
  if (colon == std::string_view::npos || user.substr(0, colon) != account.namespace_) return false;
  return account.name == "*" || user.substr(colon + 1) == account.name;
}

bool is_subject(const api::FlowSubject& subject, const User& user) {
  if (subject.kind == "User")
    return subject.user && (subject.user->name == "*" || subject.user->name == user.name);
  if (subject.kind == "Group")
    return subject.group && (subject.group->name == "*" || user.in(subject.group->name));
  return subject.kind == "ServiceAccount" && subject.service_account &&
         is_account(user.name, *subject.service_account);
}

bool matches_resource(const api::ResourcePolicyRule& rule, const RequestInfo& request) {
  const std::string resource =
      request.subresource.empty() ? request.resource : request.resource + "/" + request.subresource;
  if (!lists(rule.verbs, request.verb) || !lists(rule.api_groups, request.group) ||
      !lists(rule.resources, resource))
    return false;
  return request.name_space.empty() ? rule.cluster_scope
                                    : lists(rule.namespaces, request.name_space);
}

/// A path is meant with all that lies below it.
bool matches_path(const std::string& rule, std::string_view path) {
  if (rule == "*" || rule == path) return true;
  std::string_view folder = rule;
  if (folder.ends_with('*')) folder.remove_suffix(1);
  if (folder.ends_with('/')) folder.remove_suffix(1);
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

bool matches_non_resource(const api::NonResourcePolicyRule& rule, const RequestInfo& request) {
  return lists(rule.verbs, request.verb) &&
         std::ranges::any_of(rule.non_resource_urls, [&](const std::string& url) {
           return matches_path(url, request.path);
         });
}

}  // namespace

bool matches(const api::FlowSchemaSpec& schema, const User& user, const RequestInfo& request) {
  return std::ranges::any_of(schema.rules, [&](const api::PolicyRulesWithSubjects& rules) {
    const bool is_named = std::ranges::any_of(
        rules.subjects, [&](const api::FlowSubject& it) { return is_subject(it, user); });
    if (!is_named) return false;
    return request.is_resource
               ? std::ranges::any_of(
                     rules.resource_rules,
                     [&](const auto& rule) { return matches_resource(rule, request); })
               : std::ranges::any_of(rules.non_resource_rules, [&](const auto& rule) {
                   return matches_non_resource(rule, request);
                 });
  });
}

std::string flow_distinguisher(const api::FlowSchemaSpec& schema,
                               const User& user,
                               const RequestInfo& request) {
  if (!schema.distinguisher_method) return {};
  return schema.distinguisher_method->type == "ByUser" ? user.name : request.name_space;
}

}  // namespace insula::apiserver
