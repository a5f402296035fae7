#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "json/value.h"

namespace insula::json {

/// A path into a document. Spec: RFC 6901.
class Pointer {
 public:
  Pointer() = default;

  /// Errors: kBadRequest when `text` is neither empty nor starts with `/`, has a `~` that is no
  /// escape, or more than kDepthMax steps.
  [[nodiscard]] static Result<Pointer> parse(std::string_view text);

  [[nodiscard]] const std::vector<std::string>& steps() const { return steps_; }

  [[nodiscard]] bool is_root() const { return steps_.empty(); }

  /// All steps but the last. Requires: not the root.
  [[nodiscard]] Pointer parent() const;

  [[nodiscard]] const std::string& last() const { return steps_.back(); }

  /// True when `other` is this path or lies below it.
  [[nodiscard]] bool contains(const Pointer& other) const;

  /// The value at this path, or null. Valid until the document changes.
  [[nodiscard]] const Value* in(const Value& document) const;
  [[nodiscard]] Value* in(Value& document) const;

  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::string> steps_;
};

/// A step as it stands in a pointer's text. Spec: RFC 6901 section 3.
[[nodiscard]] std::string escaped_step(std::string_view step);

/// An array index as JSON pointers write it: digits without leading zero. nullopt for anything
/// else.
[[nodiscard]] std::optional<std::size_t> array_index(std::string_view step);

}  // namespace insula::json
