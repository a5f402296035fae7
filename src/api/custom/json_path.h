#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "json/value.h"

namespace insula::api {

/// A path into an object as columns of custom kinds have it: `.spec.replicas`, `.spec.ports[0]`,
/// `.items[*].name`, `.status.conditions[?(@.type=="Ready")].status`, `.metadata.labels['a.b']`.
///
/// Threads: deeply const.
/// Spec: Kubernetes, "JSONPath Support": of it the paths that lead to values.
class JsonPath {
 public:
  /// Errors: kBadRequest with what cannot be read. The text may stand in `{}`.
  [[nodiscard]] static Result<JsonPath> parse(std::string_view text);

  /// The first value it leads to, or null. Valid as long as the root.
  [[nodiscard]] const json::Value* find(const json::Value& root) const;
  [[nodiscard]] const json::Value* find(const json::Object& root) const;

  /// The names of the members that lead to the value, when it is told by them alone.
  [[nodiscard]] std::optional<std::vector<std::string>> members() const;

 private:
  class Parser;

  struct Step {
    enum class Kind : std::uint8_t { kMember, kIndex, kAll, kFilter };

    Kind kind = Kind::kMember;
    std::string name;                    // kMember
    std::ptrdiff_t index = 0;            // kIndex; below 0 from the end
    std::vector<std::string> left = {};  // kFilter: members of the element
    std::string op = {};                 // kFilter; empty: that there is one
    json::Value right = {};              // kFilter
  };

  explicit JsonPath(std::vector<Step> steps) : steps_(std::move(steps)) {}

  static bool holds(const Step& step, const json::Value& element);
  [[nodiscard]] const json::Value* find_from(const json::Value& value, std::size_t at) const;

  std::vector<Step> steps_;
};

/// The value that members lead to, or null. The first overload keeps an object from becoming a
/// Value that lives no longer than the call.
[[nodiscard]] const json::Value* find_member(const json::Object& root,
                                             const std::vector<std::string>& members);
[[nodiscard]] const json::Value* find_member(const json::Value& root,
                                             const std::vector<std::string>& members);

}  // namespace insula::api
