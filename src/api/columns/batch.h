#pragma once

#include <span>
#include <vector>

#include "api/gen/batch_v1.h"
#include "api/strategy.h"

namespace insula::api {

/// As columns.h has them for other kinds.
[[nodiscard]] std::span<const Column> job_columns();
[[nodiscard]] std::vector<Cell> cells(const Job& object, WallTime now);
[[nodiscard]] std::span<const Column> cron_job_columns();
[[nodiscard]] std::vector<Cell> cells(const CronJob& object, WallTime now);

}  // namespace insula::api
