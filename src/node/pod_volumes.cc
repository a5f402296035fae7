#include "node/pod_volumes.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/files.h"
#include "node/pod_env.h"

namespace insula::node {
namespace {

constexpr mode_t kDefaultFileMode = 0644;
constexpr std::string_view kDataLink = "..data";
// A Secret has a MiB at most, and twice that while it is replaced.
constexpr const char* kSecretsMount = "mode=0755,size=32m";

// A relative path that stays below its directory.
bool stays_below(const std::string& path) {
  if (path.empty() || path.front() == '/') return false;
  const std::filesystem::path whole(path);
  return std::ranges::none_of(whole, [](const auto& part) { return part == ".."; });
}

mode_t mode_of(const std::optional<std::int32_t>& mode, mode_t otherwise) {
  return mode ? static_cast<mode_t>(*mode & 0777) : otherwise;
}

class FileCollector {
 public:
  FileCollector(const api::Pod& pod,
                const ReferencedObjects& objects,
                const PodFacts& facts,
                mode_t mode)
      : pod_(pod), objects_(objects), facts_(facts), mode_(mode) {}

  Result<> add_config_map(const std::string& name,
                          const std::vector<api::KeyToPath>& items,
                          bool optional) {
    const auto found = objects_.config_maps.find(name);
    if (found == objects_.config_maps.end()) return missing("configmap", name, optional);
    std::map<std::string, std::string> data = found->second.data;
    data.insert(found->second.binary_data.begin(), found->second.binary_data.end());
    return add_keys("configmap", name, data, items, optional);
  }

  Result<> add_secret(const std::string& name,
                      const std::vector<api::KeyToPath>& items,
                      bool optional) {
    const auto found = objects_.secrets.find(name);
    if (found == objects_.secrets.end()) return missing("secret", name, optional);
    return add_keys("secret", name, found->second.data, items, optional);
  }

  Result<> add_token(const api::ServiceAccountTokenProjection& projection) {
    const auto found = objects_.tokens.find(wanted_by(projection));
    if (found == objects_.tokens.end())
      return fail(ErrorCode::kInvalid, "the ServiceAccount's token is not there");
    return add(projection.path, found->second, mode_);
  }

  Result<> add_downward(const std::vector<api::DownwardAPIVolumeFile>& items) {
    for (const api::DownwardAPIVolumeFile& item : items) {
      std::string content;
      if (item.field_ref) {
        INSULA_TRY(content, pod_field(pod_, facts_, item.field_ref->field_path));
      } else if (item.resource_field_ref) {
        INSULA_TRY(content, resource_field(pod_, *item.resource_field_ref, "", facts_));
      }
      INSULA_TRY_VOID(add(item.path, std::move(content), mode_of(item.mode, mode_)));
    }
    return {};
  }

  [[nodiscard]] std::vector<VolumeFile> take() { return std::move(files_); }

 private:
  static Result<> missing(std::string_view kind, const std::string& name, bool optional) {
    if (optional) return {};
    return fail(ErrorCode::kInvalid, fmt::format("{} \"{}\" not found", kind, name));
  }

  Result<> add_keys(std::string_view kind,
                    const std::string& name,
                    const std::map<std::string, std::string>& data,
                    const std::vector<api::KeyToPath>& items,
                    bool optional) {
    if (items.empty()) {
      for (const auto& [key, value] : data)
        INSULA_TRY_VOID(add(key, value, mode_));
      return {};
    }
    for (const api::KeyToPath& item : items) {
      const auto found = data.find(item.key);
      if (found != data.end()) {
        INSULA_TRY_VOID(add(item.path, found->second, mode_of(item.mode, mode_)));
      } else if (!optional) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("references non-existent key: {} of {} {}", item.key, kind, name));
      }
    }
    return {};
  }

  Result<> add(const std::string& path, std::string content, mode_t mode) {
    if (!stays_below(path))
      return fail(ErrorCode::kInvalid, fmt::format("path \"{}\" leaves its volume", path));
    files_.push_back({path, std::move(content), mode});
    return {};
  }

