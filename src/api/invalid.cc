#include "api/invalid.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"

namespace insula::api {

Error invalid(std::string_view kind,
              std::string_view group,
              std::string_view name,
              std::vector<FieldCause> causes) {
  INSULA_CHECK(!causes.empty());
  std::vector<std::string> texts;
  for (const FieldCause& cause : causes) {
    std::string text =
        cause.field.empty() ? cause.message : fmt::format("{}: {}", cause.field, cause.message);
    // The same complaint twice tells nothing more, but every cause stays in the details.
    if (std::ranges::find(texts, text) == texts.end()) texts.push_back(std::move(text));
  }
  const std::string joined =
      texts.size() == 1 ? texts[0] : fmt::format("[{}]", fmt::join(texts, ", "));
  const std::string full_kind =
      group.empty() ? std::string(kind) : fmt::format("{}.{}", kind, group);
  Error error(ErrorCode::kInvalid,
              fmt::format("{} \"{}\" is invalid: {}", full_kind, name, joined));
  return std::move(error)
      .with_causes(std::move(causes))
      .about({std::string(kind), std::string(group), std::string(name)});
}

}  // namespace insula::api
