#include <map>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <libfyaml.h>

#include "json/parse.h"
#include "json/scan.h"
#include "json/write.h"
#include "json/yaml.h"
#include "json/yaml_scalar.h"

namespace insula::json {
namespace {

struct ParserDeleter {
  void operator()(fy_parser* parser) const { fy_parser_destroy(parser); }
};

struct DiagDeleter {
  void operator()(fy_diag* diag) const { fy_diag_destroy(diag); }
};

struct EventDeleter {
  fy_parser* parser = nullptr;

  void operator()(fy_event* event) const { fy_parser_event_free(parser, event); }
};

using Event = std::unique_ptr<fy_event, EventDeleter>;

std::string text_of(fy_token* token) {
  std::size_t size = 0;
  const char* text = token != nullptr ? fy_token_get_text(token, &size) : nullptr;
  return text != nullptr ? std::string(text, size) : std::string();
}

/// Turns libfyaml's events into values.
class YamlReader {
 public:
  explicit YamlReader(std::string_view text) {
    fy_diag_cfg diag_config{};
    fy_diag_cfg_default(&diag_config);
    diag_config.output_fn = [](fy_diag*, void*, const char*, std::size_t) {};
    diag_config.fp = nullptr;
    diag_.reset(fy_diag_create(&diag_config));
    fy_diag_set_collect_errors(diag_.get(), true);
    fy_parse_cfg config{};
    config.flags =
        static_cast<fy_parse_cfg_flags>(FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE);
    config.diag = diag_.get();
    parser_.reset(fy_parser_create(&config));
    ready_ =
        parser_ != nullptr && fy_parser_set_string(parser_.get(), text.data(), text.size()) == 0;
  }

  Result<std::vector<Value>> documents() {
    std::vector<Value> result;
    if (!ready_) return fail(ErrorCode::kInternal, "yaml: the parser does not start");
    while (true) {
      INSULA_TRY(const bool more, next());
      if (!more || event()->type == FYET_STREAM_END) return result;
      if (event()->type != FYET_DOCUMENT_START) continue;
      anchors_.clear();
      INSULA_TRY(Value document, next_value(0));
      if (document.is_null()) continue;
      if (result.size() >= kYamlDocumentsMax)
        return fail(ErrorCode::kTooLarge,
                    fmt::format("yaml: more than {} documents", kYamlDocumentsMax));
      result.push_back(std::move(document));
    }
  }

 private:
  [[nodiscard]] fy_event* event() const { return event_.get(); }

  /// Steps to the next event; false at the end.
  Result<bool> next() {
    fy_parser* parser = parser_.get();
    event_.reset();
    event_ = Event(fy_parser_parse(parser), EventDeleter{parser});
    if (event_ != nullptr) return true;
    if (fy_diag_got_error(diag_.get())) return syntax_error();
    return false;
  }

  std::unexpected<Error> syntax_error() {
    void* at = nullptr;
    const fy_diag_error* error = fy_diag_errors_iterate(diag_.get(), &at);
    if (error == nullptr || error->msg == nullptr)
      return fail(ErrorCode::kBadRequest, "yaml: not readable");
    return fail(ErrorCode::kBadRequest, fmt::format("yaml: {} (line {}, column {})", error->msg,
                                                    error->line, error->column));
  }

  std::unexpected<Error> refuse(std::string_view what) const {
    const fy_mark* mark = event() != nullptr ? fy_event_start_mark(event()) : nullptr;
    if (mark == nullptr) return fail(ErrorCode::kBadRequest, fmt::format("yaml: {}", what));
    return fail(ErrorCode::kBadRequest, fmt::format("yaml: {} (line {}, column {})", what,
                                                    mark->line + 1, mark->column + 1));
  }

  /// In the words of Kubernetes' reader, which clients look for.
  std::unexpected<Error> refuse_repeated(const std::string& key) const {
    const fy_mark* mark = event() != nullptr ? fy_event_start_mark(event()) : nullptr;
    const std::string line = mark == nullptr ? "" : fmt::format("line {}: ", mark->line + 1);
    return fail(ErrorCode::kBadRequest,
                fmt::format("yaml: {}key \"{}\" already set in map", line, key.substr(0, 128)));
  }

