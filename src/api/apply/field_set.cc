#include "api/apply/field_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace insula::api {

FieldSet::FieldSet() = default;
FieldSet::FieldSet(const FieldSet& other) = default;
FieldSet::FieldSet(FieldSet&& other) noexcept = default;
FieldSet& FieldSet::operator=(const FieldSet& other) = default;
FieldSet& FieldSet::operator=(FieldSet&& other) noexcept = default;
FieldSet::~FieldSet() = default;

bool FieldSet::operator==(const FieldSet& other) const = default;

FieldSet FieldSet::leaf() {
  FieldSet out;
  out.member_ = true;
  return out;
}

FieldSet FieldSet::of(std::vector<Child> children) {
  std::erase_if(children, [](const Child& child) { return child.below.empty(); });
  if (!std::ranges::is_sorted(children, {}, &Child::at))
    std::ranges::sort(children, {}, &Child::at);
  FieldSet out;
  out.children_.reserve(children.size());
  for (Child& child : children)
    out.add(std::move(child.at), std::move(child.below));
  return out;
}

std::vector<FieldSet::Child>::iterator FieldSet::position(const PathElement& element) {
  // Sets are mostly built in their order.
  if (children_.empty() || children_.back().at < element) return children_.end();
  return std::ranges::lower_bound(children_, element, {}, &Child::at);
}

const FieldSet* FieldSet::find(const PathElement& element) const {
  const auto at = std::ranges::lower_bound(children_, element, {}, &Child::at);
  return at != children_.end() && at->at == element ? &at->below : nullptr;
}

const FieldSet* FieldSet::find_field(std::string_view name) const {
  return find(PathElement::field(name));
}

void FieldSet::add(PathElement element, FieldSet below) {
  if (below.empty()) return;
  const auto at = position(element);
  if (at != children_.end() && at->at == element) {
    at->below.unite(below);
  } else {
    children_.insert(at, Child{std::move(element), std::move(below)});
  }
}

void FieldSet::unite(const FieldSet& other) {
  member_ = member_ || other.member_;
  if (other.children_.empty()) return;
  std::vector<Child> merged;
  merged.reserve(children_.size() + other.children_.size());
  auto mine = children_.begin();
  for (const Child& theirs : other.children_) {
    for (; mine != children_.end() && mine->at < theirs.at; ++mine)
      merged.push_back(std::move(*mine));
    if (mine != children_.end() && mine->at == theirs.at) {
      mine->below.unite(theirs.below);
      merged.push_back(std::move(*mine++));
    } else {
      merged.push_back(theirs);
    }
  }
  std::move(mine, children_.end(), std::back_inserter(merged));
  children_ = std::move(merged);
}

void FieldSet::subtract(const FieldSet& other) {
  if (other.member_) member_ = false;
  if (other.children_.empty()) return;
  std::erase_if(children_, [&other](Child& child) {
    const FieldSet* taken = other.find(child.at);
    if (taken == nullptr) return false;
    child.below.subtract(*taken);
    return child.below.empty();
  });
}

void FieldSet::subtract_subtrees(const FieldSet& other) {
  std::erase_if(children_, [&other](Child& child) {
    const FieldSet* taken = other.find(child.at);
    if (taken == nullptr) return false;
    if (taken->member_) return true;
    child.below.subtract_subtrees(*taken);
    return child.below.empty();
  });
}

FieldSet FieldSet::intersection(const FieldSet& other) const {
  FieldSet out;
  out.member_ = member_ && other.member_;
  for (const Child& child : children_) {
    const FieldSet* shared = other.find(child.at);
    if (shared != nullptr) out.add(child.at, child.below.intersection(*shared));
  }
  return out;
}

void FieldSet::collect(const std::string& here, std::vector<std::string>& out) const {
  if (member_) out.push_back(here);
  for (const Child& child : children_)
    child.below.collect(here + child.at.shown(), out);
}

std::vector<std::string> FieldSet::paths() const {
  std::vector<std::string> out;
  collect({}, out);
  return out;
}

}  // namespace insula::api
