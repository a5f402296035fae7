#include "api/custom/schema_path.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace insula::api {

namespace {

std::unexpected<Error> wrong(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

constexpr std::string_view kNoField = "does not refer to a valid field";

class Follower {
 public:
  Follower(const SchemaNode& root, std::string_view path) : rest_(path), place_{{}, &root} {}

  Result<SchemaPlace> follow(PathForm form) {
    while (const auto token = take()) {
      if (*token == ".") {
        const auto name = take();
        if (!name) return ends_early();
        INSULA_TRY_VOID(enter(std::string(*name)));
      } else if (*token != "[") {
        return wrong(fmt::format("expected [ or . but got: {}", *token));
      } else if (form == PathForm::kDots) {
        return wrong("array notation is not allowed");
      } else {
        INSULA_TRY_VOID(bracket());
      }
    }
    return std::move(place_);
  }

 private:
  static std::unexpected<Error> ends_early() { return wrong("unexpected end of JSON path"); }

  /// A delimiter, a quoted text, or what is before the next delimiter.
  std::optional<std::string_view> take() {
    if (rest_.empty()) return std::nullopt;
    std::size_t end = 1;
    if (rest_[0] == '\'') {
      while (end < rest_.size() && (rest_[end] != '\'' || rest_[end - 1] == '\\'))
        ++end;
      end = std::min(end + 1, rest_.size());
    } else if (std::string_view(".[]").find(rest_[0]) == std::string_view::npos) {
      end = std::min(rest_.find_first_of(".[]"), rest_.size());
    }
    const std::string_view token = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return token;
  }

  Result<> bracket() {
    const auto text = take();
    if (!text) return ends_early();
    if (text->size() < 2 || text->front() != '\'' || text->back() != '\'')
      return wrong(fmt::format("expected single quoted string but got {}", *text));
    std::string name;
    for (std::size_t i = 1; i + 1 < text->size(); ++i) {
      if ((*text)[i] == '\\') ++i;
      name += (*text)[i];
    }
    INSULA_TRY_VOID(enter(std::move(name)));
    const auto end = take();
    if (!end) return ends_early();
    if (*end != "]") return wrong(fmt::format("expected ] but got {}", *end));
    return {};
  }

  Result<> enter(std::string name) {
    const SchemaNode& at = *place_.node;
    place_.node = at.properties.empty() ? at.additional.get() : at.property(name);
    place_.members.push_back(std::move(name));
    if (place_.node == nullptr) return wrong(std::string(kNoField));
    return {};
  }

  std::string_view rest_;
  SchemaPlace place_;
};

}  // namespace

Result<SchemaPlace> follow_path(const SchemaNode& root, std::string_view path, PathForm form) {
  return Follower(root, path).follow(form);
}

}  // namespace insula::api
