#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/shown.h"
#include "api/validation/storage.h"
#include "api/validation/workload.h"

namespace insula::api {

namespace {

constexpr std::size_t kNodeIdMax = 256;
constexpr std::size_t kAttachmentBytesMax = 256 << 10;
constexpr std::size_t kErrorMessageMax = 1024;
constexpr std::int64_t kTokenSecondsMin = 600;
constexpr std::int64_t kUpdateSecondsMin = 10;

void validate_tokens(const std::vector<CSITokenRequest>& tokens,
                     const FieldPath& path,
                     FieldErrors& errors) {
  std::set<std::string_view> audiences;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto& [audience, seconds] = tokens[i];
    if (!audiences.insert(audience).second) {
      errors.duplicate(path.index(i).child("audience"), audience);
      continue;
    }
    const FieldPath at = path.index(i).child("expirationSeconds");
    if (!seconds) continue;
    if (*seconds < kTokenSecondsMin) {
      errors.invalid(at, *seconds, "may not specify a duration less than 10 minutes");
    } else if (*seconds > std::int64_t{1} << 32) {
      errors.invalid(at, *seconds, "may not specify a duration larger than 2^32 seconds");
    }
  }
}

void validate_driver(const CSINodeDriver& driver, const FieldPath& path, FieldErrors& errors) {
  validate_driver_name(driver.name, path.child("name"), errors);
  const FieldPath id = path.child("nodeID");
  if (driver.node_id.empty()) errors.required(id);
  if (driver.node_id.size() > kNodeIdMax) {
    errors.invalid(id, driver.node_id, fmt::format("must be {} characters or less", kNodeIdMax));
  }
  if (driver.allocatable) {
    not_negative(driver.allocatable->count.value_or(0), path.child("allocatable").child("count"),
                 errors);
  }
  std::set<std::string_view> keys;
  for (const std::string& key : driver.topology_keys) {
    if (key.empty()) errors.required(path);
    if (!keys.insert(key).second) errors.duplicate(path, key);
    errors.invalid_each(path, key, check_qualified_name(key));
  }
}

void validate_volume_error(const Box<VolumeError>& error,
                           const FieldPath& path,
                           FieldErrors& errors) {
  if (!error) return;
  if (error->message.size() > kErrorMessageMax)
    errors.too_long(path.child("message"), kErrorMessageMax);
  if (error->error_code.value_or(0) < 0) {
    errors.invalid(path.child("errorCode"), *error->error_code,
                   "must be between 0 and 2147483647, inclusive");
  }
}

void validate_attachment_source(const VolumeAttachmentSource& source,
                                const FieldPath& path,
                                FieldErrors& errors) {
  constexpr std::string_view kOne =
      "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
  const FieldPath name = path.child("persistentVolumeName");
  if (!source.inline_volume_spec && !source.persistent_volume_name) {
    errors.required(path, kOne);
  } else if (source.inline_volume_spec && source.persistent_volume_name) {
    errors.forbidden(path, kOne);
  } else if (source.inline_volume_spec) {
    validate_volume_spec(*source.inline_volume_spec, VolumeUse::kInline,
                         path.child("inlineVolumeSpec"), errors);
  } else if (source.persistent_volume_name->empty()) {
    errors.required(name, "must specify non empty persistentVolumeName");
  } else {
    errors.invalid_each(name, *source.persistent_volume_name,
                        check_dns1123_subdomain(*source.persistent_volume_name));
  }
}

}  // namespace

void validate(const CSIDriver& object, FieldErrors& errors) {
  const CSIDriverSpec& spec = object.spec;
  const FieldPath path("spec");
  const std::string policy = spec.fs_group_policy.value_or("File");
  if (policy != "File" && policy != "None" && policy != "ReadWriteOnceWithFSType") {
    errors.not_supported(path.child("fsGroupPolicy"), policy,
                         {"File", "None", "ReadWriteOnceWithFSType"});
  }
  validate_tokens(spec.token_requests, path.child("tokenRequests"), errors);
  for (const std::string& mode : spec.volume_lifecycle_modes) {
    if (mode != "Persistent" && mode != "Ephemeral") {
      errors.not_supported(path.child("volumeLifecycleModes"), mode, {"Persistent", "Ephemeral"});
    }
  }
  const auto& period = spec.node_allocatable_update_period_seconds;
  if (period && *period < kUpdateSecondsMin) {
    errors.invalid(path.child("nodeAllocatableUpdatePeriodSeconds"), *period,
                   "must be greater than or equal to 10 seconds");
  }
  if (spec.service_account_token_in_secrets && spec.token_requests.empty()) {
    errors.invalid(path.child("serviceAccountTokenInSecrets"),
                   *spec.service_account_token_in_secrets,
                   "serviceAccountTokenInSecrets is set but no tokenRequests are specified");
  }
}

void validate_update(const CSIDriver& object,
                     const CSIDriver& old,
                     std::string_view,
                     FieldErrors& errors) {
  if (object.spec.attach_required != old.spec.attach_required) {
    errors.invalid(FieldPath("spec.attachedRequired"), object.spec.attach_required.value_or(true),
                   kFieldImmutable);
  }
  if (object.spec.volume_lifecycle_modes != old.spec.volume_lifecycle_modes) {
    errors.invalid(FieldPath("spec.volumeLifecycleModes"),
                   shown_list(object.spec.volume_lifecycle_modes), kFieldImmutable);
  }
}

void validate(const CSINode& object, FieldErrors& errors) {
  const FieldPath path("spec.drivers");
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < object.spec.drivers.size(); ++i) {
    const CSINodeDriver& driver = object.spec.drivers[i];
    validate_driver(driver, path.index(i), errors);
    if (!names.insert(driver.name).second)
      errors.duplicate(path.index(i).child("name"), driver.name);
  }
}

void validate_update(const CSINode& object,
                     const CSINode& old,
                     std::string_view,
                     FieldErrors& errors) {
  for (const CSINodeDriver& driver : object.spec.drivers) {
    const auto before = std::ranges::find(old.spec.drivers, driver.name, &CSINodeDriver::name);
    if (before == old.spec.drivers.end()) continue;
    // How many volumes a node can take may turn out to be another number.
    CSINodeDriver fixed = driver;
    fixed.allocatable = before->allocatable;
    if (!(fixed == *before))
      errors.invalid(FieldPath("spec.drivers"), shown(driver), kFieldImmutable);
  }
}

void validate(const VolumeAttachment& object, FieldErrors& errors) {
  const VolumeAttachmentSpec& spec = object.spec;
  const FieldPath path("spec");
  validate_driver_name(spec.attacher, path.child("attacher"), errors);
  validate_attachment_source(spec.source, path.child("source"), errors);
  errors.invalid_each(path.child("nodeName"), spec.node_name,
                      check_dns1123_subdomain(spec.node_name));
}

void validate_update(const VolumeAttachment& object,
                     const VolumeAttachment& old,
                     std::string_view subresource,
                     FieldErrors& errors) {
  if (!(object.spec == old.spec))
    errors.invalid(FieldPath("spec"), shown(object.spec), kFieldImmutable);
  if (subresource != "status") return;
  const FieldPath path("status");
  std::size_t bytes = 0;
  for (const auto& [key, value] : object.status.attachment_metadata)
    bytes += key.size() + value.size();
  if (bytes > kAttachmentBytesMax)
    errors.too_long(path.child("attachmentMetadata"), kAttachmentBytesMax);
  validate_volume_error(object.status.attach_error, path.child("attachError"), errors);
  validate_volume_error(object.status.detach_error, path.child("detachError"), errors);
}

}  // namespace insula::api
