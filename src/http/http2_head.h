#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/parser.h"
#include "http/refusal.h"

namespace insula::http {

/// The fields of an HTTP/2 request's head as they are decoded, and the head that they make, which
/// is held to all that an HTTP/1 one is: what goes upstream is HTTP/1.
///
/// Spec: RFC 9113 sections 8.2 and 8.3.
class Http2Head {
 public:
  explicit Http2Head(const HeadLimits& limits = {}) : limits_(limits) {}

  /// Notes a field, in order. Beyond a limit, and after a field that is refused, only the first
  /// such refusal is kept.
  void add(std::string_view name, std::string_view value);

  /// Notes a field that the decoder itself refuses.
  void add_invalid() { refuse(Refusal::kFieldName); }

  /// Bytes of all fields so far, each counted with 32 more as RFC 9113 section 6.5.2 does.
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Makes the head. Its views point into this object. Returns why it is refused, in head.refusal
  /// too.
  Refusal fill(RequestHead& head) const;

 private:
  struct Part {
    std::uint32_t at = 0;
    std::uint32_t bytes = 0;
  };

  struct Entry {
    Part name;
    Part value;
  };

  void refuse(Refusal why);
  [[nodiscard]] Part keep(std::string_view text);
  [[nodiscard]] std::string_view text(Part part) const;
  [[nodiscard]] Part* pseudo_field(std::string_view name);
  void add_cookie(std::string_view value);

  HeadLimits limits_;
  std::string text_;
  std::vector<Entry> entries_;
  Part method_;
  Part path_;
  Part authority_;
  Part scheme_;
  /// Crumbs of the Cookie header, put together: HTTP/1 has one (section 8.2.3).
  std::string cookie_;
  std::size_t size_ = 0;
  Refusal refusal_ = Refusal::kNone;
};

}  // namespace insula::http
