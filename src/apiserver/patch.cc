#include "apiserver/patch.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/custom/custom_kind.h"
#include "api/field_errors.h"
#include "api/invalid.h"
#include "api/patch.h"
#include "apiserver/refusals.h"
#include "apiserver/subresource.h"
#include "base/check.h"
#include "json/parse.h"
#include "json/type_name.h"
#include "json/write.h"

namespace insula::apiserver {

Result<PatchFormat> patch_format(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  if (type == "application/json-patch+json") return PatchFormat::kJson;
  if (type == "application/merge-patch+json") return PatchFormat::kMerge;
  if (type == "application/strategic-merge-patch+json") return PatchFormat::kStrategicMerge;
  if (type == "application/apply-patch+yaml") return PatchFormat::kApply;
  return fail(
      ErrorCode::kUnsupportedMedia,
      fmt::format(
          "the body of the request was in an unknown format ({}) - accepted media types include: "
          "application/json-patch+json, application/merge-patch+json, "
          "application/strategic-merge-patch+json, application/apply-patch+yaml",
          type));
}

Result<json::Value> parse_patch(PatchFormat format, std::string_view body) {
  Result<json::Value> content = json::parse(body);
  if (content || format == PatchFormat::kStrategicMerge) return content;
  return std::unexpected(std::move(content).error().in("error decoding patch"));
}

namespace {

/// Only the field tables know how lists are merged by it.
std::unexpected<Error> no_strategic_merge() {
  return fail(ErrorCode::kUnsupportedMedia,
              "the body of the request was in an unknown format - accepted media types include: "
              "application/json-patch+json, application/merge-patch+json, "
              "application/apply-patch+yaml");
}

/// As Go prints it, which is how Kubernetes shows a strategic merge patch: map[a:1 b:[2 3]].
std::string in_go(const json::Value& value) {
  if (value.is_null()) return "<nil>";
  if (const json::Array* items = value.as_array()) {
    std::vector<std::string> texts;
    for (const json::Value& item : *items)
      texts.push_back(in_go(item));
    return fmt::format("[{}]", fmt::join(texts, " "));
  }
  const json::Object* members = value.as_object();
  if (members == nullptr) return value.is_string() ? std::string(value.text()) : json::write(value);
  std::map<std::string, std::string> texts;
  for (const auto& [name, member] : *members)
    texts.emplace(name, in_go(member));
  std::vector<std::string> entries;
  for (const auto& [name, text] : texts)
    entries.push_back(fmt::format("{}:{}", name, text));
  return fmt::format("map[{}]", fmt::join(entries, " "));
}

/// Without what it says of the kind, which nobody named in a patch.
std::string_view complaint(std::string_view message) {
  constexpr std::string_view kAbout = "cannot be handled as a ";
  const std::size_t about = message.find(kAbout);
  if (about == std::string_view::npos) return message;
  const std::size_t colon = message.find(": ", about);
  return colon == std::string_view::npos ? message : message.substr(colon + 2);
}

Error unreadable_result(const Patch& patch, const json::Value& result, const Error& why) {
  api::FieldErrors errors;
  errors.invalid(
      api::FieldPath("patch"),
      patch.format == PatchFormat::kStrategicMerge ? in_go(patch.content) : json::write(result),
      complaint(why.message()));
  return api::invalid("", "", "", std::move(errors).take());
}

/// Whether it is one at all: a JSON patch is an array of objects.
bool is_json_patch(const json::Value& content) {
  const json::Array* operations = content.as_array();
  return operations != nullptr &&
         std::ranges::all_of(*operations, [](const json::Value& it) { return it.is_object(); });
}

Result<json::Value> apply_json_patch(json::Value document, const Patch& patch) {
  Result<json::Value> result = api::apply_json_patch(std::move(document), patch.content);
  if (result || result.error().code() == ErrorCode::kTooLarge || !is_json_patch(patch.content))
    return result;
  // Kubernetes says no more of it.
  return about_nothing(
      {ErrorCode::kInvalid, "the server rejected our request due to an error in our request"});
}

Result<json::Value> apply_merge_patch(json::Value document, const Patch& patch) {
  if (patch.content.is_object()) return api::apply_merge_patch(std::move(document), patch.content);
  if (patch.content.is_null()) return fail(ErrorCode::kBadRequest, "Invalid JSON Patch");
  return fail(ErrorCode::kBadRequest,
              fmt::format("error decoding patch: json: cannot unmarshal {} into Go value of type "
                          "map[string]interface {{}}",
                          json::type_name(patch.content)));
}

Result<json::Value> patched(const api::TypeInfo& type,
                            json::Value document,
                            const Patch& patch,
                            bool custom) {
  switch (patch.format) {
    case PatchFormat::kJson:
      return apply_json_patch(std::move(document), patch);
    case PatchFormat::kMerge:
      return apply_merge_patch(std::move(document), patch);
    case PatchFormat::kStrategicMerge:
      if (custom) return no_strategic_merge();
      return api::apply_strategic_merge_patch(type, std::move(document), patch.content);
    case PatchFormat::kApply:
      break;
  }
  check_failed(__FILE__, __LINE__, "a configuration is applied by Registry::apply()", "");
}

}  // namespace

Registry::Change patch_change(const Target& target,
                              Patch patch,
                              std::vector<std::string>& warnings) {
  const api::TypeInfo& type = body_kind(*target.kind, target.subresource).type;
  const bool custom = api::custom_kind(*target.kind) != nullptr;
  return [&type, &warnings, custom,
          patch = std::move(patch)](const ConstObject& present) -> Result<Object> {
    INSULA_TRY(const json::Value document,
               patched(type, api::to_json(type, present.get()), patch, custom));
    Object object = new_object(type);
    api::DecodeReport report;
    const Result<> read = api::decode_json(type, object.get(), document, patch.strictness, &report);
    if (!read) return std::unexpected(unreadable_result(patch, document, read.error()));
    std::ranges::move(report.warnings, std::back_inserter(warnings));
    return object;
  };
}

}  // namespace insula::apiserver
