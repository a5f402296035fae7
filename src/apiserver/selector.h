#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace insula::apiserver {

/// Most conditions in one selector of a request.
inline constexpr std::size_t kRequirementsMax = 256;

/// A `labelSelector` of a request: `app=web,tier in (a,b),!canary`. Empty matches everything.
///
/// Spec: Kubernetes, "Labels and Selectors", set-based and equality-based requirements.
class LabelSelector {
 public:
  /// Errors: kBadRequest, `unable to parse requirement: ...`.
  static Result<LabelSelector> parse(std::string_view text);

  [[nodiscard]] bool matches(const std::map<std::string, std::string>& labels) const;

  [[nodiscard]] bool empty() const { return requirements_.empty(); }

 private:
  enum class Operator : std::uint8_t { kIn, kNotIn, kExists, kDoesNotExist, kGreater, kLess };

  struct Requirement {
    std::string key;
    Operator op = Operator::kExists;
    std::vector<std::string> values;
    std::int64_t bound = 0;  // kGreater, kLess
  };

  class Parser;

  static bool holds(const Requirement& requirement,
                    const std::map<std::string, std::string>& labels);

  std::vector<Requirement> requirements_;
};

/// A `fieldSelector` of a request: `metadata.name=x,status.phase!=Running`. Empty matches
/// everything.
class FieldSelector {
 public:
  struct Requirement {
    std::string field;
    std::string value;
    bool equal = true;
  };

  /// Errors: kBadRequest. Whether a kind knows the fields is the caller's to check.
  static Result<FieldSelector> parse(std::string_view text);

  /// `value_of` gives the text of a field, nullopt for a field the kind does not know.
  [[nodiscard]] bool matches(
      const std::function<std::optional<std::string>(std::string_view)>& value_of) const;

  [[nodiscard]] const std::vector<Requirement>& requirements() const { return requirements_; }

  /// The value that `field` must equal, or nullopt: lets a list or watch of one object look up only
  /// that.
  [[nodiscard]] std::optional<std::string_view> required(std::string_view field) const;

  [[nodiscard]] bool empty() const { return requirements_.empty(); }

 private:
  std::vector<Requirement> requirements_;
};

}  // namespace insula::apiserver
