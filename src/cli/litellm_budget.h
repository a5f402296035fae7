#pragma once

#include <string>
#include <string_view>

#include "api/gen/insula_v1alpha1.h"
#include "json/value.h"

namespace insula::cli {

/// A budget of LiteLLM: dollars, and for how long they are.
struct LitellmBudgetKeys {
  std::string_view amount;
  std::string_view duration;
};

/// That of the proxy and of a deployment, and that of each internal user.
inline constexpr LitellmBudgetKeys kLitellmBudget = {"max_budget", "budget_duration"};
inline constexpr LitellmBudgetKeys kLitellmUserBudget = {"max_internal_user_budget",
                                                         "internal_user_budget_duration"};

/// Adds what `settings` say under `keys` to `budget`. Returns why it is not taken over, if it is
/// not; empty also when there is none.
[[nodiscard]] std::string add_litellm_budget(const json::Object& settings,
                                             const LitellmBudgetKeys& keys,
                                             api::TenantBudget& budget);

}  // namespace insula::cli
