#include "api/validation/filters.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "api/header_modifier.h"
#include "api/prompt_pattern.h"
#include "api/validation/names.h"
#include "cel/pattern.h"

namespace insula::api {
namespace {

constexpr std::size_t kFiltersMax = 16;
constexpr std::size_t kHeadersMax = 16;
constexpr std::size_t kHeaderValueBytesMax = 1024;
constexpr std::size_t kPhrasesMax = 256;
constexpr std::size_t kPhraseBytesMax = 256;
/// Of all phrases together: what the gateway has memory for, whatever their alphabet.
constexpr std::size_t kPhrasesBytesMax = 16 << 10;
constexpr std::size_t kPatternsMax = 64;
constexpr std::size_t kPatternBytesMax = 512;
constexpr std::size_t kMessageBytesMax = 512;

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// The names of one modifier's headers, as they are checked.
class HeaderNames {
 public:
  HeaderNames(MessageSide side, FieldErrors& errors) : side_(side), errors_(errors) {}

  void check(const std::string& name, const FieldPath& path) {
    if (name.empty()) return errors_.required(path);
    errors_.invalid_each(path, name, check_http_header_name(name));
    if (!may_modify_header(side_, name))
      errors_.forbidden(path, name + " is the gateway's to say, or a credential");
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    });
    if (!seen_.insert(lower).second) errors_.duplicate(path, name);
  }

 private:
  MessageSide side_;
  FieldErrors& errors_;
  std::set<std::string> seen_;
};

void validate_headers(const std::vector<TenantHeader>& headers,
                      const FieldPath& path,
                      HeaderNames& names,
                      FieldErrors& errors) {
  if (headers.size() > kHeadersMax) errors.too_many(path, headers.size(), kHeadersMax);
  for (std::size_t i = 0; i < headers.size(); ++i) {
    names.check(headers[i].name, path.index(i).child("name"));
    const std::string& value = headers[i].value;
    const auto is_value_character = [](unsigned char c) { return c >= 0x20 && c < 0x7f; };
    if (value.size() > kHeaderValueBytesMax) {
      errors.too_long(path.index(i).child("value"), kHeaderValueBytesMax);
    } else if (!std::ranges::all_of(value, is_value_character)) {
      errors.invalid(path.index(i).child("value"), value, "must be of printable ASCII characters");
    }
  }
}

void validate_modifier(const TenantHeaderModifier& modifier,
                       MessageSide side,
                       const FieldPath& path,
                       FieldErrors& errors) {
  if (modifier == TenantHeaderModifier{})
    errors.required(path, "must have at least one of: `set`, `add`, `remove`");
  HeaderNames names(side, errors);
  validate_headers(modifier.set, path.child("set"), names, errors);
  validate_headers(modifier.add, path.child("add"), names, errors);
  const FieldPath remove = path.child("remove");
  if (modifier.remove.size() > kHeadersMax)
    errors.too_many(remove, modifier.remove.size(), kHeadersMax);
  for (std::size_t i = 0; i < modifier.remove.size(); ++i)
    names.check(modifier.remove[i], remove.index(i));
}

void validate_patterns(const std::vector<std::string>& patterns,
                       const FieldPath& path,
                       FieldErrors& errors) {
  if (patterns.size() > kPatternsMax) return errors.too_many(path, patterns.size(), kPatternsMax);
  std::string all;
  std::size_t instructions = 0;
  bool good = true;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const FieldPath at = path.index(i);
    const std::string& text = patterns[i];
    if (text.size() > kPatternBytesMax) {
      errors.too_long(at, kPatternBytesMax);
      good = false;
      continue;
    }
    const auto checked = check_prompt_pattern(text);
    if (!checked) {
      errors.invalid(at, text, checked.error().message());
      good = false;
      continue;
    }
    instructions += *checked;
    if (cel::Pattern::compile(text)->found_in(""))
      errors.invalid(at, text, "is found in every text");
    all += (i == 0 ? "(?:" : "|(?:") + text + ")";
  }
  if (!good) return;
  if (instructions > kPromptPatternsInstructionsMax) {
    errors.invalid(path, fmt::format("compile to {} instructions together, and may have {}",
                                     instructions, kPromptPatternsInstructionsMax));
  } else if (const auto together = cel::Pattern::compile(all); !together) {
    errors.invalid(path, "cannot be looked for together: " + together.error().message());
  }
}

void validate_deny_list(const TenantPromptDenyList& list,
                        const FieldPath& path,
                        FieldErrors& errors) {
  if (list.phrases.empty() && list.patterns.empty())
    errors.required(path, "must have at least one of: `phrases`, `patterns`");
  const FieldPath phrases = path.child("phrases");
  if (list.phrases.size() > kPhrasesMax) errors.too_many(phrases, list.phrases.size(), kPhrasesMax);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < list.phrases.size(); ++i) {
    const std::string& phrase = list.phrases[i];
    bytes += phrase.size();
    if (phrase.size() > kPhraseBytesMax) {
      errors.too_long(phrases.index(i), kPhraseBytesMax);
    } else if (phrase.find_first_not_of(" \t\f\r\n") == phrase.npos) {
      errors.required(phrases.index(i), "must be more than white space");
    }
  }
  if (bytes > kPhrasesBytesMax) errors.too_long(phrases, kPhrasesBytesMax);
  validate_patterns(list.patterns, path.child("patterns"), errors);
  if (list.message.size() > kMessageBytesMax) {
    errors.too_long(path.child("message"), kMessageBytesMax);
  } else if (std::ranges::any_of(list.message, is_control)) {
    errors.invalid(path.child("message"), list.message, "must be one line of text");
  }
}

}  // namespace

void validate_filters(const std::vector<TenantFilter>& filters,
                      const FieldPath& path,
                      FieldErrors& errors) {
  if (filters.size() > kFiltersMax) errors.too_many(path, filters.size(), kFiltersMax);
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const TenantFilter& filter = filters[i];
    const FieldPath at = path.index(i);
    const int set = (filter.request_header_modifier ? 1 : 0) +
                    (filter.response_header_modifier ? 1 : 0) + (filter.prompt_deny_list ? 1 : 0);
    if (set != 1) {
      errors.invalid(at,
                     "must have exactly one of: `requestHeaderModifier`, `responseHeaderModifier`, "
                     "`promptDenyList`");
    }
    if (filter.request_header_modifier)
      validate_modifier(*filter.request_header_modifier, MessageSide::kRequest,
                        at.child("requestHeaderModifier"), errors);
    if (filter.response_header_modifier)
      validate_modifier(*filter.response_header_modifier, MessageSide::kResponse,
                        at.child("responseHeaderModifier"), errors);
    if (filter.prompt_deny_list)
      validate_deny_list(*filter.prompt_deny_list, at.child("promptDenyList"), errors);
  }
}

}  // namespace insula::api
