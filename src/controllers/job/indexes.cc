#include "controllers/job/indexes.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "base/number.h"

namespace insula::controllers {

Indexes parse_indexes(std::string_view text, std::int32_t completions) {
  Indexes out;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const std::size_t hyphen = part.find('-');
    const auto first = parse_whole<std::int32_t>(part.substr(0, hyphen));
    const auto last = hyphen == std::string_view::npos
                          ? first
                          : parse_whole<std::int32_t>(part.substr(hyphen + 1));
    if (!first || !last || *first < 0) continue;
    for (std::int32_t i = *first; i <= *last && i < completions; ++i)
      out.insert(out.end(), i);
  }
  return out;
}

std::string format_indexes(const Indexes& indexes) {
  std::string out;
  for (auto it = indexes.begin(); it != indexes.end();) {
    const std::int32_t first = *it;
    std::int32_t last = first;
    for (++it; it != indexes.end() && *it == last + 1; ++it)
      last = *it;
    if (!out.empty()) out += ',';
    out += std::to_string(first);
    if (last > first) out += fmt::format("{}{}", last > first + 1 ? '-' : ',', last);
  }
  return out;
}

}  // namespace insula::controllers
