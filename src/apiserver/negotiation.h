#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace insula::apiserver {

/// The form in which a client wants objects.
enum class OutputForm : std::uint8_t { kObject, kTable, kMetadata };

/// What goes into the `object` of a Table's rows.
enum class IncludeObject : std::uint8_t { kMetadata, kNone, kObject };

/// Formats of bodies.
enum class BodyFormat : std::uint8_t { kJson, kYaml, kProtobuf };

/// A form, the version of meta.k8s.io in which Tables and PartialObjectMetadata are written, and
/// the format of the body.
struct Representation {
  OutputForm form = OutputForm::kObject;
  std::string_view meta_version = "meta.k8s.io/v1";
  BodyFormat format = BodyFormat::kJson;
  bool of_list = false;  // PartialObjectMetadataList
};

/// What an answer can be given as, beside JSON.
struct Offer {
  bool protobuf = true;  // of the object itself; metadata alone always has that format
  bool forms = true;     // as a Table, or metadata only
  bool stream = false;   // a watch: not in YAML
};

/// Chooses from an Accept header. Of the alternatives that can be given the one with the highest
/// `q` counts, then those that name a type, then the first; an empty header accepts everything.
/// Tables have no protobuf form. Errors: kNotAcceptable when none can be given.
/// Spec: RFC 9110 section 12.5.1.
[[nodiscard]] Result<Representation> negotiate(std::string_view accept, const Offer& offer = {});

/// What a body of this format is called; `stream` is one of watch events.
[[nodiscard]] std::string_view content_type(BodyFormat format, bool stream = false);

/// Whether discovery is wanted in its aggregated form (`apidiscovery.k8s.io/v2`).
[[nodiscard]] bool wants_aggregated_discovery(std::string_view accept);

/// Of a request's body. Errors: kUnsupportedMedia.
[[nodiscard]] Result<BodyFormat> body_format(std::string_view content_type);

}  // namespace insula::apiserver
