#include "api/columns/flow_control.h"

#include <optional>
#include <string>

#include "api/columns/columns.h"
#include "api/flow_control.h"

namespace insula::api {

namespace {

constexpr const char* kNone = "<none>";

constexpr Column kFlowSchemaColumns[] = {
    kNameColumn,
    {"PriorityLevel", "string", "", "The priority level of its requests."},
    {"MatchingPrecedence", "string", "", "The schema with the lowest number counts."},
    {"DistinguisherMethod", "string", "", "What tells its flows from each other."},
    kAgeColumn,
    {"MissingPL", "string", "", "Whether its priority level does not exist."},
};

constexpr Column kPriorityLevelColumns[] = {
    kNameColumn,
    {"Type", "string", "", "Exempt or Limited."},
    {"NominalConcurrencyShares", "string", "", "Its share of the server's seats."},
    {"Queues", "string", "", "Number of its queues."},
    {"HandSize", "string", "", "Queues that a flow may use."},
    {"QueueLengthLimit", "string", "", "Requests that may wait in a queue."},
    kAgeColumn,
};

Cell number(std::optional<std::int32_t> value) {
  return value ? Cell(static_cast<std::int64_t>(*value)) : Cell(std::string(kNone));
}

}  // namespace

std::span<const Column> flow_schema_columns() {
  return kFlowSchemaColumns;
}

std::vector<Cell> cells(const FlowSchema& object, WallTime now) {
  const FlowSchemaCondition* dangling = dangling_condition(object);
  return {
      object.metadata.name,
      object.spec.priority_level_configuration.name,
      static_cast<std::int64_t>(object.spec.matching_precedence),
      object.spec.distinguisher_method ? object.spec.distinguisher_method->type
                                       : std::string(kNone),
      age(object.metadata.creation_timestamp, now),
      dangling != nullptr ? dangling->status : std::string("?"),
  };
}

std::span<const Column> priority_level_columns() {
  return kPriorityLevelColumns;
}

std::vector<Cell> cells(const PriorityLevelConfiguration& object, WallTime now) {
  const LimitedPriorityLevelConfiguration* limited =
      object.spec.limited ? &*object.spec.limited : nullptr;
  const QueuingConfiguration* queuing = limited != nullptr && limited->limit_response.queuing
                                            ? &*limited->limit_response.queuing
                                            : nullptr;
  const auto of_queuing = [queuing](std::int32_t QueuingConfiguration::* member) {
    return number(queuing == nullptr ? std::nullopt : std::optional(queuing->*member));
  };
  return {
      object.metadata.name,
      object.spec.type,
      number(limited == nullptr ? std::nullopt : limited->nominal_concurrency_shares),
      of_queuing(&QueuingConfiguration::queues),
      of_queuing(&QueuingConfiguration::hand_size),
      of_queuing(&QueuingConfiguration::queue_length_limit),
      age(object.metadata.creation_timestamp, now),
  };
}

}  // namespace insula::api
