#include <gtest/gtest.h>

#include "json/parse.h"
#include "json/pointer.h"
#include "json/scan.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::json {
namespace {

Value read(std::string_view text) {
  auto parsed = parse(text);
  EXPECT_TRUE(parsed.has_value()) << text << ": " << (parsed ? "" : parsed.error().message());
  return parsed ? *parsed : Value("unreadable");
}

std::string error_of(std::string_view text) {
  auto parsed = parse(text);
  return parsed ? "no error" : parsed.error().message();
}

// A pointer would become `true`.
static_assert(!std::is_constructible_v<Value, Object*>);
static_assert(std::is_constructible_v<Value, bool>);

TEST(Parse, WritesBackWhatItReads) {
  for (const char* text :
       {"null", "true", "0", "-1", "9223372036854775807", "-9223372036854775808",
        "18446744073709551615", "1.5", "1e+300", "\"\"", R"("a\"\\\n\u0001ü€😀")", "[]", "{}",
        R"({"b":[1,{"a":null}],"a":"x"})"}) {
    EXPECT_EQ(write(read(text)), text);
  }
}

TEST(Parse, KeepsIntegersExactAndTellsThemFromFractions) {
  EXPECT_EQ(read("9007199254740993").as_int64(), 9007199254740993);
  EXPECT_EQ(read("18446744073709551615").as_uint64(), 18446744073709551615U);
  EXPECT_EQ(read("18446744073709551615").as_int64(), std::nullopt);
  EXPECT_EQ(read("1.5").as_int64(), std::nullopt);
  EXPECT_EQ(read("2.0").as_int64(), 2);
  EXPECT_EQ(read("2.0"), read("2"));
  EXPECT_NE(read("18446744073709551615"), read("-1"));
}

TEST(Parse, SaysWhereAndWhatIsWrong) {
  EXPECT_EQ(error_of(""), "unexpected end of JSON input (line 1, column 1)");
  EXPECT_EQ(error_of("{\"a\": 1,\n \"b\" 2}"),
            "invalid character '2' after object key (line 2, column 6)");
  EXPECT_EQ(error_of("{\"a\": }"),
            "invalid character '}' looking for beginning of value (line 1, column 7)");
  EXPECT_EQ(error_of("[1, 2"), "unexpected end of JSON input (line 1, column 6)");
  EXPECT_EQ(error_of("{\"a\":1} x"),
            "invalid character 'x' after top-level value (line 1, column 9)");
  EXPECT_EQ(error_of("[nul]"),
            "invalid character ']' in literal null (expecting 'l') (line 1, column 5)");
  EXPECT_EQ(error_of("\"\xff\""), "invalid UTF-8 in string (line 1, column 2)");
  EXPECT_EQ(error_of("1e999"), "number out of range");
  EXPECT_EQ(error_of("99999999999999999999"), "number out of range");
}

TEST(Parse, RefusesWhatJsonDoesNotAllow) {
  for (const char* text :
       {"01", "+1", ".5", "1.", "1e", "'a'", "{a:1}", "[1,]", "{\"a\":1,}", "NaN", "tru", "\"\\x\"",
        "\"\\ud800\"", "\"a\nb\"", "[1 2]", "{\"a\":1 \"b\":2}", "/* */ 1"}) {
    EXPECT_FALSE(parse(text).has_value()) << text;
    EXPECT_TRUE(find_fault(text, kDepthMax).has_value()) << text;
  }
}

TEST(Parse, BoundsDepthAndLength) {
  const std::string deep = std::string(kDepthMax, '[') + std::string(kDepthMax, ']');
  EXPECT_TRUE(parse(deep).has_value());
  EXPECT_EQ(error_of("[" + deep + "]"), "nested too deep (line 1, column 257)");
  ParseOptions small;
  small.bytes_max = 4;
  EXPECT_EQ(parse("[1,2]", small).error().code(), ErrorCode::kTooLarge);
  small.depth_max = 1;
  EXPECT_TRUE(parse("[1]", small).has_value());
  EXPECT_FALSE(parse("[[]]", small).has_value());
}

