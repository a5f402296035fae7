#include "gateway/csv.h"

#include <string>

#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

std::string line_of(std::initializer_list<std::string_view> fields) {
  std::string out;
  CsvLine line(out);
  for (const std::string_view field : fields)
    line.field(field);
  line.end();
  return out;
}

TEST(CsvLine, QuotesWhatMustBe) {
  EXPECT_EQ(line_of({"a", "", "b,c", "say \"x\"", "d\ne"}),
            "a,,\"b,c\",\"say \"\"x\"\"\",\"d\ne\"\r\n");
}

TEST(CsvLine, NothingIsAFormula) {
  EXPECT_EQ(line_of({"=1+1", "@SUM(1)", "+a", "-x", "\tq"}), "'=1+1,'@SUM(1),'+a,'-x,'\tq\r\n");
  EXPECT_EQ(line_of({"=A1,\"x\""}), "\"'=A1,\"\"x\"\"\"\r\n");
  EXPECT_EQ(line_of({"-", "-1.5", "+2", "a=b"}), "-,-1.5,+2,a=b\r\n");
}

}  // namespace
}  // namespace insula::gateway
