#pragma once

#include "apiserver/object.h"
#include "apiserver/registry.h"
#include "store/entry.h"

/// Kinds that are stored as another version (api/version.h), at the edge of the registry: inside of
/// it there are stored kinds only. For a kind that is stored as what it is nothing is done.
namespace insula::apiserver {

/// A stored version of an object as `kind` shows it, with the same key and revision.
[[nodiscard]] store::EntryPtr shown_as(const api::Kind& kind, const store::EntryPtr& entry);

/// A new object of `kind` as it is to be stored.
[[nodiscard]] Object stored_form(const api::Kind& kind, const Object& object);

/// A change of objects of `kind` as one of the objects they are stored as.
[[nodiscard]] Registry::Change change_of_stored(const api::Kind& kind, Registry::Change change);

}  // namespace insula::apiserver
