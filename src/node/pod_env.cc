#include "node/pod_env.h"

#include <utility>

#include <fmt/format.h>

namespace insula::node {
namespace {

bool is_optional(const std::optional<bool>& flag) {
  return flag.value_or(false);
}

std::unexpected<Error> no_key(std::string_view kind,
                              const std::string& name_space,
                              const std::string& name,
                              const std::string& key) {
  return fail(ErrorCode::kInvalid,
              fmt::format("couldn't find key {} in {} {}/{}", key, kind, name_space, name));
}

class EnvironmentBuilder {
 public:
  EnvironmentBuilder(const api::Pod& pod,
                     const api::Container& container,
                     const ReferencedObjects& objects,
                     const PodFacts& facts)
      : pod_(pod), container_(container), objects_(objects), facts_(facts) {}

  Result<> add_all(const api::EnvFromSource& from) {
    if (from.config_map_ref) {
      const auto found =
          objects_.config_maps.find(from.config_map_ref->local_object_reference.name);
      if (found != objects_.config_maps.end()) return add_map(from.prefix, found->second.data);
      if (!is_optional(from.config_map_ref->optional))
        return not_found("configmap", from.config_map_ref->local_object_reference.name);
    }
    if (from.secret_ref) {
      const auto found = objects_.secrets.find(from.secret_ref->local_object_reference.name);
      if (found != objects_.secrets.end()) return add_map(from.prefix, found->second.data);
      if (!is_optional(from.secret_ref->optional))
        return not_found("secret", from.secret_ref->local_object_reference.name);
    }
    return {};
  }

  Result<> add(const api::EnvVar& variable) {
    if (!variable.value_from) {
      variables_[variable.name] = expanded(variable.value, variables_);
      return {};
    }
    INSULA_TRY(std::optional<std::string> value, resolve(*variable.value_from));
    if (value) variables_[variable.name] = *std::move(value);
    return {};
  }

  /// What in-cluster clients look for.
  void add_api_server() {
    if (facts_.api_host.empty()) return;
    variables_["KUBERNETES_SERVICE_HOST"] = facts_.api_host;
    variables_["KUBERNETES_SERVICE_PORT"] = facts_.api_port;
    variables_["KUBERNETES_SERVICE_PORT_HTTPS"] = facts_.api_port;
  }

  [[nodiscard]] Variables take() { return std::move(variables_); }

 private:
  static std::unexpected<Error> not_found(std::string_view kind, const std::string& name) {
    return fail(ErrorCode::kInvalid, fmt::format("{} \"{}\" not found", kind, name));
  }

  Result<> add_map(const std::string& prefix, const std::map<std::string, std::string>& data) {
    for (const auto& [key, value] : data)
      variables_[prefix + key] = value;
    return {};
  }

  Result<std::optional<std::string>> resolve(const api::EnvVarSource& source) const {
    if (source.field_ref) {
      INSULA_TRY(std::string value, pod_field(pod_, facts_, source.field_ref->field_path));
      return std::optional(std::move(value));
    }
    if (source.resource_field_ref) {
      INSULA_TRY(std::string value,
                 resource_field(pod_, *source.resource_field_ref, container_.name, facts_));
      return std::optional(std::move(value));
    }
    if (source.config_map_key_ref)
      return from_object("configmap", "ConfigMap", objects_.config_maps,
                         *source.config_map_key_ref);
    if (source.secret_key_ref)
      return from_object("secret", "Secret", objects_.secrets, *source.secret_key_ref);
    return fail(ErrorCode::kInvalid, "unsupported source of an environment variable");
  }

  template <class Objects, class Selector>
  Result<std::optional<std::string>> from_object(std::string_view kind,
                                                 std::string_view type,
                                                 const Objects& objects,
                                                 const Selector& selector) const {
    const auto object = objects.find(selector.local_object_reference.name);
    if (object == objects.end()) {
      if (is_optional(selector.optional)) return std::optional<std::string>();
      return not_found(kind, selector.local_object_reference.name);
    }
    const auto value = object->second.data.find(selector.key);
    if (value != object->second.data.end()) return std::optional(value->second);
    if (is_optional(selector.optional)) return std::optional<std::string>();
    return no_key(type, pod_.metadata.namespace_, selector.local_object_reference.name,
                  selector.key);
  }

  const api::Pod& pod_;
  const api::Container& container_;
  const ReferencedObjects& objects_;
  const PodFacts& facts_;
  Variables variables_;
};

}  // namespace

std::string expanded(std::string_view text, const Variables& variables) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    if (text[i + 1] == '$') {
      out += '$';
      ++i;
      continue;
    }
    const std::size_t close = text[i + 1] == '(' ? text.find(')', i) : std::string_view::npos;
    if (close == std::string_view::npos) {
      out += text[i];
      continue;
    }
    const auto found = variables.find(std::string(text.substr(i + 2, close - i - 2)));
    out += found == variables.end() ? std::string(text.substr(i, close - i + 1)) : found->second;
    i = close;
  }
  return out;
}

Result<Variables> container_environment(const api::Pod& pod,
                                        const api::Container& container,
                                        const ReferencedObjects& objects,
                                        const PodFacts& facts) {
  EnvironmentBuilder builder(pod, container, objects, facts);
  builder.add_api_server();
  for (const api::EnvFromSource& from : container.env_from)
    INSULA_TRY_VOID(builder.add_all(from));
  for (const api::EnvVar& variable : container.env)
    INSULA_TRY_VOID(builder.add(variable));
  return builder.take();
}

std::vector<std::string> environment_block(const Variables& variables) {
  std::vector<std::string> out;
  out.reserve(variables.size());
  for (const auto& [name, value] : variables)
    out.push_back(name + "=" + value);
  return out;
}

}  // namespace insula::node
