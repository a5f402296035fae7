#include "json/yaml.h"

#include <gtest/gtest.h>

#include "json/parse.h"
#include "json/write.h"

namespace insula::json {
namespace {

/// Documents as JSON, one after the other, or the error.
std::string read(std::string_view text) {
  const auto documents = parse_yaml(text);
  if (!documents) return documents.error().message();
  std::string out;
  for (const Value& document : *documents)
    out += write(document);
  return out;
}

TEST(Yaml, ReadsAManifest) {
  EXPECT_EQ(
      read("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x # comment\n  labels: {a: "
           "b}\ndata:\n  text: |\n    one\n    two\n  list: >-\n    a\n    b\n"),
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","labels":{"a":"b"}},"data":{"text":"one\ntwo\n","list":"a b"}})");
}

TEST(Yaml, ReadsQuotesInQuotes) {
  for (std::size_t count = 1; count < 40; ++count) {
    const std::string quotes(count, '\'');
    const std::string doubled(2 * count, '\'');
    EXPECT_EQ(read("{'" + doubled + "': 'a" + doubled + "b'}"),
              "{\"" + quotes + "\":\"a" + quotes + "b\"}");
    EXPECT_EQ(read("- '" + doubled + "'\n- ' " + doubled + "'"),
              "[\"" + quotes + "\",\" " + quotes + "\"]");
  }
}

TEST(Yaml, FoldsTheLinesOfQuotedText) {
  EXPECT_EQ(read("- ''\n- 'one \n\ttwo\n  \n\n  it''s '"), R"(["","one two\n\nit's "])");
  EXPECT_EQ(read("- ' one\r\n  two\r\n\r\n  three'"), R"([" one two\nthree"])");
  EXPECT_EQ(read("- '\n  a\n  '\n- 'a  ''''  b'"), R"([" a ","a  ''  b"])");
  EXPECT_EQ(read("'ü''''': 'x'"), "{\"ü''\":\"x\"}");
}

TEST(Yaml, SplitsDocumentsAndLeavesOutEmptyOnes) {
  EXPECT_EQ(read("---\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n"), R"({"a":1}{"b":2})");
  EXPECT_EQ(read(""), "");
  EXPECT_EQ(read("# only a comment\n"), "");
  EXPECT_FALSE(parse_yaml_document("a: 1\n---\nb: 2").has_value());
  EXPECT_FALSE(parse_yaml_document("").has_value());
}

TEST(Yaml, ResolvesPlainScalarsAsKubernetesDoes) {
  const std::pair<const char*, const char*> cases[] = {
      {"true", "true"},
      {"False", "false"},
      {"~", "null"},
      {"null", "null"},
      {"12", "12"},
      {"-7", "-7"},
      {"0644", "420"},
      {"0o17", "15"},
      {"0x1F", "31"},
      {"0b101", "5"},
      {"1_000", "1000"},
      {"1.5", "1.5"},
      {"1e3", "1000"},
      {".5", "0.5"},
      {"18446744073709551615", "18446744073709551615"},
      {"0899", "899"},
      {"yes", "\"yes\""},
      {"on", "\"on\""},
      {"1.2.3", "\"1.2.3\""},
      {"10m", "\"10m\""},
      {"2026-11-23", "\"2026-11-23\""},
      {"'12'", "\"12\""},
      {"\"true\"", "\"true\""},
      {"!!str 12", "\"12\""},
      {"0x", "\"0x\""},
      {"1e", "\"1e\""},
      {"0", "0"},

      {"12:30", "\"12:30\""},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(read(std::string("a: ") + text), std::string("{\"a\":") + expected + "}") << text;
}

TEST(Yaml, RefusesRepeatedKeysWithTheirPlace) {
  EXPECT_EQ(read("a: 1\nb: 2\na: 3\n"), "yaml: line 3: key \"a\" already set in map");
  EXPECT_EQ(read("{\"a\": 1, \"a\": 2}"), "yaml: key \"a\" already set in map");
}

TEST(Yaml, SaysWhereATextIsBroken) {
  EXPECT_TRUE(read("a: [1, 2\nb: 3").starts_with("yaml: ")) << read("a: [1, 2\nb: 3");
  EXPECT_TRUE(read("a:\n\t- b\n").contains("line 2")) << read("a:\n\t- b\n");
  EXPECT_TRUE(read("a: b: c\n").contains("line 1")) << read("a: b: c\n");
  EXPECT_EQ(read("a: .inf"), "yaml: JSON has no infinity and no NaN (line 1, column 4)");
  EXPECT_EQ(read("a: !custom 1"), "yaml: the tag !custom is not supported (line 1, column 4)")
      << read("a: !custom 1");
  EXPECT_EQ(read("? [a]\n: 1\n"), "yaml: a key must be a scalar (line 1, column 3)");
}

TEST(Yaml, RefusesControlCharactersAndBytesThatAreNotUtf8) {
  EXPECT_EQ(read(std::string_view("a: |2\0x\n", 8)), "yaml: control character (line 1, column 6)");
  EXPECT_EQ(read("a: \xff"), "yaml: not UTF-8");
}

TEST(Yaml, FollowsAnchorsAndMergeKeys) {
  EXPECT_EQ(read("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\nlist: [*b]\n"),
            R"({"base":{"x":1,"y":2},"use":{"y":3,"x":1},"list":[{"x":1,"y":2}]})");
  EXPECT_TRUE(read("a: *nope").starts_with("yaml: "));
}

TEST(Yaml, BoundsWhatAliasesUnfold) {
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j)
      laughs += (j > 0 ? ", " : "") + last;
    laughs += "]\n";
  }
  EXPECT_EQ(read(laughs), "yaml: aliases repeat too much");
  EXPECT_TRUE(read(std::string(1000, '[')).starts_with("yaml: "));

  std::string long_scalar = "a: &a " + std::string(1U << 20U, 'x') + "\n";
  for (int i = 0; i < 100; ++i)
    long_scalar += "b" + std::to_string(i) + ": *a\n";
  EXPECT_EQ(read(long_scalar), "yaml: aliases repeat too much");
  std::string merged = "a: &a {k: " + std::string(1U << 20U, 'x') + "}\nb:\n";
  for (int i = 0; i < 100; ++i)
    merged += "- <<: *a\n";
  EXPECT_EQ(read(merged), "yaml: aliases repeat too much");
}

TEST(Yaml, ReadsJson) {
  EXPECT_EQ(read(R"({"a": [1, "x", null, {"b": true}]})"), R"({"a":[1,"x",null,{"b":true}]})");
}

TEST(Yaml, WritesWhatReadsBackAlike) {
  const Value value =
      parse(
          R"({"kind":"Pod","empty":{},"none":[],"n":null,"list":["a",1,true,{"x":[1,[2]],"y":"z"}],"quoted":["true","12","1.5","","a: b","- x",
    "#","~","yes","a #b"," lead","trail ","x:","0x1","'","\"","\u0001","\u2028","é","\u007f","\u0080","\u0085x","\ufeff","\ufffe","a,b","*x","<<","=","---"],
    "text":"one\n\ntwo\n","keep":"a\n\n","strip":"a\nb","odd":" a\nb","key: x":{"a b":1,"":2,"multi\nline":3}})")
          .value();
  const std::string text = write_yaml(value);
  const auto again = parse_yaml_document(text);
  ASSERT_TRUE(again.has_value()) << again.error().message() << "\n" << text;
  EXPECT_EQ(*again, value) << text << "\n" << write(*again);
}

TEST(Yaml, QuotesWhatOlderReadersTakeForTimesAndNumbers) {
  for (const std::string text : {"2026-11-28T02:34:47Z", "2026-11-28", "12:30", "-1:30", "1_000"})
    EXPECT_EQ(write_yaml(Value(text)), '"' + text + "\"\n");
  for (const std::string text : {"10.0.0.1", "1.2.3", "v1", "5m", "web-0", "-", "host:80"})
    EXPECT_EQ(write_yaml(Value(text)), text == "-" ? "\"-\"\n" : text + "\n");
}

TEST(Yaml, WritesLikeKubectl) {
  EXPECT_EQ(
      write_yaml(
          parse(
              R"({"kind":"Pod","metadata":{"name":"x","labels":{}},"spec":{"containers":[{"name":"a","args":["1"]}],"m":[]}})")
              .value()),
      "kind: Pod\nmetadata:\n  name: x\n  labels: {}\nspec:\n  containers:\n  - name: a\n    "
      "args:\n    - \"1\"\n  m: []\n");
}

}  // namespace
}  // namespace insula::json
