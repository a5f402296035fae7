#include "apiserver/proxy_links.h"

#include <algorithm>
#include <array>
#include <utility>

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

/// Attributes whose values are addresses. Source: the HTML standard's index of attributes, and
/// HTML 4's for what it has dropped.
constexpr auto kLinks = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"a", "href"},           {"applet", "codebase"},   {"area", "href"},
    {"audio", "src"},        {"base", "href"},         {"blockquote", "cite"},
    {"body", "background"},  {"button", "formaction"}, {"command", "icon"},
    {"del", "cite"},         {"embed", "src"},         {"form", "action"},
    {"frame", "longdesc"},   {"frame", "src"},         {"head", "profile"},
    {"html", "manifest"},    {"iframe", "longdesc"},   {"iframe", "src"},
    {"img", "longdesc"},     {"img", "src"},           {"img", "usemap"},
    {"input", "formaction"}, {"input", "src"},         {"input", "usemap"},
    {"ins", "cite"},         {"link", "href"},         {"object", "classid"},
    {"object", "codebase"},  {"object", "data"},       {"object", "usemap"},
    {"q", "cite"},           {"script", "src"},        {"source", "src"},
    {"video", "poster"},     {"video", "src"},
});

/// Elements whose text ends with their own end tag and nothing else.
constexpr std::array kRawText = {"script"sv, "style"sv,   "textarea"sv, "title"sv,   "xmp"sv,
                                 "iframe"sv, "noembed"sv, "noframes"sv, "noscript"sv};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_letter(char c) {
  return lower(c) >= 'a' && lower(c) <= 'z';
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

bool starts_with_path(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  const std::string_view rest = text.substr(prefix.size());
  return rest.empty() || rest.front() == '/' || rest.front() == '?' || rest.front() == '#';
}

/// Takes `http://` or `//`, and the host that follows, off the front; false when the link has a
/// scheme and is not such an address.
bool take_origin(std::string_view& link, std::string_view& origin, std::string_view& host) {
  const std::string_view whole = link;
  for (const std::string_view start : {"http://"sv, "https://"sv, "//"sv}) {
    const bool matches = link.size() >= start.size() &&
                         std::ranges::equal(link.substr(0, start.size()), start,
                                            [](char a, char b) { return lower(a) == b; });
    if (!matches) continue;
    link.remove_prefix(start.size());
    host = link.substr(0, link.find_first_of("/?#"));
    link.remove_prefix(host.size());
    origin = whole.substr(0, start.size() + host.size());
    return true;
  }
  return link.starts_with('/');
}

/// The host of an address, with the port that the scheme has when none is named.
std::string with_port(std::string_view origin, std::string_view host) {
  const bool tls = origin.size() > 4 && lower(origin[4]) == 's';  // https
  return std::string(host) + (tls ? ":443" : ":80");
}

}  // namespace

std::string ProxyLinks::rewrite(std::string_view link) const {
  std::string_view path = link;
  std::string_view origin;
  std::string_view named;
  if (!take_origin(path, origin, named)) return std::string(link);
  if (!origin.empty() && named != host && named != backend && with_port(origin, named) != backend)
    return std::string(link);
  // The way to the proxy is known already; the way to the server behind it is nobody's but ours.
  std::string out(named == host ? origin : std::string_view());
  if (!starts_with_path(path, prefix)) out += prefix;
  if (!path.starts_with('/')) out += '/';
  return out.append(path);
}

std::string HtmlLinks::feed(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + tag_.size());
  while (!bytes.empty()) {
    if (state_ == State::kText) {
      const std::size_t text = std::min(bytes.find('<'), bytes.size());
      out.append(bytes.substr(0, text));
      bytes.remove_prefix(text);
      if (bytes.empty()) break;
    }
    step(bytes.front(), out);
    bytes.remove_prefix(1);
  }
  return out;
}

std::string HtmlLinks::finish() {
  state_ = State::kText;
  return std::exchange(tag_, {});
}

