#pragma once

#include <string>
#include <vector>

#include "api/apply/field_set.h"
#include "api/apply/merge_schema.h"
#include "base/error.h"
#include "json/value.h"

/// What server-side apply does to values, with types from a MergeSchema. The values are objects of
/// one kind; apiVersion and kind must be taken off before.
///
/// Spec: Kubernetes, "Server-Side Apply"; KEP-555.
namespace insula::api {

/// How two states of an object differ.
struct Comparison {
  FieldSet added;
  FieldSet modified;
  FieldSet removed;

  [[nodiscard]] bool same() const { return added.empty() && modified.empty() && removed.empty(); }
};

/// The fields that a value sets.
///
/// Errors: kBadRequest for members that are not declared, values of another shape, elements of a
/// list without their keys or twice with the same; all of them, with their paths.
[[nodiscard]] Result<FieldSet> field_set_of(const MergeSchema& schema, const json::Value& value);

/// Objects and lists within a value that have one owner, whole: `.spec.selector`,
/// `.spec.containers[0].args`.
[[nodiscard]] std::vector<std::string> atomic_fields(const MergeSchema& schema,
                                                     const json::Value& value);

[[nodiscard]] Comparison compare(const MergeSchema& schema,
                                 const json::Value& before,
                                 const json::Value& after);

/// The fields of `live` that `merged` has as null, or, where they have one owner as a whole, in
/// other words, be it only that they lack what is filled in later: whoever set them is asked.
[[nodiscard]] FieldSet rewritten_fields(const MergeSchema& schema,
                                        const json::Value& live,
                                        const json::Value& merged);

/// `live` with all that `config` sets. Elements of lists stand in the order of `config`; those that
/// it does not list stay before the ones they stood before. Null takes nothing away from what is
/// merged part by part.
/// Requires: field_set_of() takes `config`.
[[nodiscard]] json::Value merge(const MergeSchema& schema,
                                json::Value live,
                                const json::Value& config);

/// `value` without the fields of `removed` and what is below them. An element of a list keeps its
/// keys.
[[nodiscard]] json::Value remove_fields(const MergeSchema& schema,
                                        json::Value value,
                                        const FieldSet& removed);

/// `set` with the declared members that lead to its fields: who owns `spec.replicas` holds `spec`,
/// too. Elements of lists and members of maps are only held by who owns them.
[[nodiscard]] FieldSet with_parents(const MergeSchema& schema, const FieldSet& set);

}  // namespace insula::api
