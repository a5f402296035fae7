#include "apiserver/object_change.h"

#include <utility>

#include "api/custom/custom_kind.h"
#include "api/gen/meta_v1.h"
#include "api/strategy.h"
#include "api/version.h"

namespace insula::apiserver {

Result<Object> changed_object(const api::Kind& stored,
                              const api::Kind& version,
                              const void* before,
                              json::Value document,
                              api::Strictness strictness) {
  // Versions of a custom kind differ in what they are called alone, and reading one brings
  // defaults.
  if (api::custom_kind(stored) != nullptr) {
    if (json::Object* members = document.as_object())
      members->set("apiVersion", stored.api_version());
    Object object = new_object(stored.type);
    INSULA_TRY_VOID(api::decode_json(stored.type, object.get(), document));
    return object;
  }
  Object object = new_object(version.type);
  INSULA_TRY_VOID(api::decode_json(version.type, object.get(), document, strictness));
  if (&version != &stored) {
    Object whole = copy_object(stored.type, before);
    api::version_of(version).store(object.get(), whole.get());
    object = std::move(whole);
  }
  const auto set_defaults = api::strategy_of(stored).set_defaults;
  if (set_defaults != nullptr) set_defaults(object.get());
  return object;
}

bool is_same_object(const api::Kind& kind, const void* a, const void* b) {
  const api::ObjectMeta& one = kind.metadata(a);
  const api::ObjectMeta& other = kind.metadata(b);
  return one.name == other.name && one.namespace_ == other.namespace_ && one.uid == other.uid;
}

}  // namespace insula::apiserver
