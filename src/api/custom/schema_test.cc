#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/custom/custom_schema.h"
#include "api/custom/invariants.h"
#include "api/custom/json_path.h"
#include "api/custom/pruning.h"
#include "api/custom/rule_set.h"
#include "api/custom/rule_types.h"
#include "api/custom/schema_node.h"
#include "api/custom/value_check.h"
#include "json/parse.h"
#include "json/write.h"
#include "json/yaml.h"

namespace insula::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

json::Value yaml(std::string_view text) {
  auto value = json::parse_yaml_document(text);
  EXPECT_TRUE(value) << text;
  return value.value_or(json::Value());
}

SchemaNode node(std::string_view text) {
  return SchemaNode::parse(yaml(text));
}

/// What is wrong with `{v: value}` where `v` has this schema.
std::vector<std::string> wrong(std::string_view schema,
                               std::string_view value,
                               std::string_view old = "") {
  const SchemaNode root = node("{type: object, properties: {v: " + std::string(schema) + "}}");
  const json::Value now = yaml("{v: " + std::string(value) + "}");
  const json::Value before = old.empty() ? json::Value() : yaml("{v: " + std::string(old) + "}");
  ValueErrors errors;
  check_value(now, old.empty() ? nullptr : &before, root, "", errors);
  FieldErrors further;
  check_embedded(now, root, further);
  check_list_types(now, root, further);
  errors.append(std::move(further).take());
  RuleSet(root).check(now, old.empty() ? nullptr : &before, errors);
  std::vector<std::string> out;
  for (const FieldCause& cause : std::move(errors).take())
    out.push_back(cause.field + ": " + cause.message);
  return out;
}

std::string read(std::string_view schema, std::string_view value) {
  const SchemaNode root = node(schema);
  json::Value object = yaml(value);
  prune(*object.as_object(), root, nullptr);
  set_schema_defaults(*object.as_object(), root);
  const std::string once = json::write(object);
  prune(*object.as_object(), root, nullptr);
  set_schema_defaults(*object.as_object(), root);
  EXPECT_EQ(json::write(object), once) << "not idempotent";
  return once;
}

struct Case {
  const char* schema;
  const char* value;
  const char* wrong;
};