  const api::Pod& pod_;
  const ReferencedObjects& objects_;
  const PodFacts& facts_;
  mode_t mode_;
  std::vector<VolumeFile> files_;
};

// A name that changes exactly when the files do.
std::string generation_name(const std::vector<VolumeFile>& files) {
  std::string all;
  for (const VolumeFile& file : files)
    all += fmt::format("{}\n{:o}\n{}\n{}", file.path, file.mode, file.content.size(), file.content);
  return fmt::format("..{:016x}", std::hash<std::string>{}(all));
}

Result<> give_away(const std::string& path, VolumeOwner owner) {
  if (owner.change && lchown(path.c_str(), owner.uid, owner.gid) != 0)
    return fail_errno("chown " + path);
  return {};
}

Result<> switch_link(const std::string& target, const std::string& link) {
  const std::string draft = link + ".new";
  unlink(draft.c_str());
  if (symlink(target.c_str(), draft.c_str()) != 0) return fail_errno("link " + link);
  if (std::rename(draft.c_str(), link.c_str()) != 0) return fail_errno("switch " + link);
  return {};
}

// The names at the top of the volume link into ..data; those of the content before go.
Result<> link_names(const std::string& dir, const std::vector<VolumeFile>& files) {
  std::set<std::string> wanted;
  for (const VolumeFile& file : files)
    wanted.insert(file.path.substr(0, file.path.find('/')));
  for (const std::string& name : wanted) {
    const std::string link = dir + "/" + name;
    if (!exists(link)) INSULA_TRY_VOID(switch_link(std::string(kDataLink) + "/" + name, link));
  }
  for (const std::string& name : names_in(dir)) {
    if (!name.starts_with("..") && !wanted.contains(name)) unlink((dir + "/" + name).c_str());
  }
  return {};
}

Result<> make_empty_dir(const std::string& path,
                        const api::EmptyDirVolumeSource& source,
                        VolumeOwner owner) {
  INSULA_TRY_VOID(make_dirs(path, 0777));
  if (source.medium == "Memory") {
    const std::string options = source.size_limit
                                    ? fmt::format("mode=0777,size={}", source.size_limit->value())
                                    : std::string("mode=0777");
    // Without the right to mount it is an ordinary directory, which holds the same files.
    static_cast<void>(mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()));
  }
  if (chmod(path.c_str(), owner.gid != 0 ? 02777 : 0777) != 0) return fail_errno("chmod " + path);
  return give_away(path, owner);
}

Result<> make_top(const std::string& dir, const VolumeOwner& owner) {
  INSULA_TRY_VOID(make_dirs(dir, 0700));
  if (owner.top_group && chown(dir.c_str(), static_cast<uid_t>(-1), *owner.top_group) != 0)
    return fail_errno("chown " + dir);
  if (chmod(dir.c_str(), owner.top_mode) != 0) return fail_errno("chmod " + dir);
  return {};
}

bool holds_secret(const api::Volume& volume) {
  if (volume.volume_source.secret) return true;
  return volume.volume_source.projected &&
         std::ranges::any_of(
             volume.volume_source.projected->sources, [](const api::VolumeProjection& source) {
               return source.secret.has_value() || source.service_account_token.has_value();
             });
}

// What is in it already belongs to containers that run since before; they keep it.
void keep_in_memory(const std::string& path) {
  if (is_mount_point(path) || !names_in(path).empty()) return;
  // Without the right to mount it is an ordinary directory.
  static_cast<void>(
      mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, kSecretsMount));
}

Result<> check_host_path(const api::HostPathVolumeSource& source) {
  const std::string type = source.type.value_or("");
  struct stat info{};
  const bool present = stat(source.path.c_str(), &info) == 0;
  if (type == "DirectoryOrCreate" && !present) return make_dirs(source.path);
  if (type == "FileOrCreate" && !present) return write_file(source.path, "");
  if (!present)
    return fail(ErrorCode::kInvalid, fmt::format("hostPath {} does not exist", source.path));
  const bool is_directory = S_ISDIR(info.st_mode);
  if (type.starts_with("Directory") && !is_directory) {
    return fail(ErrorCode::kInvalid,
                fmt::format("hostPath type check failed: {} is not a directory", source.path));
  }
  if (type.starts_with("File") && !S_ISREG(info.st_mode)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("hostPath type check failed: {} is not a file", source.path));
  }
  return {};
}

