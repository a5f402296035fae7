#pragma once

#include <cstddef>
#include <span>
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
  IncludeObject include = IncludeObject::kMetadata;
  WallTime now;  // ages in Tables are counted to it
};

/// One object. Costs nothing but a copy in the form kObject: the stored bytes are sent as they are.
[[nodiscard]] std::string object_output(const api::Kind& kind,
                                        const store::EntryPtr& entry,
                                        const OutputOptions& options);

/// A `...List`, a Table or a PartialObjectMetadataList, in pieces that are quickly made.
///
/// Lifetime: kind, list and options outlive it.
class ListOutput {
 public:
  ListOutput(const api::Kind& kind, const ObjectList& list, const OutputOptions& options)
      : kind_(kind), list_(list), options_(options) {}

  /// The next piece; empty: that was all.
  [[nodiscard]] std::string next();

 private:
  [[nodiscard]] std::string head() const;
  void fetch_ahead() const;
  void append_item(const store::EntryPtr& entry, std::string& out) const;

  const api::Kind& kind_;
  const ObjectList& list_;
  const OutputOptions& options_;
  std::size_t position_ = 0;
  bool has_begun_ = false;
  bool has_ended_ = false;
};

/// All of it.
[[nodiscard]] std::string list_output(const api::Kind& kind,
                                      const ObjectList& list,
                                      const OutputOptions& options);

/// One line of a watch: `{"type":"ADDED","object":...}` and a newline.
[[nodiscard]] std::string event_output(const api::Kind& kind,
                                       const ObjectEvent& event,
                                       const OutputOptions& options);

/// A bookmark; `initial_events_end` marks the end of what a watch began with.
[[nodiscard]] std::string bookmark_output(const api::Kind& kind,
                                          store::Revision revision,
                                          bool initial_events_end,
                                          const OutputOptions& options);

/// An ERROR event with this Status.
[[nodiscard]] std::string error_event_output(std::string_view status);

}  // namespace insula::apiserver
