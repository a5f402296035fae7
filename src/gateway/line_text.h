#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace insula::gateway {

/// Appends a JSON string of printable ASCII alone, whatever the text is: others write what is in
/// it, and it must neither end the line, nor the string, nor steer the terminal on which it is
/// read. Other characters are escaped; of a text that is not UTF-8 each stray byte becomes U+FFFD.
/// What is beyond `bytes_max` of the text is left out.
void append_ascii_string(std::string& out, std::string_view text, std::size_t bytes_max);

/// Appends microseconds as milliseconds: `12.345`.
void append_millis(std::string& out, std::int64_t micros);

}  // namespace insula::gateway