std::string source_of(const std::string& dir, const api::Volume& volume) {
  return volume.volume_source.host_path ? volume.volume_source.host_path->path
                                        : dir + "/" + volume.name;
}

}  // namespace

bool is_projection(const api::Volume& volume) {
  return volume.volume_source.config_map || volume.volume_source.secret ||
         volume.volume_source.projected || volume.volume_source.downward_api;
}

Result<std::vector<VolumeFile>> volume_files(const api::Volume& volume,
                                             const api::Pod& pod,
                                             const ReferencedObjects& objects,
                                             const PodFacts& facts) {
  const auto collect = [&](const std::optional<std::int32_t>& mode,
                           auto add) -> Result<std::vector<VolumeFile>> {
    FileCollector files(pod, objects, facts, mode_of(mode, kDefaultFileMode));
    INSULA_TRY_VOID(add(files));
    return files.take();
  };
  if (volume.volume_source.config_map) {
    const api::ConfigMapVolumeSource& source = *volume.volume_source.config_map;
    return collect(source.default_mode, [&](FileCollector& files) {
      return files.add_config_map(source.local_object_reference.name, source.items,
                                  source.optional.value_or(false));
    });
  }
  if (volume.volume_source.secret) {
    const api::SecretVolumeSource& source = *volume.volume_source.secret;
    return collect(source.default_mode, [&](FileCollector& files) {
      return files.add_secret(source.secret_name, source.items, source.optional.value_or(false));
    });
  }
  if (volume.volume_source.downward_api) {
    return collect(volume.volume_source.downward_api->default_mode, [&](FileCollector& files) {
      return files.add_downward(volume.volume_source.downward_api->items);
    });
  }
  if (!volume.volume_source.projected) return std::vector<VolumeFile>();
  return collect(
      volume.volume_source.projected->default_mode, [&](FileCollector& files) -> Result<> {
        for (const api::VolumeProjection& source : volume.volume_source.projected->sources) {
          if (source.config_map) {
            INSULA_TRY_VOID(files.add_config_map(source.config_map->local_object_reference.name,
                                                 source.config_map->items,
                                                 source.config_map->optional.value_or(false)));
          } else if (source.secret) {
            INSULA_TRY_VOID(files.add_secret(source.secret->local_object_reference.name,
                                             source.secret->items,
                                             source.secret->optional.value_or(false)));
          } else if (source.downward_api) {
            INSULA_TRY_VOID(files.add_downward(source.downward_api->items));
          } else if (source.service_account_token) {
            INSULA_TRY_VOID(files.add_token(*source.service_account_token));
          } else {
            return fail(ErrorCode::kInvalid,
                        fmt::format("volume \"{}\" has a source that this node does not support",
                                    volume.name));
          }
        }
        return {};
      });
}

Result<> publish_files(const std::string& dir,
                       const std::vector<VolumeFile>& files,
                       VolumeOwner owner) {
  const std::string generation = generation_name(files);
  const std::string link = dir + "/" + std::string(kDataLink);
  std::error_code no_link;
  const std::string before = std::filesystem::read_symlink(link, no_link).string();
  if (before == generation) return {};
  const std::string fresh = dir + "/" + generation;
  INSULA_TRY_VOID(make_dirs(fresh));
  INSULA_TRY_VOID(give_away(fresh, owner));
  for (const VolumeFile& file : files) {
    const std::string path = fresh + "/" + file.path;
    INSULA_TRY_VOID(make_dirs(std::filesystem::path(path).parent_path().string()));
    INSULA_TRY_VOID(write_file(path, file.content, file.mode));
    const mode_t mode = owner.gid != 0 ? file.mode | 0040 : file.mode;
    if (chmod(path.c_str(), mode) != 0) return fail_errno("chmod " + path);
    INSULA_TRY_VOID(give_away(path, owner));
  }
  INSULA_TRY_VOID(switch_link(generation, link));
  INSULA_TRY_VOID(link_names(dir, files));
  return before.empty() ? Result<>() : remove_tree(dir + "/" + before);
}

