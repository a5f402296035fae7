#include "api/custom/definition.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace insula::api {

namespace {

CustomResourceDefinitionCondition condition(std::string_view type,
                                            std::string_view status,
                                            std::string_view reason,
                                            std::string message,
                                            Time now) {
  CustomResourceDefinitionCondition out;
  out.type = type;
  out.status = status;
  out.reason = reason;
  out.message = std::move(message);
  out.last_transition_time = now;
  return out;
}

/// Names that others of the group go by.
struct Taken {
  std::set<std::string, std::less<>> resources;
  std::set<std::string, std::less<>> kinds;

  void add(const CustomResourceDefinitionNames& names) {
    for (const std::string& name : {names.plural, names.singular})
      if (!name.empty()) resources.insert(name);
    resources.insert(names.short_names.begin(), names.short_names.end());
    for (const std::string& name : {names.kind, names.list_kind})
      if (!name.empty()) kinds.insert(name);
  }
};

/// Takes the names that are free; keeps what was accepted before in place of those that are not.
class Acceptance {
 public:
  explicit Acceptance(Taken taken) : taken_(std::move(taken)) {}

  void resource(const std::string& wanted, std::string& accepted, const char* reason) {
    accept(taken_.resources, wanted, accepted, reason);
  }

  void kind(const std::string& wanted, std::string& accepted, const char* reason) {
    accept(taken_.kinds, wanted, accepted, reason);
  }

  void short_names(const std::vector<std::string>& wanted, std::vector<std::string>& accepted) {
    const auto taken = std::ranges::find_if(
        wanted, [this](const std::string& name) { return taken_.resources.contains(name); });
    if (taken == wanted.end()) {
      accepted = wanted;
    } else {
      refuse(*taken, "ShortNamesConflict");
    }
  }

  [[nodiscard]] const std::string& reason() const { return reason_; }

  [[nodiscard]] const std::string& message() const { return message_; }

 private:
  void accept(const std::set<std::string, std::less<>>& taken,
              const std::string& wanted,
              std::string& accepted,
              const char* reason) {
    if (!taken.contains(wanted)) {
      accepted = wanted;
    } else {
      refuse(wanted, reason);
    }
  }

  void refuse(const std::string& name, const char* reason) {
    reason_ = reason;
    message_ = fmt::format("\"{}\" is already in use", name);
  }

  Taken taken_;
  std::string reason_;
  std::string message_;
};

}  // namespace

bool has_condition(const CustomResourceDefinition& definition, std::string_view type) {
  return std::ranges::any_of(definition.status.conditions, [type](const auto& condition) {
    return condition.type == type && condition.status == "True";
  });
}

bool converts_by_webhook(const CustomResourceDefinition& definition) {
  return definition.spec.conversion && definition.spec.conversion->strategy == "Webhook";
}

void set_condition(CustomResourceDefinition& definition,
                   CustomResourceDefinitionCondition condition) {
  auto& conditions = definition.status.conditions;
  const auto it =
      std::ranges::find(conditions, condition.type, &CustomResourceDefinitionCondition::type);
  if (it == conditions.end()) {
    conditions.push_back(std::move(condition));
    return;
  }
  if (it->status == condition.status) condition.last_transition_time = it->last_transition_time;
  *it = std::move(condition);
}

void accept_names(CustomResourceDefinition& definition,
                  std::span<const CustomResourceDefinition* const> others,
                  Time now) {
  Taken taken;
  for (const CustomResourceDefinition* other : others) {
    if (other->spec.group == definition.spec.group &&
        other->metadata.name != definition.metadata.name)
      taken.add(other->status.accepted_names);
  }
  const CustomResourceDefinitionNames& wanted = definition.spec.names;
  CustomResourceDefinitionNames& accepted = definition.status.accepted_names;
  Acceptance acceptance(std::move(taken));
  acceptance.resource(wanted.plural, accepted.plural, "PluralConflict");
  acceptance.resource(wanted.singular, accepted.singular, "SingularConflict");
  acceptance.short_names(wanted.short_names, accepted.short_names);
  acceptance.kind(wanted.kind, accepted.kind, "KindConflict");
  acceptance.kind(wanted.list_kind, accepted.list_kind, "ListKindConflict");
  accepted.categories = wanted.categories;
  if (!acceptance.reason().empty()) {
    set_condition(definition, condition(kNamesAccepted, "False", acceptance.reason(),
                                        acceptance.message(), now));
    if (is_established(definition)) return;
    set_condition(definition, condition(kEstablished, "False", "NotAccepted",
                                        "not all names are accepted", now));
    return;
  }
  set_condition(definition,
                condition(kNamesAccepted, "True", "NoConflicts", "no conflicts found", now));
  set_condition(definition, condition(kEstablished, "True", "InitialNamesAccepted",
                                      "the initial names have been accepted", now));
}

void mark_terminating(CustomResourceDefinition& definition, Time now) {
  auto& finalizers = definition.metadata.finalizers;
  if (std::ranges::find(finalizers, kCustomResourceCleanup) == finalizers.end())
    finalizers.emplace_back(kCustomResourceCleanup);
  set_condition(definition,
                condition(kTerminating, "True", "InstanceDeletionPending",
                          "CustomResourceDefinition marked for deletion; CustomResource deletion "
                          "will begin soon",
                          now));
}

}  // namespace insula::api
