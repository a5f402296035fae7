#include "cli/litellm_reasons.h"

#include <algorithm>
#include <array>

namespace insula::cli {
namespace {

constexpr std::string_view kAsTheyAre = "requests are passed on as the client wrote them";
constexpr std::string_view kTimeouts = "the gateway's own timeouts hold";
constexpr std::string_view kRetries =
    "what another endpoint may answer is tried once more, within a budget of retries";
constexpr std::string_view kEjection =
    "an endpoint that fails five times in a row is left alone for 1 s, then 2, 4 ... 60 s";
constexpr std::string_view kUsage = "usage is on record without it (insula usage, /metrics)";
constexpr std::string_view kState = "the platform keeps its state itself";
constexpr std::string_view kRedis = "limits are kept without Redis";
constexpr std::string_view kKeys = "keys are made by insula key create TENANT";
constexpr std::string_view kBudgets =
    "budgets are a tenant's, a member's, a model's or a key's, not a provider's or a team's";
constexpr std::string_view kCache = "answers are not cached";
constexpr std::string_view kKindOfFallback =
    "a fallback is asked when a model does not answer, whatever the prompt";
constexpr std::string_view kDefault = "it has no counterpart";

struct Reason {
  std::string_view key;
  std::string_view why;
};

constexpr std::array<Reason, 41> kReasons = {{
    {"timeout", kTimeouts},
    {"stream_timeout", kTimeouts},
    {"request_timeout", kTimeouts},
    {"num_retries", kRetries},
    {"max_retries", kRetries},
    {"retry_after", kRetries},
    {"retry_policy", kRetries},
    {"model_group_retry_policy", kRetries},
    {"allowed_fails", kEjection},
    {"allowed_fails_policy", kEjection},
    {"cooldown_time", kEjection},
    {"disable_cooldowns", kEjection},
    {"drop_params", kAsTheyAre},
    {"modify_params", kAsTheyAre},
    {"temperature", kAsTheyAre},
    {"max_tokens", kAsTheyAre},
    {"additional_drop_params", kAsTheyAre},
    {"extra_body", kAsTheyAre},
    {"callbacks", kUsage},
    {"success_callback", kUsage},
    {"failure_callback", kUsage},
    {"service_callback", kUsage},
    {"database_url", kState},
    {"database_connection_pool_limit", kState},
    {"store_model_in_db", kState},
    {"store_prompts_in_spend_logs", kState},
    {"redis_host", kRedis},
    {"redis_port", kRedis},
    {"redis_password", kRedis},
    {"redis_url", kRedis},
    {"master_key", kKeys},
    {"custom_auth", kKeys},
    {"default_team_settings", kKeys},
    {"default_key_generate_params", kKeys},
    {"upperbound_key_generate_params", kKeys},
    {"provider_budget_config", kBudgets},
    {"default_team_budget", kBudgets},
    {"cache", kCache},
    {"cache_params", kCache},
    {"context_window_fallbacks", kKindOfFallback},
    {"content_policy_fallbacks", kKindOfFallback},
}};

}  // namespace

std::string_view litellm_reason(std::string_view key) {
  const auto found = std::ranges::find(kReasons, key, &Reason::key);
  return found == kReasons.end() ? kDefault : found->why;
}

}  // namespace insula::cli
