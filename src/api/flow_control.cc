#include "api/flow_control.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

namespace insula::api {

namespace {

constexpr const char* kByUser = "ByUser";
constexpr const char* kByNamespace = "ByNamespace";
constexpr const char* kNodes = "system:nodes";
constexpr std::int32_t kPrecedenceFirst = 1;
constexpr std::int32_t kPrecedenceLast = 10'000;
constexpr std::int32_t kQueueLength = 50;

ObjectMeta metadata_of(const char* name) {
  ObjectMeta metadata;
  metadata.name = name;
  metadata.annotations[kAutoUpdateSpec] = "true";
  return metadata;
}

struct LevelRow {
  const char* name;
  std::int32_t shares;
  std::int32_t lendable_percent;
  std::int32_t queues;
  std::int32_t hand_size;
};

PriorityLevelConfiguration limited_level(const char* name,
                                         std::int32_t shares,
                                         std::int32_t lendable_percent) {
  PriorityLevelConfiguration level;
  level.metadata = metadata_of(name);
  level.spec.type = "Limited";
  LimitedPriorityLevelConfiguration& limited = level.spec.limited.emplace();
  limited.nominal_concurrency_shares = shares;
  limited.lendable_percent = lendable_percent;
  limited.limit_response.type = "Reject";
  return level;
}

PriorityLevelConfiguration queued_level(const LevelRow& row) {
  PriorityLevelConfiguration level = limited_level(row.name, row.shares, row.lendable_percent);
  LimitResponse& response = level.spec.limited->limit_response;
  response.type = "Queue";
  QueuingConfiguration& queuing = response.queuing.emplace();
  queuing.queues = row.queues;
  queuing.hand_size = row.hand_size;
  queuing.queue_length_limit = kQueueLength;
  return level;
}

FlowSubject user(const char* name) {
  FlowSubject subject;
  subject.kind = "User";
  subject.user.emplace().name = name;
  return subject;
}

FlowSubject group(const char* name) {
  FlowSubject subject;
  subject.kind = "Group";
  subject.group.emplace().name = name;
  return subject;
}

FlowSubject system_service_accounts() {
  FlowSubject subject;
  subject.kind = "ServiceAccount";
  ServiceAccountSubject& account = subject.service_account.emplace();
  account.namespace_ = "kube-system";
  account.name = "*";
  return subject;
}

std::vector<FlowSubject> everybody() {
  return {group("system:unauthenticated"), group("system:authenticated")};
}

ResourcePolicyRule resources(std::vector<std::string> verbs,
                             std::string api_group,
                             std::vector<std::string> names,
                             bool cluster_scope) {
  ResourcePolicyRule rule;
  rule.verbs = std::move(verbs);
  rule.api_groups = {std::move(api_group)};
  rule.resources = std::move(names);
  rule.cluster_scope = cluster_scope;
  rule.namespaces = {"*"};
  return rule;
}

NonResourcePolicyRule paths(std::string verb, std::vector<std::string> urls) {
  NonResourcePolicyRule rule;
  rule.verbs = {std::move(verb)};
  rule.non_resource_urls = std::move(urls);
  return rule;
}

PolicyRulesWithSubjects all_requests(std::vector<FlowSubject> subjects) {
  PolicyRulesWithSubjects rules;
  rules.subjects = std::move(subjects);
  rules.resource_rules = {resources({"*"}, "*", {"*"}, true)};
  rules.non_resource_rules = {paths("*", {"*"})};
  return rules;
}

struct SchemaRow {
  const char* name;
  const char* level;
  std::int32_t precedence;
  const char* distinguisher;  // null: all its requests are one flow
};

FlowSchema schema(const SchemaRow& row, PolicyRulesWithSubjects rules) {
  FlowSchema out;
  out.metadata = metadata_of(row.name);
  out.spec.priority_level_configuration.name = row.level;
  out.spec.matching_precedence = row.precedence;
  if (row.distinguisher != nullptr)
    out.spec.distinguisher_method.emplace().type = row.distinguisher;
  out.spec.rules = {std::move(rules)};
  return out;
}

std::vector<FlowSchema> make_mandatory_schemas() {
  return {schema({kExempt, kExempt, kPrecedenceFirst, nullptr},
                 all_requests({group("system:masters")})),
          schema({kCatchAll, kCatchAll, kPrecedenceLast, kByUser}, all_requests(everybody()))};
}

std::vector<PriorityLevelConfiguration> make_mandatory_levels() {
  constexpr std::int32_t kCatchAllShares = 5;
  PriorityLevelConfiguration exempt;
  exempt.metadata = metadata_of(kExempt);
  exempt.spec.type = "Exempt";
  ExemptPriorityLevelConfiguration& spec = exempt.spec.exempt.emplace();
  spec.nominal_concurrency_shares = 0;
  spec.lendable_percent = 0;
  return {std::move(exempt), limited_level(kCatchAll, kCatchAllShares, 0)};
}

PolicyRulesWithSubjects probes() {
  PolicyRulesWithSubjects rules;
  rules.subjects = everybody();
  rules.non_resource_rules = {paths("get", {"/healthz", "/readyz", "/livez"})};
  return rules;
}

PolicyRulesWithSubjects leader_election() {
  PolicyRulesWithSubjects rules;
  rules.subjects = {user("system:kube-controller-manager"), user("system:kube-scheduler"),
                    system_service_accounts()};
  rules.resource_rules = {
      resources({"get", "create", "update"}, "coordination.k8s.io", {"leases"}, false)};
  return rules;
}

PolicyRulesWithSubjects node_state() {
  PolicyRulesWithSubjects rules;
  rules.subjects = {group(kNodes)};
  rules.resource_rules = {resources({"*"}, "", {"nodes", "nodes/status"}, true),
                          resources({"*"}, "coordination.k8s.io", {"leases"}, false)};
  return rules;
}

PolicyRulesWithSubjects metrics() {
  PolicyRulesWithSubjects rules;
  rules.subjects = {group("insula:metrics"), group("system:monitoring")};
  rules.non_resource_rules = {paths("get", {"/metrics", "/metrics/node"})};
  return rules;
}

std::vector<FlowSchema> make_suggested_schemas() {
  return {
      schema({"probes", kExempt, 2, nullptr}, probes()),
      schema({"system-leader-election", "leader-election", 100, kByUser}, leader_election()),
      schema({"system-node-high", "node-high", 400, kByUser}, node_state()),
      schema({"insula-gateway", "system", 450, kByUser}, all_requests({group("insula:gateway")})),
      schema({"insula-metrics", "system", 460, kByUser}, metrics()),
      schema({"system-nodes", "system", 500, kByUser}, all_requests({group(kNodes)})),
      schema({"kube-controller-manager", "workload-high", 800, kByNamespace},
             all_requests({user("system:kube-controller-manager")})),
      schema({"kube-scheduler", "workload-high", 800, kByNamespace},
             all_requests({user("system:kube-scheduler")})),
      schema({"kube-system-service-accounts", "workload-high", 900, kByNamespace},
             all_requests({system_service_accounts()})),
      schema({"service-accounts", "workload-low", 9000, kByUser},
             all_requests({group("system:serviceaccounts")})),
      schema({"global-default", "global-default", 9900, kByUser}, all_requests(everybody())),
  };
}

std::vector<PriorityLevelConfiguration> make_suggested_levels() {
  constexpr LevelRow kRows[] = {
      {"system", 30, 33, 64, 6},         {"node-high", 40, 25, 64, 6},
      {"leader-election", 10, 0, 16, 4}, {"workload-high", 40, 50, 128, 6},
      {"workload-low", 100, 90, 128, 6}, {"global-default", 20, 50, 128, 6},
  };
  std::vector<PriorityLevelConfiguration> levels;
  for (const LevelRow& row : kRows)
    levels.push_back(queued_level(row));
  return levels;
}

}  // namespace

const FlowSchemaCondition* dangling_condition(const FlowSchema& schema) {
  const auto& conditions = schema.status.conditions;
  const auto it = std::ranges::find(conditions, kDangling, &FlowSchemaCondition::type);
  return it == conditions.end() ? nullptr : &*it;
}

const std::vector<FlowSchema>& mandatory_flow_schemas() {
  static const std::vector<FlowSchema> schemas = make_mandatory_schemas();
  return schemas;
}

const std::vector<PriorityLevelConfiguration>& mandatory_priority_levels() {
  static const std::vector<PriorityLevelConfiguration> levels = make_mandatory_levels();
  return levels;
}

const std::vector<FlowSchema>& suggested_flow_schemas() {
  static const std::vector<FlowSchema> schemas = make_suggested_schemas();
  return schemas;
}

const std::vector<PriorityLevelConfiguration>& suggested_priority_levels() {
  static const std::vector<PriorityLevelConfiguration> levels = make_suggested_levels();
  return levels;
}

int shuffle_bits(std::size_t queues, std::size_t hand) {
  double bits = 0;
  for (std::size_t i = 0; i < hand; ++i)
    bits += std::log2(static_cast<double>(queues - i));
  return static_cast<int>(std::ceil(bits));
}

}  // namespace insula::api
