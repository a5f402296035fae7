#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "api/columns/columns.h"

namespace insula::api {

namespace {

constexpr Column kConfigMapColumns[] = {
    kNameColumn,
    {"Data", "integer", "", "Number of entries."},
    kAgeColumn,
};

constexpr Column kSecretColumns[] = {
    kNameColumn,
    {"Type", "string", "", "What the Secret is for."},
    {"Data", "integer", "", "Number of entries."},
    kAgeColumn,
};

constexpr Column kServiceAccountColumns[] = {
    kNameColumn,
    kAgeColumn,
};

constexpr Column kEventColumns[] = {
    {"Last Seen", "string", "", "Time since it happened last."},
    {"Type", "string", "", "Normal or Warning."},
    {"Reason", "string", "", "What happened, in one word."},
    {"Object", "string", "", "What it happened to."},
    {"Subobject", "string", "", "Part of the object that it happened to.", 1},
    {"Source", "string", "", "Who reports it.", 1},
    {"Message", "string", "", "What happened, in a sentence."},
    {"First Seen", "string", "", "Time since it happened first.", 1},
    {"Count", "integer", "", "How often it happened.", 1},
    {"Name", "string", "name", "Name of the event.", 1},
};

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1));
}

const std::string& first_set(const std::string& a, const std::string& b) {
  return a.empty() ? b : a;
}

std::string source_text(const Event& event) {
  const std::string& component = first_set(event.source.component, event.reporting_component);
  const std::string& instance = first_set(event.source.host, event.reporting_instance);
  return instance.empty() ? component : component + ", " + instance;
}

}  // namespace

std::span<const Column> config_map_columns() {
  return kConfigMapColumns;
}

std::vector<Cell> cells(const ConfigMap& object, WallTime now) {
  return {object.metadata.name,
          static_cast<std::int64_t>(object.data.size() + object.binary_data.size()),
          age(object.metadata.creation_timestamp, now)};
}

std::span<const Column> secret_columns() {
  return kSecretColumns;
}

std::vector<Cell> cells(const Secret& object, WallTime now) {
  return {object.metadata.name, object.type, static_cast<std::int64_t>(object.data.size()),
          age(object.metadata.creation_timestamp, now)};
}

std::span<const Column> service_account_columns() {
  return kServiceAccountColumns;
}

std::vector<Cell> cells(const ServiceAccount& object, WallTime now) {
  return {object.metadata.name, age(object.metadata.creation_timestamp, now)};
}

std::span<const Column> event_columns() {
  return kEventColumns;
}

std::vector<Cell> cells(const Event& object, WallTime now) {
  const std::string first = object.first_timestamp.is_zero() ? age(object.event_time, now)
                                                             : age(object.first_timestamp, now);
  std::string last = object.last_timestamp.is_zero() ? first : age(object.last_timestamp, now);
  std::int64_t count = std::max(object.count, 1);
  if (object.series) {
    last = age(object.series->last_observed_time, now);
    count = object.series->count;
  }
  const ObjectReference& about = object.involved_object;
  const std::string kind = lower(about.kind);
  return {
      last,
      object.type,
      object.reason,
      about.name.empty() ? kind : kind + "/" + about.name,
      about.field_path,
      source_text(object),
      trimmed(object.message),
      first,
      count,
      object.metadata.name,
  };
}

}  // namespace insula::api
