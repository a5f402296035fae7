#pragma once

#include <cstddef>

#include "api/schema.h"
#include "base/error.h"
#include "json/value.h"

namespace insula::api {

/// Operations in one JSON patch; as in Kubernetes.
inline constexpr std::size_t kJsonPatchOpsMax = 10'000;
/// Bytes that one JSON patch may copy within the document, and values that it may move (array
/// elements behind an insertion, a subtree that changes its place). Keeps a small patch from
/// becoming a large document or minutes of work.
/// Spec: Kubernetes bounds the copies of a patch by the size of a request body.
inline constexpr std::size_t kJsonPatchCopiedMax = 16U << 20U;
inline constexpr std::size_t kJsonPatchMovedMax = 20'000'000;

/// Applies a JSON patch. Spec: RFC 6902.
///
/// Errors: kBadRequest for what is no patch, kTooLarge beyond the limits above, kInvalid when an
/// operation does not apply or a test fails. No part of a failed patch is kept.
[[nodiscard]] Result<json::Value> apply_json_patch(json::Value document, const json::Value& patch);

/// Whether apply_json_patch() found that the value of a `test` is another one, or not there.
[[nodiscard]] bool is_failed_test(const Error& error);

/// Applies a JSON merge patch: objects are merged, null removes, anything else replaces. Spec: RFC
/// 7386.
[[nodiscard]] json::Value apply_merge_patch(json::Value document, const json::Value& patch);

/// Applies a strategic merge patch: as a merge patch, but lists whose field says `merge` are merged
/// by their key, guided by the tables of `type`.
///
/// Understands $patch (replace, delete, merge), $retainKeys, $setElementOrder/<list> and
/// $deleteFromPrimitiveList/<list>. Errors: kBadRequest.
/// Spec: Kubernetes, "Update API Objects in Place Using kubectl patch".
[[nodiscard]] Result<json::Value> apply_strategic_merge_patch(const TypeInfo& type,
                                                              json::Value document,
                                                              json::Value patch);

}  // namespace insula::api
