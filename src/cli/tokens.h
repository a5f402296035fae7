#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "client/client.h"

namespace insula::cli {

struct TokenOrder {
  std::string tenant;
  std::string subject;
  std::chrono::seconds lifetime = std::chrono::hours(24);
};

/// A token of the built-in issuer, signed here with the key that only administrators can read.
/// Errors: kNotFound when there is no such tenant; kInvalid for a lifetime out of bounds.
Task<Result<std::string>> create_token(client::Client& client,
                                       const Clock& clock,
                                       TokenOrder order);

/// `90s`, `1h30m`, `24h`, `30d`: whole seconds. Errors: kInvalid.
[[nodiscard]] Result<std::chrono::seconds> parse_duration(std::string_view text);

}  // namespace insula::cli
