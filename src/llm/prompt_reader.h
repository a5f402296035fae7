#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "llm/request.h"

namespace insula::llm {

/// Finds the texts of a prompt in the body of a request, in place: those of OpenAI's chat
/// completions, completions and responses and of Anthropic's messages, in every form that these
/// have (a text, a list of texts, messages, parts of a message, results of tools).
///
/// Under the members that hold a prompt every text counts, but for those of members that no model
/// reads, such as `role` and `url`. So a server that reads more than these APIs say is covered.
///
/// Keep one per loop: it reuses its memory. Threads: one at a time.
class PromptReader {
 public:
  /// As RequestReader's.
  static constexpr std::size_t kPadding = RequestReader::kPadding;

  PromptReader();
  ~PromptReader();

  /// Calls `look` with each text, without escapes, until it returns false. A text is valid during
  /// the call.
  /// Requires: kPadding bytes behind `body` are readable memory.
  /// Errors: kBadRequest when the body is no JSON object, or nests deeper than
  /// RequestReader::kDepthMax.
  Result<> read(std::string_view body, const std::function<bool(std::string_view)>& look);

 private:
  struct Parser;

  std::unique_ptr<Parser> parser_;
};

}  // namespace insula::llm
