#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "api/kind.h"
#include "apiserver/output.h"
#include "apiserver/registry.h"

namespace insula::apiserver {

/// The parts of a list in one format: its head, its items one after the other, its tail.
class ListForm;

/// A `...List`, a Table or a PartialObjectMetadataList, in pieces that are quickly made.
///
/// Lifetime: kind, list and options outlive it.
class ListOutput {
 public:
  ListOutput(const api::Kind& kind, const ObjectList& list, const OutputOptions& options);
  ~ListOutput();

  /// Some of what must be done before the first piece: protobuf says how long the list is before
  /// the list. True: all of it was; call it until then.
  [[nodiscard]] bool prepare();

  /// The next piece; empty: that was all. Requires: prepare() has returned true.
  [[nodiscard]] std::string next();

 private:
  void fetch_ahead() const;

  const ObjectList& list_;
  std::unique_ptr<ListForm> form_;
  std::size_t items_max_;  // of a piece
  std::size_t prepared_ = 0;
  std::size_t position_ = 0;
  bool has_begun_ = false;
  bool has_ended_ = false;
};

/// All of it.
[[nodiscard]] std::string list_output(const api::Kind& kind,
                                      const ObjectList& list,
                                      const OutputOptions& options);

}  // namespace insula::apiserver