  Result<Value> next_value(std::size_t depth) {
    INSULA_TRY(const bool more, next());
    if (!more) return refuse("unexpected end");
    return value(depth);
  }

  /// The value that starts with the event at hand.
  Result<Value> value(std::size_t depth) {
    if (++count_ > kYamlValuesMax) return too_many();
    switch (event()->type) {
      case FYET_SCALAR:
        return anchored(event()->scalar.anchor, scalar());
      case FYET_SEQUENCE_START: {
        const std::string anchor = text_of(event()->sequence_start.anchor);
        return anchored(anchor, sequence(depth + 1));
      }
      case FYET_MAPPING_START: {
        const std::string anchor = text_of(event()->mapping_start.anchor);
        return anchored(anchor, mapping(depth + 1));
      }
      case FYET_ALIAS:
        return alias();
      default:
        return refuse("unexpected structure");
    }
  }

  static std::unexpected<Error> too_many() {
    return fail(ErrorCode::kTooLarge, fmt::format("yaml: more than {} values", kYamlValuesMax));
  }

  Result<Value> anchored(fy_token* anchor, Result<Value> result) {
    return anchored(text_of(anchor), std::move(result));
  }

  Result<Value> anchored(const std::string& anchor, Result<Value> result) {
    if (result && !anchor.empty()) {
      INSULA_TRY_VOID(charge(*result));
      anchors_[anchor] = *result;
    }
    return result;
  }

  /// For a copy of `value`.
  Result<> charge(const Value& value) {
    count_ += value.count();
    aliased_bytes_ += value.bytes();
    if (count_ > kYamlValuesMax) return too_many();
    if (aliased_bytes_ > kYamlAliasedMax)
      return fail(ErrorCode::kTooLarge, "yaml: aliases repeat too much");
    return {};
  }

  Result<Value> alias() {
    const auto found = anchors_.find(text_of(event()->alias.anchor));
    if (found == anchors_.end()) return refuse("alias of an unknown anchor");
    INSULA_TRY_VOID(charge(found->second));
    return found->second;
  }

  Result<Value> scalar() {
    const fy_event_scalar_data& data = event()->scalar;
    const std::string text = text_of(data.value);
    const std::string tag = text_of(data.tag);
    constexpr std::string_view kStandard = "tag:yaml.org,2002:";
    const bool known = tag.empty() || tag.starts_with(kStandard) || tag == "!";
    const std::string_view type = tag.starts_with(kStandard)
                                      ? std::string_view(tag).substr(kStandard.size())
                                      : std::string_view();
    if (!known || type == "binary")
      return refuse(fmt::format("the tag {} is not supported", tag.substr(0, 64)));
    const bool plain = data.value != nullptr && fy_token_scalar_style(data.value) == FYSS_PLAIN;
    const bool quoted = data.value != nullptr && !plain;
    if (type == "str" || tag == "!" || (quoted && type.empty())) return Value(text);
    auto resolved = plain_scalar(text);
    if (!resolved) return refuse("JSON has no infinity and no NaN");
    return *std::move(resolved);
  }

  Result<Value> sequence(std::size_t depth) {
    if (depth > kYamlDepthMax) return refuse("nested too deep");
    Array result;
    while (true) {
      INSULA_TRY(const bool more, next());
      if (!more) return refuse("unexpected end");
      if (event()->type == FYET_SEQUENCE_END) return Value(std::move(result));
      INSULA_TRY(Value element, value(depth));
      if (depth + element.depth() > kYamlDepthMax) return refuse("nested too deep");
      result.push_back(std::move(element));
    }
  }

  Result<Value> mapping(std::size_t depth) {
    if (depth > kYamlDepthMax) return refuse("nested too deep");
    Object result;
    std::vector<Value> merges;
    while (true) {
      INSULA_TRY(const bool more, next());
      if (!more) return refuse("unexpected end");
      if (event()->type == FYET_MAPPING_END) break;
      INSULA_TRY_VOID(mapping_entry(depth, result, merges));
    }
    for (const Value& merge : merges)
      INSULA_TRY_VOID(merge_into(result, merge));
    return Value(std::move(result));
  }

