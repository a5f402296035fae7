#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "apiserver/selector.h"
#include "base/check.h"

/// Label and field selectors of requests: whatever parses can be asked.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::map<std::string, std::string> labels{
      {"app", "web"}, {"size", "7"}, {"example.com/tier", ""}};
  if (const auto selector = insula::apiserver::LabelSelector::parse(text)) {
    const bool matches = selector->matches(labels);
    INSULA_CHECK(!selector->empty() || matches, text);
  }
  if (const auto selector = insula::apiserver::FieldSelector::parse(text)) {
    INSULA_CHECK(selector->empty() == selector->requirements().empty(), text);
    for (const auto& requirement : selector->requirements()) {
      if (requirement.equal) INSULA_CHECK(selector->required(requirement.field).has_value(), text);
    }
    (void)selector->matches(
        [](std::string_view field) { return std::optional<std::string>(field); });
  }
  return 0;
}
