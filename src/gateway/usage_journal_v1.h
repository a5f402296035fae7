#pragma once

#include <filesystem>
#include <vector>

#include "base/error.h"
#include "gateway/usage_journal.h"

namespace insula::gateway {

/// What a journal of the first format holds, whose cells knew tenants by name only: their uid is
/// left empty. Nothing in the file is changed. Errors: kNotFound; kConflict when it is not one;
/// fail_errno.
[[nodiscard]] Result<std::vector<UsageJournal::Reading>> read_journal_v1(
    const std::filesystem::path& file);

}  // namespace insula::gateway
