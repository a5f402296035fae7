#include "apiserver/quota.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "api/pod_resources.h"
#include "api/shared_quota.h"
#include "apiserver/admission.h"
#include "apiserver/object.h"

namespace insula::apiserver {

namespace {

using Amounts = std::map<std::string, api::Quantity>;

/// Keys of which a quota forces every container to say how much it wants.
constexpr std::string_view kMustSpecify[] = {"cpu",    "limits.cpu",   "limits.memory",
                                             "memory", "requests.cpu", "requests.memory"};

template <class Struct>
bool is_kind(const api::Kind& kind) {
  return &kind == &api::kind_of<Struct>();
}

bool is_extended(std::string_view resource) {
  return resource.find('/') != std::string_view::npos;
}

/// The CustomResourceDefinition whose objects a key counts: `count/widgets.example.com`; empty when
/// it is of a kind that is built in.
std::string_view custom_resource_of(std::string_view key) {
  constexpr std::string_view kCount = "count/";
  if (!key.starts_with(kCount)) return {};
  const std::string_view resource = key.substr(kCount.size());
  const bool built_in = std::ranges::any_of(api::stored_kinds(), [resource](const api::Kind* kind) {
    return kind->group_resource() == resource;
  });
  return built_in ? std::string_view() : resource;
}

void count_services(const api::Service& service, Usage& usage) {
  const auto ports = static_cast<std::int64_t>(service.spec.ports.size());
  usage["services"] = api::Quantity::of(1);
  const bool balanced = service.spec.type == "LoadBalancer";
  std::int64_t node_ports = service.spec.type == "NodePort" || balanced ? ports : 0;
  if (balanced && service.spec.allocate_load_balancer_node_ports == false)
    node_ports = std::ranges::count_if(service.spec.ports,
                                       [](const auto& port) { return port.node_port != 0; });
  usage["services.nodeports"] = api::Quantity::of(node_ports);
  usage["services.loadbalancers"] = api::Quantity::of(balanced ? 1 : 0);
}

bool has_ended(const api::Pod& pod) {
  return pod.status.phase == "Succeeded" || pod.status.phase == "Failed";
}

bool is_best_effort(const api::Pod& pod) {
  return api::qos_class(pod.spec) == "BestEffort";
}

bool in_scope(const api::Pod& pod,
              std::string_view scope,
              std::string_view op,
              const std::vector<std::string>& values) {
  const bool terminating = pod.spec.active_deadline_seconds.value_or(-1) >= 0;
  if (scope == "Terminating") return terminating;
  if (scope == "NotTerminating") return !terminating;
  if (scope == "BestEffort") return is_best_effort(pod);
  if (scope == "NotBestEffort") return !is_best_effort(pod);
  if (scope != "PriorityClass") return false;
  const std::string& name = pod.spec.priority_class_name;
  if (op == "Exists") return !name.empty();
  if (op == "DoesNotExist") return name.empty();
  const bool listed = std::ranges::find(values, name) != values.end();
  return op == "In" ? listed && !name.empty() : !listed;
}

bool applies(const api::ResourceQuota& quota, const api::Kind& kind, const void* object) {
  const auto& selector = quota.spec.scope_selector;
  if (quota.spec.scopes.empty() && (!selector || selector->match_expressions.empty())) return true;
  if (!is_kind<api::Pod>(kind)) return false;
  const auto& pod = *static_cast<const api::Pod*>(object);
  for (const std::string& scope : quota.spec.scopes) {
    if (!in_scope(pod, scope, "Exists", {})) return false;
  }
  if (!selector) return true;
  return std::ranges::all_of(selector->match_expressions, [&](const auto& rule) {
    return in_scope(pod, rule.scope_name, rule.operator_, rule.values);
  });
}

/// The part of a usage that a quota limits.
Usage masked(const Usage& usage, const Amounts& hard) {
  Usage out;
  for (const auto& [key, quantity] : usage) {
    if (hard.contains(key)) out[key] = quantity;
  }
  return out;
}

std::string list(const Usage& usage, const std::vector<std::string>& keys) {
  std::string out;
  for (const std::string& key : keys) {
    const auto it = usage.find(key);
    out += fmt::format("{}{}={}", out.empty() ? "" : ",", key,
                       it == usage.end() ? "0" : it->second.text());
  }
  return out;
}

/// By key the containers that do not say what a quota wants to know.
using Unspecified = std::map<std::string, std::set<std::string>>;

Unspecified unspecified(const api::Pod& pod, const Amounts& hard) {
  Unspecified missing;
  const auto& whole = pod.spec.resources;
  auto look = [&](const auto& container) {
    for (const std::string_view key : kMustSpecify) {
      if (!hard.contains(std::string(key))) continue;
      const bool limit = key.starts_with("limits.");
      const std::string resource(
          limit || key.starts_with("requests.") ? key.substr(key.find('.') + 1) : key);
      const auto says = [&](const auto& resources) {
        return limit ? api::is_limited(resources.limits, resource)
                     : resources.requests.contains(resource);
      };
      // What the pod as a whole asks for need not be said again for each container.
      if (whole && says(*whole)) continue;
      if (!says(container.resources)) missing[std::string(key)].insert(container.name);
    }
  };
  std::ranges::for_each(pod.spec.containers, look);
  std::ranges::for_each(pod.spec.init_containers, look);
  return missing;
}

/// `must specify cpu for: c1,c2; memory for: c1`, or nothing. What the pod before did not say
/// either is let pass: it may be older than the quota.
std::string why_unspecified(const api::Pod& pod, const api::Pod* old, const Amounts& hard) {
  Unspecified missing = unspecified(pod, hard);
  if (missing.empty()) return {};
  const Unspecified before = old != nullptr ? unspecified(*old, hard) : Unspecified();
  std::string out;
  for (auto& [key, containers] : missing) {
    if (const auto known = before.find(key); known != before.end())
      std::erase_if(containers, [&](const auto& name) { return known->second.contains(name); });
    if (containers.empty()) continue;
    out += fmt::format("{}{} for: {}", out.empty() ? "must specify " : "; ", key,
                       fmt::join(containers, ","));
  }
  return out;
}

std::vector<std::shared_ptr<const api::ResourceQuota>> quotas_of(
    const store::Transaction& transaction, std::string_view name_space) {
  std::vector<std::shared_ptr<const api::ResourceQuota>> out;
  transaction.scan(store_key(api::kind_of<api::ResourceQuota>(), name_space, ""),
                   [&](const store::EntryPtr& entry) {
                     out.push_back(object_of<api::ResourceQuota>(*entry));
                     return true;
                   });
  return out;
}

/// What the other quotas of the quota's group have in use; nothing when it stands alone.
Usage used_elsewhere(const store::Transaction& transaction, const api::ResourceQuota& quota) {
  Usage sum;
  const std::string group = api::shared_quota_group(quota);
  if (group.empty()) return sum;
  for (const auto& other : quotas_of(transaction, "")) {
    if (other->metadata.uid == quota.metadata.uid || api::shared_quota_group(*other) != group)
      continue;
    for (const auto& [key, amount] : other->status.used)
      sum[key] += amount;
  }
  return sum;
}

void save(store::Transaction& transaction, const api::ResourceQuota& quota, Amounts used) {
  const api::Kind& kind = api::kind_of<api::ResourceQuota>();
  auto next = std::make_shared<api::ResourceQuota>(quota);
  next->status.used = std::move(used);
  transaction.put(store_key(kind, quota.metadata.namespace_, quota.metadata.name),
                  [&](store::Revision revision) {
                    next->metadata.resource_version = std::to_string(revision);
                    return store::Encoded{encode(kind, next.get()), next};
                  });
}

/// Charges one quota. Errors: the reason without the object's name.
Result<> charge(store::Transaction& transaction,
                const api::ResourceQuota& quota,
                const QuotaWrite& write) {
  const auto& [kind, object, old, is_report] = write;
  const Amounts& hard = quota.status.hard;
  const bool now = object != nullptr && applies(quota, kind, object);
  const bool before = old != nullptr && applies(quota, kind, old);
  if (!now && !before) return {};
  const Usage after = now ? masked(usage_of(kind, object), hard) : Usage{};
  const Usage previous = before ? masked(usage_of(kind, old), hard) : Usage{};
  if (now && !is_report && is_kind<api::Pod>(kind)) {
    const std::string why = why_unspecified(*static_cast<const api::Pod*>(object),
                                            static_cast<const api::Pod*>(old), hard);
    if (!why.empty())
      return fail(ErrorCode::kForbidden,
                  fmt::format("failed quota: {}: {}", quota.metadata.name, why));
  }
  Amounts used = quota.status.used;
  Usage elsewhere = used_elsewhere(transaction, quota);
  Usage requested;
  std::vector<std::string> exceeded;
  for (const auto& [key, limit] : hard) {
    const auto in = after.find(key);
    const auto out = previous.find(key);
    const api::Quantity delta = (in == after.end() ? api::Quantity{} : in->second) -
                                (out == previous.end() ? api::Quantity{} : out->second);
    if (delta.is_zero()) continue;
    requested[key] = delta;
    used[key] += delta;
    if (!is_report && !delta.is_negative() && used[key] + elsewhere[key] > limit)
      exceeded.push_back(key);
  }
  if (!exceeded.empty()) {
    for (const auto& [key, amount] : quota.status.used)
      elsewhere[key] += amount;
    return fail(
        ErrorCode::kForbidden,
        fmt::format("exceeded quota: {}, requested: {}, used: {}, limited: {}", quota.metadata.name,
                    list(requested, exceeded), list(elsewhere, exceeded), list(hard, exceeded)));
  }
  if (!requested.empty()) save(transaction, quota, std::move(used));
  return {};
}

}  // namespace

Usage pod_usage(const api::Pod& pod) {
  Usage usage;
  const Amounts requests = api::pod_requests(pod, api::InfeasibleResize::kCounts);
  const Amounts limits = api::pod_limits(pod, api::InfeasibleResize::kCounts);
  for (const auto& [name, quantity] : requests) {
    usage["requests." + name] = quantity;
    if (!is_extended(name)) usage[name] = quantity;
  }
  for (const auto& [name, quantity] : limits) {
    if (!is_extended(name)) usage["limits." + name] = quantity;
  }
  return usage;
}

Usage usage_of(const api::Kind& kind, const void* object) {
  Usage usage;
  if (!kind.namespaced) return usage;
  const api::Quantity one = api::Quantity::of(1);
  if (is_kind<api::Pod>(kind)) {
    const auto& pod = *static_cast<const api::Pod*>(object);
    if (!has_ended(pod)) {
      usage = pod_usage(pod);
      usage["pods"] = one;
    }
  } else if (is_kind<api::Service>(kind)) {
    count_services(*static_cast<const api::Service*>(object), usage);
  } else if (is_kind<api::ConfigMap>(kind) || is_kind<api::Secret>(kind) ||
             is_kind<api::ResourceQuota>(kind) || is_kind<api::ReplicationController>(kind) ||
             is_kind<api::PersistentVolumeClaim>(kind)) {
    usage[std::string(kind.plural)] = one;
  }
  usage["count/" + kind.group_resource()] = one;
  return usage;
}

Result<> charge_quota(store::Transaction& transaction, const QuotaWrite& write) {
  const auto& [kind, object, old, is_report] = write;
  if (!kind.namespaced) return {};
  const api::ObjectMeta& meta = kind.metadata(object != nullptr ? object : old);
  for (const auto& quota : quotas_of(transaction, meta.namespace_)) {
    // A quota counts itself when its own status is filled.
    if (is_kind<api::ResourceQuota>(kind) && quota->metadata.name == meta.name) continue;
    if (Result<> charged = charge(transaction, *quota, write); !charged)
      return forbidden(kind, meta.name, charged.error().message());
  }
  return {};
}

void fill_quota_status(const store::Transaction& transaction,
                       api::ResourceQuota& quota,
                       bool is_new) {
  quota.status.hard = quota.spec.hard;
  Amounts used;
  for (const auto& [key, limit] : quota.spec.hard)
    used[key] = api::Quantity{};
  auto count = [&](const api::Kind& kind, const void* object) {
    if (!applies(quota, kind, object)) return;
    for (const auto& [key, quantity] : masked(usage_of(kind, object), quota.spec.hard))
      used[key] += quantity;
  };
  for (const api::Kind* kind : api::stored_kinds()) {
    if (!kind->namespaced) continue;
    transaction.scan(store_key(*kind, quota.metadata.namespace_, ""),
                     [&](const store::EntryPtr& entry) {
                       count(*kind, object_of(*kind, *entry).get());
                       return true;
                     });
  }
  // Each is one, whatever kind it is of: keys begin with the resource and its group.
  for (const auto& [key, limit] : quota.spec.hard) {
    const std::string_view resource = custom_resource_of(key);
    if (resource.empty()) continue;
    transaction.scan(fmt::format("{}/{}/", resource, quota.metadata.namespace_),
                     [&, &used_of_key = used[key]](const store::EntryPtr&) {
                       used_of_key += api::Quantity::of(1);
                       return true;
                     });
  }
  if (is_new) count(api::kind_of<api::ResourceQuota>(), &quota);
  quota.status.used = std::move(used);
}

}  // namespace insula::apiserver
