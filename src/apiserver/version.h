#pragma once

#include "apiserver/object.h"
#include "apiserver/registry.h"
#include "store/entry.h"

/// Kinds that are stored as another version (api/version.h), at the edge of the registry: inside of
/// it there are stored kinds only. For a kind that is stored as what it is nothing is done.
namespace insula::apiserver {

/// The kind in whose form objects of `kind` are written: the one that they are stored as. Custom
/// objects have one form in all versions, and are written by the rules of the one that was asked.
[[nodiscard]] const api::Kind& written_as(const api::Kind& kind);

/// A stored version of an object as `kind` shows it, with the same key and revision. A custom
/// object is shown as its present schema makes it: only where that is not how it was stored is it
/// read and encoded anew.
[[nodiscard]] store::EntryPtr shown_as(const api::Kind& kind, const store::EntryPtr& entry);

/// A new object of `kind` as it is to be stored.
[[nodiscard]] Object stored_form(const api::Kind& kind, const Object& object);

/// A change of objects of `kind` as one of the objects they are stored as.
[[nodiscard]] Registry::Change change_of_stored(const api::Kind& kind, Registry::Change change);

}  // namespace insula::apiserver
