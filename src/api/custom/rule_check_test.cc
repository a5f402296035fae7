#include "api/custom/rule_check.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/custom/schema_node.h"
#include "json/yaml.h"

namespace insula::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Check = void (*)(const SchemaNode&, const FieldPath&, FieldErrors&);

/// What `check` says of `{spec: SCHEMA}`, without the path to the schema of `spec`.
std::vector<std::string> wrong(Check check, std::string_view schema) {
  const auto root =
      json::parse_yaml_document("{type: object, properties: {spec: " + std::string(schema) + "}}");
  EXPECT_TRUE(root) << schema;
  FieldErrors errors;
  check(SchemaNode::parse(root.value_or(json::Value())), FieldPath("s"), errors);
  std::vector<std::string> out;
  for (const FieldCause& cause : std::move(errors).take()) {
    std::string field = cause.field;
    if (const std::string spec = "s.properties[spec]."; field.starts_with(spec))
      field.erase(0, spec.size());
    out.push_back(field + ": " + cause.message);
  }
  return out;
}

/// Of an object with these properties and one rule, which has these members.
std::string object(std::string_view properties, std::string_view rule) {
  return "{type: object, properties: {" + std::string(properties) +
         "}, x-kubernetes-validations: [{" + std::string(rule) + "}]}";
}

constexpr std::string_view kProperties =
    "namespace: {type: string}, if: {type: string}, a-b: {type: string}, "
    "unk: {type: object, x-kubernetes-preserve-unknown-fields: true}, "
    "any: {x-kubernetes-preserve-unknown-fields: true}, "
    "m: {type: object, additionalProperties: {type: string}}, "
    "emb: {type: object, x-kubernetes-embedded-resource: true, "
    "x-kubernetes-preserve-unknown-fields: true}";

TEST(RuleCheck, KnowsWhatRulesCanSee) {
  for (const char* rule :
       {"self.namespace == \"a\" && self.__namespace__ == self.namespace", "self.if == \"a\"",
        "self.a__dash__b == \"a\"", "has(self.unk) && self.unk == self.unk", "self.m.x == \"a\"",
        "self.emb.metadata.name == self.emb.kind"}) {
    EXPECT_THAT(wrong(check_rules, object(kProperties, "rule: '" + std::string(rule) + "'")),
                IsEmpty())
        << rule;
  }
  for (const char* rule : {"self.unk.a == 1", "has(self.any)", "self.emb.spec.a == 1"}) {
    EXPECT_THAT(wrong(check_rules, object(kProperties, "rule: '" + std::string(rule) + "'")),
                ElementsAre(HasSubstr("undefined field")))
        << rule;
  }
  EXPECT_THAT(wrong(check_rules,
                    "{x-kubernetes-preserve-unknown-fields: true, x-kubernetes-validations: "
                    "[{rule: 'true'}]}"),
              ElementsAre(HasSubstr("rules need a schema that has a type")));
}

TEST(RuleCheck, WantsTextsAndPathsThatSaySomething) {
  const auto with = [](std::string_view members) {
    return wrong(check_rules, object(kProperties, "rule: 'true', " + std::string(members)));
  };
  const std::string p = "x-kubernetes-validations[0].";
  EXPECT_THAT(with("message: ' '"),
              ElementsAre(p + "message: Invalid value: \" \": must be non-empty if specified"));
  EXPECT_THAT(with("messageExpression: ' '"),
              ElementsAre(p + "messageExpression: Required value: messageExpression must be "
                              "non-empty if specified"));
  EXPECT_THAT(with("fieldPath: .zz"),
              ElementsAre(p + "fieldPath: Invalid value: \".zz\": must be a valid path"));
  for (const char* path : {"spec", ".m['x", ".m[x]", ".", ".if.x", ".m.x.y", ".unk.a"})
    EXPECT_THAT(with("fieldPath: \"" + std::string(path) + "\""),
                ElementsAre(HasSubstr("valid path")))
        << path;
  for (const char* path : {".if", ".m.x", ".m['x.y']", "['namespace']"})
    EXPECT_THAT(with("fieldPath: \"" + std::string(path) + "\""), IsEmpty()) << path;
  EXPECT_THAT(wrong(check_rules, object(kProperties, "rule: ' '")),
              ElementsAre(p + "rule: Required value: rule is not specified"));
  EXPECT_THAT(
      wrong(check_rules, object(kProperties, "rule: 'self == oldSelf', optionalOldSelf: true")),
      ElementsAre(HasSubstr("found no matching overload for '_==_'"),
                  HasSubstr("may not be set if oldSelf is not used in rule")));
  EXPECT_THAT(with("optionalOldSelf: false"),
              ElementsAre(HasSubstr("may not be set if oldSelf is not used in rule")));
}

