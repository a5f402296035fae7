#pragma once

#include <string_view>

#include "api/kind.h"

namespace insula::api {

class FieldErrors;

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
  /// Rules on the stored object for who writes this version, in the place of those of its strategy
  /// (strategy.h). Null: the same hold. check_create() and check_update() take such a version for
  /// their kind, and the stored object.
  void (*validate)(const void* stored, FieldErrors& errors) = nullptr;
  void (*validate_create)(const void* stored, FieldErrors& errors) = nullptr;
  void (*validate_update)(const void* stored,
                          const void* old,
                          std::string_view subresource,
                          FieldErrors& errors) = nullptr;
};

/// Requires: `kind` is stored as another, see Kind::storage().
[[nodiscard]] const Version& version_of(const Kind& kind);

}  // namespace insula::api
