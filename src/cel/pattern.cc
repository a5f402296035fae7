#include "cel/pattern.h"

#include <utility>

#include <re2/re2.h>

namespace insula::cel {

namespace {

/// Memory that one expression may take, compiled and at work.
constexpr std::int64_t kMemoryBytesMax = 1 << 20;

}  // namespace

Result<Pattern> Pattern::compile(std::string_view expression) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMemoryBytesMax);
  auto compiled = std::make_shared<const RE2>(std::string(expression), options);
  if (!compiled->ok()) return fail(ErrorCode::kInvalid, compiled->error());
  return Pattern(std::move(compiled));
}

bool Pattern::found_in(std::string_view text) const {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

const std::string& Pattern::text() const {
  return compiled_->pattern();
}

std::size_t Pattern::instructions() const {
  return static_cast<std::size_t>(compiled_->ProgramSize());
}

}  // namespace insula::cel
