#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "cel/parser.h"
#include "cel/program.h"

namespace insula::cel {
namespace {

Environment environment() {
  return {standard_functions(),
          {{"self", Type::object("object", {{"name", {"name", Type::string()}},
                                            {"count", {"count", Type::integer()}},
                                            {"tags", {"tags", Type::list(Type::string())}},
                                            {"note", {"note", Type::optional(Type::string())}}})},
           {"any", Type::dyn()}},
          [](std::string_view name) -> TypePtr {
            if (name == "Step")
              return Type::object(
                  "Step", {{"op", {"op", Type::string()}}, {"value", {"value", Type::dyn()}}});
            return name.starts_with("Object") ? Type::open_object(std::string(name)) : nullptr;
          }};
}

/// The type of an expression, or the first line of what is wrong with it.
std::string compiled(std::string_view source) {
  const auto program = Program::compile(source, environment());
  if (program) return program->type()->text();
  const std::string& message = program.error().message();
  return message.substr(0, message.find('\n'));
}

TEST(Compile, FindsTheType) {
  static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {"self.count + 1", "int"},
      {"self.tags", "list(string)"},
      {"self.tags.map(t, t.size())", "list(int)"},
      {"self.tags[0] + 'x'", "string"},
      {"{'a': [1]}", "map(string, list(int))"},
      {"[[], [1]]", "list(list(int))"},
      {"true ? [] : [1]", "list(int)"},
      {"true ? [1] : []", "list(int)"},
      {"[] + [1]", "list(int)"},
      {"[1] + []", "list(int)"},
      {"true ? {} : {'a': 1}", "map(string, int)"},
      {"true ? [any] : [1]", "list(dyn)"},
      {"[]", "list(dyn)"},
      {"any.what.ever", "dyn"},
      {"any + 1", "int"},
      {"any + any", "dyn"},
      {"any > 1", "bool"},
      {"true ? 1 : any", "dyn"},
      {"self.note.orValue('x')", "string"},
      {"self.?name", "optional_type(string)"},
      {"self.tags[?0]", "optional_type(string)"},
      {"{'a': 1}.transformMap(k, v, string(v))", "map(string, string)"},
      {"has(self.name)", "bool"},
      {"type(self)", "type"},
      {"int", "type"},
      {"[1, 2].max()", "int"},
      {"[?self.note, 'x']", "list(string)"},
      {"{?'a': self.note}", "map(string, string)"},
      {"Object.spec{replicas: 3, ?note: self.note, `a-b`: Object{}}", "Object.spec"},
      {"Object{a: 1}.a", "dyn"},
      {"[Step{op: 'add', value: 1}, Step{op: any, value: {'a': []}}]", "list(Step)"},
      {"self.tags.map(t, Step{op: t})", "list(Step)"},
      {"true ? [] : [Step{}]", "list(Step)"},
      {"Step{op: 'add'}.op", "string"},
  };
  for (const auto& [source, type] : kTypes)
    EXPECT_EQ(compiled(source), type) << source;
}

TEST(Compile, SaysWhatIsWrongAndWhere) {
  static constexpr std::pair<std::string_view, std::string_view> kIssues[] = {
      {"nobody == 1", "ERROR: <input>:1:1: undeclared reference to 'nobody' (in container '')"},
      {"self.nam == 'a'", "ERROR: <input>:1:5: undefined field 'nam'"},
      {"self.count.x", "ERROR: <input>:1:11: type 'int' does not support field selection"},
      {"self.count + 'a'",
       "ERROR: <input>:1:12: found no matching overload for '_+_' applied to '(int, string)'"},
      {"self.count == 1.0",
       "ERROR: <input>:1:12: found no matching overload for '_==_' applied to '(int, double)'"},
      {"self.name == null",
       "ERROR: <input>:1:11: found no matching overload for '_==_' applied to '(string, null)'"},
      {"self.name.foo()", "ERROR: <input>:1:14: undeclared reference to 'foo' (in container '')"},
      {"self.name.startsWith(1)",
       "ERROR: <input>:1:21: found no matching overload for 'startsWith' applied to "
       "'string.(int)'"},
      {"foo(1)", "ERROR: <input>:1:4: undeclared reference to 'foo' (in container '')"},
      {"self.count.all(x, true)",
       "ERROR: <input>:1:5: expression of type 'int' cannot be range of a comprehension (must be "
       "list, map, or dynamic)"},
      {"self.tags.all(x, x)", "ERROR: <input>:1:18: expected type 'bool' but found 'string'"},
      {"self.tags.all(x.y, true)", "ERROR: <input>:1:16: argument must be a simple name"},
      {"self.tags.all(x, x, true)", "ERROR: <input>:1:18: duplicate variable name: x"},
      {"self.tags.all(x, true) && x == ''",
       "ERROR: <input>:1:27: undeclared reference to 'x' (in container '')"},
      {"has(self.nope)", "ERROR: <input>:1:4: undefined field 'nope'"},
      {"has(self)", "ERROR: <input>:1:5: invalid argument to has() macro"},
      {"true ? 1 : 'a'",
       "ERROR: <input>:1:6: found no matching overload for '_?_:_' applied to '(bool, int, "
       "string)'"},
      {"1 && true", "ERROR: <input>:1:1: expected type 'bool' but found 'int'"},
      {"{1.5: 2}", "ERROR: <input>:1:2: unsupported key type 'double'"},
      {"optional.of(1).optFlatMap(x, x)",
       "ERROR: <input>:1:30: expected type 'optional_type(dyn)' but found 'int'"},
      {"[1, 'a']", "ERROR: <input>:1:5: expected type 'int' but found 'string'"},
      {"[1, any]", "ERROR: <input>:1:5: expected type 'int' but found 'dyn'"},
      {"{'a': 1, 'b': 'x'}", "ERROR: <input>:1:15: expected type 'int' but found 'string'"},
      {"self.name.matches('(')", "ERROR: <input>:1:19: invalid matches argument"},
      {"timestamp('today')", "ERROR: <input>:1:11: invalid timestamp argument"},
      {"duration('1d')", "ERROR: <input>:1:10: invalid duration argument"},
      {"1 +", "ERROR: <input>:1:4: Syntax error: the expression ends too early"},
      {"", "ERROR: <input>:1:1: Syntax error: the expression ends too early"},
      {"(1", "ERROR: <input>:1:3: Syntax error: the expression ends too early"},
      {"1 2", "ERROR: <input>:1:3: Syntax error: unexpected '2'"},
      {"f(1,)", "ERROR: <input>:1:5: Syntax error: unexpected ')'"},
      {"a = b", "ERROR: <input>:1:3: Syntax error: token recognition error at: '='"},
      {"'abc", "ERROR: <input>:1:1: Syntax error: a string literal does not end"},
      {"'a\nb'", "ERROR: <input>:1:1: Syntax error: a string literal does not end"},
      {R"('\q')", "ERROR: <input>:1:2: Syntax error: no such escape sequence in a string literal"},
      {R"('\ud800')", "ERROR: <input>:1:2: Syntax error: no such character in a string literal"},
      {R"('\400')",
       "ERROR: <input>:1:2: Syntax error: no such escape sequence in a string literal"},
      {"'\xff'", "ERROR: <input>:1:2: Syntax error: a string literal is not UTF-8"},
      {"9223372036854775808", "ERROR: <input>:1:1: invalid int literal"},
      {"-9223372036854775809", "ERROR: <input>:1:2: invalid int literal"},
      {"18446744073709551616u", "ERROR: <input>:1:1: invalid uint literal"},
      {"1e999", "ERROR: <input>:1:1: invalid double literal"},
      {"if == 1", "ERROR: <input>:1:1: reserved identifier: if"},
      {"self.in", "ERROR: <input>:1:6: Syntax error: unexpected 'in'"},
      {"Foo.bar{a: 1}", "ERROR: <input>:1:8: undeclared reference to 'Foo.bar' (in container '')"},
      {"self.tags[0]{a: 1}",
       "ERROR: <input>:1:13: objects are made of named types; a map is written {'key': value}"},
      {"Step{nop: 'a'}", "ERROR: <input>:1:6: undefined field 'nop'"},
      {"Step{value: 1, op: 2}",
       "ERROR: <input>:1:16: expected type of field 'op' is 'string' but provided type is 'int'"},
      {"Step{?op: 'a'}",
       "ERROR: <input>:1:11: expected type 'optional_type(dyn)' but found 'string'"},
      {"[?'a']", "ERROR: <input>:1:3: expected type 'optional_type(dyn)' but found 'string'"},
      {"Step{'op': 'a'}", "ERROR: <input>:1:6: Syntax error: unexpected ''op''"},
      {"Step{op}", "ERROR: <input>:1:8: Syntax error: unexpected '}'"},
      {"Object{a: 1", "ERROR: <input>:1:12: Syntax error: the expression ends too early"},
      {"[Object{}, Object.spec{}]",
       "ERROR: <input>:1:23: expected type 'Object' but found 'Object.spec'"},
      {"self.`a\nb`",
       "ERROR: <input>:1:6: Syntax error: a quoted name has letters, digits and _.-/ between two "
       "`"},
  };
  for (const auto& [source, issue] : kIssues)
    EXPECT_EQ(compiled(source), issue) << source;
}

TEST(Compile, NamesEveryIssueWithAMarkBelowTheLine) {
  const auto program = Program::compile("é == 1 ||\n  self.nam == x", environment());
  EXPECT_EQ(program.error().message(),
            "ERROR: <input>:1:1: Syntax error: token recognition error at: 'é'\n"
            " | é == 1 ||\n"
            " | ^");
  const auto other = Program::compile("'é' == 1 ||\n  self.nam == x", environment());
  EXPECT_EQ(other.error().message(),
            "ERROR: <input>:1:5: found no matching overload for '_==_' applied to '(string, "
            "int)'\n"
            " | 'é' == 1 ||\n"
            " | ....^\n"
            "ERROR: <input>:2:7: undefined field 'nam'\n"
            " |   self.nam == x\n"
            " | ......^\n"
            "ERROR: <input>:2:15: undeclared reference to 'x' (in container '')\n"
            " |   self.nam == x\n"
            " | ..............^");
}

TEST(Compile, BoundsTheDepthAndTheLength) {
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '(') + "1" + std::string(levels, ')');
  };
  EXPECT_EQ(compiled(nested(kExpressionDepthMax / 2 - 1)), "int");
  EXPECT_TRUE(compiled(nested(10'000)).ends_with("nested deeper than 250 levels"));
  EXPECT_TRUE(
      compiled(std::string(10'000, '-') + "any").ends_with("nested deeper than 250 levels"));
  EXPECT_TRUE(compiled(std::string(10'000, '[')).ends_with("nested deeper than 250 levels"));

  std::string sum = "1";
  for (std::size_t i = 0; i < 10'000; ++i)
    sum += "+1";
  EXPECT_TRUE(compiled(sum).ends_with("nested deeper than 250 levels"));
  std::string members = "any";
  for (std::size_t i = 0; i < 10'000; ++i)
    members += ".a";
  EXPECT_TRUE(compiled(members).ends_with("nested deeper than 250 levels"));
  // Alternatives are a balanced tree: any number of them is fine.
  std::string alternatives = "any";
  for (std::size_t i = 0; i < 5'000; ++i)
    alternatives += "||any";
  EXPECT_EQ(compiled(alternatives), "bool");
  EXPECT_TRUE(compiled(std::string(kSourceBytesMax + 1, ' ')).ends_with("longer than 65536 bytes"));
}

}  // namespace
}  // namespace insula::cel
