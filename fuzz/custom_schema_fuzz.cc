#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "api/apply/structured_merge.h"
#include "api/custom/custom_schema.h"
#include "api/custom/pruning.h"
#include "api/custom/rule_check.h"
#include "api/custom/rule_set.h"
#include "api/custom/schema_check.h"
#include "api/custom/schema_form.h"
#include "api/custom/schema_node.h"
#include "api/custom/value_check.h"
#include "api/field_errors.h"
#include "base/check.h"
#include "json/parse.h"
#include "json/write.h"

namespace {

using insula::api::SchemaNode;
using insula::json::Value;

/// Brings the object into the form of the schema, which a second time changes nothing.
void read(Value& object, const SchemaNode& root) {
  insula::api::prune(*object.as_object(), root, nullptr);
  insula::api::set_schema_defaults(*object.as_object(), root);
}

}  // namespace

/// Input: a schema, a zero byte, an object; both JSON.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t zero = input.find('\0');
  if (zero == std::string_view::npos) return 0;
  auto schema = insula::json::parse(input.substr(0, zero));
  auto object = insula::json::parse(input.substr(zero + 1));
  if (!schema || !object || !object->is_object()) return 0;
  insula::api::normalise_schema(*schema);
  insula::api::FieldErrors errors;
  const insula::api::FieldPath path("schema");
  insula::api::check_schema(*schema, path, errors);
  // Of what is refused nothing is ever read by.
  if (!errors.empty()) return 0;
  const SchemaNode root = SchemaNode::parse(*schema);
  insula::api::check_rules(root, path, errors);
  const Value before = *object;
  read(*object, root);
  const Value once = *object;
  read(*object, root);
  INSULA_CHECK(once == *object, insula::json::write(*object));
  insula::api::ValueErrors wrong;
  insula::api::check_value(once, nullptr, root, "", wrong);
  insula::api::RuleSet(root).check(once, &before, wrong);
  insula::api::ValueErrors unchanged;
  insula::api::check_value(once, &once, root, "", unchanged);
  INSULA_CHECK(unchanged.empty());
  const insula::api::CustomSchema types(root);
  if (!insula::api::field_set_of(types, once)) return 0;
  INSULA_CHECK(insula::api::compare(types, once, insula::api::merge(types, once, once)).same());
  return 0;
}
