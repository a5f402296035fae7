#include "api/rbac.h"

#include <vector>

#include "api/defaults.h"

namespace insula::api {

namespace {

void set_binding_defaults(RoleRef& role, std::vector<Subject>& subjects) {
  if (role.api_group.empty()) role.api_group = kRbacGroup;
  for (Subject& subject : subjects) {
    // Service accounts are of the core group, whose name is empty.
    if (subject.api_group.empty() && (subject.kind == "User" || subject.kind == "Group"))
      subject.api_group = kRbacGroup;
  }
}

}  // namespace

void set_defaults(RoleBinding& object) {
  set_binding_defaults(object.role_ref, object.subjects);
}

void set_defaults(ClusterRoleBinding& object) {
  set_binding_defaults(object.role_ref, object.subjects);
}

}  // namespace insula::api
