#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/codec.h"
#include "apiserver/registry.h"
#include "apiserver/status.h"
#include "base/error.h"
#include "json/value.h"

namespace insula::apiserver {

/// kApply is no patch but a configuration (apply.h).
enum class PatchFormat : std::uint8_t { kJson, kMerge, kStrategicMerge, kApply };

/// Errors: kUnsupportedMedia.
[[nodiscard]] Result<PatchFormat> patch_format(std::string_view content_type);

/// A patch as it was sent, and how strictly its result is read.
struct Patch {
  PatchFormat format = PatchFormat::kMerge;
  json::Value content;
  api::Strictness strictness = api::Strictness::kWarn;
};

/// What is said of a patch beside its result. Outlives the change.
struct PatchRemarks {
  /// Texts for Warning headers.
  std::vector<std::string>& warnings;
  /// Set to nothing when a refusal is about the patch, and not about an object.
  std::optional<StatusSubject>& subject;
};

/// The change that a patch makes, for Registry::change(). Requires: it is one.
///
/// Errors: kInvalid with the cause `patch` when its result cannot be read, without a cause when an
/// operation of a JSON patch does not apply; kBadRequest for what is no patch.
[[nodiscard]] Registry::Change patch_change(const Target& target,
                                            Patch patch,
                                            PatchRemarks remarks);

}  // namespace insula::apiserver