TEST(Schema, ChecksValues) {
  const Case cases[] = {
      {"{type: integer}", "1", ""},
      {"{type: integer}", "1.0", ""},
      {"{type: integer}", "1.5",
       "v: Invalid value: \"number\": v in body must be of type integer: \"number\""},
      {"{type: number}", "1", ""},
      {"{type: string}", "1",
       "v: Invalid value: \"integer\": v in body must be of type string: \"integer\""},
      {"{type: string}", "null",
       "v: Invalid value: \"null\": v in body must be of type string: \"null\""},
      {"{type: string, nullable: true}", "null", ""},
      {"{type: string, maxLength: 2}", "äöü", "v: Too long: may not be more than 2 bytes"},
      {"{type: string, minLength: 2}", "a",
       "v: Invalid value: \"a\": v in body should be at least 2 chars long"},
      {"{type: string, pattern: '^a+$'}", "ab",
       "v: Invalid value: \"ab\": v in body should match '^a+$'"},
      {"{type: string, format: date-time}", "yesterday",
       "v: Invalid value: \"yesterday\": v in body must be of type date-time: \"yesterday\""},
      {"{x-kubernetes-int-or-string: true}", "a", ""},
      {"{x-kubernetes-int-or-string: true}", "1", ""},
      {"{x-kubernetes-int-or-string: true}", "true",
       "v: Invalid value: \"boolean\": v in body must be of type integer,string: \"boolean\""},
      {"{x-kubernetes-int-or-string: true}", "1.5",
       "v: Invalid value: \"number\": v in body must be of type integer,string: \"number\""},
      {"{type: string, format: byte}", "YQ==", ""},
      {"{type: string, format: byte}", "''",
       "v: Invalid value: \"\": v in body must be of type byte: \"\""},
      {"{type: string, format: duration}", "5 days", ""},
      {"{type: string, format: duration}", "1 Week, 2hrs and 3 minutes", ""},
      {"{type: string, format: duration}", "5 moons",
       "v: Invalid value: \"5 moons\": v in body must be of type duration: \"5 moons\""},
      {"{type: string, format: uuid}", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", ""},
      {"{type: string, format: ipv4}", "1.2.3",
       "v: Invalid value: \"1.2.3\": v in body must be of type ipv4: \"1.2.3\""},
      {"{type: string, format: never-heard-of}", "x", ""},
      {"{type: integer, format: int32}", "2147483647", ""},
      {"{type: integer, format: int32}", "-2147483648.0", ""},
      {"{type: integer, format: int32}", "2147483648",
       "<nil>: Invalid value: \"\": Checked value must be of type integer with format int32 in v"},
      {"{type: integer, format: int32}", "-2147483649.0",
       "<nil>: Invalid value: \"\": Checked value must be of type integer with format int32 in v"},
      {"{type: integer, format: int64}", "9223372036854775807", ""},
      {"{type: integer, format: int64}", "9223372036854775808",
       "<nil>: Invalid value: \"\": Checked value must be of type integer with format int64 in v"},
      {"{type: integer}", "1e19",
       "<nil>: Invalid value: \"\": Checked value must be of type integer (default format) in v"},
      {"{type: number, format: int32}", "1e19", ""},
      {"{type: number, format: float}", "1e39",
       "<nil>: Invalid value: \"\": Checked value must be of type number with format float in v"},
      {"{type: number, format: double}", "1e39", ""},
      {"{type: integer, minimum: 2}", "1",
       "v: Invalid value: 1: v in body should be greater than or equal to 2"},
      {"{type: integer, minimum: 1, exclusiveMinimum: true}", "1",
       "v: Invalid value: 1: v in body should be greater than 1"},
      {"{type: integer, maximum: 2}", "3",
       "v: Invalid value: 3: v in body should be less than or equal to 2"},
      {"{type: integer, multipleOf: 2}", "3",
       "v: Invalid value: 3: v in body should be a multiple of 2"},
      {"{type: string, enum: [a, b]}", "c",
       "v: Unsupported value: \"c\": supported values: \"a\", \"b\""},
      {"{type: array, maxItems: 1, items: {type: string}}", "[a, b]",
       "v: Too many: 2: must have at most 1 item"},
      {"{type: array, minItems: 1, items: {type: string}}", "[]",
       "v: Invalid value: 0: v in body should have at least 1 items"},
      {"{type: array, items: {type: string}}", "[a, 1]",
       "v[1]: Invalid value: \"integer\": v[1] in body must be of type string: \"integer\""},
      {"{type: array, x-kubernetes-list-type: set, items: {type: string}}", "[a, b, a]",
       "v[2]: Duplicate value: \"a\""},
      {"{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k], items: "
       "{type: object, properties: {k: {type: string}}}}",
       "[{k: a}, {k: a}]", "v[1]: Duplicate value: {\"k\":\"a\"}"},
      {"{type: object, required: [a], properties: {a: {type: string}}}", "{}",
       "v.a: Required value"},
      {"{type: object, maxProperties: 1, additionalProperties: {type: string}}", "{a: x, b: y}",
       "v: Too many: 2: must have at most 1 item"},
      {"{type: object, additionalProperties: {type: integer}}", "{a: x}",
       "v.a: Invalid value: \"string\": v.a in body must be of type integer: \"string\""},
      {"{x-kubernetes-int-or-string: true}", "50%", ""},
      {"{type: object, not: {required: [a]}, x-kubernetes-preserve-unknown-fields: true}", "{a: 1}",
       "<nil>: Invalid value: \"\": \"v\" must not validate the schema (not)"},
      {"{type: object, oneOf: [{required: [a]}, {required: [b]}]}", "{a: 1, b: 1}",
       "<nil>: Invalid value: \"\": \"v\" must validate one and only one schema (oneOf). Found 2 "
       "valid alternatives"},
  };
  for (const Case& one : cases) {
    const std::vector<std::string> found = wrong(one.schema, one.value);
    if (*one.wrong == '\0')
      EXPECT_THAT(found, IsEmpty()) << one.schema;
    else
      EXPECT_THAT(found, ElementsAre(one.wrong)) << one.schema;
  }
}

TEST(Schema, TellsWhyNoAlternativeFits) {
  EXPECT_THAT(wrong("{type: object, anyOf: [{required: [a]}, {required: [b]}]}", "{}"),
              ElementsAre("<nil>: Invalid value: \"\": \"v\" must validate at least one schema "
                          "(anyOf)",
                          "v.a: Required value"));
}

TEST(Schema, WantsEmbeddedObjectsToBeObjects) {
  EXPECT_THAT(wrong("{type: object, x-kubernetes-embedded-resource: true, "
                    "x-kubernetes-preserve-unknown-fields: true}",
                    "{kind: Pod}"),
              ElementsAre("v.apiVersion: Required value"));
  EXPECT_THAT(
      wrong("{type: object, additionalProperties: {type: object, x-kubernetes-embedded-resource: "
            "true, x-kubernetes-preserve-unknown-fields: true}}",
            "{a: {apiVersion: a/b/c, kind: No_Kind, metadata: {name: a/b, labels: {_: x}}}, b: "
            "{apiVersion: 1, kind: ''}}"),
      ElementsAre(
          "v[a].apiVersion: Invalid value: \"a/b/c\": unexpected GroupVersion string: a/b/c",
          HasSubstr("v[a].kind: Invalid value: \"No_Kind\": may have mixed case, but should "
                    "otherwise match: a DNS-1035 label must consist of"),
          "v[a].metadata.name: Invalid value: \"a/b\": may not contain '/'",
          HasSubstr("v[a].metadata.labels: Invalid value: \"_\": name part must consist of"),
          "v[b].apiVersion: Invalid value: 1: must be a string",
          "v[b].kind: Invalid value: \"\": must not be empty"));
}

TEST(Schema, LetsWhatDoesNotChangeBe) {
  EXPECT_THAT(wrong("{type: object, properties: {a: {type: integer, maximum: 1}, b: {type: "
                    "integer, maximum: 1}}}",
                    "{a: 5, b: 6}", "{a: 5, b: 1}"),
              ElementsAre("v.b: Invalid value: 6: v.b in body should be less than or equal to 1"));
}

TEST(Schema, KnowsElementsOfMapsAgainByTheirKeys) {
  constexpr const char* kMap =
      "{type: array, maxItems: 2, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k], "
      "items: {type: object, properties: {k: {type: string}, v: {type: integer, maximum: 1, "
      "x-kubernetes-validations: [{rule: 'self < 2'}]}}}}";
  EXPECT_THAT(wrong(kMap, "[{k: c}, {k: b, v: 6}]", "[{k: a, v: 5}, {k: b, v: 6}]"), IsEmpty());
  EXPECT_THAT(
      wrong(kMap, "[{k: b, v: 6}, {k: a, v: 6}]", "[{k: a, v: 5}, {k: b, v: 6}]"),
      ElementsAre("v[1].v: Invalid value: 6: v[1].v in body should be less than or equal to 1",
                  "v[1].v: Invalid value: 6: failed rule: self < 2"));
  EXPECT_THAT(wrong(kMap, "[{k: c}, {k: b}, {k: a}]", "[{k: a}, {k: b}, {k: c}]"), IsEmpty());
}

TEST(Schema, KnowsElementsOfOtherListsOnlyWithTheList) {
  for (const char* type : {"set", "atomic"}) {
    const std::string schema =
        "{type: object, properties: {l: {type: array, x-kubernetes-list-type: " +
        std::string(type) +
        ", items: {type: integer, maximum: 1, x-kubernetes-validations: [{rule: 'self < 2'}]}}, "
        "n: {type: integer}}}";
    EXPECT_THAT(wrong(schema, "{l: [5, 6], n: 2}", "{l: [5, 6], n: 1}"), IsEmpty());
    EXPECT_EQ(wrong(schema, "{l: [6, 5]}", "{l: [5, 6]}").size(), 4U);
  }
}

TEST(Schema, TakesWhatItDoesNotDescribeForChanged) {
  constexpr const char* kFree =
      "{type: object, x-kubernetes-preserve-unknown-fields: true, required: [a], properties: {b: "
      "{type: integer, maximum: 1}}}";
  EXPECT_THAT(wrong(kFree, "{b: 5}", "{b: 5}"), IsEmpty());
  EXPECT_THAT(wrong(kFree, "{b: 5, c: 1}", "{b: 5, c: 1}"), ElementsAre("v.a: Required value"));
}

TEST(Schema, TellsAtMostAHundredThings) {
  std::string many = "[";
  for (int i = 0; i < 500; ++i)
    many += "x,";
  EXPECT_EQ(wrong("{type: array, items: {type: integer}}", many + "x]").size(), 100U);
}

TEST(Schema, PrunesAndFillsIn) {
  constexpr const char* kSchema = R"({type: object, properties: {
    a: {type: object, properties: {b: {type: string, default: x}, n: {type: string}}},
    list: {type: array, items: {type: object, properties: {k: {type: integer, default: 1}}}},
    any: {type: object, x-kubernetes-preserve-unknown-fields: true,
          properties: {known: {type: object, properties: {b: {type: string}}}}},
    made: {type: object, default: {}, properties: {deep: {type: boolean, default: true}}},
    null_able: {type: string, nullable: true, default: y}}})";
  EXPECT_EQ(read(kSchema, "{a: {c: 1, n: null}, x: 1}"),
            R"({"a":{"b":"x"},"made":{"deep":true},"null_able":"y"})");
  EXPECT_EQ(read(kSchema, "{list: [{}, {k: 2, j: 3}], made: {}, null_able: null}"),
            R"({"list":[{"k":1},{"k":2}],"made":{"deep":true},"null_able":null})");
  EXPECT_EQ(read(kSchema, "{any: {x: [1, {y: 2}], known: {b: q, c: 1}}, made: null, null_able: z}"),
            R"({"any":{"x":[1,{"y":2}],"known":{"b":"q"}},"made":{"deep":true},"null_able":"z"})");
}

