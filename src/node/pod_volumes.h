#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "api/gen/core_v1.h"
#include "base/error.h"
#include "node/pod_facts.h"
#include "node/runtime.h"

namespace insula::node {

/// One file of a ConfigMap, Secret, projected or downward API volume.
struct VolumeFile {
  std::string path;  // relative, without `..`
  std::string content;
  mode_t mode = 0644;

  bool operator==(const VolumeFile&) const = default;
};

/// Whether a volume is one whose content is files made from API objects.
[[nodiscard]] bool is_projection(const api::Volume& volume);

/// The files of such a volume. Errors: kInvalid in the kubelet's words.
[[nodiscard]] Result<std::vector<VolumeFile>> volume_files(const api::Volume& volume,
                                                           const api::Pod& pod,
                                                           const ReferencedObjects& objects,
                                                           const PodFacts& facts);

/// Who may read what is written, besides root of the container.
struct VolumeOwner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool change = false;  // leave the agent's own user
  /// The directory of all volumes: closed to the machine's users. A group that containers reach it
  /// with may pass through.
  mode_t top_mode = 0700;
  std::optional<std::uint32_t> top_group = {};
};

/// Puts `files` into `dir` in one step: a reader sees all of the old or all of the new.
///
/// The files are in a directory named after their content, `..data` is a link to it, and each name
/// is a link into `..data`, which is switched by one rename. Same content: nothing is touched.
Result<> publish_files(const std::string& dir,
                       const std::vector<VolumeFile>& files,
                       VolumeOwner owner);

/// Makes the directories of the pod's volumes below `dir`. Those with Secrets and tokens are kept
/// in memory where the agent may mount. Blocking. Errors: kInvalid for volumes that this node
/// cannot provide, and what publish_files() reports.
Result<> set_up_volumes(const std::string& dir,
                        const api::Pod& pod,
                        const ReferencedObjects& objects,
                        const PodFacts& facts,
                        VolumeOwner owner);

/// Brings the files of the pod's ConfigMap, Secret, projected and downward API volumes up to date,
/// as publish_files() does. A volume whose files cannot be made now keeps those it has. Blocking.
/// Errors: the first, after all volumes have been tried.
Result<> refresh_volumes(const std::string& dir,
                         const api::Pod& pod,
                         const ReferencedObjects& objects,
                         const PodFacts& facts,
                         VolumeOwner owner);

/// Unmounts what set_up_volumes() mounted; the files go with the directory.
void release_volumes(const std::string& dir);

/// A container's mounts of the pod's volumes. Errors: kInvalid for an unknown volume or a subPath
/// with `..`.
[[nodiscard]] Result<std::vector<Mount>> volume_mounts(
    const std::string& dir,
    const api::Pod& pod,
    const api::Container& container,
    const std::map<std::string, std::string>& variables);

}  // namespace insula::node
