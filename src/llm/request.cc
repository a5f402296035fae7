#include "llm/request.h"

#include <algorithm>
#include <array>
#include <string>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "llm/member_name.h"
#include "llm/outline.h"
#include "llm/usage.h"

namespace insula::llm {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::array<KnownPath, 12> kPaths = {{
    {"/v1/chat/completions", Operation::kChatCompletions},
    {"/v1/completions", Operation::kCompletions},
    {"/v1/embeddings", Operation::kEmbeddings},
    {"/v1/responses", Operation::kResponses},
    {"/v1/messages", Operation::kMessages},
    {"/v1/models", Operation::kModels},
    {"/v1/messages/count_tokens", Operation::kUnmetered},
    {"/v1/images/generations", Operation::kUnmetered},
    {"/v1/audio/speech", Operation::kUnmetered},
    {"/v1/moderations", Operation::kUnmetered},
    {"/v1/rerank", Operation::kUnmetered},
    {"/v1/score", Operation::kUnmetered},
}};

constexpr std::array<std::string_view, 5> kPromptKeys = {"system", "messages", "prompt", "input",
                                                         "instructions"};
/// The first that a request has counts.
constexpr std::array<std::string_view, 3> kSessionKeys = {"session_id", "prompt_cache_key", "user"};

constexpr std::string_view kOptionsMember = R"("stream_options":{"include_usage":true},)";
constexpr std::string_view kOptionsValue = R"({"include_usage":true})";
constexpr std::string_view kUsageMember = R"("include_usage":true,)";
constexpr std::string_view kUsageOnlyMember = R"("include_usage":true)";
constexpr std::string_view kTrue = "true";
constexpr std::string_view kUsageKey = "include_usage";
/// Of one letter that becomes ASCII where case is ignored.
constexpr std::size_t kFoldedBytesMax = 3;
/// Of the names that are looked for.
constexpr std::size_t kKeyBytesMax = 21;

/// Bytes of a string, as they are written, from which nobody reads it.
constexpr std::size_t kLongFrom = 4096;

static_assert(RequestReader::kPadding >= simdjson::SIMDJSON_PADDING);
// No string of so many is a model's name, even if each of its letters is written as \uXXXX.
static_assert(kLongFrom > RequestReader::kModelBytesMax * 6);

std::unexpected<Error> refuse(std::string_view what) {
  return fail(ErrorCode::kBadRequest, fmt::format("the request body {}", what));
}

/// Members seen so far, as bits: each may occur once.
enum Member : unsigned {
  kModel = 1,
  kStream = 2,
  kStreamOptions = 4,
  kMaxTokens = 8,
  kMaxCompletionTokens = 16,
  kMaxOutputTokens = 32,
  kN = 64,
  kBestOf = 128,
  kPrompt = 256,
  kBackground = 512,
};

unsigned member_of(std::string_view key) {
  if (key == "model") return kModel;
  if (key == "stream") return kStream;
  if (key == "stream_options") return kStreamOptions;
  if (key == "max_tokens") return kMaxTokens;
  if (key == "max_completion_tokens") return kMaxCompletionTokens;
  if (key == "max_output_tokens") return kMaxOutputTokens;
  if (key == "n") return kN;
  if (key == "best_of") return kBestOf;
  if (key == "prompt") return kPrompt;
  if (key == "background") return kBackground;
  return 0;
}

/// Whether a server that ignores case would take `key`, which is none of ours, for one of them.
template <class F>
bool is_taken_for(std::string_view key, F is_ours) {
  if (key.size() > kKeyBytesMax * kFoldedBytesMax) return false;
  const auto folds = [](char c) { return (c >= 'A' && c <= 'Z') || (c & 0x80) != 0; };
  return std::ranges::any_of(key, folds) && is_ours(folded_name(key, kKeyBytesMax));
}

std::unexpected<Error> invalid_json() {
  return refuse("is not valid JSON");
}

/// Refuses what nests deeper than `levels` more. Requires: levels are few enough to recurse.
Result<> check_nesting(ondemand::value value, std::size_t levels);

template <class Container>
Result<> check_inside(Container& container, std::size_t levels) {
  if (levels == 0)
    return refuse(fmt::format("nests values more than {} deep", RequestReader::kDepthMax));
  for (auto entry : container) {
    ondemand::value inner;
    if constexpr (std::is_same_v<Container, ondemand::object>) {
      if (entry.value().get(inner) != simdjson::SUCCESS) return invalid_json();
    } else {
      if (entry.get(inner) != simdjson::SUCCESS) return invalid_json();
    }
    INSULA_TRY_VOID(check_nesting(inner, levels - 1));
  }
  return {};
}

Result<> check_nesting(ondemand::value value, std::size_t levels) {
  ondemand::array array;
  ondemand::object object;
  ondemand::json_type type{};
  if (value.type().get(type) != simdjson::SUCCESS) return invalid_json();
  if (type == ondemand::json_type::array) {
    if (value.get_array().get(array) != simdjson::SUCCESS) return invalid_json();
    return check_inside(array, levels);
  }
  if (type != ondemand::json_type::object) return {};
  if (value.get_object().get(object) != simdjson::SUCCESS) return invalid_json();
  return check_inside(object, levels);
}

/// Whether there are brackets enough, those in strings included, to nest deeper than is allowed.
/// Most bodies have fewer, and need no walk.
bool may_nest_too_deep(std::string_view body) {
  static_assert(('[' | 0x20) == '{');
  // The count of a block fits a byte, so that the compiler counts 16 at once.
  constexpr std::size_t kBlock = 128;
  std::size_t count = 0;
  while (!body.empty() && count <= RequestReader::kDepthMax) {
    std::uint8_t of_block = 0;
    for (const char c : body.substr(0, kBlock))
      of_block = static_cast<std::uint8_t>(of_block + ((c | 0x20) == '{' ? 1 : 0));
    count += of_block;
    body.remove_prefix(std::min(kBlock, body.size()));
  }
  return count > RequestReader::kDepthMax;
}

std::size_t skip_space(std::string_view text, std::size_t from) {
  const std::size_t at = text.find_first_not_of(" \t\r\n", from);
  return at == text.npos ? text.size() : at;
}

struct Walk {
  std::string_view body;
  /// The body, or its outline.
  std::string_view parsed;
  const Outline* outline;
  bool may_nest;
  PeekFor what;
  RequestPeek peek;
  bool background = false;
  /// The options' own include_usage.
  bool usage_wanted = false;
  std::optional<BodyEdit> options_edit;
  /// Of the member that named the session: its place in kSessionKeys.
  std::size_t session_rank = kSessionKeys.size();

