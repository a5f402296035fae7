#include "api/columns/columns.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace insula::api {

std::string human_duration(std::chrono::nanoseconds duration) {
  const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  // The finer unit is left out when it is zero.
  const auto pair = [](std::int64_t coarse, char unit, std::int64_t fine, char fine_unit) {
    return fine == 0 ? fmt::format("{}{}", coarse, unit)
                     : fmt::format("{}{}{}{}", coarse, unit, fine, fine_unit);
  };
  if (seconds < 120) return fmt::format("{}s", seconds);
  const std::int64_t minutes = seconds / 60;
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return fmt::format("{}m", minutes);
  const std::int64_t hours = minutes / 60;
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return fmt::format("{}h", hours);
  const std::int64_t days = hours / 24;
  if (days < 8) return pair(days, 'd', hours % 24, 'h');
  constexpr std::int64_t kYear = 365;
  if (days < 2 * kYear) return fmt::format("{}d", days);
  if (days < 8 * kYear) return pair(days / kYear, 'y', days % kYear, 'd');
  return fmt::format("{}y", days / kYear);
}

std::string age(Time then, WallTime now) {
  return then.is_zero() ? "<unknown>" : human_duration(now - then.wall());
}

std::string age(MicroTime then, WallTime now) {
  return then.is_zero() ? "<unknown>" : human_duration(now - then.wall());
}

std::string label_text(const std::map<std::string, std::string>& labels) {
  std::string text;
  for (const auto& [key, value] : labels) {
    if (!text.empty()) text += ',';
    text.append(key).append("=").append(value);
  }
  return text.empty() ? "<none>" : text;
}

std::string name_of_class(const ObjectMeta& metadata, const std::string& default_annotation) {
  const auto found = metadata.annotations.find(default_annotation);
  const bool is_default = found != metadata.annotations.end() && found->second == "true";
  return is_default ? metadata.name + " (default)" : metadata.name;
}

std::string selector_text(const LabelSelector& selector) {
  std::multimap<std::string_view, std::string> rules;
  for (const auto& [key, value] : selector.match_labels)
    rules.emplace(key, fmt::format("{}={}", key, value));
  for (const LabelSelectorRequirement& rule : selector.match_expressions) {
    std::vector<std::string> values = rule.values;
    std::ranges::sort(values);
    std::string text = rule.key;
    if (rule.operator_ == "In") {
      text += fmt::format(" in ({})", fmt::join(values, ","));
    } else if (rule.operator_ == "NotIn") {
      text += fmt::format(" notin ({})", fmt::join(values, ","));
    } else if (rule.operator_ == "DoesNotExist") {
      text.insert(0, "!");
    }
    rules.emplace(rule.key, std::move(text));
  }
  std::string text;
  for (const auto& [key, rule] : rules) {
    if (!text.empty()) text += ',';
    text += rule;
  }
  return text;
}

}  // namespace insula::api
