#include "controller/selector.h"

#include <algorithm>

namespace insula::controller {

namespace {

bool matches_requirement(const api::LabelSelectorRequirement& requirement, const LabelMap& labels) {
  const auto label = labels.find(requirement.key);
  const bool exists = label != labels.end();
  const bool listed =
      exists && std::ranges::find(requirement.values, label->second) != requirement.values.end();
  if (requirement.operator_ == "In") return listed;
  if (requirement.operator_ == "NotIn") return !listed;
  if (requirement.operator_ == "Exists") return exists;
  if (requirement.operator_ == "DoesNotExist") return !exists;
  return false;
}

}  // namespace

bool contains(const LabelMap& labels, const LabelMap& wanted) {
  return std::ranges::all_of(wanted, [&labels](const auto& entry) {
    const auto it = labels.find(entry.first);
    return it != labels.end() && it->second == entry.second;
  });
}

bool matches(const api::LabelSelector& selector, const LabelMap& labels) {
  return contains(labels, selector.match_labels) &&
         std::ranges::all_of(selector.match_expressions, [&labels](const auto& requirement) {
           return matches_requirement(requirement, labels);
         });
}

}  // namespace insula::controller
