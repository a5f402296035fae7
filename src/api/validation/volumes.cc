#include <algorithm>
#include <array>
#include <set>

#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/pod.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

constexpr std::int32_t kFileModeMax = 0777;
constexpr std::int64_t kTokenSecondsMin = 600;

constexpr std::array<std::string_view, 5> kVolumeFields = {
    "metadata.annotations", "metadata.labels", "metadata.name",
    "metadata.namespace",   "metadata.uid",
};

void validate_mode(const std::optional<std::int32_t>& mode,
                   const FieldPath& path,
                   FieldErrors& errors) {
  if (mode && (*mode < 0 || *mode > kFileModeMax)) {
    errors.invalid(path, *mode, "must be a number between 0 and 0777 (octal), both inclusive");
  }
}

/// A path below the mount whose first part does not look like our own bookkeeping ("..data").
void validate_file_path(const std::string& value, const FieldPath& path, FieldErrors& errors) {
  validate_inner_path(value, path, errors);
  if (value.starts_with("..") && !value.starts_with("../")) {
    errors.invalid(path, value, "must not start with '..'");
  }
}

void validate_items(const std::vector<KeyToPath>& items,
                    const FieldPath& path,
                    FieldErrors& errors) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    const FieldPath at = path.index(i);
    if (items[i].key.empty()) errors.required(at.child("key"));
    if (items[i].path.empty()) errors.required(at.child("path"));
    validate_file_path(items[i].path, at.child("path"), errors);
    validate_mode(items[i].mode, at.child("mode"), errors);
  }
}

void validate_files(const std::vector<DownwardAPIVolumeFile>& files,
                    const FieldPath& path,
                    FieldErrors& errors) {
  for (const DownwardAPIVolumeFile& file : files) {
    if (file.path.empty()) errors.required(path.child("path"));
    validate_file_path(file.path, path.child("path"), errors);
    if (file.field_ref) {
      validate_field_ref(*file.field_ref, kVolumeFields, path.child("fieldRef"), errors);
      if (file.resource_field_ref) {
        errors.invalid(path, "resource",
                       "fieldRef and resourceFieldRef can not be specified simultaneously");
      }
    } else if (file.resource_field_ref) {
      validate_resource_field_ref(*file.resource_field_ref, ResourceFieldUse::kVolume,
                                  path.child("resourceFieldRef"), errors);
    } else {
      errors.required(path, "one of fieldRef and resourceFieldRef is required");
    }
    validate_mode(file.mode, path.child("mode"), errors);
  }
}

void validate_token(const ServiceAccountTokenProjection& token,
                    const FieldPath& path,
                    FieldErrors& errors) {
  const std::int64_t seconds = token.expiration_seconds.value_or(0);
  if (seconds < kTokenSecondsMin) {
    errors.invalid(path.child("expirationSeconds"), seconds,
                   "may not specify a duration less than 10 minutes");
  } else if (seconds > std::int64_t{1} << 32) {
    errors.invalid(path.child("expirationSeconds"), seconds,
                   "may not specify a duration larger than 2^32 seconds");
  }
  if (token.path.empty()) {
    errors.required(path.child("path"));
  } else {
    validate_file_path(token.path, path.child("path"), errors);
  }
}

void validate_projection(const VolumeProjection& source,
                         const FieldPath& path,
                         FieldErrors& errors) {
  int sources = 0;
  if (source.secret) {
    ++sources;
    if (source.secret->local_object_reference.name.empty())
      errors.required(path.child("secret").child("name"));
    validate_items(source.secret->items, path.child("secret").child("items"), errors);
  }
  if (source.config_map) {
    ++sources;
    if (source.config_map->local_object_reference.name.empty()) {
      errors.required(path.child("configMap").child("name"));
    }
    validate_items(source.config_map->items, path.child("configMap").child("items"), errors);
  }
  if (source.downward_api) {
    ++sources;
    validate_files(source.downward_api->items, path.child("downwardAPI"), errors);
  }
  if (source.service_account_token) {
    ++sources;
    validate_token(*source.service_account_token, path.child("serviceAccountToken"), errors);
  }
  if (source.cluster_trust_bundle) ++sources;
  if (source.pod_certificate) ++sources;
  if (sources > 1) errors.forbidden(path, "may not specify more than 1 volume type per source");
}

