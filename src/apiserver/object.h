#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/kind.h"
#include "base/error.h"
#include "json/value.h"
#include "store/entry.h"

namespace insula::apiserver {

/// A struct of some kind; which one, the context says. Shared once it is stored, and then
/// immutable.
using Object = std::shared_ptr<void>;
using ConstObject = std::shared_ptr<const void>;

[[nodiscard]] Object new_object(const api::TypeInfo& type);
[[nodiscard]] Object copy_object(const api::TypeInfo& type, const void* object);

/// The struct of a stored version; decoded on first use, then kept with the version. Of a custom
/// kind it is what its present schema makes of the stored text.
/// Requires: the entry is of this kind.
[[nodiscard]] ConstObject object_of(const api::Kind& kind, const store::Entry& entry);

template <class T>
[[nodiscard]] std::shared_ptr<const T> object_of(const store::Entry& entry) {
  return std::static_pointer_cast<const T>(object_of(api::kind_of<T>(), entry));
}

/// JSON with apiVersion and kind: the form that is stored and sent.
[[nodiscard]] std::string encode(const api::Kind& kind, const void* object);

/// Keys whose latest changes a crash may lose (StoreOptions::ephemeral_prefixes): Events, and the
/// Leases by which nodes say that they are alive. Other Leases are what leader election rests on.
[[nodiscard]] std::vector<std::string> ephemeral_prefixes();

/// Where an object is stored: `pods/a/web-0`, `namespaces/a`, `deployments.apps/a/web`. All
/// versions of an object are at the same place. Without a name the prefix of all objects in the
/// namespace, without a namespace that of the kind; prefixes end in '/'.
[[nodiscard]] std::string store_key(const api::Kind& kind,
                                    std::string_view name_space,
                                    std::string_view name);

}  // namespace insula::apiserver
