#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/gen/insula_v1alpha1.h"
#include "api/gen/meta_v1.h"

namespace insula::api {

/// The largest limits that a Tenant or an API key may have. Its window is kept as one entry a
/// request, so its size must have an end.
inline constexpr std::int64_t kRequestsPerHourMax = 10'000'000;
inline constexpr std::int64_t kTokensPerMinuteMax = 1'000'000'000;
inline constexpr std::int64_t kConcurrentRequestsMax = 1'000'000;

/// The largest budget of tokens, and of money in units of its currency.
inline constexpr std::int64_t kBudgetTokensMax = 1'000'000'000'000'000;
inline constexpr std::int64_t kBudgetUnitsMax = 1'000'000'000;

/// What is wrong with an amount that parse_amount() does not understand.
inline constexpr std::string_view kAmountComplaint =
    "must be an amount from 0 to 1000000000 with up to 9 decimals, such as 12.50";

/// `12.50` in billionths. Nothing for what is no amount up to kBudgetUnitsMax.
[[nodiscard]] std::optional<std::int64_t> parse_amount(std::string_view text);

/// The Tenant that a namespace with this metadata belongs to; empty for none. Its controlling owner
/// decides: neither a label, which a tenant may be able to set, nor a mere owner.
/// Lifetime: a view into `name_space`.
[[nodiscard]] std::string_view owning_tenant(const ObjectMeta& name_space);

/// The namespaces that a Tenant asks for; the one of its own name unless it names others. Whether
/// it has them, their owner says.
[[nodiscard]] std::vector<std::string> namespaces_of(const Tenant& tenant);

/// `asked`, or the first of the Tenant's when empty; nothing when it is not one of the Tenant's.
[[nodiscard]] std::optional<std::string> namespace_in(const Tenant& tenant,
                                                      const std::string& asked);

}  // namespace insula::api