  void note_affinity(std::string_view key, ondemand::value value);
  Result<> read_member(unsigned member, ondemand::value value);
  Result<> read_model(ondemand::value value);
  Result<> read_number(unsigned member, ondemand::value value);
  Result<> read_prompts(ondemand::value value);
  Result<> read_options(ondemand::value value);
  Result<> skip(ondemand::value value, std::size_t depth) const;

  /// Of a part of what is parsed, where it is in the body.
  [[nodiscard]] std::size_t offset_of(std::string_view part) const {
    const auto offset = static_cast<std::size_t>(part.data() - parsed.data());
    return outline == nullptr ? offset : outline->place(offset);
  }

  /// What is between the quotes of a string, in the body. `token`: it, and the spaces behind it.
  [[nodiscard]] std::string_view contents_of(std::string_view token) const {
    const std::size_t begin = offset_of(token) + 1;
    return body.substr(begin, offset_of(token.substr(token.find_last_of('"'))) - begin);
  }
};

/// Takes note of it without reading it, if that is wanted.
void Walk::note_affinity(std::string_view key, ondemand::value value) {
  if (what != PeekFor::kAffinity) return;
  const std::string_view token = value.raw_json_token();
  if (!peek.prompt_at && std::ranges::find(kPromptKeys, key) != kPromptKeys.end())
    peek.prompt_at = offset_of(token);
  const auto rank =
      static_cast<std::size_t>(std::ranges::find(kSessionKeys, key) - kSessionKeys.begin());
  if (rank >= session_rank || !token.starts_with('"')) return;
  const std::string_view session = contents_of(token);
  if (session.empty()) return;
  session_rank = rank;
  peek.session = session;
}

Result<> Walk::read_number(unsigned member, ondemand::value value) {
  bool null = false;
  if (value.is_null().get(null) == simdjson::SUCCESS && null) return {};
  std::int64_t number = 0;
  const bool counts_choices = member == kN || member == kBestOf;
  if (value.get_int64().get(number) != simdjson::SUCCESS || number < 0) {
    return refuse(counts_choices ? "has an n or best_of that is not a whole number"
                                 : "has a max_tokens that is not a whole number");
  }
  if (counts_choices) {
    peek.completions = std::max(peek.completions, number);
  } else {
    peek.max_tokens = peek.max_tokens ? std::max(*peek.max_tokens, number) : number;
  }
  return {};
}

/// Looks at a value that nobody needs, `depth` levels inside the body.
Result<> Walk::skip(ondemand::value value, std::size_t depth) const {
  return may_nest ? check_nesting(value, RequestReader::kDepthMax - depth) : Result<>();
}

Result<> Walk::read_prompts(ondemand::value value) {
  ondemand::json_type type{};
  if (value.type().get(type) != simdjson::SUCCESS) return invalid_json();
  if (type != ondemand::json_type::array) return skip(value, 1);
  ondemand::array list;
  if (value.get_array().get(list) != simdjson::SUCCESS) return invalid_json();
  std::int64_t count = 0;
  bool tokens = false;  // of one prompt
  for (auto element : list) {
    ondemand::value prompt;
    if (element.get(prompt) != simdjson::SUCCESS || prompt.type().get(type) != simdjson::SUCCESS)
      return invalid_json();
    if (count == 0) tokens = type == ondemand::json_type::number;
    if (tokens && !may_nest) return {};
    ++count;
    INSULA_TRY_VOID(skip(prompt, 2));
  }
  if (!tokens) peek.prompts = std::max(peek.prompts, count);
  return {};
}

Result<> Walk::read_options(ondemand::value value) {
  bool null = false;
  const std::string_view token = value.raw_json_token();
  if (value.is_null().get(null) == simdjson::SUCCESS && null) {
    options_edit = BodyEdit{offset_of(token), 4, kOptionsValue};
    return {};
  }
  ondemand::object options;
  // What is no object is for the upstream to complain about.
  if (value.get_object().get(options) != simdjson::SUCCESS) return {};
  const std::size_t inside = offset_of(token) + 1;
  const bool empty = body.substr(skip_space(body, inside)).starts_with('}');
  options_edit = BodyEdit{inside, 0, empty ? kUsageOnlyMember : kUsageMember};
  bool seen = false;
  for (auto member : options) {
    std::string_view key;
    if (member.unescaped_key().get(key) != simdjson::SUCCESS) return invalid_json();
    if (key != kUsageKey) {
      if (is_taken_for(key, [](std::string_view name) { return name == kUsageKey; }))
        return refuse(fmt::format("has {} in other letters", kUsageKey));
      ondemand::value inner;
      if (member.value().get(inner) != simdjson::SUCCESS) return invalid_json();
      INSULA_TRY_VOID(skip(inner, 2));
      continue;
    }
    if (std::exchange(seen, true)) return refuse("has include_usage twice");
    std::string_view text;
    if (member.value().raw_json_token().get(text) != simdjson::SUCCESS) return invalid_json();
    bool wanted = false;
    if (member.value().get_bool().get(wanted) != simdjson::SUCCESS) {
      options_edit.reset();
    } else if (wanted) {
      usage_wanted = true;
    } else {
      options_edit = BodyEdit{offset_of(text), 5, kTrue};
    }
  }
  return {};
}

Result<> Walk::read_model(ondemand::value value) {
  const std::string_view token = value.raw_json_token();
  if (value.get_string().get(peek.model) != simdjson::SUCCESS)
    return refuse("has a model that is not a string");
  const std::string_view contents = contents_of(token);
  if (peek.model.size() > RequestReader::kModelBytesMax || contents.size() >= kLongFrom) {
    return refuse(fmt::format("has a model of more than {} bytes", RequestReader::kModelBytesMax));
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(peek.model, is_control))
    return refuse("has a model with a control character");
  peek.model_at = {.offset = static_cast<std::size_t>(contents.data() - body.data()),
                   .bytes = contents.size()};
  return {};
}

Result<> Walk::read_member(unsigned member, ondemand::value value) {
  switch (member) {
    case kModel:
      return read_model(value);
    case kStream: {
      bool null = false;
      if (value.is_null().get(null) == simdjson::SUCCESS && null) return {};
      if (value.get_bool().get(peek.stream) != simdjson::SUCCESS)
        return refuse("has a stream that is not true or false");
      return {};
    }
    case kBackground: {
      bool null = false;
      if (value.is_null().get(null) == simdjson::SUCCESS && null) return {};
      if (value.get_bool().get(background) != simdjson::SUCCESS)
        return refuse("has a background that is not true or false");
      return {};
    }
    case kStreamOptions:
      return read_options(value);
    case kPrompt:
      return read_prompts(value);
    default:
      return read_number(member, value);
  }
}

}  // namespace