void HtmlLinks::step(char c, std::string& out) {
  switch (state_) {
    case State::kText:
      tag_ = c;
      state_ = State::kOpen;
      return;
    case State::kOpen:
      open(c, out);
      return;
    case State::kMarkup:
    case State::kComment:
    case State::kDeclaration:
      out += c;
      step_markup(c);
      return;
    case State::kRawText:
      out += c;
      step_raw_text(c);
      return;
    default:
      break;
  }
  tag_ += c;
  step_tag(c);
  if (state_ == State::kText) {
    end_tag(out);
  } else if (tag_.size() > kTagBytesMax) {
    out += finish();
  }
}

void HtmlLinks::open(char c, std::string& out) {
  tag_ += c;
  if (is_letter(c)) {
    element_ = lower(c);
    state_ = State::kTagName;
    return;
  }
  if (c == '<') {
    out += c;
    tag_ = c;
    return;
  }
  out += std::exchange(tag_, {});
  dashes_ = 0;
  state_ = c == '!' ? State::kMarkup : c == '?' ? State::kDeclaration : State::kText;
}

void HtmlLinks::step_tag(char c) {
  const bool in_value = state_ == State::kQuotedValue || state_ == State::kBareValue;
  if (c == '>' && state_ != State::kQuotedValue) {
    if (in_value) end_value();
    state_ = State::kText;
    return;
  }
  if (state_ == State::kTagName) {
    if (is_space(c) || c == '/')
      state_ = State::kBeforeAttribute;
    else
      element_ += lower(c);
    return;
  }
  if (in_value) {
    const bool ends = state_ == State::kQuotedValue ? c == quote_ : is_space(c);
    if (!ends) return;
    end_value();
    state_ = State::kBeforeAttribute;
    return;
  }
  step_attribute(c);
}

void HtmlLinks::step_attribute(char c) {
  switch (state_) {
    case State::kBeforeAttribute:
      if (is_space(c) || c == '/') return;
      attribute_ = lower(c);
      state_ = State::kAttributeName;
      return;
    case State::kAttributeName:
    case State::kAfterAttributeName:
      if (c == '=') {
        state_ = State::kBeforeValue;
      } else if (is_space(c)) {
        state_ = State::kAfterAttributeName;
      } else if (c == '/') {
        state_ = State::kBeforeAttribute;
      } else if (state_ == State::kAttributeName) {
        attribute_ += lower(c);
      } else {
        attribute_ = lower(c);
        state_ = State::kAttributeName;
      }
      return;
    default:  // kBeforeValue
      if (is_space(c)) return;
      const bool quoted = c == '"' || c == '\'';
      quote_ = c;
      value_ = quoted ? tag_.size() : tag_.size() - 1;
      state_ = quoted ? State::kQuotedValue : State::kBareValue;
  }
}

void HtmlLinks::step_markup(char c) {
  if (state_ == State::kMarkup) {
    if (c == '-') {
      if (++dashes_ == 2) state_ = State::kComment;
      return;
    }
    state_ = c == '>' ? State::kText : State::kDeclaration;
    return;
  }
  const bool ends = c == '>' && (state_ == State::kDeclaration || dashes_ >= 2);
  dashes_ = c == '-' ? dashes_ + 1 : 0;
  if (ends) state_ = State::kText;
}

void HtmlLinks::step_raw_text(char c) {
  if (lower(c) == end_of_raw_text_[matched_]) {
    if (++matched_ == end_of_raw_text_.size()) state_ = State::kText;
    return;
  }
  matched_ = c == '<' ? 1 : 0;
}

void HtmlLinks::end_value() {
  const bool is_link = std::ranges::any_of(kLinks, [&](const auto& link) {
    return link.first == element_ && link.second == attribute_;
  });
  if (!is_link) return;
  // The byte that ended it has been added already.
  const std::size_t size = tag_.size() - 1 - value_;
  tag_.replace(value_, size, links_.rewrite(std::string_view(tag_).substr(value_, size)));
}

void HtmlLinks::end_tag(std::string& out) {
  out += std::exchange(tag_, {});
  if (std::ranges::find(kRawText, element_) == kRawText.end()) return;
  end_of_raw_text_ = "</" + element_;
  matched_ = 0;
  state_ = State::kRawText;
}

}  // namespace insula::apiserver
