#include "apiserver/authorizer.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/field_errors.h"
#include "api/rbac.h"
#include "apiserver/component_rights.h"
#include "apiserver/health.h"
#include "apiserver/selector.h"

namespace insula::apiserver {

namespace {

/// Missing roles that a refusal names at most.
constexpr std::size_t kNamedMissingMax = 10;

std::string quoted(std::string_view text) {
  return api::ShownValue(text).text();
}

std::string subject_text(const api::Subject& subject) {
  if (subject.kind != "ServiceAccount")
    return fmt::format("{} {}", subject.kind, quoted(subject.name));
  return fmt::format("{} {}", subject.kind, quoted(subject.name + "/" + subject.namespace_));
}

std::string allowed_by(const Grant& grant) {
  const std::string binding =
      grant.name_space.empty()
          ? fmt::format("ClusterRoleBinding {}", quoted(grant.name))
          : fmt::format("RoleBinding {}",
                        quoted(fmt::format("{}/{}", grant.name, grant.name_space)));
  return fmt::format("RBAC: allowed by {} of {} {} to {}", binding, grant.role.kind,
                     quoted(grant.role.name), subject_text(grant.subject));
}

std::string missing_role(const api::RoleRef& role) {
  return fmt::format("{}.{} {} not found", role.kind == "Role" ? "role" : "clusterrole",
                     api::kRbacGroup, quoted(role.name));
}

std::unexpected<Error> refuse(const User& user,
                              const RequestInfo& request,
                              std::string_view reason) {
  const std::string why = reason.empty() ? std::string() : fmt::format(": {}", reason);
  if (!request.is_resource) {
    return fail(ErrorCode::kForbidden,
                fmt::format("forbidden: User {} cannot {} path {}{}", quoted(user.name),
                            request.verb, quoted(request.path), why));
  }
  const std::string name = authorized_name(request);
  const std::string what = request.group_resource() + (name.empty() ? "" : " \"" + name + "\"");
  const std::string resource =
      request.subresource.empty() ? request.resource : request.resource + "/" + request.subresource;
  const std::string where = request.name_space.empty()
                                ? std::string("at the cluster scope")
                                : fmt::format("in the namespace {}", quoted(request.name_space));
  return fail(ErrorCode::kForbidden,
              fmt::format("{} is forbidden: User {} cannot {} resource {} in API group {} {}{}",
                          what, quoted(user.name), request.verb, quoted(resource),
                          quoted(request.group), where, why));
}

}  // namespace

bool is_public(const RequestInfo& request) {
  if (request.is_resource || (request.verb != "get" && request.verb != "head")) return false;
  return HealthChecks::is_path(request.path);
}

std::string authorized_name(const RequestInfo& request) {
  if (!request.name.empty() || (request.verb != "list" && request.verb != "watch"))
    return request.name;
  const auto selector = FieldSelector::parse(request.field_selector);
  if (!selector) return {};
  return std::string(selector->required("metadata.name").value_or(""));
}

Decision Authorizer::decide(const User& user, const RequestInfo& request) {
  if (is_public(request) || user.in(kMasters) || component_may(user, request, store_))
    return {true, {}};
  return ask_rbac(user, request);
}

Decision Authorizer::ask_rbac(const User& user, const RequestInfo& request) {
  const std::string name = authorized_name(request);
  const api::ResourceAccess access{request.verb, request.group, request.resource,
                                   request.subresource, name};
  Decision decision;
  std::vector<std::string> missing;
  index_.visit(
      user, request.is_resource ? request.name_space : std::string(), [&](const Grant& grant) {
        if (grant.rules == nullptr) {
          if (missing.size() < kNamedMissingMax) missing.push_back(missing_role(grant.role));
          return true;
        }
        decision.allowed = std::ranges::any_of(*grant.rules, [&](const api::PolicyRule& rule) {
          return request.is_resource ? api::allows(rule, access)
                                     : api::allows_path(rule, request.verb, request.path);
        });
        if (decision.allowed) decision.reason = allowed_by(grant);
        return !decision.allowed;
      });
  if (decision.allowed || missing.empty()) return decision;
  decision.reason = missing.size() == 1 ? "RBAC: " + missing.front()
                                        : fmt::format("RBAC: [{}]", fmt::join(missing, ", "));
  return decision;
}

Result<> Authorizer::authorize(const User& user, const RequestInfo& request) {
  return verdict(decide(user, request), user, request);
}

Result<> Authorizer::verdict(const Decision& decision,
                             const User& user,
                             const RequestInfo& request) {
  if (decision.allowed) return {};
  return refuse(user, request, decision.reason);
}

std::vector<const api::PolicyRule*> Authorizer::rules_of(const User& user,
                                                         std::string_view name_space) {
  std::vector<const api::PolicyRule*> rules;
  index_.visit(user, name_space, [&rules](const Grant& grant) {
    if (grant.rules == nullptr) return true;
    for (const api::PolicyRule& rule : *grant.rules)
      rules.push_back(&rule);
    return true;
  });
  return rules;
}

}  // namespace insula::apiserver
