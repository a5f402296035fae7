#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"
#include "api/patch.h"
#include "base/check.h"
#include "json/parse.h"
#include "json/write.h"

namespace {

using insula::json::Value;

void check_writes(const Value& value) {
  INSULA_CHECK(value.depth() <= insula::json::kDepthMax);
  const auto again = insula::json::parse(insula::json::write(value));
  INSULA_CHECK(again.has_value() && *again == value);
}

}  // namespace

/// Input: document, a zero byte, patch; both JSON. Applied in every way that there is.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t zero = input.find('\0');
  if (zero == std::string_view::npos) return 0;
  const auto document = insula::json::parse(input.substr(0, zero));
  const auto patch = insula::json::parse(input.substr(zero + 1));
  if (!document || !patch) return 0;
  if (const auto result = insula::api::apply_json_patch(*document, *patch)) check_writes(*result);
  const Value merged = insula::api::apply_merge_patch(*document, *patch);
  check_writes(merged);
  INSULA_CHECK(insula::api::apply_merge_patch(merged, *patch) == merged);
  for (const auto* type : {&insula::api::type_of<insula::api::Pod>(),
                           &insula::api::type_of<insula::api::Deployment>()}) {
    if (const auto result = insula::api::apply_strategic_merge_patch(*type, *document, *patch))
      check_writes(*result);
  }
  return 0;
}