/// The paths that a projected volume writes to may not meet.
void validate_projected(const ProjectedVolumeSource& projected,
                        const FieldPath& path,
                        FieldErrors& errors) {
  validate_mode(projected.default_mode, path.child("defaultMode"), errors);
  std::set<std::string_view> paths;
  const auto take = [&](const std::string& file, const std::string& shown) {
    if (!file.empty() && !paths.insert(file).second) {
      errors.invalid(path, shown, "conflicting duplicate paths");
    }
  };
  for (std::size_t i = 0; i < projected.sources.size(); ++i) {
    const VolumeProjection& source = projected.sources[i];
    validate_projection(source, path.child("sources").index(i), errors);
    if (source.secret) {
      for (const KeyToPath& item : source.secret->items) {
        take(item.path, source.secret->local_object_reference.name);
      }
    }
    if (source.config_map) {
      for (const KeyToPath& item : source.config_map->items) {
        take(item.path, source.config_map->local_object_reference.name);
      }
    }
    if (source.downward_api) {
      for (const DownwardAPIVolumeFile& file : source.downward_api->items)
        take(file.path, file.path);
    }
    if (source.service_account_token) {
      take(source.service_account_token->path, source.service_account_token->path);
    }
  }
}

/// Sources with rules of their own here. The others belong to storage that only a bigger cluster
/// has; their fields are checked by the schema and by whoever mounts them.
void validate_source(const VolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.empty_dir && source.empty_dir->size_limit.value_or(Quantity()).is_negative()) {
    errors.forbidden(path.child("emptyDir").child("sizeLimit"),
                     "SizeLimit field must be a valid resource quantity");
  }
  if (source.host_path) validate_host_path(*source.host_path, path.child("hostPath"), errors);
  if (source.secret) {
    const FieldPath at = path.child("secret");
    if (source.secret->secret_name.empty()) errors.required(at.child("secretName"));
    validate_mode(source.secret->default_mode, at.child("defaultMode"), errors);
    validate_items(source.secret->items, at.child("items"), errors);
  }
  if (source.config_map) {
    const FieldPath at = path.child("configMap");
    if (source.config_map->local_object_reference.name.empty()) errors.required(at.child("name"));
    validate_mode(source.config_map->default_mode, at.child("defaultMode"), errors);
    validate_items(source.config_map->items, at.child("items"), errors);
  }
  if (source.downward_api) {
    validate_mode(source.downward_api->default_mode, path.child("downwardAPI").child("defaultMode"),
                  errors);
    validate_files(source.downward_api->items, path.child("downwardAPI"), errors);
  }
  if (source.projected) validate_projected(*source.projected, path.child("projected"), errors);
  if (source.persistent_volume_claim && source.persistent_volume_claim->claim_name.empty()) {
    errors.required(path.child("persistentVolumeClaim").child("claimName"));
  }
  if (source.nfs) validate_nfs(*source.nfs, path.child("nfs"), errors);
}

}  // namespace

// Goes by the table of the struct, so that a new source cannot be forgotten.
void validate_one_source(const TypeInfo& type,
                         const void* source,
                         const FieldPath& path,
                         FieldErrors& errors) {
  bool found = false;
  for (const FieldInfo& field : type.fields) {
    if (field.value->ops->size(field.in(source)) == 0) continue;
    if (found) errors.forbidden(path.child(field.name), "may not specify more than 1 volume type");
    found = true;
  }
  if (!found) errors.required(path, "must specify a volume type");
}

void validate_host_path(const HostPathVolumeSource& source,
                        const FieldPath& path,
                        FieldErrors& errors) {
  if (source.path.empty()) errors.required(path.child("path"));
  validate_no_backsteps(source.path, path.child("path"), errors);
  constexpr std::array<std::string_view, 8> kTypes = {
      "",     "BlockDevice",  "CharDevice", "Directory", "DirectoryOrCreate",
      "File", "FileOrCreate", "Socket"};
  if (source.type && std::ranges::find(kTypes, *source.type) == kTypes.end()) {
    errors.not_supported(path.child("type"), *source.type,
                         std::vector<std::string_view>(kTypes.begin(), kTypes.end()));
  }
}

void validate_nfs(const NFSVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.server.empty()) errors.required(path.child("server"));
  if (source.path.empty()) errors.required(path.child("path"));
  if (!source.path.starts_with('/')) {
    errors.invalid(path.child("path"), source.path, "must be an absolute path");
  }
}

void validate_no_backsteps(const std::string& value, const FieldPath& path, FieldErrors& errors) {
  if (("/" + value + "/").contains("/../")) errors.invalid(path, value, "must not contain '..'");
}

void validate_inner_path(const std::string& value, const FieldPath& path, FieldErrors& errors) {
  if (value.starts_with('/')) errors.invalid(path, value, "must be a relative path");
  validate_no_backsteps(value, path, errors);
}

void validate_volumes(const std::vector<Volume>& volumes,
                      const FieldPath& path,
                      FieldErrors& errors) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    const Volume& volume = volumes[i];
    const FieldPath at = path.index(i);
    validate_one_source(type_of<VolumeSource>(), &volume.volume_source, at, errors);
    validate_source(volume.volume_source, at, errors);
    if (volume.name.empty()) {
      errors.required(at.child("name"));
    } else {
      errors.invalid_each(at.child("name"), volume.name, check_dns1123_label(volume.name));
    }
    if (!names.insert(volume.name).second) errors.duplicate(at.child("name"), volume.name);
  }
}

}  // namespace insula::api
