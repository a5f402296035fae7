#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "api/gen/flowcontrol_v1.h"

/// The objects by which the API server shares itself: names, and those that there are from the
/// start. Source: Kubernetes 1.36, pkg/apis/flowcontrol/bootstrap (names and numbers).
namespace insula::api {

inline constexpr const char* kFlowControlGroup = "flowcontrol.apiserver.k8s.io";

/// Set to "false" by an administrator on one of the suggested objects whose spec shall stay as it
/// is; "true": it follows the server's.
inline constexpr const char* kAutoUpdateSpec = "apf.kubernetes.io/autoupdate-spec";

/// Names of a FlowSchema and of its priority level: what is never limited, and what no other schema
/// matches.
inline constexpr const char* kExempt = "exempt";
inline constexpr const char* kCatchAll = "catch-all";

inline constexpr std::string_view kDangling = "Dangling";

/// The condition of this type; null: nobody has looked yet.
[[nodiscard]] const FlowSchemaCondition* dangling_condition(const FlowSchema& schema);

/// The objects without which the server does not go, `exempt` and `catch-all`: their specs are
/// fixed, but for what `exempt` sets aside. Made once.
[[nodiscard]] const std::vector<FlowSchema>& mandatory_flow_schemas();
[[nodiscard]] const std::vector<PriorityLevelConfiguration>& mandatory_priority_levels();

/// Those that an administrator may change: Kubernetes' own, and those for what Insula runs as.
[[nodiscard]] const std::vector<FlowSchema>& suggested_flow_schemas();
[[nodiscard]] const std::vector<PriorityLevelConfiguration>& suggested_priority_levels();

/// Bits of a hash that choose `hand` of `queues`, in an order. Requires: 0 < hand <= queues.
[[nodiscard]] int shuffle_bits(std::size_t queues, std::size_t hand);

/// Bits that a flow's hash has.
inline constexpr int kShuffleBitsMax = 60;

}  // namespace insula::api
