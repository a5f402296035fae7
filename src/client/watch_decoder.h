#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "client/client.h"

namespace insula::client {

/// Splits the body of a watch into its events: one JSON object per line.
class WatchDecoder {
 public:
  explicit WatchDecoder(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

  void feed(std::string_view bytes);

  /// The next event; nullopt when there is no whole one yet. An ERROR event becomes its Error, and
  /// what cannot be read kUpstream; the stream is over then.
  std::optional<Result<WatchEvent>> next();

 private:
  std::size_t event_bytes_max_;
  std::string pending_;
  std::size_t begin_ = 0;    // where the next event starts in pending_
  std::size_t scanned_ = 0;  // no line end before here
};

}  // namespace insula::client
