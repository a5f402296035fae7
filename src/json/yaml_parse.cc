#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <yaml.h>

#include "json/parse.h"
#include "json/scan.h"
#include "json/write.h"
#include "json/yaml.h"
#include "json/yaml_scalar.h"

namespace insula::json {
namespace {

std::string text_of(const yaml_char_t* text) {
  return text == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(text));
}

/// Turns libyaml's events into values.
class YamlReader {
 public:
  YamlReader(std::string_view text, YamlScalars scalars) : text_(text), scalars_(scalars) {
    ready_ = yaml_parser_initialize(&parser_) == 1;
    if (!ready_) return;
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }

  YamlReader(const YamlReader&) = delete;
  YamlReader& operator=(const YamlReader&) = delete;

  ~YamlReader() {
    yaml_event_delete(&event_);
    if (ready_) yaml_parser_delete(&parser_);
  }

  Result<std::vector<Value>> documents() {
    std::vector<Value> result;
    if (!ready_) return fail(ErrorCode::kInternal, "yaml: the parser does not start");
    while (true) {
      INSULA_TRY_VOID(next());
      if (event_.type == YAML_STREAM_END_EVENT) return result;
      if (event_.type != YAML_DOCUMENT_START_EVENT) continue;
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
  Result<> next() {
    yaml_event_delete(&event_);
    if (yaml_parser_parse(&parser_, &event_) == 1) return {};
    return syntax_error();
  }

  std::unexpected<Error> syntax_error() {
    if (parser_.error == YAML_MEMORY_ERROR || parser_.problem == nullptr)
      return fail(ErrorCode::kInternal, "yaml: out of memory");
    if (parser_.error == YAML_READER_ERROR)
      return fail(ErrorCode::kBadRequest,
                  fmt::format("yaml: {} ({})", parser_.problem,
                              position_text(text_, parser_.problem_offset)));
    const std::string context =
        parser_.context == nullptr ? "" : fmt::format("{}: ", parser_.context);
    return fail(ErrorCode::kBadRequest, fmt::format("yaml: {}{} ({})", context, parser_.problem,
                                                    place_of(parser_.problem_mark)));
  }

  static std::string place_of(const yaml_mark_t& mark) {
    return fmt::format("line {}, column {}", mark.line + 1, mark.column + 1);
  }

  std::unexpected<Error> refuse(std::string_view what) const {
    return fail(ErrorCode::kBadRequest,
                fmt::format("yaml: {} ({})", what, place_of(event_.start_mark)));
  }

  /// In the words of Kubernetes' reader, which clients look for.
  std::unexpected<Error> refuse_repeated(const std::string& key) const {
    return fail(ErrorCode::kBadRequest,
                fmt::format("yaml: line {}: key \"{}\" already set in map",
                            event_.start_mark.line + 1, key.substr(0, 128)));
  }

  Result<Value> next_value(std::size_t depth) {
    INSULA_TRY_VOID(next());
    return value(depth);
  }

  /// The value that starts with the event at hand.
  Result<Value> value(std::size_t depth) {
    if (++count_ > kYamlValuesMax) return too_many();
    switch (event_.type) {
      case YAML_SCALAR_EVENT: {
        const std::string anchor = text_of(event_.data.scalar.anchor);
        return anchored(anchor, scalar());
      }
      case YAML_SEQUENCE_START_EVENT: {
        const std::string anchor = text_of(event_.data.sequence_start.anchor);
        return anchored(anchor, sequence(depth + 1));
      }
      case YAML_MAPPING_START_EVENT: {
        const std::string anchor = text_of(event_.data.mapping_start.anchor);
        return anchored(anchor, mapping(depth + 1));
      }
      case YAML_ALIAS_EVENT:
        return alias();
      default:
        return refuse("unexpected structure");
    }
  }

  static std::unexpected<Error> too_many() {
    return fail(ErrorCode::kTooLarge, fmt::format("yaml: more than {} values", kYamlValuesMax));
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
    const auto found = anchors_.find(text_of(event_.data.alias.anchor));
    if (found == anchors_.end()) return refuse("alias of an unknown anchor");
    INSULA_TRY_VOID(charge(found->second));
    return found->second;
  }

  [[nodiscard]] std::string_view scalar_text() const {
    return {reinterpret_cast<const char*>(event_.data.scalar.value), event_.data.scalar.length};
  }

  [[nodiscard]] bool is_plain_scalar() const {
    return event_.type == YAML_SCALAR_EVENT && event_.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  }

  Result<Value> scalar() {
    if (scalars_ == YamlScalars::kText) return Value(scalar_text());
    const std::string tag = text_of(event_.data.scalar.tag);
    constexpr std::string_view kStandard = "tag:yaml.org,2002:";
    const bool known = tag.empty() || tag.starts_with(kStandard) || tag == "!";
    const std::string_view type = tag.starts_with(kStandard)
                                      ? std::string_view(tag).substr(kStandard.size())
                                      : std::string_view();
    if (!known || type == "binary")
      return refuse(fmt::format("the tag {} is not supported", tag.substr(0, 64)));
    if (type == "str" || tag == "!" || (!is_plain_scalar() && type.empty()))
      return Value(scalar_text());
    auto resolved = plain_scalar(scalar_text());
    if (!resolved) return refuse("JSON has no infinity and no NaN");
    return *std::move(resolved);
  }

  Result<Value> sequence(std::size_t depth) {
    if (depth > kYamlDepthMax) return refuse("nested too deep");
    Array result;
    while (true) {
      INSULA_TRY_VOID(next());
      if (event_.type == YAML_SEQUENCE_END_EVENT) return Value(std::move(result));
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
      INSULA_TRY_VOID(next());
      if (event_.type == YAML_MAPPING_END_EVENT) break;
      INSULA_TRY_VOID(mapping_entry(depth, result, merges));
    }
    for (const Value& merge : merges)
      INSULA_TRY_VOID(merge_into(result, merge));
    return Value(std::move(result));
  }

  /// The key at hand and its value; what `<<` names goes to `merges`.
  Result<> mapping_entry(std::size_t depth, Object& result, std::vector<Value>& merges) {
    const bool plain = is_plain_scalar();
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
    if (event_.type == YAML_SCALAR_EVENT) return std::string(scalar_text());
    if (event_.type != YAML_ALIAS_EVENT) return refuse("a key must be a scalar");
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

  std::string_view text_;
  YamlScalars scalars_;
  yaml_parser_t parser_{};
  yaml_event_t event_{};
  std::map<std::string, Value> anchors_;
  std::size_t count_ = 0;
  std::size_t aliased_bytes_ = 0;
  bool ready_ = false;
};

/// Characters that YAML does not allow, and bytes that are no UTF-8, with their place.
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

Result<std::vector<Value>> parse_yaml(std::string_view text, YamlScalars scalars) {
  if (text.size() > kYamlTextMax) {
    return fail(ErrorCode::kTooLarge,
                fmt::format("yaml: text of {} bytes is longer than {}", text.size(), kYamlTextMax));
  }
  // A text of JSON is read as JSON: faster, and its errors are JSON's. What only starts like it may
  // be YAML in flow style.
  if (text.starts_with('{') && scalars == YamlScalars::kResolved) {
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
  return YamlReader(text, scalars).documents();
}

Result<Value> parse_yaml_document(std::string_view text, YamlScalars scalars) {
  INSULA_TRY(std::vector<Value> documents, parse_yaml(text, scalars));
  if (documents.size() != 1)
    return fail(ErrorCode::kBadRequest,
                fmt::format("yaml: {} documents where one is needed", documents.size()));
  return std::move(documents.front());
}

}  // namespace insula::json
