#pragma once

#include <string>
#include <string_view>

#include "api/apply/managed_fields.h"
#include "api/apply/merge_schema.h"
#include "api/kind.h"
#include "base/clock.h"
#include "base/error.h"
#include "json/value.h"

namespace insula::apiserver {

/// What a write does to metadata.managedFields. Called within the write's transaction, after
/// defaults and before admission: what the server itself adds is nobody's.
class Ownership {
 public:
  Ownership() = default;
  Ownership(const Ownership&) = delete;
  Ownership(Ownership&&) = default;
  Ownership& operator=(const Ownership&) = delete;
  Ownership& operator=(Ownership&&) = default;
  virtual ~Ownership() = default;

  virtual void created(const api::Kind& kind, void* object) const = 0;
  virtual void changed(const api::Kind& kind, void* object, const void* present) const = 0;
};

/// Of create, update and patches: what a write changes is its manager's.
///
/// An object whose managedFields were taken off, or that is older than they are, is not tracked
/// before somebody applies it. A write that changes nothing leaves them as they are.
/// Spec: Kubernetes, "Server-Side Apply", "Clearing managedFields".
class UpdateOwnership final : public Ownership {
 public:
  /// An empty `manager` is `unknown`, as in Kubernetes.
  UpdateOwnership(std::string_view manager, std::string subresource, WallTime now);

  void created(const api::Kind& kind, void* object) const override;
  void changed(const api::Kind& kind, void* object, const void* present) const override;

 private:
  [[nodiscard]] api::FieldWriter writer(const api::Kind& kind) const;

  std::string manager_;
  std::string subresource_;
  WallTime now_;
};

/// Who a request writes for: its `fieldManager`, else its User-Agent up to the first slash.
[[nodiscard]] std::string field_manager_of(std::string_view field_manager,
                                           std::string_view user_agent);

/// The types of a kind's objects. Made on first use, then kept.
[[nodiscard]] const api::MergeSchema& merge_schema(const api::Kind& kind);

/// An object of the kind as a structured merge takes it: without apiVersion, kind and
/// managedFields.
[[nodiscard]] json::Value merge_form(const api::Kind& kind, const void* object);

/// Members of an object that a write through a subresource (empty: the object itself) does not
/// touch, whatever it says.
[[nodiscard]] api::FieldSet untouched_fields(const api::Kind& kind, std::string_view subresource);

}  // namespace insula::apiserver
