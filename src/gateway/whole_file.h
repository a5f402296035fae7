#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace insula::gateway {

/// Writes a file anew, readable by its owner only and on disk when this returns; never half of it
/// is seen. Blocking. Errors: fail_errno.
[[nodiscard]] Result<> write_whole(const std::filesystem::path& file, std::string_view text);

/// Errors: kNotFound when there is no such file; fail_errno.
[[nodiscard]] Result<std::string> read_whole(const std::filesystem::path& file);

}  // namespace insula::gateway
