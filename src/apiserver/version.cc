#include "apiserver/version.h"

#include <utility>

#include "api/version.h"

namespace insula::apiserver {

namespace {

Object shown(const api::Kind& kind, const void* stored) {
  Object object = new_object(kind.type);
  api::version_of(kind).show(stored, object.get());
  return object;
}

}  // namespace

store::EntryPtr shown_as(const api::Kind& kind, const store::EntryPtr& entry) {
  if (kind.stored_as == nullptr) return entry;
  auto out = std::make_shared<store::Entry>();
  const Object object = shown(kind, object_of(kind.storage(), *entry).get());
  out->key = entry->key;
  out->revision = entry->revision;
  out->value = encode(kind, object.get());
  out->deleted = entry->deleted;
  out->decoded = object;
  return out;
}

Object stored_form(const api::Kind& kind, const Object& object) {
  if (kind.stored_as == nullptr) return object;
  Object stored = new_object(kind.storage().type);
  api::version_of(kind).store(object.get(), stored.get());
  return stored;
}

Registry::Change change_of_stored(const api::Kind& kind, Registry::Change change) {
  if (kind.stored_as == nullptr) return change;
  return [&kind, change = std::move(change)](const ConstObject& present) -> Result<Object> {
    INSULA_TRY(const Object object, change(shown(kind, present.get())));
    Object stored = copy_object(kind.storage().type, present.get());
    api::version_of(kind).store(object.get(), stored.get());
    return stored;
  };
}

}  // namespace insula::apiserver
