#include "controllers/deployment/plan.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "controller/owner.h"
#include "controllers/deployment/status.h"

namespace insula::controllers {

namespace {

// Annotations of a deployment that are about the deployment itself.
bool is_private_annotation(const std::string& name) {
  static constexpr std::string_view kPrivate[] = {
      "kubectl.kubernetes.io/last-applied-configuration",
      kRevisionAnnotation,
      kDesiredAnnotation,
      kMaxAnnotation,
      "deployment.kubernetes.io/revision-history",
      "deprecated.deployment.rollback.to"};
  return std::ranges::find(kPrivate, name) != std::end(kPrivate);
}

std::int32_t size_of(const api::ReplicaSet& set) {
  return set.spec.replicas.value_or(1);
}

// The planning of one deployment: what was observed, sorted, and the sets as they should become.
class Planner {
 public:
  Planner(const ObservedDeployment& observed, WallTime now)
      : deployment_(observed.deployment),
        now_(now),
        old_pods_left_(observed.old_pods_left),
        old_(observed.sets) {
    std::ranges::sort(old_, [](const SetPtr& a, const SetPtr& b) {
      return std::pair(a->metadata.creation_timestamp, a->metadata.name) <
             std::pair(b->metadata.creation_timestamp, b->metadata.name);
    });
    new_ = find_new_set(deployment_, old_);
    std::erase(old_, new_);
  }

  DeploymentPlan plan() && {
    plan_.status = deployment_status(deployment_, new_, old_, now_);
    if (deployment_.metadata.deletion_timestamp) return std::move(plan_);
    number_revision();
    std::vector<SetPtr> all = old_;
    if (new_) all.push_back(new_);
    if (deployment_.spec.paused || needs_rescale(deployment_, all)) {
      for (const SetSize& size : rescale(deployment_, new_, old_))
        resize(size);
      if (deployment_.spec.paused) trim_history();
    } else if (is_rolling(deployment_)) {
      plan_rolling();
    } else {
      plan_recreate();
    }
    finish();
    return std::move(plan_);
  }

 private:
  void plan_rolling() {
    if (!new_) return create_new();
    for (const SetSize& size : roll(deployment_, new_, old_))
      resize(size);
    if (is_complete(deployment_, plan_.status)) trim_history();
  }

  void plan_recreate() {
    bool waiting = old_pods_left_;
    for (const SetPtr& set : old_) {
      if (size_of(*set) == 0) continue;
      resize({set, 0});
      waiting = true;
    }
    if (waiting) return;
    if (!new_) return create_new();
    if (size_of(*new_) != wanted_replicas(deployment_))
      resize({new_, wanted_replicas(deployment_)});
    if (is_complete(deployment_, plan_.status)) trim_history();
  }

  // The new set has the highest number; a rollback gives an old set a new one.
  void number_revision() {
    std::int64_t highest = 0;
    for (const SetPtr& set : old_)
      highest = std::max(highest, revision_annotation(set->metadata));
    // Anybody may write them; the highest there is has no successor.
    highest = std::min(highest, std::numeric_limits<std::int64_t>::max() - 1);
    revision_ = std::max(highest + 1, new_ ? revision_annotation(new_->metadata) : 0);
    if (!new_) return;
    api::ReplicaSet& next = edit(new_);
    annotate_new(next.metadata.annotations);
    next.spec.min_ready_seconds = deployment_.spec.min_ready_seconds;
    const std::string text = std::to_string(revision_);
    const auto mine = deployment_.metadata.annotations.find(std::string(kRevisionAnnotation));
    if (mine == deployment_.metadata.annotations.end() || mine->second != text)
      plan_.revision = text;
    if (find_condition(plan_.status, "Progressing") == nullptr &&
        deployment_.spec.progress_deadline_seconds) {
      set_condition(
          plan_.status,
          make_condition("Progressing", "True", "FoundNewReplicaSet",
                         fmt::format("Found new replica set \"{}\"", new_->metadata.name)),
          now_);
    }
  }

  void annotate_new(std::map<std::string, std::string>& annotations) const {
    for (const auto& [name, value] : deployment_.metadata.annotations) {
      if (!is_private_annotation(name)) annotations[name] = value;
    }
    annotations[std::string(kRevisionAnnotation)] = std::to_string(revision_);
  }

  void annotate_sizes(std::map<std::string, std::string>& annotations) const {
    const std::int32_t wanted = wanted_replicas(deployment_);
    annotations[std::string(kDesiredAnnotation)] = std::to_string(wanted);
    annotations[std::string(kMaxAnnotation)] =
        std::to_string(wanted + bounds_of(deployment_).surge);
  }

