#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/error.h"

namespace insula::node {

inline constexpr std::size_t kFileBytesMax = 4U << 20U;

/// The whole file. Errors: kNotFound; kTooLarge above `bytes_max`.
[[nodiscard]] Result<std::string> read_file(const std::string& path,
                                            std::size_t bytes_max = kFileBytesMax);

/// Creates or truncates. A reader may see half of it; for what must survive a crash use the next
/// one.
Result<> write_file(const std::string& path, std::string_view text, mode_t mode = 0644);

/// Old or new content, never a mixture: writes beside it and renames. Not synced: the agent's files
/// must survive the agent, not the machine (containers do not survive it either).
Result<> replace_file(const std::string& path, std::string_view text, mode_t mode = 0644);

/// With parents. Fine when it exists; its mode then stays.
Result<> make_dirs(const std::string& path, mode_t mode = 0755);

/// Everything below and the directory itself, however deep, never following a link and never
/// crossing a mount (bind mounts included). Fine when it is absent.
Result<> remove_tree(const std::string& path);

/// The names in a directory, without `.` and `..`, sorted. Empty when there is no such directory.
[[nodiscard]] std::vector<std::string> names_in(const std::string& path);

[[nodiscard]] bool exists(const std::string& path);

/// Whether something is mounted on a directory.
[[nodiscard]] bool is_mount_point(const std::string& path);

/// Unmounts everything below a directory, the last mount first. Requires: a path without links.
void unmount_below(const std::string& path);

}  // namespace insula::node
