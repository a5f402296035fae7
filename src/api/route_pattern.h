#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace insula::api {

/// A regular expression of a route, which a path, a header or a parameter fits as a whole. What is
/// longer than kTextBytesMax fits none: many expressions may have to be tried.
///
/// Cost: linear in the text; an expression takes at most kBytesMax of memory. Copies share it.
/// Threads: may be used by all at once.
/// Spec: RE2's syntax.
class RoutePattern {
 public:
  static constexpr std::size_t kBytesMax = 32U << 10U;
  static constexpr std::size_t kTextBytesMax = 4U << 10U;

  /// Errors: kInvalid, with what is wrong with it.
  [[nodiscard]] static Result<RoutePattern> compile(const std::string& text);

  [[nodiscard]] bool fits(std::string_view text) const;

 private:
  struct Compiled;

  explicit RoutePattern(std::shared_ptr<const Compiled> compiled);

  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace insula::api