namespace {

Result<> publish_volume(const std::string& path,
                        const api::Volume& volume,
                        const api::Pod& pod,
                        const ReferencedObjects& objects,
                        const PodFacts& facts,
                        VolumeOwner owner) {
  INSULA_TRY(const std::vector<VolumeFile> files, volume_files(volume, pod, objects, facts));
  return publish_files(path, files, owner);
}

}  // namespace

Result<> set_up_volumes(const std::string& dir,
                        const api::Pod& pod,
                        const ReferencedObjects& objects,
                        const PodFacts& facts,
                        VolumeOwner owner) {
  INSULA_TRY_VOID(make_top(dir, owner));
  for (const api::Volume& volume : pod.spec.volumes) {
    const std::string path = dir + "/" + volume.name;
    if (volume.volume_source.empty_dir) {
      const api::EmptyDirVolumeSource& source = *volume.volume_source.empty_dir;
      const bool lost = source.medium == "Memory" && !is_mount_point(path);
      if (lost || !exists(path)) INSULA_TRY_VOID(make_empty_dir(path, source, owner));
    } else if (volume.volume_source.host_path) {
      INSULA_TRY_VOID(check_host_path(*volume.volume_source.host_path));
    } else if (is_projection(volume)) {
      INSULA_TRY_VOID(make_dirs(path));
      if (holds_secret(volume)) keep_in_memory(path);
      if (Result<> published = publish_volume(path, volume, pod, objects, facts, owner); !published)
        return std::unexpected(std::move(published).error().in(
            fmt::format("MountVolume.SetUp failed for volume \"{}\"", volume.name)));
    } else {
      return fail(
          ErrorCode::kInvalid,
          fmt::format("volume \"{}\" is of a type that this node does not support", volume.name));
    }
  }
  return {};
}

Result<> refresh_volumes(const std::string& dir,
                         const api::Pod& pod,
                         const ReferencedObjects& objects,
                         const PodFacts& facts,
                         VolumeOwner owner) {
  Result<> out;
  for (const api::Volume& volume : pod.spec.volumes) {
    if (!is_projection(volume)) continue;
    Result<> published =
        publish_volume(dir + "/" + volume.name, volume, pod, objects, facts, owner);
    if (!published && out)
      out = std::unexpected(
          std::move(published).error().in(fmt::format("volume \"{}\"", volume.name)));
  }
  return out;
}

void release_volumes(const std::string& dir) {
  for (const std::string& name : names_in(dir)) {
    const std::string path = dir + "/" + name;
    // A volume in memory whose directory is gone is made anew if its pod starts once more.
    if (umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) rmdir(path.c_str());
  }
}

Result<std::vector<Mount>> volume_mounts(const std::string& dir,
                                         const api::Pod& pod,
                                         const api::Container& container,
                                         const std::map<std::string, std::string>& variables) {
  std::vector<Mount> out;
  for (const api::VolumeMount& mount : container.volume_mounts) {
    const auto volume = std::ranges::find(pod.spec.volumes, mount.name, &api::Volume::name);
    if (volume == pod.spec.volumes.end())
      return fail(ErrorCode::kInvalid, fmt::format("no volume \"{}\" in the pod", mount.name));
    const std::string sub_path =
        mount.sub_path_expr.empty() ? mount.sub_path : expanded(mount.sub_path_expr, variables);
    if (!sub_path.empty()) {
      if (!stays_below(sub_path))
        return fail(ErrorCode::kInvalid, fmt::format("subPath \"{}\" leaves its volume", sub_path));
    }
    const bool projection = is_projection(*volume);
    out.push_back({source_of(dir, *volume),
                   mount.mount_path,
                   mount.read_only || projection,
                   sub_path,
                   {},
                   projection});
  }
  return out;
}

}  // namespace insula::node
