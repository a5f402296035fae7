#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/error.h"
#include "gateway/edge_config.h"
#include "gateway/filter.h"

namespace insula::gateway {

/// Refuses requests whose prompt has a phrase or a pattern that is listed. Each text of a prompt is
/// looked at by itself: what is spread over two is not found. Nothing of a prompt is kept or
/// logged.
///
/// Cost: linear in the text, for all phrases and patterns at once.
class PromptDenyList final : public Filter {
 public:
  /// Text of one prompt that is looked at; more is refused.
  static constexpr std::size_t kTextBytesMax = std::size_t{4} << 20U;

  /// Errors: kInvalid for a pattern that is none, or for more of them than there is memory for.
  static Result<std::unique_ptr<const Filter>> make(const PromptDenyListConfig& config);

  ~PromptDenyList() override;

  [[nodiscard]] bool runs_at(FilterPoint point) const override {
    return point == FilterPoint::kRequest;
  }

  [[nodiscard]] std::optional<FilterRefusal> on_request(
      const FilterRequest& request) const override;

 private:
  class Patterns;

  PromptDenyList(std::unique_ptr<const Patterns> patterns, std::string message);

  std::unique_ptr<const Patterns> patterns_;
  std::string message_;
};

}  // namespace insula::gateway