  /// The key at hand and its value; what `<<` names goes to `merges`.
  Result<> mapping_entry(std::size_t depth, Object& result, std::vector<Value>& merges) {
    const bool plain = event()->type == FYET_SCALAR && event()->scalar.value != nullptr &&
                       fy_token_scalar_style(event()->scalar.value) == FYSS_PLAIN;
    INSULA_TRY(std::string key, mapping_key());
    const bool merge = plain && key == "<<";
    if (!merge && result.contains(key)) return refuse_repeated(key);
    INSULA_TRY(Value member, next_value(depth));
    if (depth + member.depth() > kYamlDepthMax) return refuse("nested too deep");
    if (merge) {
      merges.push_back(std::move(member));
    } else {
      result.set(std::move(key), std::move(member));
    }
    return {};
  }

  Result<std::string> mapping_key() {
    if (event()->type == FYET_SCALAR) return text_of(event()->scalar.value);
    if (event()->type != FYET_ALIAS) return refuse("a key must be a scalar");
    INSULA_TRY(const Value key, alias());
    if (!key.is_string()) return refuse("a key must be a string");
    return *key.as_string();
  }

  /// `<<: *a` and `<<: [*a, *b]`: what is already set wins.
  Result<> merge_into(Object& target, const Value& source) {
    if (const Array* list = source.as_array()) {
      for (const Value& element : *list) {
        if (!element.is_object()) return refuse("<< needs a mapping");
        INSULA_TRY_VOID(merge_into(target, element));
      }
      return {};
    }
    if (!source.is_object()) return refuse("<< needs a mapping");
    for (const auto& [key, value] : *source.as_object()) {
      if (target.contains(key)) continue;
      INSULA_TRY_VOID(charge(value));
      target.set(key, value);
    }
    return {};
  }

  std::unique_ptr<fy_diag, DiagDeleter> diag_;
  std::unique_ptr<fy_parser, ParserDeleter> parser_;
  Event event_;
  std::map<std::string, Value> anchors_;
  std::size_t count_ = 0;
  std::size_t aliased_bytes_ = 0;
  bool ready_ = false;
};

/// Characters that YAML does not allow, and bytes that are no UTF-8. libfyaml 0.7 reads past the
/// end of a block that has a NUL in its header, so nothing of the kind gets to it.
Result<> check_characters(std::string_view text) {
  if (!is_utf8(text)) return fail(ErrorCode::kBadRequest, "yaml: not UTF-8");
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool allowed = c >= 0x20 ? c != 0x7f : c == '\t' || c == '\n' || c == '\r';
    if (!allowed)
      return fail(ErrorCode::kBadRequest,
                  fmt::format("yaml: control character ({})", position_text(text, i)));
  }
  return {};
}

}  // namespace

Result<std::vector<Value>> parse_yaml(std::string_view text) {
  if (text.size() > kYamlTextMax) {
    return fail(ErrorCode::kTooLarge,
                fmt::format("yaml: text of {} bytes is longer than {}", text.size(), kYamlTextMax));
  }
  // A text of JSON is read as JSON: faster, and its errors are JSON's. What only starts like it may
  // be YAML in flow style.
  if (text.starts_with('{')) {
    std::vector<std::string> duplicates;
    ParseOptions options;
    options.duplicates = &duplicates;
    options.depth_max = kYamlDepthMax;
    auto json = parse(text, options);
    if (json && !duplicates.empty())
      return fail(ErrorCode::kBadRequest,
                  fmt::format("yaml: key \"{}\" already set in map", duplicates.front()));
    if (json) return std::vector<Value>{*std::move(json)};
  }
  INSULA_TRY_VOID(check_characters(text));
  return YamlReader(text).documents();
}

Result<Value> parse_yaml_document(std::string_view text) {
  INSULA_TRY(std::vector<Value> documents, parse_yaml(text));
  if (documents.size() != 1)
    return fail(ErrorCode::kBadRequest,
                fmt::format("yaml: {} documents where one is needed", documents.size()));
  return std::move(documents.front());
}

}  // namespace insula::json
