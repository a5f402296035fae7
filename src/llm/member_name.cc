#include "llm/member_name.h"

namespace insula::llm {
namespace {

/// Two letters beyond ASCII that become ASCII where case is ignored.
constexpr std::string_view kLongS = "\xc5\xbf";
constexpr std::string_view kKelvin = "\xe2\x84\xaa";

}  // namespace

std::string folded_name(std::string_view key, std::size_t bytes_max) {
  std::string out;
  while (!key.empty() && out.size() <= bytes_max) {
    std::size_t taken = 1;
    if (key.starts_with(kLongS)) {
      out += 's';
      taken = kLongS.size();
    } else if (key.starts_with(kKelvin)) {
      out += 'k';
      taken = kKelvin.size();
    } else {
      const char c = key.front();
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    }
    key.remove_prefix(taken);
  }
  return key.empty() && out.size() <= bytes_max ? out : std::string();
}

}  // namespace insula::llm
