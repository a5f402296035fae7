#include <fmt/format.h>

#include "api/columns/columns.h"

namespace insula::api {

namespace {

constexpr Column kRoleColumns[] = {
    kNameColumn,
    {"Created At", "date", "", "When the object was made."},
};

constexpr Column kRoleBindingColumns[] = {
    kNameColumn,
    {"Role", "string", "", "The role whose rights are given."},
    kAgeColumn,
    {"Users", "string", "", "Users who get them.", 1},
    {"Groups", "string", "", "Groups who get them.", 1},
    {"ServiceAccounts", "string", "", "Service accounts who get them.", 1},
};

/// The subjects of one kind, as `a, b`.
std::string subjects_text(const std::vector<Subject>& subjects, std::string_view kind) {
  std::string text;
  for (const Subject& subject : subjects) {
    if (subject.kind != kind) continue;
    if (!text.empty()) text += ", ";
    text += kind == "ServiceAccount" ? subject.namespace_ + "/" + subject.name : subject.name;
  }
  return text;
}

std::vector<Cell> binding_cells(const ObjectMeta& metadata,
                                const RoleRef& role,
                                const std::vector<Subject>& subjects,
                                WallTime now) {
  return {metadata.name,
          fmt::format("{}/{}", role.kind, role.name),
          age(metadata.creation_timestamp, now),
          subjects_text(subjects, "User"),
          subjects_text(subjects, "Group"),
          subjects_text(subjects, "ServiceAccount")};
}

}  // namespace

std::span<const Column> role_columns() {
  return kRoleColumns;
}

std::vector<Cell> cells(const Role& object, WallTime) {
  return {object.metadata.name, object.metadata.creation_timestamp.text()};
}

std::vector<Cell> cells(const ClusterRole& object, WallTime) {
  return {object.metadata.name, object.metadata.creation_timestamp.text()};
}

std::span<const Column> role_binding_columns() {
  return kRoleBindingColumns;
}

std::vector<Cell> cells(const RoleBinding& object, WallTime now) {
  return binding_cells(object.metadata, object.role_ref, object.subjects, now);
}

std::vector<Cell> cells(const ClusterRoleBinding& object, WallTime now) {
  return binding_cells(object.metadata, object.role_ref, object.subjects, now);
}

}  // namespace insula::api
