#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace insula::apiserver {

/// The form in which a client wants objects.
enum class OutputForm : std::uint8_t { kObject, kTable, kMetadata };

/// What goes into the `object` of a Table's rows.
enum class IncludeObject : std::uint8_t { kMetadata, kNone, kObject };

/// A form, and the version of meta.k8s.io in which Tables and PartialObjectMetadata are written.
struct Representation {
  OutputForm form = OutputForm::kObject;
  std::string_view meta_version = "meta.k8s.io/v1";
};

/// Chooses from an Accept header. The first alternative that this server can give counts; an empty
/// header accepts everything. All forms are JSON. Errors: kNotAcceptable when none can be given.
[[nodiscard]] Result<Representation> negotiate(std::string_view accept);

/// Whether `accept` takes an object as it is, and not as a Table or its metadata only.
[[nodiscard]] bool accepts_objects(std::string_view accept);

/// Whether discovery is wanted in its aggregated form (`apidiscovery.k8s.io/v2`).
[[nodiscard]] bool wants_aggregated_discovery(std::string_view accept);

/// Formats of request bodies.
enum class BodyFormat : std::uint8_t { kJson, kYaml, kProtobuf };

/// Errors: kUnsupportedMedia.
[[nodiscard]] Result<BodyFormat> body_format(std::string_view content_type);

}  // namespace insula::apiserver
