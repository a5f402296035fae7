#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace insula::gateway {

/// What a request was, for those who are told when it is over; empty when nobody is. The head that
/// it is copied from is gone by then.
struct RequestFacts {
  static constexpr std::size_t kPathBytesMax = 2048;
  static constexpr std::size_t kHostBytesMax = 255;
  static constexpr std::size_t kMethodBytesMax = 32;

  std::string method;
  std::string path;  // without its query, which may have credentials
  std::string host;
  std::string client;         // its address
  std::string_view protocol;  // `HTTP/1.1`
  std::string_view scheme;    // `http` or `https`

  // Of the reply.
  std::optional<SteadyTime> first_byte = std::nullopt;
  std::uint64_t bytes_sent = 0;  // of its body, or to the client through a tunnel
  /// Why the gateway refused it, as the client is told.
  std::string_view error;
  /// It had begun and its upstream did not finish it.
  bool broken_off = false;
};

}  // namespace insula::gateway
