#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "apiserver/flowcontrol/priority_level.h"
#include "base/clock.h"

namespace insula::apiserver {

/// What /debug/api_priority_and_fairness/ shows: lines of cells with commas between them, in
/// Kubernetes' columns.
inline constexpr std::string_view kFlowDumpFolder = "/debug/api_priority_and_fairness/";

/// The time as both clocks have it, to show points of the one as points of the other.
struct DumpTime {
  SteadyTime steady;
  WallTime wall;
};

/// `name`: dump_priority_levels, dump_queues or dump_requests. `with_details`: what the requests
/// are, too. Nothing: there is no such dump.
[[nodiscard]] std::optional<std::string> dump_flows(std::string_view name,
                                                    const PriorityLevels& levels,
                                                    const DumpTime& now,
                                                    bool with_details);

}  // namespace insula::apiserver