TEST(Schema, PutsDefaultsInThePlaceOfNulls) {
  constexpr const char* kSchema = R"({type: object, properties: {
    list: {type: array, items: {type: object, default: {}, properties: {x: {type: string, default: d}}}},
    bare: {type: array, items: {type: string}},
    map: {type: object, additionalProperties: {type: string, default: d}},
    any: {x-kubernetes-preserve-unknown-fields: true},
    free: {type: object, x-kubernetes-preserve-unknown-fields: true}}})";
  EXPECT_EQ(read(kSchema, "{list: [{}, {x: '1'}, null], bare: [null], map: {a: null}}"),
            R"({"list":[{"x":"d"},{"x":"1"},{"x":"d"}],"bare":[null],"map":{"a":"d"}})");
  EXPECT_EQ(read(kSchema, "{any: null, free: {a: null}}"), R"({"free":{"a":null}})");
}

TEST(Schema, NamesWhatItPrunes) {
  const SchemaNode root = node(
      "{type: object, properties: {a: {type: array, items: {type: object, properties: {b: {type: "
      "string}}}}, e: {type: object, x-kubernetes-embedded-resource: true, properties: {spec: "
      "{type: object}}}}}");
  json::Value object = yaml(
      "{a: [{b: x}, {c: 1}], e: {kind: K, apiVersion: v1, metadata: {name: n, zz: 1, labels: {a: "
      "b}, "
      "creationTimestamp: null},"
      " spec: {}, other: 1}, z: 1}");
  std::vector<std::string> unknown;
  prune(*object.as_object(), root, &unknown);
  EXPECT_THAT(unknown, ElementsAre("a[1].c", "e.metadata.zz", "e.other", "z"));
  EXPECT_EQ(json::write(object["e"]["metadata"]), R"({"name":"n","labels":{"a":"b"}})");
}

