#include "apiserver/object.h"

#include <fmt/format.h>

#include "api/codec.h"
#include "api/custom/custom_kind.h"
#include "base/check.h"
#include "json/parse.h"

namespace insula::apiserver {

namespace {

// NOLINTNEXTLINE(misc-no-recursion): once, since a storage version is stored as itself
ConstObject custom_object_of(const api::CustomKind& kind, const store::Entry& entry) {
  const auto& known = entry.decoded;
  if (known && static_cast<const api::CustomObject*>(known.get())->definition == &kind)
    return known;
  if (kind.stored_as != nullptr) {
    Object shown = copy_object(kind.type, object_of(kind.storage(), entry).get());
    kind.show(*static_cast<api::CustomObject*>(shown.get()));
    return shown;
  }
  // The text may be of another version, or of an older schema.
  auto value = json::parse(entry.value);
  INSULA_CHECK(value && value->is_object(), entry.key);
  value->as_object()->erase("apiVersion");
  value->as_object()->erase("kind");
  Object object = new_object(kind.type);
  const Result<> decoded = api::decode_json(kind.type, object.get(), *value);
  INSULA_CHECK(decoded, fmt::format("{}: {}", entry.key, decoded ? "" : decoded.error().message()));
  return object;
}

}  // namespace

Object new_object(const api::TypeInfo& type) {
  return {type.ops.create(), type.ops.destroy};
}

Object copy_object(const api::TypeInfo& type, const void* object) {
  return {type.ops.copy(object), type.ops.destroy};
}

ConstObject object_of(const api::Kind& kind, const store::Entry& entry) {
  if (const api::CustomKind* custom = api::custom_kind(kind))
    return custom_object_of(*custom, entry);
  if (!entry.decoded) {
    Object object = new_object(kind.type);
    const Result<> decoded =
        api::decode_json(kind.type, object.get(), std::string_view(entry.value));
    INSULA_CHECK(decoded,
                 fmt::format("{}: {}", entry.key, decoded ? "" : decoded.error().message()));
    entry.decoded = std::move(object);
  }
  return entry.decoded;
}

std::string encode(const api::Kind& kind, const void* object) {
  std::string out;
  api::encode_json(kind.type, object, out);
  return out;
}

std::vector<std::string> ephemeral_prefixes() {
  return {"events/", "leases.coordination.k8s.io/kube-node-lease/"};
}

std::string store_key(const api::Kind& kind, std::string_view name_space, std::string_view name) {
  std::string key = kind.storage().group_resource();
  key += '/';
  if (kind.namespaced && !name_space.empty()) {
    key += name_space;
    key += '/';
  }
  key += name;
  return key;
}

}  // namespace insula::apiserver