std::span<const KnownPath> known_paths() {
  return kPaths;
}

Operation operation_of(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  for (const auto& [known, operation] : kPaths) {
    if (path == known) return operation;
  }
  return path.starts_with("/v1/models/") ? Operation::kModels : Operation::kOther;
}

std::string_view known_path_like(std::string_view path) {
  constexpr auto kAsIs = [](char c) { return c != ';' && c != '%' && !(c >= 'A' && c <= 'Z'); };
  if (std::ranges::all_of(path, kAsIs)) return {};
  std::string plain;
  for (std::string_view rest = path; !rest.empty();) {
    const std::string_view segment = rest.substr(0, rest.find('/', 1));
    for (const char c : segment.substr(0, segment.find_first_of(";%")))
      plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    rest.remove_prefix(segment.size());
  }
  if (plain.ends_with('/')) plain.pop_back();
  const auto* const known = std::ranges::find(kPaths, plain, &KnownPath::path);
  return known == kPaths.end() ? std::string_view() : known->path;
}

bool is_of_stored_answer(std::string_view path) {
  if (operation_of(path) != Operation::kOther) return false;
  return std::ranges::any_of(kPaths, [path](const KnownPath& known) {
    return is_metered(known.operation) && path.size() > known.path.size() &&
           path.starts_with(known.path) && path[known.path.size()] == '/';
  });
}

