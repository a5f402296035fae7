#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "cel/program.h"
#include "json/parse.h"

namespace {

using insula::cel::Type;

insula::cel::TypePtr widget() {
  return Type::object("object", {{"name", {"name", Type::string()}},
                                 {"count", {"count", Type::integer()}},
                                 {"since", {"since", Type::timestamp()}},
                                 {"tags", {"tags", Type::list(Type::string())}},
                                 {"labels", {"labels", Type::map(Type::string(), Type::string())}},
                                 {"any", {"any", Type::dyn()}}});
}

/// What expressions may make: objects of any fields.
insula::cel::TypePtr object_type(std::string_view name) {
  return name.starts_with("Object") ? Type::open_object(std::string(name)) : nullptr;
}

}  // namespace

/// An expression over an object: it compiles or not, and ends within its budget; twice alike.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using insula::cel::Value;
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  const insula::cel::Environment environment{
      insula::cel::standard_functions(), {{"self", widget()}}, object_type};
  const auto program = insula::cel::Program::compile(source, environment);
  if (!program) {
    INSULA_CHECK(program.error().message().starts_with("ERROR: <input>:"));
    return 0;
  }
  static const auto json = insula::json::parse(
      R"({"name": "a", "count": 3, "since": "2026-11-26T00:00:00Z", "tags": ["x", "y"],
          "labels": {"k": "v"}, "any": {"deep": [1, 2.5, null, {"a": "b"}]}})");
  const std::array<Value, 1> variables{Value::from_json(*json, environment.variables[0].second)};
  const insula::cel::Extent most{.kind = Type::Kind::kObject};
  const std::array<const insula::cel::Extent*, 1> extents{&most};
  static_cast<void>(program->estimated_cost(extents));
  constexpr std::uint64_t kSteps = 20'000;
  insula::cel::Budget budget(kSteps);
  insula::cel::Budget same_budget(kSteps);
  const auto value = program->evaluate(variables, budget);
  const auto again = program->evaluate(variables, same_budget);
  INSULA_CHECK(value.has_value() == again.has_value());
  INSULA_CHECK(budget.left() == same_budget.left());
  if (!value) INSULA_CHECK(value.error().message() == again.error().message());
  return 0;
}
