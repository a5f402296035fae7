#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/edge_config.h"

namespace insula::gateway {

/// Changes of the headers of a message.
///
/// Threads: deeply const.
class HeaderEdits {
 public:
  /// Requires: names are tokens and values have no control characters.
  explicit HeaderEdits(const HeaderModifierConfig& config);

  /// Changes header lines, each of which ends in CRLF; a line without a colon before them, such as
  /// a request line, stays. Cost: a copy of them.
  void apply(std::string& lines) const;

  /// Whether headers of this name are taken away, or others put in their place.
  [[nodiscard]] bool takes_away(std::string_view name) const;

 private:
  std::vector<std::string> taken_;  // names, in lower case
  std::string lines_;               // what is set and added
};

/// Whether one of them takes headers of this name away.
[[nodiscard]] bool takes_away(std::span<const HeaderEdits* const> edits, std::string_view name);

/// Appends what they put into a message, one after the other: what one adds, a later one may take
/// away.
void append_lines(std::string& out, std::span<const HeaderEdits* const> edits);

}  // namespace insula::gateway
