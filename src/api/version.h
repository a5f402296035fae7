#pragma once

#include "api/kind.h"

namespace insula::api {

/// How a kind stands for the objects of another, as autoscaling/v1 does for those of
/// autoscaling/v2. All versions of an object are one stored object, so that it can be written as
/// one and read as another.
///
/// Objects are passed as pointers to the generated structs. The functions are pure.
struct Version {
  const Kind& (*kind)() = nullptr;
  /// Fills `object`, which is new, with what this version can say of the stored object.
  void (*show)(const void* stored, void* object) = nullptr;
  /// Writes into `stored` what `object` says. What this version cannot say stays as it is.
  void (*store)(const void* object, void* stored) = nullptr;
};

/// Requires: `kind` is stored as another, see Kind::storage().
[[nodiscard]] const Version& version_of(const Kind& kind);

}  // namespace insula::api
