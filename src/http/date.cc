#include "http/date.h"

#include <chrono>

#include <fmt/chrono.h>

namespace insula::http {

std::string date_text(WallTime time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT",
                     fmt::gmtime(WallTime::clock::to_time_t(second)));
}

}  // namespace insula::http
