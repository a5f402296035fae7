#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/apply/field_set.h"
#include "api/apply/structured_merge.h"
#include "api/gen/meta_v1.h"
#include "api/time.h"
#include "base/error.h"

namespace insula::api {

/// Managers by update that an object keeps apart; the oldest beyond are one, kAncientChanges.
inline constexpr std::size_t kUpdateManagersMax = 10;
inline constexpr const char* kAncientChanges = "ancient-changes";
/// Longest name of a manager, bytes.
inline constexpr std::size_t kManagerNameMax = 128;

/// Who writes: what tells one manager of an object from another.
struct FieldWriter {
  enum class Operation : std::uint8_t { kApply, kUpdate };

  std::string name;
  Operation operation = Operation::kUpdate;
  std::string api_version;
  std::string subresource;

  /// Appliers are one whatever version they write.
  [[nodiscard]] bool is_same(const FieldWriter& other) const;
};

/// A field that a manager wants to set and another owns.
struct FieldConflict {
  FieldWriter owner;
  FieldSet fields;
};

/// Who owns which fields of one object: its metadata.managedFields, understood.
///
/// Spec: Kubernetes, "Server-Side Apply", Field management.
class ManagedFields {
 public:
  struct Manager {
    FieldWriter writer;
    std::optional<Time> time;
    FieldSet fields;
  };

  /// Errors: kBadRequest for an operation, a format or a set that is none.
  [[nodiscard]] static Result<ManagedFields> decode(const std::vector<ManagedFieldsEntry>& entries);

  /// In Kubernetes' order: appliers first, then by time and name.
  [[nodiscard]] std::vector<ManagedFieldsEntry> encode() const;

  [[nodiscard]] bool empty() const { return managers_.empty(); }

  [[nodiscard]] const Manager* find(const FieldWriter& writer) const;
  /// What anybody owns but `except`, who may be null.
  [[nodiscard]] FieldSet all(const FieldWriter* except) const;

  /// `writer` changed an object: what changed is its own now, and nobody else's. Without a change
  /// nothing happens, so that a time tells when its manager last changed something.
  void update(const FieldWriter& writer, const Comparison& change, Time now);

  /// Owners of fields that change, other than `writer`.
  [[nodiscard]] std::vector<FieldConflict> conflicts(const FieldWriter& writer,
                                                     const Comparison& change) const;

  /// `writer` applied a configuration that sets `fields`, which changed the object so: those are
  /// its fields, and what changed is nobody else's. The time stays when nothing is different.
  void apply(const FieldWriter& writer, FieldSet fields, const Comparison& change, Time now);

 private:
  [[nodiscard]] Manager* find(const FieldWriter& writer);
  void cap_update_managers();
  void drop_empty();

  std::vector<Manager> managers_;
};

/// The fields that are nobody's: the object's identity and what only the server sets.
[[nodiscard]] const FieldSet& unowned_fields();

/// `[{}]`: a writer wants all ownership to be forgotten.
[[nodiscard]] bool resets_managed_fields(const std::vector<ManagedFieldsEntry>& entries);

}  // namespace insula::api