bool has_json_body(Operation operation) {
  return operation != Operation::kModels && operation != Operation::kOther;
}

bool is_metered(Operation operation) {
  return has_json_body(operation) && operation != Operation::kUnmetered;
}

TokenDemand token_demand(Operation operation, const RequestPeek& peek, std::size_t body_bytes) {
  TokenDemand demand;
  if (!is_metered(operation)) return {0, 0};
  demand.prompt = static_cast<std::int64_t>(body_bytes) / kBytesPerToken;
  if (operation == Operation::kEmbeddings) {
    demand.output = 0;
  } else if (peek.max_tokens) {
    // No factor is larger, so each product fits.
    constexpr std::int64_t kMost = 1'000'000'000;
    const std::int64_t replies =
        std::min(std::min(peek.completions, kMost) * std::min(peek.prompts, kMost), kMost);
    demand.output = std::min(*peek.max_tokens, kMost) * replies;
  }
  return demand;
}

struct RequestReader::Parser {
  ondemand::parser parser;
  Outline outline{kLongFrom};
};

RequestReader::RequestReader() : parser_(std::make_unique<Parser>()) {}

RequestReader::~RequestReader() = default;

Result<RequestPeek> RequestReader::read(Operation operation, std::string_view body, PeekFor what) {
  const Outline* outline = nullptr;
  if (body.size() > kLongFrom) {
    if (!parser_->outline.make(body)) return invalid_json();
    outline = &parser_->outline;
  }
  const std::string_view text = outline == nullptr ? body : outline->text();
  ondemand::document document;
  ondemand::object object;
  if (parser_->parser.iterate(text.data(), text.size(), text.size() + kPadding).get(document) !=
          simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS) {
    return refuse("is not a JSON object");
  }
  Walk walk{.body = body,
            .parsed = text,
            .outline = outline,
            .may_nest = may_nest_too_deep(text),
            .what = what};
  unsigned seen = 0;
  for (auto field : object) {
    std::string_view key;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return invalid_json();
    const unsigned member = member_of(key);
    if (member == 0) {
      if (is_taken_for(key, [](std::string_view name) { return member_of(name) != 0; }))
        return refuse(fmt::format("has {} in other letters", folded_name(key, kKeyBytesMax)));
      ondemand::value skipped;
      if (field.value().get(skipped) != simdjson::SUCCESS) return invalid_json();
      walk.note_affinity(key, skipped);
      INSULA_TRY_VOID(walk.skip(skipped, 1));
      continue;
    }
    if ((seen & member) != 0) return refuse(fmt::format("has {} twice", key));
    seen |= member;
    ondemand::value value;
    if (field.value().get(value) != simdjson::SUCCESS) return invalid_json();
    walk.note_affinity(key, value);
    INSULA_TRY_VOID(walk.read_member(member, value));
  }
  const char* rest = nullptr;
  if (document.current_location().get(rest) == simdjson::SUCCESS &&
      rest < text.data() + text.size()) {
    return refuse("is not a JSON object");
  }

  if (walk.background && operation == Operation::kResponses) {
    return refuse(
        "asks for a response in the background, whose tokens could not be counted; leave out "
        "background");
  }
  const bool completions =
      operation == Operation::kChatCompletions || operation == Operation::kCompletions;
  if (completions && walk.peek.stream && !walk.usage_wanted) {
    if ((seen & kStreamOptions) != 0) {
      walk.peek.ask_for_usage = walk.options_edit;
    } else {
      walk.peek.ask_for_usage = BodyEdit{skip_space(body, 0) + 1, 0, kOptionsMember};
    }
  }
  return walk.peek;
}

}  // namespace insula::llm
