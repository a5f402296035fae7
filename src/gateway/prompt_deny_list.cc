#include "gateway/prompt_deny_list.h"

#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace insula::gateway {
namespace {

constexpr std::string_view kMessageDefault =
    "the prompt has something that the tenant does not allow";

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

FilterRefusal too_large(std::string message) {
  return {.error = ApiError::kPromptTooLarge,
          .code = ErrorCode::kTooLarge,
          .message = std::move(message)};
}

/// One of so many, for as long as it lives.
class Place {
 public:
  explicit Place(std::atomic<int>& taken) : taken_(taken), count_(++taken_) {}

  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  ~Place() { --taken_; }

  [[nodiscard]] int count() const { return count_; }

 private:
  std::atomic<int>& taken_;
  int count_;
};

/// Takes the texts out of the body, and the memory that they need. What keeps it from that is an
/// answer.
std::optional<FilterRefusal> read_texts(const FilterRequest& request,
                                        BodyMemory::Share& memory,
                                        PromptTexts& texts) {
  std::optional<FilterRefusal> refusal;
  const auto take = [&](std::string_view text) {
    if (texts.bytes() + text.size() > PromptDenyList::kTextBytesMax) {
      refusal = too_large(
          fmt::format("the tenant's list of what a prompt may not have is looked for in at most {} "
                      "bytes of text",
                      PromptDenyList::kTextBytesMax));
    } else if (auto held = memory.take(text.size()); !held) {
      refusal = {.error = ApiError::kTemporarilyUnavailable,
                 .code = held.error().code(),
                 .message = held.error().message()};
    } else if (!text.empty()) {
      texts.add(text);
    }
    return !refusal;
  };
  if (const auto read = request.prompts.read(request.body, take); !read) {
    refusal = {.error = ApiError::kInvalidRequest,
               .code = read.error().code(),
               .message = read.error().message()};
  }
  return refusal;
}

}  // namespace

PromptDenyList::PromptDenyList(std::shared_ptr<const PromptPatterns> patterns,
                               std::string message,
                               std::chrono::nanoseconds search_time_max)
    : patterns_(std::move(patterns)),
      message_(std::move(message)),
      search_time_max_(search_time_max) {}

Result<std::unique_ptr<const Filter>> PromptDenyList::make(
    const PromptDenyListConfig& config, std::chrono::nanoseconds search_time_max) {
  INSULA_TRY(auto patterns, PromptPatterns::make(config));
  return std::unique_ptr<const Filter>(new PromptDenyList(
      std::move(patterns), config.message.empty() ? std::string(kMessageDefault) : config.message,
      search_time_max));
}

Task<std::optional<FilterRefusal>> PromptDenyList::on_request(FilterRequest request) const {
  if (!has_prompt(request.operation) || request.body.empty()) co_return std::nullopt;
  BodyMemory::Share memory(request.memory);
  memory.belong_to(request.tenant);
  PromptTexts texts;
  if (auto refusal = read_texts(request, memory, texts)) co_return refusal;
  if (texts.bytes() > kHereBytesMax) co_return co_await search_on_pool(request, std::move(texts));
  PromptSearch search(patterns_, std::move(texts));
  search.go_on(std::chrono::nanoseconds::max());
  co_return verdict_of(search);
}

Task<std::optional<FilterRefusal>> PromptDenyList::search_on_pool(const FilterRequest& request,
                                                                  PromptTexts texts) const {
  const auto search = std::make_shared<PromptSearch>(patterns_, std::move(texts));
  std::optional<Place> place;  // among the long ones
  for (;;) {
    // Who waits is behind others that began meanwhile, and those behind it.
    co_await request.pool.run([search] {
      search->go_on(kSliceTime);
      return true;
    });
    if (search->is_over()) co_return verdict_of(*search);
    if (request.client_gone) {
      co_return FilterRefusal{.error = ApiError::kInvalidRequest, .message = "the client has left"};
    }
    if (search->spent() >= search_time_max_) {
      co_return too_large(
          "it takes too long to compare the prompt with the tenant's list of what it may not have");
    }
    if (!place && place.emplace(long_searches_).count() > kLongSearchesMax) {
      co_return FilterRefusal{
          .error = ApiError::kOverloaded,
          .code = ErrorCode::kUnavailable,
          .message =
              "other prompts of the tenant are being compared with its list of what a "
              "prompt may not have"};
    }
  }
}

std::optional<FilterRefusal> PromptDenyList::verdict_of(const PromptSearch& search) const {
  if (!search.has_found()) return std::nullopt;
  return FilterRefusal{.error = ApiError::kPromptDenied, .message = message_};
}

}  // namespace insula::gateway