TEST(Schema, AsksRules) {
  EXPECT_THAT(wrong("{type: integer, x-kubernetes-validations: [{rule: 'self % 2 == 0', message: "
                    "must be even}]}",
                    "3"),
              ElementsAre("v: Invalid value: 3: must be even"));
  EXPECT_THAT(
      wrong("{type: object, additionalProperties: {type: string, x-kubernetes-validations: [{rule: "
            "'false', message: ' no '}]}, x-kubernetes-validations: [{rule: 'false'}, {rule: "
            "'false', reason: FieldValueDuplicate}]}",
            "{a: b}"),
      ElementsAre("v: Invalid value: failed rule: false", "v: Duplicate value",
                  "v[a]: Invalid value: \"b\": no"));
  EXPECT_THAT(wrong("{type: integer, x-kubernetes-validations: [{rule: 'self % 2 == 0'}]}", "4"),
              IsEmpty());
  constexpr const char* kRange =
      "{type: object, properties: {min-size: {type: integer}, max: {type: integer}}, "
      "x-kubernetes-validations: [{rule: 'self.min__dash__size <= self.max', messageExpression: "
      "'\"not above \" + string(self.max)', fieldPath: .max, reason: FieldValueForbidden}]}";
  EXPECT_THAT(wrong(kRange, "{min-size: 3, max: 2}"), ElementsAre("v.max: Forbidden: not above 2"));
  EXPECT_THAT(wrong(kRange, "{min-size: 3}"),
              ElementsAre("v: Invalid value: \"object\": no such key: max evaluating rule: "
                          "self.min__dash__size <= self.max"));
}

