#include "api/route_pattern.h"

#include <utility>

#include <re2/re2.h>

namespace insula::api {

struct RoutePattern::Compiled {
  Compiled(const std::string& text, const RE2::Options& options) : expression(text, options) {}

  RE2 expression;
};

RoutePattern::RoutePattern(std::shared_ptr<const Compiled> compiled)
    : compiled_(std::move(compiled)) {}

Result<RoutePattern> RoutePattern::compile(const std::string& text) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kBytesMax);
  // Bytes, as HTTP has them: what is no UTF-8 fits an expression, too.
  options.set_encoding(RE2::Options::EncodingLatin1);
  auto compiled = std::make_shared<const Compiled>(text, options);
  if (!compiled->expression.ok())
    return fail(ErrorCode::kInvalid, "is no regular expression: " + compiled->expression.error());
  return RoutePattern(std::move(compiled));
}

bool RoutePattern::fits(std::string_view text) const {
  return text.size() <= kTextBytesMax &&
         RE2::FullMatch({text.data(), text.size()}, compiled_->expression);
}

}  // namespace insula::api
