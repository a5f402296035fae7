#include "api/validation/kinds.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/shown.h"
#include "json/parse.h"

namespace insula::api {

namespace {

constexpr std::size_t kDataMax = 1 << 20;  // bytes of all values
constexpr std::string_view kFrozen = "field is immutable when `immutable` is set";

/// Checks keys and returns the size of all values.
std::size_t validate_keys(const std::map<std::string, std::string>& data,
                          const FieldPath& path,
                          FieldErrors& errors) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : data) {
    errors.invalid_each(path.key(key), key, check_config_key(key));
    bytes += value.size();
  }
  return bytes;
}

void require_key(const Secret& secret, const std::string& key, FieldErrors& errors) {
  if (!secret.data.contains(key)) errors.required(FieldPath("data").key(key));
}

/// An entry that must be a JSON object. What is wrong with it is told without its content.
void require_json(const Secret& secret, const std::string& key, FieldErrors& errors) {
  const auto found = secret.data.find(key);
  if (found == secret.data.end()) {
    errors.required(FieldPath("data").key(key));
    return;
  }
  const auto value = json::parse(found->second);
  if (!value || !value->is_object()) {
    errors.invalid(FieldPath("data").key(key), "<secret contents redacted>",
                   "must be a JSON object");
  }
}

}  // namespace

void validate(const ConfigMap& object, FieldErrors& errors) {
  std::size_t bytes = validate_keys(object.data, FieldPath("data"), errors);
  for (const auto& [key, value] : object.data) {
    if (object.binary_data.contains(key)) {
      errors.invalid(FieldPath("data").key(key), key, "duplicate of key present in binaryData");
    }
  }
  bytes += validate_keys(object.binary_data, FieldPath("binaryData"), errors);
  // Kubernetes names no field here either: the size is that of the whole object.
  if (bytes > kDataMax) errors.too_long(FieldPath(), kDataMax);
}

void validate_update(const ConfigMap& object,
                     const ConfigMap& old,
                     std::string_view,
                     FieldErrors& errors) {
  if (!old.immutable.value_or(false)) return;
  if (!object.immutable.value_or(false)) errors.forbidden(FieldPath("immutable"), kFrozen);
  if (object.data != old.data) errors.forbidden(FieldPath("data"), kFrozen);
  if (object.binary_data != old.binary_data) errors.forbidden(FieldPath("binaryData"), kFrozen);
}

void validate(const Secret& object, FieldErrors& errors) {
  const std::size_t bytes = validate_keys(object.data, FieldPath("data"), errors);
  if (bytes > kDataMax) errors.too_long(FieldPath("data"), kDataMax);

  constexpr const char* kAccountName = "kubernetes.io/service-account.name";
  const std::string& type = object.type;
  if (type == "kubernetes.io/service-account-token") {
    const auto found = object.metadata.annotations.find(kAccountName);
    if (found == object.metadata.annotations.end() || found->second.empty()) {
      errors.required(FieldPath("metadata.annotations").key(kAccountName));
    }
  } else if (type == "kubernetes.io/dockercfg") {
    require_json(object, ".dockercfg", errors);
  } else if (type == "kubernetes.io/dockerconfigjson") {
    require_json(object, ".dockerconfigjson", errors);
  } else if (type == "kubernetes.io/basic-auth") {
    if (!object.data.contains("username") && !object.data.contains("password")) {
      require_key(object, "username", errors);
      require_key(object, "password", errors);
    }
  } else if (type == "kubernetes.io/ssh-auth") {
    const auto found = object.data.find("ssh-privatekey");
    if (found == object.data.end() || found->second.empty()) {
      errors.required(FieldPath("data").key("ssh-privatekey"));
    }
  } else if (type == "kubernetes.io/tls") {
    require_key(object, "tls.crt", errors);
    require_key(object, "tls.key", errors);
  }
}

void validate_update(const Secret& object,
                     const Secret& old,
                     std::string_view,
                     FieldErrors& errors) {
  if (object.type != old.type) errors.invalid(FieldPath("type"), object.type, kFieldImmutable);
  if (!old.immutable.value_or(false)) return;
  if (!object.immutable.value_or(false)) errors.forbidden(FieldPath("immutable"), kFrozen);
  if (object.data != old.data) errors.forbidden(FieldPath("data"), kFrozen);
}

}  // namespace insula::api