constexpr std::string_view kLists =
    "l: {type: array, items: {type: string}}, k: {type: array, items: {type: string}}, "
    "few: {type: array, maxItems: 10, items: {type: string, maxLength: 10}}, s: {type: string}";

TEST(RuleCheck, RefusesRulesThatCostTooMuch) {
  const auto of = [](std::string_view rule) {
    return wrong(check_rule_costs, object(kLists, "rule: \"" + std::string(rule) + "\""));
  };
  const std::string p = "x-kubernetes-validations[0].rule: ";
  const std::string hint =
      " (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, "
      "maps, and strings are declared)";
  EXPECT_THAT(
      of("self.l.all(x, self.k.exists(y, x == y))"),
      ElementsAre(p +
                      "Forbidden: estimated rule cost exceeds budget by factor of more than "
                      "100x" +
                      hint,
                  p + "Forbidden: contributed to estimated rule cost total exceeding cost "
                      "limit for entire OpenAPIv3 schema",
                  HasSubstr("s: Forbidden: x-kubernetes-validations estimated rule cost "
                            "total for entire OpenAPIv3 schema exceeds budget by factor of "
                            "more than 100x")));
  for (const char* rule :
       {"self.l.all(x, x != '')", "self.few.all(x, self.few.all(y, self.few.exists(z, x == y)))",
        "self.s == 'a' && self.s.matches('^a+$')", "size(self.l) < 10"})
    EXPECT_THAT(of(rule), IsEmpty()) << rule;
}

TEST(RuleCheck, CountsHowOftenARuleIsAsked) {
  const auto of = [](std::string_view bound, std::string_view rule) {
    return wrong(check_rule_costs, "{type: array, " + std::string(bound) + "items: " +
                                       object("a: {type: string}, b: {type: integer}",
                                              "rule: '" + std::string(rule) + "'") +
                                       "}");
  };
  constexpr std::string_view kRule =
      "self.a == \"x\" || self.a == \"y\" || self.b < 3 || self.b > 5 || self.a.size() > 2";
  // 1,048,576 objects that are `{}` have room in a request; the rule costs 16.
  EXPECT_THAT(of("", kRule),
              ElementsAre("items.x-kubernetes-validations[0].rule: Forbidden: estimated rule cost "
                          "exceeds budget by factor of 1.7x (try simplifying the rule, or adding "
                          "maxItems, maxProperties, and maxLength where arrays, maps, and strings "
                          "are declared)"));
  EXPECT_THAT(of("maxItems: 1000, ", kRule), IsEmpty());
  EXPECT_THAT(of("", "self.b > 5"), IsEmpty());
}

TEST(RuleCheck, RulesThatAreCheapOneByOneCanBeTooManyTogether) {
  const auto of = [](int rules) {
    std::string all = "rule: 'self.b < 3 || self.b > 5'";
    for (int i = 1; i < rules; ++i)
      all += "}, {rule: 'self.b < 3 || self.b > 5'";
    return wrong(check_rule_costs, "{type: array, items: " +
                                       object("a: {type: string}, b: {type: integer}", all) + "}");
  };
  EXPECT_THAT(of(2), IsEmpty());
  const auto many = of(40);
  ASSERT_THAT(many, SizeIs(5));
  EXPECT_EQ(many[0],
            "items.x-kubernetes-validations[0].rule: Forbidden: contributed to estimated rule cost "
            "total exceeding cost limit for entire OpenAPIv3 schema");
  EXPECT_THAT(many[4], HasSubstr("s: Forbidden: x-kubernetes-validations estimated rule cost total "
                                 "for entire OpenAPIv3 schema exceeds budget by factor of "));
}

}  // namespace
}  // namespace insula::api
