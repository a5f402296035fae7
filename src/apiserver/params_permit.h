#pragma once

#include "api/custom/kind_catalog.h"
#include "apiserver/authorizer.h"
#include "apiserver/registry.h"
#include "apiserver/user.h"

namespace insula::apiserver {

/// Keeps users from reading by an admission policy what they may not read: its expressions see
/// their params, and can put them into messages and objects.
///
///   policy    with a paramKind: the user may get all objects of that kind
///   binding   with a paramRef: the user may get that object, or list the selected ones
///
/// Only what a change adds is looked at.
/// Errors of the permit: kInvalid in Kubernetes' words.
/// Lifetime: authorizer and catalog outlive the permit.
/// Spec: Kubernetes, "Validating Admission Policy", "Mutating Admission Policy" (authorization of
/// paramKind and paramRef).
[[nodiscard]] WritePermit params_permit(Authorizer& authorizer, api::KindCatalog& kinds, User user);

}  // namespace insula::apiserver