TEST(Schema, AsksRulesAboutChanges) {
  constexpr const char* kFixed =
      "{type: string, x-kubernetes-validations: [{rule: 'self == oldSelf', message: is "
      "immutable}]}";
  EXPECT_THAT(wrong(kFixed, "a"), IsEmpty());
  EXPECT_THAT(wrong(kFixed, "a", "a"), IsEmpty());
  EXPECT_THAT(wrong(kFixed, "b", "a"), ElementsAre("v: Invalid value: \"b\": is immutable"));
  EXPECT_THAT(wrong("{type: string, x-kubernetes-validations: [{rule: '!oldSelf.hasValue() || "
                    "oldSelf.value() != self', optionalOldSelf: true}]}",
                    "a", "b"),
              IsEmpty());
  constexpr const char* kList =
      "{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k], items: {type: "
      "object, properties: {k: {type: string}, n: {type: integer, x-kubernetes-validations: "
      "[{rule: 'self >= oldSelf', message: only grows}]}}}}";
  EXPECT_THAT(wrong(kList, "[{k: b, n: 1}, {k: a, n: 1}]", "[{k: a, n: 2}, {k: b, n: 1}]"),
              ElementsAre("v[1].n: Invalid value: 1: only grows"));
}

TEST(Schema, EndsRulesThatCostTooMuch) {
  std::string many = "[0";
  for (int i = 1; i < 3000; ++i)
    many += "," + std::to_string(i);
  const auto found = wrong(
      "{type: array, items: {type: integer}, x-kubernetes-validations: "
      "[{rule: 'self.all(x, self.all(y, self.all(z, x + y + z >= 0)))'}]}",
      many + "]");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0], ::testing::HasSubstr("operation cancelled: actual cost limit exceeded"));
}

