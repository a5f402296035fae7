#include "apiserver/service_account_admission.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "apiserver/admission.h"
#include "apiserver/object.h"

namespace insula::apiserver {

namespace {

constexpr std::string_view kVolumePrefix = "kube-api-access-";
/// As in Kubernetes, whose clients renew what lasts about an hour.
constexpr std::int64_t kTokenSeconds = 3607;
constexpr std::int32_t kFileMode = 0644;

bool wants_token(const api::Pod& pod, const api::ServiceAccount* account) {
  if (pod.spec.automount_service_account_token) return *pod.spec.automount_service_account_token;
  return account == nullptr || account->automount_service_account_token.value_or(true);
}

bool mounts_something_there(const api::Container& container) {
  return std::ranges::any_of(container.volume_mounts, [](const api::VolumeMount& mount) {
    return mount.mount_path == kTokenMountPath;
  });
}

/// Five characters of Kubernetes' alphabet for names, which the pod's uid decides.
std::string suffix_of(std::string_view uid) {
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  constexpr std::size_t kLength = 5;
  std::string suffix;
  unsigned pair = 0;
  for (std::size_t i = 0; i < uid.size() && suffix.size() < kLength; ++i) {
    pair = pair * 16 + static_cast<unsigned char>(uid[i]) % 16;
    if (i % 2 == 1) suffix += kAlphabet[std::exchange(pair, 0U) % kAlphabet.size()];
  }
  return suffix;
}

api::Volume token_volume(std::string name) {
  api::Volume volume;
  volume.name = std::move(name);
  api::ProjectedVolumeSource& projected = volume.volume_source.projected.emplace();
  projected.default_mode = kFileMode;
  api::ServiceAccountTokenProjection& token =
      projected.sources.emplace_back().service_account_token.emplace();
  token.expiration_seconds = kTokenSeconds;
  token.path = "token";
  api::ConfigMapProjection& authority = projected.sources.emplace_back().config_map.emplace();
  authority.local_object_reference.name = "kube-root-ca.crt";
  api::KeyToPath& certificate = authority.items.emplace_back();
  certificate.key = "ca.crt";
  certificate.path = "ca.crt";
  api::DownwardAPIVolumeFile& name_space =
      projected.sources.emplace_back().downward_api.emplace().items.emplace_back();
  name_space.path = "namespace";
  api::ObjectFieldSelector& field = name_space.field_ref.emplace();
  field.api_version = "v1";
  field.field_path = "metadata.namespace";
  return volume;
}

/// The name of the pod's volume for it: one it brought along, or a new one.
std::string volume_name(const api::Pod& pod) {
  const auto found = std::ranges::find_if(pod.spec.volumes, [](const api::Volume& volume) {
    return volume.volume_source.projected && volume.name.starts_with(kVolumePrefix);
  });
  return found != pod.spec.volumes.end() ? found->name
                                         : std::string(kVolumePrefix) + suffix_of(pod.metadata.uid);
}

void mount_token(api::Pod& pod) {
  const std::string name = volume_name(pod);
  bool mounted = false;
  for (std::vector<api::Container>* containers :
       {&pod.spec.init_containers, &pod.spec.containers}) {
    for (api::Container& container : *containers) {
      if (mounts_something_there(container)) continue;
      api::VolumeMount& mount = container.volume_mounts.emplace_back();
      mount.name = name;
      mount.read_only = true;
      mount.mount_path = kTokenMountPath;
      mounted = true;
    }
  }
  const bool there =
      std::ranges::find(pod.spec.volumes, name, &api::Volume::name) != pod.spec.volumes.end();
  if (mounted && !there) pod.spec.volumes.push_back(token_volume(name));
}

}  // namespace

Result<> admit_service_account(const store::Transaction& transaction,
                               const api::Kind& kind,
                               api::Pod& pod) {
  std::string& name = pod.spec.service_account_name;
  if (name.empty()) name = "default";
  pod.spec.service_account = name;
  const std::string& name_space = pod.metadata.namespace_;
  const store::EntryPtr entry =
      transaction.find(store_key(api::kind_of<api::ServiceAccount>(), name_space, name));
  if (!entry && name != "default") {
    return forbidden(kind, pod.metadata.name,
                     fmt::format("error looking up service account {}/{}: serviceaccount \"{}\" "
                                 "not found",
                                 name_space, name, name));
  }
  const auto account =
      entry ? object_of<api::ServiceAccount>(*entry) : std::shared_ptr<const api::ServiceAccount>();
  if (wants_token(pod, account.get())) mount_token(pod);
  return {};
}

}  // namespace insula::apiserver
