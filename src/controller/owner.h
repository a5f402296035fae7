#pragma once

#include <string>

#include "api/gen/meta_v1.h"
#include "api/kind.h"

namespace insula::controller {

/// The owner that controls the object, or null.
[[nodiscard]] const api::OwnerReference* controller_of(const api::ObjectMeta& metadata);

/// Uid of the owner that controls the object; empty when there is none. For an index.
[[nodiscard]] std::string controller_uid(const api::ObjectMeta& metadata);

[[nodiscard]] api::OwnerReference owner_reference(const api::Kind& kind,
                                                  const api::ObjectMeta& metadata);

/// The reference that makes `owner` the controller of what carries it.
template <class T>
[[nodiscard]] api::OwnerReference controlled_by(const T& owner) {
  return owner_reference(api::kind_of<T>(), owner.metadata);
}

}  // namespace insula::controller