TEST(Parse, ReportsRepeatedKeysWithTheirPathAndKeepsTheLast) {
  std::vector<std::string> duplicates;
  ParseOptions options;
  options.duplicates = &duplicates;
  const auto value = parse(R"({"a":1,"s":{"c":[{"x":1},{"x":1,"x":2,"x":3}]},"a":2})", options);
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(duplicates, (std::vector<std::string>{"s.c[1].x", "a"}));
  EXPECT_EQ(write(*value), R"({"a":2,"s":{"c":[{"x":1},{"x":3}]}})");
}

TEST(Object, StaysConsistentOnBothSidesOfTheIndex) {
  Object object;
  for (int i = 0; i < 500; ++i)
    object[std::to_string(i)] = i;
  EXPECT_EQ(object.size(), 500U);
  for (int i = 0; i < 500; i += 3)
    EXPECT_TRUE(object.erase(std::to_string(i)));
  EXPECT_FALSE(object.erase("0"));
  for (int i = 0; i < 500; ++i) {
    const Value* found = object.find(std::to_string(i));
    ASSERT_EQ(found == nullptr, i % 3 == 0) << i;
    if (found != nullptr) EXPECT_EQ(found->as_int64(), i);
  }
  const Object copy = object;
  EXPECT_EQ(copy, object);
  object.sort();
  EXPECT_EQ(copy, object);
  EXPECT_EQ(object.begin()->key, "1");
  EXPECT_EQ(object.find("499")->as_int64(), 499);
  for (int i = 0; i < 500; ++i)
    object.erase(std::to_string(i));
  EXPECT_TRUE(object.empty());
}

TEST(Value, ReadsAbsentMembersAsNull) {
  const Value pod = read(R"({"spec":{"nodeName":"a"}})");
  EXPECT_EQ(pod["spec"]["nodeName"].text(), "a");
  EXPECT_EQ(pod["status"]["phase"].text("Pending"), "Pending");
  EXPECT_TRUE(pod["status"]["phase"].is_null());
}

TEST(Value, BuildsDocuments) {
  Value value;
  value["metadata"]["name"] = "x";
  value["items"] = Array{1, "two", Object{{"three", 3.5}}};
  EXPECT_EQ(write(value), R"({"metadata":{"name":"x"},"items":[1,"two",{"three":3.5}]})");
  EXPECT_EQ(write_pretty(value),
            "{\n  \"metadata\": {\n    \"name\": \"x\"\n  },\n  \"items\": [\n    1,\n    "
            "\"two\",\n    {\n      \"three\": 3.5\n    }\n  ]\n}");
  EXPECT_EQ(value.depth(), 3U);
  EXPECT_EQ(value.count(), 8U);
}

TEST(Write, KeepsLargeFractionsApartFromIntegers) {
  EXPECT_EQ(write(Value(18446744073709551616.0)), "1.8446744073709552e+19");
  EXPECT_EQ(read(write(Value(18446744073709551616.0))), Value(18446744073709551616.0));
}

TEST(Write, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(write(Value(std::string("a\xff\xc3"))), "\"a\xef\xbf\xbd\xef\xbf\xbd\"");
  EXPECT_EQ(write(Value(std::numeric_limits<double>::infinity())), "null");
}

TEST(Pointer, FollowsTheExamplesOfRfc6901) {
  const Value doc = read(R"({"foo":["bar","baz"],"":0,"a/b":1,"m~n":8})");
  const std::pair<const char*, const char*> cases[] = {{"/foo", R"(["bar","baz"])"},
                                                       {"/foo/0", "\"bar\""},
                                                       {"/", "0"},
                                                       {"/a~1b", "1"},
                                                       {"/m~0n", "8"}};
  for (const auto& [text, expected] : cases) {
    const Pointer pointer = Pointer::parse(text).value();
    ASSERT_NE(pointer.in(doc), nullptr) << text;
    EXPECT_EQ(write(*pointer.in(doc)), expected);
    EXPECT_EQ(pointer.text(), text);
  }
  for (const char* text : {"/foo/2", "/foo/01", "/foo/-", "/foo/x", "/x", "/foo/0/1"}) {
    EXPECT_EQ(Pointer::parse(text).value().in(doc), nullptr) << text;
  }
  EXPECT_EQ(Pointer::parse("").value().in(doc), &doc);
  EXPECT_FALSE(Pointer::parse("foo").has_value());
  EXPECT_FALSE(Pointer::parse("/a~2").has_value());
}

}  // namespace
}  // namespace insula::json
