#include "cli/output.h"

#include <gtest/gtest.h>

#include "json/parse.h"

namespace insula::cli {
namespace {

TEST(Table, AlignsColumnsAndTrimsLines) {
  Table table({"NAME", "GPUS", "URL"});
  table.row({"demo-a", "2", "http://x"});
  table.row({"租戶", "1", ""});
  EXPECT_EQ(table.text(),
            "NAME     GPUS   URL\n"
            "demo-a   2      http://x\n"
            "租戶     1\n");
}

TEST(Yaml, WritesBlocksAndQuotesWhatWouldBeReadOtherwise) {
  const auto value = json::parse(
      R"({"name":"demo-a","empty":{},"none":[],"yes":"yes","number":"8","n":3,"url":"http://x","items":[{"a":1,"b":[1,2]},"x"],"nested":{"k":null}})");
  ASSERT_TRUE(value);
  EXPECT_EQ(to_yaml(*value),
            "name: demo-a\n"
            "empty: {}\n"
            "none: []\n"
            "\"yes\": \"yes\"\n"
            "number: \"8\"\n"
            "\"n\": 3\n"
            "url: \"http://x\"\n"
            "items:\n"
            "- a: 1\n"
            "  b:\n"
            "  - 1\n"
            "  - 2\n"
            "- x\n"
            "nested:\n"
            "  k: null\n");
}

}  // namespace
}  // namespace insula::cli
