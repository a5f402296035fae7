#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace insula::controllers {

/// Indexes of an Indexed Job's pods.
using Indexes = std::set<std::int32_t>;

/// Reads `1,3-5`. What is wrong in the text, and what is not below `completions`, is left out: the
/// server lets no such text in.
[[nodiscard]] Indexes parse_indexes(std::string_view text, std::int32_t completions);

/// The shortest text: runs of three and more as `first-last`, runs of two with a comma between.
/// Spec: Kubernetes, JobStatus, completedIndexes.
[[nodiscard]] std::string format_indexes(const Indexes& indexes);

}  // namespace insula::controllers
