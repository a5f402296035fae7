#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/apply/path_element.h"
#include "base/error.h"

namespace insula::api {

/// A set of fields of an object, each a path of PathElements: what one manager owns.
///
/// A tree: every node is a path, and may or may not be in the set itself. No node is kept that
/// neither is in the set nor leads to one that is, so equal sets are equal trees.
class FieldSet {
 public:
  struct Child;

  FieldSet();
  FieldSet(const FieldSet& other);
  FieldSet(FieldSet&& other) noexcept;
  FieldSet& operator=(const FieldSet& other);
  FieldSet& operator=(FieldSet&& other) noexcept;
  ~FieldSet();

  /// The set of the empty path alone: a leaf to add() somewhere.
  [[nodiscard]] static FieldSet leaf();
  /// The union of what is below each of `children`, which may be in any order, repeat elements and
  /// be empty. Cost: that of sorting, where add() costs a move of all that come behind.
  [[nodiscard]] static FieldSet of(std::vector<Child> children);

  [[nodiscard]] bool empty() const { return !member_ && children_.empty(); }

  /// Whether the path of this node is in the set.
  [[nodiscard]] bool is_member() const { return member_; }

  void set_member(bool member) { member_ = member; }

  /// In canonical order.
  [[nodiscard]] const std::vector<Child>& children() const { return children_; }

  /// What is below `element`, or null.
  [[nodiscard]] const FieldSet* find(const PathElement& element) const;
  [[nodiscard]] const FieldSet* find_field(std::string_view name) const;

  /// Unites `below` with what is below `element`. Fast for elements in their order.
  void add(PathElement element, FieldSet below);

  void unite(const FieldSet& other);
  /// Takes away the paths that are in `other`.
  void subtract(const FieldSet& other);
  /// Takes away the paths that are in `other`, and all that are below one of them.
  void subtract_subtrees(const FieldSet& other);
  [[nodiscard]] FieldSet intersection(const FieldSet& other) const;

  /// Paths in the set, as `.spec.containers[name="a"].image`, in canonical order.
  [[nodiscard]] std::vector<std::string> paths() const;

  bool operator==(const FieldSet& other) const;

 private:
  [[nodiscard]] std::vector<Child>::iterator position(const PathElement& element);
  void collect(const std::string& here, std::vector<std::string>& out) const;

  bool member_ = false;
  std::vector<Child> children_;  // sorted
};

struct FieldSet::Child {
  PathElement at;
  FieldSet below;

  bool operator==(const Child&) const = default;
};

/// The set as FieldsV1, compact and in canonical order. Spec: Kubernetes' FieldsV1.
[[nodiscard]] std::string write_fields_v1(const FieldSet& set);

/// The reverse. Elements that this version does not know are left out, as Kubernetes leaves them.
/// Errors: kBadRequest for what is no FieldsV1.
[[nodiscard]] Result<FieldSet> parse_fields_v1(std::string_view text);

}  // namespace insula::api
