#include "apiserver/version.h"

#include <utility>

#include "api/custom/custom_kind.h"
#include "api/version.h"

namespace insula::apiserver {

namespace {

Object shown(const api::Kind& kind, const void* stored) {
  Object object = new_object(kind.type);
  api::version_of(kind).show(stored, object.get());
  return object;
}

store::EntryPtr shown_with(const store::EntryPtr& entry, std::string value, ConstObject object) {
  auto out = std::make_shared<store::Entry>();
  out->key = entry->key;
  out->revision = entry->revision;
  out->value = std::move(value);
  out->deleted = entry->deleted;
  out->decoded = std::move(object);
  return out;
}

store::EntryPtr shown_custom(const api::Kind& kind, const store::EntryPtr& entry) {
  ConstObject object = object_of(kind, *entry);
  if (object == entry->decoded) return entry;
  std::string value = encode(kind, object.get());
  if (value != entry->value) return shown_with(entry, std::move(value), std::move(object));
  entry->decoded = std::move(object);
  return entry;
}

}  // namespace

const api::Kind& written_as(const api::Kind& kind) {
  return api::custom_kind(kind) != nullptr ? kind : kind.storage();
}

store::EntryPtr shown_as(const api::Kind& kind, const store::EntryPtr& entry) {
  if (api::custom_kind(kind) != nullptr) return shown_custom(kind, entry);
  if (kind.stored_as == nullptr) return entry;
  const Object object = shown(kind, object_of(kind.storage(), *entry).get());
  return shown_with(entry, encode(kind, object.get()), object);
}

Object stored_form(const api::Kind& kind, const Object& object) {
  if (&written_as(kind) == &kind) return object;
  Object stored = new_object(kind.storage().type);
  api::version_of(kind).store(object.get(), stored.get());
  return stored;
}

Registry::Change change_of_stored(const api::Kind& kind, Registry::Change change) {
  if (&written_as(kind) == &kind) return change;
  return [&kind, change = std::move(change)](const ConstObject& present) -> Result<Object> {
    INSULA_TRY(const Object object, change(shown(kind, present.get())));
    Object stored = copy_object(kind.storage().type, present.get());
    api::version_of(kind).store(object.get(), stored.get());
    return stored;
  };
}

}  // namespace insula::apiserver
