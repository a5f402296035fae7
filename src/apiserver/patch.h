#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/codec.h"
#include "apiserver/registry.h"
#include "base/error.h"
#include "json/value.h"

namespace insula::apiserver {

/// kApply is no patch but a configuration (apply.h).
enum class PatchFormat : std::uint8_t { kJson, kMerge, kStrategicMerge, kApply };

/// Errors: kUnsupportedMedia.
[[nodiscard]] Result<PatchFormat> patch_format(std::string_view content_type);

/// Requires: it is no configuration. Errors: kBadRequest, kTooLarge.
[[nodiscard]] Result<json::Value> parse_patch(PatchFormat format, std::string_view body);

/// A patch as it was sent, and how strictly its result is read.
struct Patch {
  PatchFormat format = PatchFormat::kMerge;
  json::Value content;
  api::Strictness strictness = api::Strictness::kWarn;
};

/// The change that a patch makes, for Registry::change(). Requires: it is one. Texts for Warning
/// headers go into `warnings`, which outlives the change.
///
/// Errors: kInvalid with the cause `patch` when its result cannot be read, without a cause when an
/// operation of a JSON patch does not apply; kBadRequest for what is no patch.
[[nodiscard]] Registry::Change patch_change(const Target& target,
                                            Patch patch,
                                            std::vector<std::string>& warnings);

}  // namespace insula::apiserver
