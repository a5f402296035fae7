#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "json/parse.h"
#include "json/scan.h"
#include "json/write.h"

/// The parser and the fault finder agree on what JSON is; what was read is written and read again
/// alike.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> duplicates;
  insula::json::ParseOptions options;
  options.duplicates = &duplicates;
  const auto value = insula::json::parse(text, options);
  const auto fault = insula::json::find_fault(text, insula::json::kDepthMax);
  if (!value) {
    INSULA_CHECK(fault.has_value() || value.error().message() == "number out of range",
                 value.error().message());
    return 0;
  }
  INSULA_CHECK(!fault.has_value());
  const auto again = insula::json::parse(insula::json::write(*value));
  INSULA_CHECK(again.has_value() && *again == *value);
  const auto pretty = insula::json::parse(insula::json::write_pretty(*value));
  INSULA_CHECK(pretty.has_value() && *pretty == *value);
  return 0;
}
