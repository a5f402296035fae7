#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace insula::apiserver {

/// Makes links of a proxied answer lead through the proxy again.
struct ProxyLinks {
  /// The path of the proxy, without a slash at its end.
  std::string prefix;
  /// What the links of the server behind it may call that server: `10.97.0.5:8080`.
  std::string backend;
  /// Host header of the request.
  std::string host;

  /// A link to an absolute path, at no host or one of these, with the prefix before its path; any
  /// other as it is.
  [[nodiscard]] std::string rewrite(std::string_view link) const;
};

/// Rewrites the links of an HTML document while it passes through. It holds a start tag at most;
/// one that is larger than kTagBytesMax passes as it is. What is in comments, scripts and styles
/// is no link.
///
/// Spec: the tokenizer of the HTML standard, as far as it tells attributes from text.
class HtmlLinks {
 public:
  static constexpr std::size_t kTagBytesMax = 16uz * 1024;

  explicit HtmlLinks(const ProxyLinks& links) : links_(links) {}

  /// What can be passed on, now that these bytes have come.
  [[nodiscard]] std::string feed(std::string_view bytes);
  /// What was held.
  [[nodiscard]] std::string finish();

 private:
  enum class State : unsigned char {
    kText,
    kOpen,  // after '<'
    kTagName,
    kBeforeAttribute,
    kAttributeName,
    kAfterAttributeName,
    kBeforeValue,
    kQuotedValue,
    kBareValue,
    kMarkup,  // after '<!'
    kComment,
    kDeclaration,
    kRawText,  // in an element that holds no tags
  };

  void step(char c, std::string& out);
  void open(char c, std::string& out);
  void step_tag(char c);
  void step_attribute(char c);
  void step_markup(char c);
  void step_raw_text(char c);
  /// Replaces the value that has just ended, if it is a link.
  void end_value();
  void end_tag(std::string& out);

  const ProxyLinks& links_;
  State state_ = State::kText;
  std::string tag_;  // held, from '<'
  std::string element_;
  std::string attribute_;
  std::size_t value_ = 0;  // where it begins in `tag_`
  char quote_ = 0;
  std::size_t dashes_ = 0;
  std::string end_of_raw_text_;  // "</script"
  std::size_t matched_ = 0;      // of it
};

}  // namespace insula::apiserver
