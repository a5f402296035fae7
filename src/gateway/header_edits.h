#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/header_edits_config.h"

namespace insula::gateway {

/// Changes of the headers of a message.
///
/// Threads: deeply const.
class HeaderEdits {
 public:
  HeaderEdits() = default;
  /// Requires: names are tokens and values have no control characters.
  explicit HeaderEdits(const HeaderEditsConfig& config);
  /// Those of `first` and then those of `later`, which may take away what the first put in.
  HeaderEdits(const HeaderEditsConfig& first, const HeaderEditsConfig& later);

  /// Changes header lines, each of which ends in CRLF; a line without a colon before them, such as
  /// a request line, stays. Cost: a copy of them.
  void apply(std::string& lines) const;

  /// Whether headers of this name are taken away, or others put in their place.
  [[nodiscard]] bool takes_away(std::string_view name) const;

  /// What is put in, each line with its end.
  [[nodiscard]] const std::string& lines() const { return lines_; }

  [[nodiscard]] bool empty() const { return taken_.empty() && lines_.empty(); }

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