TEST(Schema, EscapesPropertiesForRules) {
  EXPECT_EQ(escaped_property("plain_1"), "plain_1");
  EXPECT_EQ(escaped_property("a-b.c/d"), "a__dash__b__dot__c__slash__d");
  EXPECT_EQ(escaped_property("in"), "__in__");
  EXPECT_EQ(escaped_property("a__b"), "a__underscores__b");
  EXPECT_EQ(escaped_property("ä"), "");
}

TEST(Schema, TellsHowFieldsAreOwned) {
  const SchemaNode root = node(R"({type: object, properties: {
    set: {type: array, x-kubernetes-list-type: set, items: {type: string}},
    map: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [b, a],
          items: {type: object, properties: {a: {type: string, default: q}, b: {type: string}}}},
    whole: {type: object, x-kubernetes-map-type: atomic, properties: {c: {type: string}}},
    any: {x-kubernetes-preserve-unknown-fields: true}}})");
  const CustomSchema schema(root);
  const auto shape = [&](const char* name) { return schema.member(schema.root(), name)->shape; };
  EXPECT_EQ(shape("set"), MergeShape::kSet);
  EXPECT_EQ(shape("map"), MergeShape::kList);
  EXPECT_EQ(schema.member(schema.root(), "map")->keys, "a,b");
  EXPECT_EQ(schema.key_default(*schema.member(schema.root(), "map"), "a").text(), "q");
  EXPECT_EQ(shape("whole"), MergeShape::kAtomic);
  EXPECT_EQ(shape("any"), MergeShape::kAny);
  EXPECT_FALSE(schema.member(schema.root(), "other"));
  const MergeType metadata = *schema.member(schema.root(), "metadata");
  EXPECT_EQ(schema.member(metadata, "labels")->shape, MergeShape::kMap);
  EXPECT_EQ(schema.member(metadata, "ownerReferences")->keys, "uid");
}

TEST(JsonPath, LeadsToValues) {
  const json::Value object =
      yaml(R"({spec: {n: 1, 'a.b': {c: x}, list: [{name: p, v: 1}, {name: q, v: 2}]},
    status: {conditions: [{type: Ready, status: "True"}, {type: Other, status: "False"}]}})");
  const auto found = [&](std::string_view path) -> std::string {
    const auto parsed = JsonPath::parse(path);
    if (!parsed) return "error: " + parsed.error().message();
    const json::Value* value = parsed->find(object);
    return value == nullptr ? "nothing" : json::write(*value);
  };
  EXPECT_EQ(found(".spec.n"), "1");
  EXPECT_EQ(found("{.spec.n}"), "1");
  EXPECT_EQ(found(R"(.spec.a\.b.c)"), "\"x\"");
  EXPECT_EQ(found(".spec['a.b'].c"), "\"x\"");
  EXPECT_EQ(found(".spec.list[1].name"), "\"q\"");
  EXPECT_EQ(found(".spec.list[-1].v"), "2");
  EXPECT_EQ(found(".spec.list[*].name"), "\"p\"");
  EXPECT_EQ(found(R"(.spec.list[?(@.v>1)].name)"), "\"q\"");
  EXPECT_EQ(found(R"(.status.conditions[?(@.type=="Ready")].status)"), "\"True\"");
  EXPECT_EQ(found(R"(.status.conditions[?(@.type=='Gone')].status)"), "nothing");
  EXPECT_EQ(found(".spec.list[7]"), "nothing");
  EXPECT_EQ(found("spec"), "error: the path spec must begin with a dot");
  EXPECT_EQ(found(".spec[x]"), "error: the path .spec[x] has an index that is no number");
  EXPECT_EQ(found(".spec['x"), "error: the path .spec['x has a text without an end");
}

}  // namespace
}  // namespace insula::api
