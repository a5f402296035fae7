#include "cli/litellm_budget.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "api/tenant.h"
#include "cli/litellm_number.h"

namespace insula::cli {
namespace {

constexpr std::array<std::string_view, 3> kDays = {"1d", "24h", "daily"};
constexpr std::array<std::string_view, 6> kMonths = {"1mo", "28d", "30d", "31d", "720h", "monthly"};

/// Where a budget of that duration stands; nullptr when none here is for so long.
std::string api::TenantBudget::* place_of(std::string_view duration) {
  if (std::ranges::find(kDays, duration) != kDays.end()) return &api::TenantBudget::spend_per_day;
  if (std::ranges::find(kMonths, duration) != kMonths.end())
    return &api::TenantBudget::spend_per_month;
  return nullptr;
}

/// `12.5` of 12.50; empty: not an amount.
std::string amount_text(double amount) {
  std::string text = fmt::format("{:.9f}", amount);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return api::parse_amount(text) ? text : std::string();
}

/// Of two amounts that were checked.
std::string sum_of(const std::string& a, double b) {
  constexpr double kParts = 1e9;
  return amount_text(static_cast<double>(api::parse_amount(a).value_or(0)) / kParts + b);
}

}  // namespace

std::string add_litellm_budget(const json::Object& settings,
                               const LitellmBudgetKeys& keys,
                               api::TenantBudget& budget) {
  const json::Value* amount = settings.find(keys.amount);
  if (amount == nullptr) return {};
  const auto number = litellm_number(amount);
  if (!number || amount_text(*number).empty()) return std::string(api::kAmountComplaint);
  const json::Value* duration = settings.find(keys.duration);
  const std::string* text = duration == nullptr ? nullptr : duration->as_string();
  if (text == nullptr)
    return fmt::format("without {} it is for ever; a budget here is for a day or a month",
                       keys.duration);
  const auto place = place_of(*text);
  if (place == nullptr)
    return fmt::format("a budget is for a day (1d) or a calendar month (1mo), not for {}", *text);
  std::string sum = sum_of(budget.*place, *number);
  if (sum.empty()) return std::string(api::kAmountComplaint);
  budget.*place = std::move(sum);
  return {};
}

}  // namespace insula::cli
