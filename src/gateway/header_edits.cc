#include "gateway/header_edits.h"

#include <algorithm>
#include <iterator>

#include "gateway/credentials.h"

namespace insula::gateway {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

/// As reads_as() compares names.
std::string folded(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    if (c == '_') return '-';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  return lower;
}

}  // namespace

HeaderEdits::HeaderEdits(const HeaderEditsConfig& config) {
  for (const auto& [name, value] : config.set)
    taken_.push_back(folded(name));
  for (const std::string& name : config.remove)
    taken_.push_back(folded(name));
  for (const auto* headers : {&config.set, &config.add}) {
    for (const auto& [name, value] : *headers)
      lines_.append(name).append(": ").append(value).append(kLineEnd);
  }
}

HeaderEdits::HeaderEdits(const HeaderEditsConfig& first, const HeaderEditsConfig& later)
    : HeaderEdits(first) {
  HeaderEdits next(later);
  next.apply(lines_);
  std::ranges::move(next.taken_, std::back_inserter(taken_));
}

bool HeaderEdits::takes_away(std::string_view name) const {
  return std::ranges::any_of(taken_,
                             [&](const std::string& taken) { return reads_as(name, taken); });
}

void HeaderEdits::apply(std::string& lines) const {
  std::string kept;
  kept.reserve(lines.size() + lines_.size());
  for (std::string_view rest = lines; !rest.empty();) {
    const std::size_t end = std::min(rest.find(kLineEnd), rest.size() - kLineEnd.size());
    const std::string_view line = rest.substr(0, end + kLineEnd.size());
    const std::size_t colon = line.find(": ");
    if (colon == line.npos || line.substr(0, colon).contains(' ') ||
        !takes_away(line.substr(0, colon)))
      kept.append(line);
    rest.remove_prefix(line.size());
  }
  kept.append(lines_);
  lines = std::move(kept);
}

bool takes_away(std::span<const HeaderEdits* const> edits, std::string_view name) {
  return std::ranges::any_of(edits,
                             [&](const HeaderEdits* edit) { return edit->takes_away(name); });
}

void append_lines(std::string& out, std::span<const HeaderEdits* const> edits) {
  std::string lines;
  for (const HeaderEdits* edit : edits)
    edit->apply(lines);
  out.append(lines);
}

}  // namespace insula::gateway
