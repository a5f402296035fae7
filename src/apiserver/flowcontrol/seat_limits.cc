#include "apiserver/flowcontrol/seat_limits.h"

#include <algorithm>
#include <cmath>

namespace insula::apiserver {

namespace {

constexpr std::size_t kPercent = 100;

std::size_t less(std::size_t a, std::size_t b) {
  return a > b ? a - b : 0;
}

std::size_t part_of(std::size_t seats, std::int32_t percent) {
  return (seats * static_cast<std::size_t>(percent) + kPercent / 2) / kPercent;
}

}  // namespace

std::size_t shares_of(const api::PriorityLevelConfigurationSpec& spec) {
  const std::int32_t shares = spec.limited  ? spec.limited->nominal_concurrency_shares.value_or(0)
                              : spec.exempt ? spec.exempt->nominal_concurrency_shares.value_or(0)
                                            : 0;
  return static_cast<std::size_t>(std::max(shares, 0));
}

LevelSeats seats_of(const api::PriorityLevelConfigurationSpec& spec,
                    std::size_t server_seats,
                    std::size_t all_shares) {
  LevelSeats seats;
  if (all_shares > 0)
    seats.nominal = (server_seats * shares_of(spec) + all_shares - 1) / all_shares;
  const std::int32_t lendable = spec.limited  ? spec.limited->lendable_percent.value_or(0)
                                : spec.exempt ? spec.exempt->lendable_percent.value_or(0)
                                              : 0;
  seats.lendable = part_of(seats.nominal, lendable);
  if (spec.limited && spec.limited->borrowing_limit_percent)
    seats.borrowed = part_of(seats.nominal, *spec.limited->borrowing_limit_percent);
  return seats;
}

std::size_t seat_limit(std::span<const LevelSeats> levels, std::size_t index) {
  const LevelSeats& own = levels[index];
  std::size_t all = 0;
  std::size_t taken = 0;     // in use, or kept for whom they are guaranteed to
  std::size_t lent = 0;      // to others than this one
  std::size_t lendable = 0;  // by others
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const LevelSeats& level = levels[i];
    all += level.nominal;
    taken += std::max(level.in_use, level.guaranteed());
    if (i == index) continue;
    lent += less(level.in_use, level.nominal);
    lendable += std::min(level.lendable, less(level.nominal, level.in_use + level.waiting));
  }
  std::size_t borrowed = less(lendable, lent);
  if (own.borrowed) borrowed = std::min(borrowed, *own.borrowed);
  const std::size_t reachable = std::max(own.in_use, own.guaranteed()) + less(all, taken);
  return std::max(own.guaranteed(), std::min(own.nominal + borrowed, reachable));
}

}  // namespace insula::apiserver
