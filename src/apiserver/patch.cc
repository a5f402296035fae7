#include "apiserver/patch.h"

#include <utility>

#include <fmt/format.h>

#include "api/custom/custom_kind.h"
#include "api/patch.h"
#include "apiserver/subresource.h"
#include "base/check.h"

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

namespace {

/// Only the field tables know how lists are merged by it.
std::unexpected<Error> no_strategic_merge() {
  return fail(ErrorCode::kUnsupportedMedia,
              "the body of the request was in an unknown format - accepted media types include: "
              "application/json-patch+json, application/merge-patch+json, "
              "application/apply-patch+yaml");
}

}  // namespace

Registry::Change patch_change(const Target& target,
                              Patch patch,
                              std::vector<std::string>& warnings) {
  const api::TypeInfo& type = body_type(*target.kind, target.subresource);
  const bool custom = api::custom_kind(*target.kind) != nullptr;
  return [&type, &warnings, custom,
          patch = std::move(patch)](const ConstObject& present) -> Result<Object> {
    json::Value document = api::to_json(type, present.get());
    switch (patch.format) {
      case PatchFormat::kJson: {
        INSULA_TRY(document, api::apply_json_patch(std::move(document), patch.content));
        break;
      }
      case PatchFormat::kMerge:
        document = api::apply_merge_patch(std::move(document), patch.content);
        break;
      case PatchFormat::kStrategicMerge: {
        if (custom) return no_strategic_merge();
        INSULA_TRY(document,
                   api::apply_strategic_merge_patch(type, std::move(document), patch.content));
        break;
      }
      case PatchFormat::kApply:
        check_failed(__FILE__, __LINE__, "a configuration is applied by Registry::apply()", "");
    }
    Object object = new_object(type);
    api::DecodeReport report;
    INSULA_TRY_VOID(api::decode_json(type, object.get(), document, patch.strictness, &report));
    for (std::string& text : report.warnings)
      warnings.push_back(std::move(text));
    return object;
  };
}

}  // namespace insula::apiserver
