#pragma once

#include <string>
#include <string_view>

#include "api/kind.h"
#include "apiserver/negotiation.h"
#include "apiserver/registry.h"
#include "base/clock.h"

namespace insula::apiserver {

/// How the answer to one request looks.
struct OutputOptions {
  OutputForm form = OutputForm::kObject;
  /// Of Tables and PartialObjectMetadata.
  std::string_view meta_version = "meta.k8s.io/v1";
  BodyFormat format = BodyFormat::kJson;
  bool metadata_of_list = false;  // asked for, in the form kMetadata
  IncludeObject include = IncludeObject::kMetadata;
  bool says_columns = true;  // Tables do, but those of a watch after the first
  WallTime now;              // ages in Tables are counted to it
};

/// One object in JSON, whatever the format; in_format() makes the others. Costs nothing but a copy
/// in the form kObject: the stored bytes are sent as they are.
[[nodiscard]] std::string object_output(const api::Kind& kind,
                                        const store::EntryPtr& entry,
                                        const OutputOptions& options);

/// Its PartialObjectMetadata in JSON.
[[nodiscard]] std::string metadata_output(const api::Kind& kind,
                                          const store::EntryPtr& entry,
                                          const OutputOptions& options);

/// One event of a watch: see watch_event().
[[nodiscard]] std::string event_output(const api::Kind& kind,
                                       const ObjectEvent& event,
                                       const OutputOptions& options);

/// A bookmark; `initial_events_end` marks the end of what a watch began with.
[[nodiscard]] std::string bookmark_output(const api::Kind& kind,
                                          store::Revision revision,
                                          bool initial_events_end,
                                          const OutputOptions& options);

/// An ERROR event with this Status, which is JSON.
[[nodiscard]] std::string error_event_output(std::string_view status, BodyFormat format);

}  // namespace insula::apiserver