  void create_new() {
    api::ReplicaSet set;
    const std::string hash =
        template_hash(deployment_.spec.template_, deployment_.status.collision_count.value_or(0));
    const std::string label(kTemplateHashLabel);
    set.metadata.namespace_ = deployment_.metadata.namespace_;
    set.metadata.name = deployment_.metadata.name + "-" + hash;
    set.metadata.labels = deployment_.spec.template_.metadata.labels;
    set.metadata.labels[label] = hash;
    set.metadata.owner_references.push_back(controller::controlled_by(deployment_));
    annotate_new(set.metadata.annotations);
    annotate_sizes(set.metadata.annotations);
    set.spec.replicas = first_size(deployment_, old_);
    set.spec.min_ready_seconds = deployment_.spec.min_ready_seconds;
    set.spec.selector = deployment_.spec.selector;
    set.spec.selector->match_labels[label] = hash;
    set.spec.template_ = deployment_.spec.template_;
    set.spec.template_.metadata.labels[label] = hash;
    if (size_of(set) > 0) {
      plan_.events.push_back(
          fmt::format("Scaled up replica set {} from 0 to {}", set.metadata.name, size_of(set)));
    }
    if (deployment_.spec.progress_deadline_seconds) {
      set_condition(
          plan_.status,
          make_condition("Progressing", "True", "NewReplicaSetCreated",
                         fmt::format("Created new replica set \"{}\"", set.metadata.name)),
          now_);
    }
    plan_.revision = std::to_string(revision_);
    plan_.create = std::move(set);
  }

  void resize(const SetSize& size) {
    const std::int32_t before = size_of(*size.set);
    api::ReplicaSet& next = edit(size.set);
    next.spec.replicas = size.replicas;
    annotate_sizes(next.metadata.annotations);
    if (size.replicas == before) return;
    plan_.events.push_back(fmt::format("Scaled {} replica set {} from {} to {}",
                                       size.replicas > before ? "up" : "down",
                                       size.set->metadata.name, before, size.replicas));
  }

  void trim_history() {
    const std::int32_t keep =
        deployment_.spec.revision_history_limit.value_or(kRevisionHistoryDefault);
    std::vector<SetPtr> empty;
    std::ranges::copy_if(old_, std::back_inserter(empty), [](const SetPtr& set) {
      return size_of(*set) == 0 && set->status.replicas == 0 && !set->metadata.deletion_timestamp &&
             set->status.observed_generation >= set->metadata.generation;
    });
    const auto surplus = static_cast<std::int64_t>(empty.size()) - keep;
    if (surplus <= 0) return;
    std::ranges::sort(empty, {}, [](const SetPtr& set) {
      return std::pair(revision_annotation(set->metadata), std::string_view(set->metadata.name));
    });
    plan_.remove.assign(empty.begin(), empty.begin() + surplus);
  }

  api::ReplicaSet& edit(const SetPtr& set) {
    const auto it = std::ranges::find(edited_, set, &Edited::set);
    if (it != edited_.end()) return it->next;
    return edited_.emplace_back(Edited{set, *set}).next;
  }

  void finish() {
    for (Edited& edited : edited_) {
      const bool removed = std::ranges::find(plan_.remove, edited.set) != plan_.remove.end();
      if (!removed && !(edited.next == *edited.set)) plan_.update.push_back(std::move(edited.next));
    }
    if (const auto deadline = progress_deadline(deployment_, plan_.status)) {
      // A second later, so that the deadline has passed however the times are rounded.
      plan_.again_after = std::max(std::chrono::seconds(0),
                                   std::chrono::ceil<std::chrono::seconds>(*deadline - now_)) +
                          std::chrono::seconds(1);
    }
  }

  struct Edited {
    SetPtr set;
    api::ReplicaSet next;
  };

  const api::Deployment& deployment_;
  WallTime now_;
  bool old_pods_left_;
  std::vector<SetPtr> old_;  // oldest first
  SetPtr new_;
  std::int64_t revision_ = 0;
  std::vector<Edited> edited_;
  DeploymentPlan plan_;
};

}  // namespace

SetPtr find_new_set(const api::Deployment& deployment, const std::vector<SetPtr>& sets) {
  SetPtr found;
  for (const SetPtr& set : sets) {
    if (!same_template(set->spec.template_, deployment.spec.template_)) continue;
    if (!found || set->metadata.creation_timestamp < found->metadata.creation_timestamp)
      found = set;
  }
  return found;
}

DeploymentPlan plan_deployment(const ObservedDeployment& observed, WallTime now) {
  return Planner(observed, now).plan();
}

}  // namespace insula::controllers
