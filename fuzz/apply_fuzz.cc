#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/apply/field_set.h"
#include "api/apply/structured_merge.h"
#include "api/apply/table_schema.h"
#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"
#include "base/check.h"
#include "json/parse.h"
#include "json/write.h"

namespace {

using insula::api::FieldSet;
using insula::json::Value;

void check_set(const FieldSet& set) {
  const auto again = insula::api::parse_fields_v1(insula::api::write_fields_v1(set));
  INSULA_CHECK(again.has_value() && *again == set);
}

void check_merge(const insula::api::TableSchema& schema,
                 const Value& live,
                 const Value& config,
                 const FieldSet& set) {
  check_set(insula::api::compare(schema, live, config).added);
  (void)insula::api::remove_fields(schema, live, set);
  check_set(insula::api::with_parents(schema, set));
  const auto fields = insula::api::field_set_of(schema, config);
  if (!fields) return;
  check_set(*fields);
  const Value merged = insula::api::merge(schema, live, config);
  INSULA_CHECK(
      insula::api::compare(schema, merged, insula::api::merge(schema, merged, config)).same());
}

}  // namespace

/// Input: a live object, a zero byte, a configuration, a zero byte, a FieldsV1; all JSON.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t first = input.find('\0');
  const std::size_t second = first == std::string_view::npos ? first : input.find('\0', first + 1);
  if (second == std::string_view::npos) return 0;
  const auto live = insula::json::parse(input.substr(0, first));
  const auto config = insula::json::parse(input.substr(first + 1, second - first - 1));
  const auto set = insula::api::parse_fields_v1(input.substr(second + 1));
  if (!live || !config || !set) return 0;
  check_set(*set);
  for (const auto* type : {&insula::api::type_of<insula::api::Pod>(),
                           &insula::api::type_of<insula::api::Deployment>()})
    check_merge(insula::api::TableSchema(*type), *live, *config, *set);
  return 0;
}
