#include "http/http2_head.h"

#include "http/message.h"
#include "http/scan.h"

namespace insula::http {
namespace {

constexpr std::size_t kFieldOverhead = 32;

/// Names are in lower case in HTTP/2, so that two spellings are no two fields.
bool is_field_name(std::string_view name) {
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') return false;
  }
  return is_token(name);
}

}  // namespace

void Http2Head::refuse(Refusal why) {
  if (refusal_ == Refusal::kNone) refusal_ = why;
}

Http2Head::Part Http2Head::keep(std::string_view text) {
  const Part part{static_cast<std::uint32_t>(text_.size()),
                  static_cast<std::uint32_t>(text.size())};
  text_.append(text);
  return part;
}

std::string_view Http2Head::text(Part part) const {
  return std::string_view(text_).substr(part.at, part.bytes);
}

Http2Head::Part* Http2Head::pseudo_field(std::string_view name) {
  if (name == ":method") return &method_;
  if (name == ":path") return &path_;
  if (name == ":authority") return &authority_;
  if (name == ":scheme") return &scheme_;
  return nullptr;
}

void Http2Head::add_cookie(std::string_view value) {
  if (!cookie_.empty()) cookie_.append("; ");
  cookie_.append(value);
}

void Http2Head::add(std::string_view name, std::string_view value) {
  size_ += name.size() + value.size() + kFieldOverhead;
  if (size_ > limits_.head_bytes) return refuse(Refusal::kHeadTooLarge);
  if (name.starts_with(':')) {
    Part* part = pseudo_field(name);
    if (part == nullptr || part->bytes > 0 || value.empty()) return refuse(Refusal::kFieldName);
    *part = keep(value);
    return;
  }
  if (!is_field_name(name)) return refuse(Refusal::kFieldName);
  if (!is_field_value(value)) return refuse(Refusal::kControlCharacter);
  if (name == "cookie") return add_cookie(value);
  // Two are kept for what the pseudo-fields and the crumbs become.
  if (entries_.size() + 2 >= std::min(limits_.fields, kFieldsMax))
    return refuse(Refusal::kTooManyFields);
  entries_.push_back({.name = keep(name), .value = keep(value)});
}

Refusal Http2Head::fill(RequestHead& head) const {
  const auto refused = [&](Refusal why) { return head.refusal = why; };
  head.field_count = 0;
  head.size = 0;
  head.host = {};
  head.method = text(method_);
  head.target = text(path_);
  if (refusal_ != Refusal::kNone) return refused(refusal_);
  if (!is_token(head.method)) return refused(Refusal::kMethod);
  if (head.target.size() > limits_.target_bytes) return refused(Refusal::kTargetTooLong);
  const auto put = [&](std::string_view name, std::string_view value) {
    head.table[head.field_count++] = {.name = name, .value = value};
  };
  if (authority_.bytes > 0) put("host", text(authority_));
  if (!cookie_.empty()) put("cookie", cookie_);
  for (const Entry& entry : entries_) {
    const std::string_view name = text(entry.name);
    // The same host in both is allowed, and one is enough (section 8.3.1).
    if (authority_.bytes > 0 && name == "host") {
      if (text(entry.value) != text(authority_)) return refused(Refusal::kHostRepeated);
      continue;
    }
    put(name, text(entry.value));
  }
  return understand_request(head);
}

}  // namespace insula::http
