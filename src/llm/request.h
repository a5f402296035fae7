#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace insula::llm {

/// The operations that differ in how their bodies are read: OpenAI's, and Anthropic's messages.
/// The numbers are in files of usage: append only.
enum class Operation : std::uint8_t {
  kChatCompletions,
  kCompletions,
  kEmbeddings,
  kResponses,
  kMessages,
  kModels,
  kUnmetered,  // names a model in a JSON body, and costs the tokens that its reply tells
  kOther,
};

/// A path that is known, as clients write it below a tenant's prefix.
struct KnownPath {
  std::string_view path;
  Operation operation;
};

[[nodiscard]] std::span<const KnownPath> known_paths();

/// By the path below a tenant's prefix: `/v1/chat/completions`, with or without a slash at its end.
[[nodiscard]] Operation operation_of(std::string_view path);

/// The known path that a server would take `path` for that ignores case, parameters behind `;`, or
/// what is encoded behind it; empty when there is none, or `path` is spelled as it is.
[[nodiscard]] std::string_view known_path_like(std::string_view path);

/// True for paths below that of an operation that costs tokens: what such an answer tells of its
/// usage was told to whoever asked for it (`/v1/responses/ID`, `/v1/chat/completions/ID`).
[[nodiscard]] bool is_of_stored_answer(std::string_view path);

/// True for operations whose body is a JSON object that names a model.
[[nodiscard]] bool has_json_body(Operation operation);

/// True for those of them that cost tokens, whether their reply tells how many or not.
[[nodiscard]] bool is_metered(Operation operation);

/// A change of a request body: `erase` bytes at `offset` become `insert`.
struct BodyEdit {
  std::size_t offset = 0;
  std::size_t erase = 0;
  std::string_view insert;
};

/// A part of a request body.
struct BodyPart {
  std::size_t offset = 0;
  std::size_t bytes = 0;
};

/// What a relay needs to know of a request. Everything else is forwarded unread.
struct RequestPeek {
  /// Empty when the body names none. Valid until the reader's next call.
  std::string_view model;
  /// Where it is written, between its quotes.
  BodyPart model_at;
  bool stream = false;
  /// The largest of `max_tokens`, `max_completion_tokens` and `max_output_tokens`: servers differ
  /// in which one they obey.
  std::optional<std::int64_t> max_tokens;
  /// Completions that are made: the larger of `n` and `best_of`.
  std::int64_t completions = 1;
  /// Prompts in one request: those of a list in `prompt`, each of which is answered.
  std::int64_t prompts = 1;
  /// Set for a stream of completions whose client did not ask for its usage: this edit makes the
  /// upstream report it, in one more chunk that the client must not see.
  std::optional<BodyEdit> ask_for_usage;
  /// Only when they were asked for: where the value of the first of `system`, `messages`, `prompt`,
  /// `input` and `instructions` begins, and the first of `session_id`, `prompt_cache_key` and
  /// `user` that is a text, as the client wrote it; empty when there is none.
  std::optional<std::size_t> prompt_at;
  std::string_view session;
};

/// What of a request is read beside what every one needs.
enum class PeekFor : std::uint8_t { kRelay, kAffinity };

/// Tokens that a request may use, as far as it says.
struct TokenDemand {
  /// A guess by the body's size: what is not text in it counts as if it were.
  std::int64_t prompt = 0;
  /// At most, of all completions together; nothing when the request does not say.
  std::optional<std::int64_t> output;
};

/// Saturates far above kTokensMax. `body_bytes`: of the whole request body.
[[nodiscard]] TokenDemand token_demand(Operation operation,
                                       const RequestPeek& peek,
                                       std::size_t body_bytes);

/// Reads the few members it needs out of a request body, in place, and skips the rest.
///
/// A member of interest that occurs twice is refused, or in other letters (`Model`): which one
/// counts would differ between readers. Of values that are skipped, UTF-8 and nesting are checked.
///
/// Keep one per loop: it reuses its memory. Threads: one at a time.
class RequestReader {
 public:
  /// Bytes behind the body that may be read (not used): simdjson loads whole vectors.
  static constexpr std::size_t kPadding = 64;
  static constexpr std::size_t kDepthMax = 128;
  static constexpr std::size_t kModelBytesMax = 512;

  RequestReader();
  ~RequestReader();

  /// Requires: kPadding bytes behind `body` are readable memory.
  /// Errors: kBadRequest, which names the member that is wrong.
  Result<RequestPeek> read(Operation operation,
                           std::string_view body,
                           PeekFor what = PeekFor::kRelay);

 private:
  struct Parser;

  std::unique_ptr<Parser> parser_;
};

}  // namespace insula::llm
