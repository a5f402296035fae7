#include "api/custom/schema_form.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/parse.h"
#include "json/write.h"

namespace insula::api {
namespace {

using ::testing::ElementsAre;

std::string normal(std::string_view text, std::vector<std::string>* unknown = nullptr) {
  json::Value schema = json::parse(text).value();
  normalise_schema(schema, "s", unknown);
  return json::write(schema);
}

TEST(SchemaForm, IsTheSameInWhateverOrderItWasWritten) {
  EXPECT_EQ(normal(R"({"properties":{"b":{"maximum":3,"type":"integer"},"a":{}},"type":"object",
                       "x-kubernetes-validations":[{"message":"m","rule":"r"}],
                       "required":["b","a"],"enum":[{"z":1,"a":2}]})"),
            R"({"type":"object","enum":[{"z":1,"a":2}],"required":["b","a"],)"
            R"("properties":{"a":{},"b":{"type":"integer","maximum":3}},)"
            R"("x-kubernetes-validations":[{"rule":"r","message":"m"}]})");
}

TEST(SchemaForm, HasNothingThatSaysNothing) {
  EXPECT_EQ(normal(R"({"title":"","nullable":false,"required":[],"enum":[],"properties":{},
                       "allOf":[],"default":null,"not":null,"dependencies":{},
                       "x-kubernetes-validations":[]})"),
            "{}");
  const std::string telling = R"({"minimum":0,"default":false,"additionalProperties":false,)"
                              R"("x-kubernetes-preserve-unknown-fields":false})";
  EXPECT_EQ(normal(telling), R"({"default":false,"minimum":0,"additionalProperties":false,)"
                             R"("x-kubernetes-preserve-unknown-fields":false})");
}

TEST(SchemaForm, NamesWhatIsNoKeywordWhereverASchemaMayBe) {
  std::vector<std::string> unknown;
  const std::string left = normal(
      R"({"x":1,"properties":{"x":{"y":1}},"patternProperties":{"p":{"y":1}},
          "items":[{"y":1}],"allOf":[{"not":{"y":1}}],"additionalProperties":{"y":1},
          "dependencies":{"d":{"y":1},"e":["y"]},"externalDocs":{"y":1,"url":"u"},
          "x-kubernetes-validations":[{"rule":"r","y":1}],"default":{"y":1}})",
      &unknown);
  EXPECT_THAT(unknown, ElementsAre("s.x", "s.items[0].y", "s.allOf[0].not.y", "s.properties.x.y",
                                   "s.additionalProperties.y", "s.patternProperties.p.y",
                                   "s.dependencies.d.y", "s.externalDocs.y",
                                   "s.x-kubernetes-validations[0].y"));
  EXPECT_EQ(left, R"({"default":{"y":1},"items":[{}],"allOf":[{"not":{}}],"properties":{"x":{}},)"
                  R"("additionalProperties":{},"patternProperties":{"p":{}},)"
                  R"("dependencies":{"d":{},"e":["y"]},"externalDocs":{"url":"u"},)"
                  R"("x-kubernetes-validations":[{"rule":"r"}]})");
}

TEST(SchemaForm, LeavesWhatIsOfAWrongTypeToValidation) {
  const std::string wrong = R"({"type":5,"required":"a","properties":[1],"nullable":"no"})";
  EXPECT_EQ(normal(wrong), R"({"type":5,"required":"a","properties":[1],"nullable":"no"})");
  EXPECT_EQ(normal("[1]"), "[1]");
}

}  // namespace
}  // namespace insula::api
