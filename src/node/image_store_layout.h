#pragma once

#include <string>
#include <string_view>

namespace insula::node {

/// Names of files in an ImageStore; shared by the store and the import.

/// 64 lower-case hexadecimal digits: a SHA-256 that is safe as a file name.
[[nodiscard]] bool is_hex_digest(std::string_view text);

/// An image name as a file name, and back.
[[nodiscard]] std::string encoded_image_name(std::string_view name);
[[nodiscard]] std::string decoded_image_name(std::string_view file);

}  // namespace insula::node
