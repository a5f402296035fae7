#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "api/gen/flowcontrol_v1.h"

namespace insula::apiserver {

/// Seats of a priority level: what it may have, and what it has.
struct LevelSeats {
  std::size_t nominal = 0;
  std::size_t lendable = 0;             // of them, while the level does not want them
  std::optional<std::size_t> borrowed;  // at most this many of others; nothing: no bound
  std::size_t in_use = 0;
  std::size_t waiting = 0;  // that its waiting requests want

  [[nodiscard]] std::size_t guaranteed() const { return nominal - lendable; }
};

/// A level's share of all seats, rounded up. `all_shares`: the sum over the levels.
[[nodiscard]] LevelSeats seats_of(const api::PriorityLevelConfigurationSpec& spec,
                                  std::size_t server_seats,
                                  std::size_t all_shares);

/// Shares of a level.
[[nodiscard]] std::size_t shares_of(const api::PriorityLevelConfigurationSpec& spec);

/// How many seats the level `index` may have in use now, those included that it has.
///
/// What is guaranteed to a level it always gets. The rest of its nominal seats it gets unless
/// others have borrowed them, and back as soon as these are done. Beyond that it borrows what the
/// others lend and neither use nor want. So all levels together never have more in use than their
/// nominal seats, but for requests that are wider than their level and run alone.
[[nodiscard]] std::size_t seat_limit(std::span<const LevelSeats> levels, std::size_t index);

}  // namespace insula::apiserver
