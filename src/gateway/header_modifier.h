#pragma once

#include <memory>

#include "base/error.h"
#include "gateway/edge_config.h"
#include "gateway/filter.h"
#include "gateway/header_edits.h"

namespace insula::gateway {

/// Changes the headers that a server is sent, or those of its reply.
class HeaderModifier final : public Filter {
 public:
  /// Errors: kInvalid for a header that no filter may change, or that cannot be sent.
  static Result<std::unique_ptr<const Filter>> make(const HeaderModifierConfig& config);

  explicit HeaderModifier(const HeaderModifierConfig& config)
      : of_request_(config.side == api::MessageSide::kRequest), edits_(config.edits) {}

  [[nodiscard]] bool runs_at(FilterPoint point) const override {
    return point == FilterPoint::kAttempt;
  }

  void on_attempt(FilterAttempt& attempt) const override {
    if (of_request_) {
      edits_.apply(attempt.head);
    } else {
      attempt.reply_edits.push_back(&edits_);
    }
  }

 private:
  bool of_request_;
  HeaderEdits edits_;
};

}  // namespace insula::gateway
