#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "node/cri_log.h"
#include "node/image_map.h"
#include "node/ip_pool.h"
#include "node/log_reader.h"
#include "node/pod_env.h"
#include "node/shim.h"

// The small texts that the node reads: log records, log queries, image names and maps, what a shim
// leaves, addresses, variables in arguments. The first byte chooses.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace insula::node;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 7) {
    case 0: {
      LogRecord record;
      if (parse_log_record(text, record))
        INSULA_CHECK(record.time.size() + record.text.size() <= text.size());
      break;
    }
    case 1:
      static_cast<void>(LogQuery::parse(text, {}).has_value());
      break;
    case 2:
      if (const auto name = normalized_image(text))
        INSULA_CHECK(normalized_image(*name).value() == *name);
      break;
    case 3: {
      ImageMap map;
      static_cast<void>(map.add(text).has_value());
      break;
    }
    case 4:
      if (const auto identity = parse_shim_identity(text)) {
        INSULA_CHECK(parse_shim_identity(to_text(*identity)).value() == *identity);
      }
      if (const auto record = parse_exit_record(text))
        INSULA_CHECK(parse_exit_record(to_text(*record)).value() == *record);
      break;
    case 5:
      if (const auto range = parse_ipv4_range(text))
        INSULA_CHECK(parse_ipv4_range(range->text()).has_value());
      break;
    default:
      static_cast<void>(expanded(text, {{"A", "1"}, {"B", ""}}));
  }
  return 0;
}
