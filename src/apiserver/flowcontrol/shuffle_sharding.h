#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace insula::apiserver {

/// What decides about a flow's hand. Two flows have the same with a probability of 2^-60.
[[nodiscard]] std::uint64_t flow_hash(std::string_view schema, std::string_view distinguisher);

/// The `hand` different queues of `queues` that a flow may use, in the order of the deal: any hand
/// in any order is as likely as any other. So a flood fills its own hand, and another flow has
/// most probably at least one queue that the flood has not.
///
/// Requires: 0 < hand <= queues, and api::shuffle_bits() of both is at most api::kShuffleBitsMax.
/// Source: KEP-1040, "Sketch of a shuffle sharding algorithm".
[[nodiscard]] std::vector<std::uint32_t> deal_hand(std::uint64_t hash,
                                                   std::uint32_t queues,
                                                   std::uint32_t hand);

}  // namespace insula::apiserver
