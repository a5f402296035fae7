#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "json/value.h"

namespace insula::api {

/// How fields below a value are owned.
enum class MergeShape : std::uint8_t {
  kScalar,
  kAtomic,  // an object or list that has one owner, whole
  kStruct,  // an object of declared members
  kMap,     // an object of any members
  kList,    // a list whose elements are told by their keys
  kSet,     // a list whose elements are told by their values
  kAny,     // whatever JSON says: objects by member, lists whole
};

/// What a MergeSchema knows of the type of one value. Valid as long as the schema.
struct MergeType {
  MergeShape shape = MergeShape::kAny;
  /// There in every object that has room for it, even where JSON leaves it out for being empty.
  bool implied = false;
  /// For kList: names of the members that tell elements apart, sorted, comma separated.
  std::string_view keys;
  /// What the schema itself knows the type by.
  const void* type = nullptr;
};

/// The types of the values of one kind of object, as a structured merge needs them. Immutable.
///
/// The field tables are one (TableSchema); the schema of a custom resource can be another.
/// Threads: any.
class MergeSchema {
 public:
  MergeSchema() = default;
  MergeSchema(const MergeSchema&) = delete;
  MergeSchema& operator=(const MergeSchema&) = delete;
  virtual ~MergeSchema() = default;

  [[nodiscard]] virtual MergeType root() const = 0;
  /// Of an object of any shape; nullopt for a member that is not declared.
  [[nodiscard]] virtual std::optional<MergeType> member(const MergeType& type,
                                                        std::string_view name) const = 0;
  /// Of a list.
  [[nodiscard]] virtual MergeType element(const MergeType& list) const = 0;
  /// What a key means that an element leaves out; null when it may not.
  [[nodiscard]] virtual json::Value key_default(const MergeType& list,
                                                std::string_view key) const = 0;
};

}  // namespace insula::api
