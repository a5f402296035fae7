#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gateway/usage_ledger.h"

namespace insula::gateway {

/// Sums as JSON lines, for a backup: one that says what they are, one for each, and one with their
/// number, without which the dump is not whole. Rows of one hour, tenant, model, key, member and
/// currency may be there more than once and are added.
[[nodiscard]] std::string write_usage_dump(std::span<const UsageRow> rows);

/// Errors: kInvalid, with the line, for what is no dump or only the beginning of one.
[[nodiscard]] Result<std::vector<UsageRow>> read_usage_dump(std::string_view text);

/// Makes a gateway's ledger of these sums in its directory. Requires: it has none. Errors: as
/// UsageLedger's.
[[nodiscard]] Result<> restore_usage(std::span<const UsageRow> rows,
                                     const std::filesystem::path& directory);

/// All sums of a gateway that does not run, its journals included. Errors: as UsageStore::open().
[[nodiscard]] Result<std::vector<UsageRow>> usage_at_rest(const std::filesystem::path& directory);

}  // namespace insula::gateway
