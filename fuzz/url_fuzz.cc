#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "http/url.h"

/// Encoding survives decoding; an unambiguous path holds no way up however it is decoded.
extern "C" int LLVMFuzzerTestOneInput(
    const std::uint8_t* data,
    std::size_t size) {  // NOLINT(readability-identifier-naming): libFuzzer's name
  using namespace insula::http;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  INSULA_CHECK(percent_decode(percent_encode(text)) == text);
  if (is_unambiguous_path(text)) {
    const auto decoded = percent_decode(text);
    INSULA_CHECK(decoded && !(*decoded + "/").contains("/../") &&
                 !(*decoded + "/").contains("/./"));
  }
  for (std::string_view query = text; next_parameter(query);) {
  }
  if (const auto url = Url::parse(text)) {
    const auto again = Url::parse(url->scheme + "://" + url->authority() + url->target);
    INSULA_CHECK(again && *again == *url, text);
  }
  return 0;
}
