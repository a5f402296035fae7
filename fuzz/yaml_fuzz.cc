#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "json/write.h"
#include "json/yaml.h"

/// Every document that is read is written as YAML that reads back alike.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto documents =
      insula::json::parse_yaml(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!documents) return 0;
  for (const auto& document : *documents) {
    const std::string text = insula::json::write_yaml(document);
    const auto again = insula::json::parse_yaml_document(text);
    INSULA_CHECK(again.has_value(), text);
    INSULA_CHECK(*again == document, text);
  }
  return 0;
}
