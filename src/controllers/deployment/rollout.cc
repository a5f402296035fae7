#include "controllers/deployment/rollout.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "api/codec.h"
#include "base/number.h"
#include "controllers/scaled.h"

namespace insula::controllers {

namespace {

std::int32_t size_of(const SetPtr& set) {
  return set->spec.replicas.value_or(1);
}

std::int32_t total(const std::vector<SetPtr>& sets) {
  std::int32_t sum = 0;
  for (const SetPtr& set : sets)
    sum += size_of(set);
  return sum;
}

std::int32_t resolve(const std::optional<api::IntOrString>& value,
                     std::int32_t fallback,
                     std::int32_t of,
                     Rounding rounding) {
  return value ? scaled(*value, of, rounding) : fallback;
}

template <class Number>
std::optional<Number> number_annotation(const api::ObjectMeta& metadata, std::string_view name) {
  const auto it = metadata.annotations.find(std::string(name));
  if (it == metadata.annotations.end()) return std::nullopt;
  return parse_whole<Number>(it->second);
}

std::vector<SetPtr> active(const std::vector<SetPtr>& sets) {
  std::vector<SetPtr> found;
  std::ranges::copy_if(sets, std::back_inserter(found),
                       [](const SetPtr& set) { return size_of(set) > 0; });
  return found;
}

void resize(std::vector<SetSize>& sizes, const SetPtr& set, std::int32_t replicas) {
  for (SetSize& size : sizes) {
    if (size.set == set) {
      size.replicas = replicas;
      return;
    }
  }
  sizes.push_back({set, replicas});
}

// Pods of old sets that do not work are no loss: they go first.
void remove_unhealthy(const std::vector<SetPtr>& old_sets,
                      std::int32_t most,
                      std::vector<SetSize>& sizes) {
  for (const SetPtr& set : old_sets) {
    if (most <= 0) return;
    const std::int32_t unhealthy = size_of(set) - set->status.available_replicas;
    const std::int32_t down = std::min(most, unhealthy);
    if (down <= 0) continue;
    resize(sizes, set, size_of(set) - down);
    most -= down;
  }
}

std::int32_t current_size(const std::vector<SetSize>& sizes, const SetPtr& set) {
  const auto it = std::ranges::find(sizes, set, &SetSize::set);
  return it == sizes.end() ? size_of(set) : it->replicas;
}

void shrink_old(const api::Deployment& deployment,
                const SetPtr& new_set,
                const std::vector<SetPtr>& old_sets,
                std::vector<SetSize>& sizes) {
  const std::int32_t least = wanted_replicas(deployment) - bounds_of(deployment).unavailable;
  const std::int32_t new_unavailable = size_of(new_set) - new_set->status.available_replicas;
  const std::int32_t most = total(old_sets) + size_of(new_set) - least - new_unavailable;
  if (total(old_sets) == 0 || most <= 0) return;
  remove_unhealthy(old_sets, most, sizes);

  std::int32_t available = new_set->status.available_replicas;
  for (const SetPtr& set : old_sets) {
    available += std::min(set->status.available_replicas, current_size(sizes, set));
  }
  std::int32_t spare = available - least;
  for (const SetPtr& set : old_sets) {
    if (spare <= 0) return;
    const std::int32_t size = current_size(sizes, set);
    const std::int32_t down = std::min(spare, size);
    if (down <= 0) continue;
    resize(sizes, set, size - down);
    spare -= down;
  }
}

bool is_saturated(const api::Deployment& deployment, const SetPtr& new_set) {
  const std::int32_t wanted = wanted_replicas(deployment);
  return new_set && size_of(new_set) == wanted && new_set->status.available_replicas == wanted &&
         number_annotation<std::int32_t>(new_set->metadata, kDesiredAnnotation) == wanted;
}

// The one set that has pods, or that would get them; null when there are several.
SetPtr only_active(const SetPtr& new_set, const std::vector<SetPtr>& old_sets) {
  std::vector<SetPtr> sets = active(old_sets);
  if (new_set && size_of(new_set) > 0) sets.push_back(new_set);
  if (sets.size() > 1) return nullptr;
  if (sets.size() == 1) return sets.front();
  if (new_set) return new_set;
  return old_sets.empty() ? nullptr : old_sets.back();
}

std::int32_t share(const api::Deployment& deployment, const SetPtr& set, std::int32_t left) {
  if (size_of(set) == 0 || left == 0) return 0;
  const double full = wanted_replicas(deployment) + bounds_of(deployment).surge;
  const std::int32_t before = number_annotation<std::int32_t>(set->metadata, kMaxAnnotation)
                                  .value_or(std::max(deployment.status.replicas, 1));
  const auto fair =
      static_cast<std::int32_t>(std::lround(size_of(set) * full / std::max(before, 1))) -
      size_of(set);
  return left > 0 ? std::min(std::max(fair, 0), left) : std::max(std::min(fair, 0), left);
}

std::vector<SetSize> spread(const api::Deployment& deployment, std::vector<SetPtr> sets) {
  const std::int32_t wanted = wanted_replicas(deployment);
  const std::int32_t allowed = wanted > 0 ? wanted + bounds_of(deployment).surge : 0;
  const std::int32_t change = allowed - total(sets);
  // Growth favours the newest of equals, shrinking the oldest.
  std::ranges::sort(sets, [change](const SetPtr& a, const SetPtr& b) {
    if (size_of(a) != size_of(b)) return size_of(a) > size_of(b);
    const std::pair age_a(a->metadata.creation_timestamp, std::string_view(a->metadata.name));
    const std::pair age_b(b->metadata.creation_timestamp, std::string_view(b->metadata.name));
    return change > 0 ? age_a > age_b : age_a < age_b;
  });
  std::vector<SetSize> sizes;
  std::int32_t left = change;
  for (const SetPtr& set : sets) {
    const std::int32_t part = share(deployment, set, left);
    sizes.push_back({set, size_of(set) + part});
    left -= part;
  }
  if (!sizes.empty()) sizes.front().replicas = std::max(0, sizes.front().replicas + left);
  return sizes;
}

}  // namespace

bool is_rolling(const api::Deployment& deployment) {
  return deployment.spec.strategy.type != "Recreate";
}

std::int32_t wanted_replicas(const api::Deployment& deployment) {
  return deployment.spec.replicas.value_or(1);
}

RolloutBounds bounds_of(const api::Deployment& deployment) {
  if (!is_rolling(deployment)) return {};
  const std::int32_t wanted = wanted_replicas(deployment);
  std::optional<api::IntOrString> surge(api::IntOrString("25%"));
  std::optional<api::IntOrString> unavailable(api::IntOrString("25%"));
  if (deployment.spec.strategy.rolling_update) {
    surge = deployment.spec.strategy.rolling_update->max_surge;
    unavailable = deployment.spec.strategy.rolling_update->max_unavailable;
  }
  RolloutBounds bounds{resolve(surge, 0, wanted, Rounding::kUp),
                       resolve(unavailable, 0, wanted, Rounding::kDown)};
  if (bounds.surge == 0 && bounds.unavailable == 0) bounds.unavailable = 1;
  bounds.unavailable = std::min(bounds.unavailable, wanted);
  return bounds;
}

std::string template_hash(const api::PodTemplateSpec& pod_template, std::int32_t collisions) {
  constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  constexpr std::uint32_t kPrime = 16777619;  // FNV-1a, 32 bits
  std::uint32_t hash = 2166136261;
  std::string text = api::encode_json(pod_template);
  if (collisions > 0) text += std::to_string(collisions);
  for (const char c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  std::string name;
  for (const char digit : std::to_string(hash)) {
    name += kLetters[static_cast<std::size_t>(digit) % kLetters.size()];
  }
  return name;
}

bool same_template(const api::PodTemplateSpec& a, const api::PodTemplateSpec& b) {
  if (!(a.spec == b.spec)) return false;
  api::ObjectMeta left = a.metadata;
  api::ObjectMeta right = b.metadata;
  left.labels.erase(std::string(kTemplateHashLabel));
  right.labels.erase(std::string(kTemplateHashLabel));
  return left == right;
}

std::int64_t revision_annotation(const api::ObjectMeta& metadata) {
  return number_annotation<std::int64_t>(metadata, kRevisionAnnotation).value_or(0);
}

std::int32_t first_size(const api::Deployment& deployment, const std::vector<SetPtr>& old_sets) {
  const std::int32_t wanted = wanted_replicas(deployment);
  if (!is_rolling(deployment)) return wanted;
  const std::int32_t room = wanted + bounds_of(deployment).surge - total(old_sets);
  return std::clamp(room, 0, wanted);
}

std::vector<SetSize> roll(const api::Deployment& deployment,
                          const SetPtr& new_set,
                          const std::vector<SetPtr>& old_sets) {
  std::vector<SetSize> sizes;
  const std::int32_t wanted = wanted_replicas(deployment);
  const std::int32_t size = size_of(new_set);
  if (size > wanted) {
    resize(sizes, new_set, wanted);
    return sizes;
  }
  if (size < wanted) {
    const std::int32_t room = wanted + bounds_of(deployment).surge - total(old_sets) - size;
    if (room > 0) {
      resize(sizes, new_set, size + std::min(room, wanted - size));
      return sizes;
    }
  }
  shrink_old(deployment, new_set, old_sets, sizes);
  return sizes;
}

bool needs_rescale(const api::Deployment& deployment, const std::vector<SetPtr>& sets) {
  return std::ranges::any_of(active(sets), [&deployment](const SetPtr& set) {
    const auto desired = number_annotation<std::int32_t>(set->metadata, kDesiredAnnotation);
    return desired && *desired != wanted_replicas(deployment);
  });
}

std::vector<SetSize> rescale(const api::Deployment& deployment,
                             const SetPtr& new_set,
                             const std::vector<SetPtr>& old_sets) {
  const std::int32_t wanted = wanted_replicas(deployment);
  if (const SetPtr only = only_active(new_set, old_sets)) return {{only, wanted}};
  std::vector<SetSize> sizes;
  if (is_saturated(deployment, new_set)) {
    for (const SetPtr& set : active(old_sets))
      sizes.push_back({set, 0});
    return sizes;
  }
  if (!is_rolling(deployment)) return sizes;
  std::vector<SetPtr> sets = active(old_sets);
  if (new_set && size_of(new_set) > 0) sets.push_back(new_set);
  return spread(deployment, std::move(sets));
}

}  // namespace insula::controllers
