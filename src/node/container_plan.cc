#include "node/container_plan.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/pod_resources.h"
#include "base/number.h"

namespace insula::node {
namespace {

constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
// A pod that forks without end must not take the machine's processes with it.
constexpr std::int64_t kPidsMax = 4096;

Variables environment_of(PlanInput& input) {
  Variables out = {{"PATH", std::string(kDefaultPath)}, {"HOSTNAME", input.sandbox.hostname}};
  for (const std::string& entry : input.image.env) {
    const std::size_t equals = entry.find('=');
    if (equals != std::string::npos) out[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  out["INSULA_POD_IP"] = input.sandbox.ip.text();
  for (auto& [name, value] : input.environment)
    out[name] = std::move(value);
  // Last: which devices it has is not the pod's to say.
  if (!input.gpus.empty()) {
    const std::string list = fmt::format("{}", fmt::join(input.gpus, ","));
    out["NVIDIA_VISIBLE_DEVICES"] = list;
    out["CUDA_VISIBLE_DEVICES"] = list;
  }
  return out;
}

std::vector<std::string> arguments_of(const PlanInput& input, const Variables& variables) {
  const api::Container& container = input.container;
  std::vector<std::string> words =
      container.command.empty() ? input.image.entrypoint : container.command;
  const bool image_arguments = container.command.empty() && container.args.empty();
  const std::vector<std::string>& rest = image_arguments ? input.image.command : container.args;
  words.insert(words.end(), rest.begin(), rest.end());
  for (std::string& word : words)
    word = expanded(word, variables);
  return words;
}

// "1000", "1000:1000"; a name other than root needs the image's passwd file and is refused.
Result<> set_image_user(const std::string& user, Security& security) {
  if (user.empty() || user == "root" || user == "root:root") return {};
  const std::size_t colon = user.find(':');
  const auto number = [&](std::string_view text, std::int64_t& out) {
    const auto read = parse_whole<std::int64_t>(text);
    out = read.value_or(out);
    return read.has_value();
  };
  const std::string_view whole = user;
  if (!number(whole.substr(0, colon), security.uid) ||
      (colon != std::string::npos && !number(whole.substr(colon + 1), security.gid))) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("the image runs as user \"{}\"; set securityContext.runAsUser to its number",
                    user));
  }
  return {};
}

Result<Security> security_of(const PlanInput& input) {
  Security out;
  INSULA_TRY_VOID(set_image_user(input.image.user, out));
  bool non_root = false;
  if (const auto& pod = input.pod.spec.security_context) {
    out.uid = pod->run_as_user.value_or(out.uid);
    out.gid = pod->run_as_group.value_or(out.gid);
    out.groups = pod->supplemental_groups;
    if (pod->fs_group) out.groups.push_back(*pod->fs_group);
    non_root = pod->run_as_non_root.value_or(false);
    out.unconfined_syscalls = pod->seccomp_profile && pod->seccomp_profile->type == "Unconfined";
  }
  if (const auto& own = input.container.security_context) {
    out.uid = own->run_as_user.value_or(out.uid);
    out.gid = own->run_as_group.value_or(out.gid);
    non_root = own->run_as_non_root.value_or(non_root);
    out.privileged = own->privileged.value_or(false);
    out.allow_escalation = own->allow_privilege_escalation.value_or(true);
    out.read_only_root = own->read_only_root_filesystem.value_or(false);
    if (own->capabilities) {
      out.capabilities_add = own->capabilities->add;
      out.capabilities_drop = own->capabilities->drop;
    }
    if (own->seccomp_profile) out.unconfined_syscalls = own->seccomp_profile->type == "Unconfined";
  }
  if (non_root && out.uid == 0) {
    return fail(ErrorCode::kInvalid, "container has runAsNonRoot and image will run as root");
  }
  if (!input.tenant) return out;
  if (out.privileged)
    return fail(ErrorCode::kInvalid, "a tenant's container may not be privileged");
  out.unconfined_syscalls = false;
  out.allow_escalation = false;
  return out;
}

std::int64_t quantity_or_zero(const std::map<std::string, api::Quantity>& map,
                              const char* name,
                              bool milli) {
  const auto found = map.find(name);
  if (found == map.end()) return 0;
  return milli ? found->second.milli_value() : found->second.value();
}

const api::Container* find_container(const api::PodSpec& spec, const std::string& name) {
  for (const auto* list : {&spec.containers, &spec.init_containers}) {
    const auto found = std::ranges::find(*list, name, &api::Container::name);
    if (found != list->end()) return &*found;
  }
  return nullptr;
}

std::optional<api::Quantity> smallest_limit(const api::PodSpec& spec, const std::string& resource) {
  std::optional<api::Quantity> out;
  for (const api::Container& container : spec.containers) {
    const auto& limits = container.resources.limits;
    if (!api::is_limited(limits, resource)) continue;
    const api::Quantity& limit = limits.at(resource);
    out = out ? std::min(*out, limit) : limit;
  }
  if (!out && spec.resources && api::is_limited(spec.resources->limits, resource))
    out = spec.resources->limits.at(resource);
  return out;
}

}  // namespace

api::ResourceRequirements ephemeral_resources(const api::PodSpec& spec, const std::string& target) {
  api::ResourceRequirements out;
  out.requests["cpu"] = api::Quantity::of_milli(1);
  const api::Container* container = target.empty() ? nullptr : find_container(spec, target);
  for (const char* resource : {"cpu", "memory"}) {
    if (container != nullptr && api::is_limited(container->resources.limits, resource))
      out.limits[resource] = container->resources.limits.at(resource);
    else if (const auto limit = smallest_limit(spec, resource))
      out.limits[resource] = *limit;
  }
  return out;
}

Limits limits_of(const api::ResourceRequirements& resources) {
  Limits out;
  out.memory_bytes = quantity_or_zero(resources.limits, "memory", false);
  out.cpu_millis = quantity_or_zero(resources.limits, "cpu", true);
  out.cpu_request_millis = quantity_or_zero(resources.requests, "cpu", true);
  if (out.cpu_request_millis == 0) out.cpu_request_millis = out.cpu_millis;
  out.pids = kPidsMax;
  return out;
}

Result<ContainerPlan> plan_container(PlanInput input) {
  ContainerPlan plan;
  const Variables variables = environment_of(input);
  plan.root = input.image.root;
  plan.argv = arguments_of(input, variables);
  if (plan.argv.empty())
    return fail(ErrorCode::kInvalid, "no command specified, and the image has none");
  plan.env = environment_block(variables);
  plan.cwd = input.container.working_dir.empty() ? input.image.cwd : input.container.working_dir;
  plan.mounts = std::move(input.mounts);
  plan.devices = std::move(input.devices);
  plan.joins = input.joins;
  plan.limits = limits_of(input.container.resources);
  INSULA_TRY(plan.security, security_of(input));
  return plan;
}

}  // namespace insula::node
