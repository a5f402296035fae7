#include "llm/outline.h"

#include <algorithm>

#include <simdjson.h>

namespace insula::llm {
namespace {

/// Quotes that are looked for: in a text of short strings it takes longer than parsing them.
constexpr int kQuotesMax = 1024;
/// Bytes that stay until nothing more is looked for, for the same reason.
constexpr std::size_t kStayingMax = std::size_t{32} << 10U;

/// Finds quotes, up to kQuotesMax.
class Quotes {
 public:
  explicit Quotes(std::string_view text) : text_(text) {}

  /// The next that no backslash escapes, or npos. The run of backslashes before a quote decides, in
  /// strings and between them, as for simdjson.
  std::size_t next() {
    while (++looks_ <= kQuotesMax) {
      const std::size_t at = text_.find('"', from_);
      if (at == std::string_view::npos) break;
      from_ = at + 1;
      std::size_t run = 0;
      while (run < at && text_[at - run - 1] == '\\')
        ++run;
      if (run % 2 == 0) return at;
    }
    return std::string_view::npos;
  }

 private:
  std::string_view text_;
  std::size_t from_ = 0;
  int looks_ = 0;
};

/// Whether a JSON string may hold these bytes.
bool is_text(std::string_view bytes) {
  unsigned char least = 0xff;
  for (const char c : bytes)
    least = std::min(least, static_cast<unsigned char>(c));  // 16 at once
  return least >= 0x20 && simdjson::validate_utf8(bytes.data(), bytes.size());
}

/// Whether what ends at the quote at `at` names a member.
bool is_name(std::string_view text, std::size_t at) {
  const std::size_t next = text.find_first_not_of(" \t\r\n", at + 1);
  return next != std::string_view::npos && text[next] == ':';
}

}  // namespace

bool Outline::make(std::string_view body) {
  static_assert(kPadding >= simdjson::SIMDJSON_PADDING);
  copy_.clear();
  cuts_.clear();
  std::size_t kept = 0;  // of the body: what is before is in copy_, or left out
  Quotes quotes(body);
  for (;;) {
    const std::size_t open = quotes.next();
    const std::size_t close = quotes.next();
    if (close == std::string_view::npos || copy_.size() + open - kept > kStayingMax) break;
    const std::size_t begin = open + 1;
    if (close - begin < long_from_ || is_name(body, close)) continue;
    if (!is_text(body.substr(begin, close - begin))) return false;
    copy_.append(body.substr(kept, begin - kept));
    kept = close;
    cuts_.push_back({.at = copy_.size(), .removed = kept - copy_.size()});
  }
  if (cuts_.empty()) {
    text_ = body;
    return true;
  }
  copy_.append(body.substr(kept)).append(kPadding, ' ');
  text_ = std::string_view(copy_).substr(0, copy_.size() - kPadding);
  return true;
}

std::size_t Outline::place(std::size_t offset) const {
  const auto after = std::ranges::upper_bound(cuts_, offset, {}, &Cut::at);
  return after == cuts_.begin() ? offset : offset + std::prev(after)->removed;
}

bool Outline::is_left_out(std::size_t offset) const {
  return std::ranges::binary_search(cuts_, offset, {}, &Cut::at);
}

}  // namespace insula::llm
