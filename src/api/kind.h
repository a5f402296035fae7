#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "api/schema.h"

namespace insula::api {

struct ObjectMeta;

inline constexpr std::size_t kNoMetadata = static_cast<std::size_t>(-1);

/// One kind of object: its names, its scope and the table of its struct. Constant for the life of
/// the process; kinds are compared by address.
struct Kind {
  std::string_view group;  // empty for the core group
  std::string_view version;
  std::string_view kind;
  std::string_view plural;  // in URLs; empty when the kind is only a request or response body
  std::string_view singular;
  std::span<const std::string_view> short_names;
  std::span<const std::string_view> categories;
  std::span<const std::string_view> subresources;
  std::span<const std::string_view> verbs;
  bool namespaced;
  const TypeInfo& type;
  std::size_t metadata_offset;  // kNoMetadata when there is no ObjectMeta
  const Kind* stored_as;        // see storage(); null for itself

  /// The kind as which objects of this one are stored: itself, or the version of the same objects
  /// that holds them all (api/version.h).
  [[nodiscard]] const Kind& storage() const { return stored_as == nullptr ? *this : *stored_as; }

  /// "v1", "apps/v1".
  [[nodiscard]] std::string api_version() const;
  /// "pods", "deployments.apps": how error messages name the resource.
  [[nodiscard]] std::string group_resource() const;
  [[nodiscard]] bool has_subresource(std::string_view name) const;
  [[nodiscard]] bool has_verb(std::string_view verb) const;

  /// Whether objects of it are kept, as this kind or as storage(). Those of a kind that can only be
  /// created (SubjectAccessReview) are questions: answered and forgotten.
  [[nodiscard]] bool is_stored() const { return has_verb("get"); }

  /// The ObjectMeta of an object of this kind. Requires: the kind has one.
  [[nodiscard]] ObjectMeta& metadata(void* object) const;
  [[nodiscard]] const ObjectMeta& metadata(const void* object) const;
};

/// Kind of a generated struct. Specialised by the generated headers.
template <class T>
const Kind& kind_of();

/// Every kind with a resource, in the order of the schema files.
[[nodiscard]] std::span<const Kind* const> kinds();

/// Those of kinds() whose objects are kept, and as what they are: each object is of exactly one.
[[nodiscard]] std::span<const Kind* const> stored_kinds();

/// The kind served at this group, version and plural ("" , "v1", "pods"), or null.
[[nodiscard]] const Kind* find_kind(std::string_view group,
                                    std::string_view version,
                                    std::string_view plural);

/// The kind of this apiVersion ("apps/v1") and kind name, bodies such as Status included, or null.
[[nodiscard]] const Kind* find_kind(std::string_view api_version, std::string_view kind);

}  // namespace insula::api
