#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "api/validation/names.h"
#include "api/validation/pod.h"

namespace insula::api {

namespace {

constexpr std::array<std::string_view, 6> kComputeFields = {
    "limits.cpu",   "limits.ephemeral-storage",   "limits.memory",
    "requests.cpu", "requests.ephemeral-storage", "requests.memory",
};

constexpr std::array<std::string_view, 9> kEnvFields = {
    "metadata.name",           "metadata.namespace", "metadata.uid",   "spec.nodeName",
    "spec.serviceAccountName", "status.hostIP",      "status.hostIPs", "status.podIP",
    "status.podIPs",
};

/// An object and one of its entries. Empty names are left to the node, as Kubernetes does.
template <class Selector>
void validate_key_ref(const Selector& selector, const FieldPath& path, FieldErrors& errors) {
  errors.invalid_each(path.child("name"), selector.local_object_reference.name,
                      check_dns1123_subdomain(selector.local_object_reference.name));
  if (selector.key.empty()) {
    errors.required(path.child("key"));
  } else {
    errors.invalid_each(path.child("key"), selector.key, check_config_key(selector.key));
  }
}

void validate_file_ref(const FileKeySelector& selector,
                       const FieldPath& path,
                       FieldErrors& errors) {
  if (selector.key.empty()) {
    errors.required(path.child("key"));
  } else {
    errors.invalid_each(path.child("key"), selector.key, check_env_name(selector.key));
  }
  if (selector.volume_name.empty()) errors.required(path.child("volumeName"));
  if (selector.path.empty()) {
    errors.required(path.child("path"));
  } else {
    validate_inner_path(selector.path, path.child("path"), errors);
  }
}

void validate_source(const EnvVar& variable, const FieldPath& path, FieldErrors& errors) {
  const EnvVarSource& source = *variable.value_from;
  int sources = 0;
  if (source.field_ref) {
    ++sources;
    validate_field_ref(*source.field_ref, kEnvFields, path.child("fieldRef"), errors);
  }
  if (source.resource_field_ref) {
    ++sources;
    validate_resource_field_ref(*source.resource_field_ref, ResourceFieldUse::kEnvironment,
                                path.child("resourceFieldRef"), errors);
  }
  if (source.config_map_key_ref) {
    ++sources;
    validate_key_ref(*source.config_map_key_ref, path.child("configMapKeyRef"), errors);
  }
  if (source.secret_key_ref) {
    ++sources;
    validate_key_ref(*source.secret_key_ref, path.child("secretKeyRef"), errors);
  }
  if (source.file_key_ref) {
    ++sources;
    validate_file_ref(*source.file_key_ref, path.child("fileKeyRef"), errors);
  }
  if (sources == 0) {
    errors.invalid(
        path, "",
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` "
        "or `fileKeyRef`");
  } else if (!variable.value.empty()) {
    errors.invalid(path, "", "may not be specified when `value` is not empty");
  } else if (sources > 1) {
    errors.invalid(path, "", "may not have more than one field specified at a time");
  }
}

}  // namespace

void validate_field_ref(const ObjectFieldSelector& selector,
                        std::span<const std::string_view> supported,
                        const FieldPath& path,
                        FieldErrors& errors) {
  const std::string& field = selector.field_path;
  if (selector.api_version.empty()) {
    errors.required(path.child("apiVersion"));
    return;
  }
  if (field.empty()) {
    errors.required(path.child("fieldPath"));
    return;
  }
  // `metadata.labels['key']`
  if (field.ends_with("']") && field.contains("['")) {
    const std::string_view map = std::string_view(field).substr(0, field.find("['"));
    const std::string_view key =
        std::string_view(field).substr(map.size() + 2, field.size() - map.size() - 4);
    if (map == "metadata.annotations" || map == "metadata.labels") {
      errors.invalid_each(path, key, check_qualified_name(key));
    } else {
      errors.invalid(path, map, "does not support subscript");
    }
    return;
  }
  if (std::ranges::find(supported, field) == supported.end()) {
    errors.not_supported(path.child("fieldPath"), field,
                         std::vector<std::string_view>(supported.begin(), supported.end()));
  }
}

void validate_resource_field_ref(const ResourceFieldSelector& selector,
                                 ResourceFieldUse use,
                                 const FieldPath& path,
                                 FieldErrors& errors) {
  const std::string& resource = selector.resource;
  if (use == ResourceFieldUse::kVolume && selector.container_name.empty()) {
    errors.required(path.child("containerName"));
  } else if (resource.empty()) {
    errors.required(path.child("resource"));
  } else if (std::ranges::find(kComputeFields, resource) == kComputeFields.end() &&
             !resource.starts_with("requests.hugepages-") &&
             !resource.starts_with("limits.hugepages-")) {
    errors.not_supported(
        path.child("resource"), resource,
        std::vector<std::string_view>(kComputeFields.begin(), kComputeFields.end()));
  }
  if (selector.divisor.is_zero()) return;
  constexpr std::array<std::string_view, 13> kUnits = {
      "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"};
  const std::string divisor = selector.divisor.text();
  if (resource.ends_with(".cpu")) {
    if (divisor != "1" && divisor != "1m") {
      errors.invalid(path.child("divisor"), resource,
                     "only divisor's values 1m and 1 are supported with the cpu resource");
    }
  } else if (std::ranges::find(kUnits, divisor) == kUnits.end()) {
    const std::string_view what = resource.ends_with(".memory") ? "memory"
                                  : resource.ends_with(".ephemeral-storage")
                                      ? "local ephemeral storage"
                                      : "hugepages";
    errors.invalid(
        path.child("divisor"), resource,
        fmt::format("only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei "
                    "are supported with the {} resource",
                    what));
  }
}

void validate_env(const std::vector<EnvVar>& variables,
                  const FieldPath& path,
                  FieldErrors& errors) {
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const EnvVar& variable = variables[i];
    const FieldPath at = path.index(i);
    if (variable.name.empty()) {
      errors.required(at.child("name"));
    } else {
      errors.invalid_each(at.child("name"), variable.name, check_env_name(variable.name));
    }
    if (variable.value_from) validate_source(variable, at.child("valueFrom"), errors);
  }
}

void validate_env_from(const std::vector<EnvFromSource>& sources,
                       const FieldPath& path,
                       FieldErrors& errors) {
  const auto reference = [&](const std::string& name, const FieldPath& at) {
    if (name.empty()) {
      errors.required(at.child("name"));
    } else {
      errors.invalid_each(at.child("name"), name, check_dns1123_subdomain(name));
    }
  };
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const EnvFromSource& source = sources[i];
    const FieldPath at = path.index(i);
    if (!source.prefix.empty()) {
      errors.invalid_each(at.child("prefix"), source.prefix, check_env_name(source.prefix));
    }
    if (source.config_map_ref) {
      reference(source.config_map_ref->local_object_reference.name, at.child("configMapRef"));
    }
    if (source.secret_ref)
      reference(source.secret_ref->local_object_reference.name, at.child("secretRef"));
    if (!source.config_map_ref && !source.secret_ref) {
      errors.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`");
    } else if (source.config_map_ref && source.secret_ref) {
      errors.invalid(path, "", "may not have more than one field specified at a time");
    }
  }
}

}  // namespace insula::api
