#include "cli/budget_options.h"

#include <fmt/format.h>

#include "api/tenant.h"

namespace insula::cli {
namespace {

Result<std::optional<std::int64_t>> tokens(const char* flag, std::optional<long> given) {
  if (!given || (*given >= 0 && *given <= api::kBudgetTokensMax)) return given;
  return fail(ErrorCode::kInvalid,
              fmt::format("{}: {} is not between 0 and {}", flag, *given, api::kBudgetTokensMax));
}

Result<std::optional<std::int64_t>> amount(const char* flag, const std::string& given) {
  if (given.empty()) return std::nullopt;
  if (const auto nanos = api::parse_amount(given)) return nanos;
  return fail(ErrorCode::kInvalid,
              fmt::format("{}: \"{}\" {}", flag, given, api::kAmountComplaint));
}

}  // namespace

void BudgetOptions::declare(Options& options) {
  options
      .maybe_number("--budget-tokens-per-day", tokens_per_day,
                    "tokens of prompts and replies in a day of UTC; not limited by default")
      .maybe_number("--budget-tokens-per-month", tokens_per_month,
                    "the same in a calendar month; not limited by default")
      .text_if_any("--budget-spend-per-day", spend_per_day,
                   "cost in a day by the price list, such as 12.50; not limited by default")
      .text_if_any("--budget-spend-per-month", spend_per_month,
                   "the same in a calendar month; not limited by default");
}

bool BudgetOptions::given() const {
  return tokens_per_day || tokens_per_month || !spend_per_day.empty() || !spend_per_month.empty();
}

Result<gateway::BudgetConfig> BudgetOptions::config() const {
  gateway::BudgetConfig budget;
  INSULA_TRY(budget.tokens_per_day, tokens("--budget-tokens-per-day", tokens_per_day));
  INSULA_TRY(budget.tokens_per_month, tokens("--budget-tokens-per-month", tokens_per_month));
  INSULA_TRY(budget.spend_per_day, amount("--budget-spend-per-day", spend_per_day));
  INSULA_TRY(budget.spend_per_month, amount("--budget-spend-per-month", spend_per_month));
  return budget;
}

Result<> BudgetOptions::apply_to(api::TenantBudget& budget) const {
  INSULA_TRY(const gateway::BudgetConfig checked, config());
  if (checked.tokens_per_day) budget.tokens_per_day = checked.tokens_per_day;
  if (checked.tokens_per_month) budget.tokens_per_month = checked.tokens_per_month;
  if (!spend_per_day.empty()) budget.spend_per_day = spend_per_day;
  if (!spend_per_month.empty()) budget.spend_per_month = spend_per_month;
  return {};
}

}  // namespace insula::cli
