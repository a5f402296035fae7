#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "async/task.h"
#include "base/error.h"
#include "gateway/edge_config.h"
#include "gateway/filter.h"

namespace insula::gateway {

/// The filters of a tenant, in the order in which they run. The first that refuses ends the matter.
///
/// Threads: deeply const.
class FilterChain {
 public:
  explicit FilterChain(std::vector<std::unique_ptr<const Filter>> filters);

  [[nodiscard]] bool runs_at(FilterPoint point) const { return !at(point).empty(); }

  [[nodiscard]] Task<std::optional<FilterRefusal>> on_request(FilterRequest request) const;
  void on_attempt(FilterAttempt& attempt) const;
  [[nodiscard]] std::optional<FilterRefusal> on_event(std::string_view event) const;
  void on_done(const FilterResult& result) const noexcept;

 private:
  static constexpr std::size_t kPoints = std::to_underlying(FilterPoint::kDone) + 1;

  [[nodiscard]] const std::vector<const Filter*>& at(FilterPoint point) const {
    return at_[std::to_underlying(point)];
  }

  std::vector<std::unique_ptr<const Filter>> filters_;
  std::array<std::vector<const Filter*>, kPoints> at_;
};

/// Makes the filters of a tenant.
/// Errors: kInvalid, which says what of which one cannot be used.
[[nodiscard]] Result<FilterChain> make_filters(const std::vector<FilterConfig>& configs);

}  // namespace insula::gateway
