#include "gateway/prompt_deny_list.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <re2/re2.h>
#include <re2/set.h>

namespace insula::gateway {
namespace {

/// Memory that the list of one tenant may take, compiled and at work.
constexpr std::int64_t kMemoryBytesMax = 16 << 20;
constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kMessageDefault =
    "the prompt has something that the tenant does not allow";

/// Its words in letters of either case, with any white space between them.
std::string pattern_of(std::string_view phrase) {
  std::string pattern = "(?i)";
  for (bool first = true;; first = false) {
    phrase.remove_prefix(std::min(phrase.find_first_not_of(kSpace), phrase.size()));
    if (phrase.empty()) return pattern;
    const std::string_view word = phrase.substr(0, phrase.find_first_of(kSpace));
    if (!first) pattern += "\\s+";
    pattern += RE2::QuoteMeta(re2::StringPiece(word.data(), word.size()));
    phrase.remove_prefix(word.size());
  }
}

/// Those whose prompts go to a model as they are.
bool has_prompt(llm::Operation operation) {
  switch (operation) {
    case llm::Operation::kChatCompletions:
    case llm::Operation::kCompletions:
    case llm::Operation::kResponses:
    case llm::Operation::kMessages:
      return true;
    default:
      return false;
  }
}

}  // namespace

class PromptDenyList::Patterns {
 public:
  Patterns() : set_(options(), RE2::UNANCHORED) {}

  Result<> add(const std::string& pattern) {
    std::string error;
    if (set_.Add(pattern, &error) < 0) return fail(ErrorCode::kInvalid, error);
    return {};
  }

  Result<> compile() {
    if (set_.Compile()) return {};
    return fail(ErrorCode::kInvalid, "the phrases and patterns need too much memory");
  }

  enum class Found : std::uint8_t { kNo, kYes, kUnknown };

  [[nodiscard]] Found look_in(std::string_view text) const {
    RE2::Set::ErrorInfo error{};
    if (set_.Match(re2::StringPiece(text.data(), text.size()), nullptr, &error)) return Found::kYes;
    return error.kind == RE2::Set::kNoError ? Found::kNo : Found::kUnknown;
  }

 private:
  static RE2::Options options() {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kMemoryBytesMax);
    return options;
  }

  RE2::Set set_;
};

PromptDenyList::PromptDenyList(std::unique_ptr<const Patterns> patterns, std::string message)
    : patterns_(std::move(patterns)), message_(std::move(message)) {}

PromptDenyList::~PromptDenyList() = default;

Result<std::unique_ptr<const Filter>> PromptDenyList::make(const PromptDenyListConfig& config) {
  auto patterns = std::make_unique<Patterns>();
  for (const std::string& phrase : config.phrases)
    INSULA_TRY_VOID(patterns->add(pattern_of(phrase)));
  for (const std::string& pattern : config.patterns)
    INSULA_TRY_VOID(patterns->add(pattern));
  INSULA_TRY_VOID(patterns->compile());
  return std::unique_ptr<const Filter>(new PromptDenyList(
      std::move(patterns), config.message.empty() ? std::string(kMessageDefault) : config.message));
}

std::optional<FilterRefusal> PromptDenyList::on_request(const FilterRequest& request) const {
  if (!has_prompt(request.operation) || request.body.empty()) return std::nullopt;
  std::size_t bytes = 0;
  auto found = Patterns::Found::kNo;
  const auto look = [&](std::string_view text) {
    bytes += text.size();
    if (bytes <= kTextBytesMax) found = patterns_->look_in(text);
    return bytes <= kTextBytesMax && found == Patterns::Found::kNo;
  };
  if (const auto read = request.prompts.read(request.body, look); !read)
    return FilterRefusal{.error = ApiError::kInvalidRequest,
                         .code = read.error().code(),
                         .message = read.error().message()};
  if (found == Patterns::Found::kYes)
    return FilterRefusal{.error = ApiError::kPromptDenied, .message = message_};
  if (bytes <= kTextBytesMax && found == Patterns::Found::kNo) return std::nullopt;
  return FilterRefusal{
      .error = ApiError::kPromptTooLarge,
      .code = ErrorCode::kTooLarge,
      .message = bytes > kTextBytesMax
                     ? fmt::format("the tenant's list of what a prompt may not have is looked for "
                                   "in at most {} bytes of text",
                                   kTextBytesMax)
                     : std::string("the prompt cannot be compared with the tenant's list of what "
                                   "it may not have")};
}

}  // namespace insula::gateway
