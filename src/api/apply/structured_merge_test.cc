#include "api/apply/structured_merge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/apply/table_schema.h"
#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::api {
namespace {

using ::testing::HasSubstr;

const TableSchema& pods() {
  static const TableSchema schema(type_of<Pod>());
  return schema;
}

json::Value value(std::string_view text) {
  auto parsed = json::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed.value_or(json::Value());
}

std::string fields(std::string_view text) {
  auto set = field_set_of(pods(), value(text));
  return set ? write_fields_v1(*set) : set.error().message();
}

std::string merged(std::string_view live, std::string_view config) {
  return json::write(merge(pods(), value(live), value(config)));
}

FieldSet set_of(std::string_view text) {
  return parse_fields_v1(text).value_or(FieldSet());
}

TEST(FieldSetOf, StructsByTheirLeavesAndMapsByTheirMembers) {
  EXPECT_EQ(
      fields(R"({"metadata":{"labels":{"a":"b"}},"spec":{"nodeName":"n","hostNetwork":false}})"),
      R"({"f:metadata":{"f:labels":{"f:a":{}}},"f:spec":{"f:hostNetwork":{},"f:nodeName":{}}})");
}

TEST(FieldSetOf, EmptyAndNullMembersAreTheirOwn) {
  EXPECT_EQ(fields(R"({"metadata":{"labels":{}},"spec":{"securityContext":{},"nodeName":null}})"),
            R"({"f:metadata":{"f:labels":{}},"f:spec":{"f:nodeName":{},"f:securityContext":{}}})");
}

TEST(FieldSetOf, ElementsByKeysWithDefaults) {
  EXPECT_EQ(
      fields(
          R"({"spec":{"containers":[{"name":"c","ports":[{"containerPort":80},{"containerPort":80,"protocol":"UDP"}]}]}})"),
      R"({"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:name":{},"f:ports":{)"
      R"("k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}},)"
      R"("k:{\"containerPort\":80,\"protocol\":\"UDP\"}":{".":{},"f:containerPort":{},"f:protocol":{}}}}}}})");
}

TEST(FieldSetOf, AtomicValuesAreOneField) {
  EXPECT_EQ(
      fields(R"({"spec":{"nodeSelector":{"a":"b"},"tolerations":[{"key":"k"}],
                       "containers":[{"name":"c","env":[{"name":"e","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}]}]}})"),
      R"({"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:env":{"k:{\"name\":\"e\"}":{".":{},"f:name":{},)"
      R"("f:valueFrom":{"f:secretKeyRef":{}}}},"f:name":{}}},"f:nodeSelector":{},"f:tolerations":{}}})");
}

TEST(FieldSetOf, TellsEveryFault) {
  EXPECT_EQ(fields(R"({"spec":{"foo":1}})"), ".spec.foo: field not declared in schema");
  EXPECT_EQ(fields(R"({"spec":[]})"), ".spec: expected map, got []");
  EXPECT_EQ(fields(R"({"spec":{"containers":{}}})"), ".spec.containers: expected list, got {}");
  EXPECT_EQ(fields(R"({"spec":{"nodeName":{}}})"), ".spec.nodeName: expected a scalar, got {}");
  EXPECT_THAT(fields(R"({"spec":{"containers":["c"]}})"),
              HasSubstr("associative list with keys may not have non-map elements"));
  EXPECT_THAT(fields(R"({"metadata":{"finalizers":[{}]}})"), HasSubstr("not a scalar"));
  EXPECT_EQ(fields(R"({"metadata":{"finalizers":["a","a"]}})"),
            R"(.metadata.finalizers: duplicate entries for key [="a"])");
  EXPECT_THAT(fields(R"({"foo":1,"bar":1})"), HasSubstr("errors:\n  .foo: field not declared"));
}

TEST(AtomicFields, AreWhatHasOneOwnerAsAWhole) {
  const auto atomics = [](std::string_view text) {
    return fmt::format("{}", fmt::join(atomic_fields(pods(), value(text)), " "));
  };
  EXPECT_EQ(atomics(R"({"metadata":{"labels":{"a":"b"},"finalizers":["f"]},"spec":{
                "containers":[{"name":"c","env":[{"name":"A"}]}],"nodeName":"n"}})"),
            "");
  EXPECT_EQ(atomics(R"({"spec":{"nodeSelector":{},"tolerations":[],"containers":[{"name":"a"},
                {"name":"b","args":["x"],"env":[{"name":"A","valueFrom":{"configMapKeyRef":
                {"name":"m","key":"k"}}}]}],"affinity":null}})"),
            ".spec.nodeSelector .spec.tolerations .spec.containers[1].args "
            ".spec.containers[1].env[0].valueFrom.configMapKeyRef");
}

TEST(Compare, TellsWhatIsNewChangedAndGone) {
  const Comparison change =
      compare(pods(), value(R"({"metadata":{"labels":{"a":"1","b":"1"}},"spec":{"nodeName":"n"}})"),
              value(R"({"metadata":{"labels":{"a":"2","c":"1"}},"spec":{"nodeName":"n"}})"));
  EXPECT_EQ(write_fields_v1(change.added), R"({"f:metadata":{"f:labels":{"f:c":{}}}})");
  EXPECT_EQ(write_fields_v1(change.modified), R"({"f:metadata":{"f:labels":{"f:a":{}}}})");
  EXPECT_EQ(write_fields_v1(change.removed), R"({"f:metadata":{"f:labels":{"f:b":{}}}})");
  EXPECT_FALSE(change.same());
}

TEST(Compare, TheOrderOfElementsIsNoChange) {
  EXPECT_TRUE(
      compare(
          pods(),
          value(
              R"({"metadata":{"finalizers":["a","b"]},"spec":{"containers":[{"name":"a"},{"name":"b"}]}})"),
          value(
              R"({"metadata":{"finalizers":["b","a"]},"spec":{"containers":[{"name":"b"},{"name":"a"}]}})"))
          .same());
  EXPECT_FALSE(compare(pods(), value(R"({"spec":{"tolerations":[{"key":"a"},{"key":"b"}]}})"),
                       value(R"({"spec":{"tolerations":[{"key":"b"},{"key":"a"}]}})"))
                   .same());
}

TEST(Compare, ANewElementIsAddedWithAllThatIsInIt) {
  const Comparison change = compare(
      pods(), value(R"({"spec":{"containers":[{"name":"a"}]}})"),
      value(
          R"({"spec":{"containers":[{"name":"a"},{"name":"b","resources":{"limits":{"cpu":"1"}}}]}})"));
  EXPECT_EQ(
      write_fields_v1(change.added),
      R"({"f:spec":{"f:containers":{"k:{\"name\":\"b\"}":{".":{},"f:name":{},"f:resources":{".":{},"f:limits":{".":{},"f:cpu":{}}}}}}})");
}

TEST(Compare, WhatTheSchemaImpliesIsNotNew) {
  const TableSchema deployments(type_of<Deployment>());
  const Comparison change = compare(
      deployments, value("{}"),
      value(
          R"({"spec":{"strategy":{"type":"Recreate"},"template":{"spec":{"containers":[{"name":"a"}],"volumes":[{"name":"v"}]}}}})"));
  EXPECT_EQ(
      write_fields_v1(change.added),
      R"({"f:spec":{"f:strategy":{"f:type":{}},"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:name":{}}},)"
      R"("f:volumes":{".":{},"k:{\"name\":\"v\"}":{".":{},"f:name":{}}}}}}})");
}

TEST(Compare, EqualsAreOneElement) {
  constexpr const char* kOne =
      R"({"spec":{"containers":[{"name":"c","env":[{"name":"e","value":"1"},{"name":"e","value":"2"}]}]}})";
  constexpr const char* kOther =
      R"({"spec":{"containers":[{"name":"c","env":[{"name":"e","value":"1"},{"name":"e","value":"3"}]}]}})";
  const Comparison change = compare(pods(), value(kOne), value(kOther));
  EXPECT_EQ(
      write_fields_v1(change.modified),
      R"({"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{"f:env":{"k:{\"name\":\"e\"}":{}}}}}})");
  EXPECT_TRUE(compare(pods(), value(kOne), value(kOne)).same());
}

TEST(Merge, KeepsWhatTheConfigurationDoesNotSay) {
  EXPECT_EQ(
      merged(
          R"({"metadata":{"labels":{"a":"1"}},"spec":{"nodeName":"n","containers":[{"name":"c","image":"i","tty":true}]}})",
          R"({"metadata":{"labels":{"b":"2"}},"spec":{"containers":[{"name":"c","image":"j"}]}})"),
      R"({"metadata":{"labels":{"a":"1","b":"2"}},"spec":{"nodeName":"n","containers":[{"name":"c","image":"j","tty":true}]}})");
}

TEST(Merge, NullTakesNothingAwayFromWhatIsMergedByParts) {
  constexpr std::string_view kLive =
      R"({"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c"}],"nodeSelector":{"x":"y"},)"
      R"("nodeName":"n"}})";
  for (const char* config :
       {R"({"metadata":{"labels":null}})", R"({"spec":{"containers":null}})", R"({"spec":null})"})
    EXPECT_EQ(merged(kLive, config), kLive) << config;
  EXPECT_EQ(merged(R"({"spec":{"nodeSelector":{"x":"y"},"nodeName":"n"}})",
                   R"({"spec":{"nodeSelector":null,"nodeName":null}})"),
            R"({"spec":{"nodeSelector":null,"nodeName":null}})");
  EXPECT_EQ(merged(R"({"metadata":{"labels":{"a":"b"}}})", R"({"metadata":{"labels":{"a":null}}})"),
            R"({"metadata":{"labels":{"a":null}}})");
}

TEST(RewrittenFields, AreNullOrWholesInOtherWords) {
  const auto rewritten = [](std::string_view live, std::string_view config) {
    return write_fields_v1(rewritten_fields(pods(), value(live), value(config)));
  };
  EXPECT_EQ(
      rewritten(R"({"spec":{"nodeName":"n","containers":[{"name":"c","image":"i"},{"name":"d"}]}})",
                R"({"spec":{"nodeName":null,"hostname":null,)"
                R"("containers":[{"name":"c","image":null},{"name":"e","image":null}]}})"),
      R"({"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{"f:image":{}}},"f:nodeName":{}}})");
  EXPECT_EQ(rewritten(R"({"spec":{"nodeName":null}})", R"({"spec":{"nodeName":null}})"), "{}");
  constexpr std::string_view kTolerations =
      R"({"spec":{"tolerations":[{"key":"a"}],"nodeName":"n"}})";
  EXPECT_EQ(rewritten(kTolerations, kTolerations), "{}");
  EXPECT_EQ(
      rewritten(kTolerations,
                R"({"spec":{"tolerations":[{"key":"a","effect":"NoSchedule"}],"nodeName":"m"}})"),
      R"({"f:spec":{"f:tolerations":{}}})");
}

TEST(Merge, AtomicValuesAreReplaced) {
  EXPECT_EQ(merged(R"({"spec":{"nodeSelector":{"a":"1"},"tolerations":[{"key":"k"}]}})",
                   R"({"spec":{"nodeSelector":{"b":"1"},"tolerations":[{"key":"l"}]}})"),
            R"({"spec":{"nodeSelector":{"b":"1"},"tolerations":[{"key":"l"}]}})");
}

TEST(Merge, ElementsStandInTheOrderOfTheConfiguration) {
  const auto order = [](std::string_view live, std::string_view config) {
    const auto list = [](std::string_view names) {
      std::string out;
      for (const char name : names)
        out += fmt::format("{}\"{}\"", out.empty() ? "" : ",", name);
      return fmt::format(R"({{"metadata":{{"finalizers":[{}]}}}})", out);
    };
    std::string out;
    for (const json::Value& name :
         *merge(pods(), value(list(live)), value(list(config)))["metadata"]["finalizers"]
              .as_array())
      out += name.text();
    return out;
  };
  EXPECT_EQ(order("ab", "ba"), "ba");
  EXPECT_EQ(order("ab", "ac"), "abc");
  EXPECT_EQ(order("xa", "ab"), "xab");
  EXPECT_EQ(order("axb", "ba"), "bxa");
  EXPECT_EQ(order("", "ab"), "ab");
  EXPECT_EQ(order("ab", ""), "ab");
}

TEST(RemoveFields, TakesWholeSubtreesButKeepsKeys) {
  const auto removed = [](std::string_view text, std::string_view set) {
    return json::write(remove_fields(pods(), value(text), set_of(set)));
  };
  EXPECT_EQ(removed(R"({"metadata":{"labels":{"a":"1","b":"2"}}})",
                    R"({"f:metadata":{"f:labels":{"f:a":{}}}})"),
            R"({"metadata":{"labels":{"b":"2"}}})");
  EXPECT_EQ(
      removed(
          R"({"spec":{"containers":[{"name":"a","image":"i"},{"name":"b"}]}})",
          R"({"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{"f:name":{},"f:image":{}},"k:{\"name\":\"b\"}":{}}}})"),
      R"({"spec":{"containers":[{"name":"a"}]}})");
  EXPECT_EQ(removed(R"({"spec":{"nodeSelector":{"a":"1"}}})",
                    R"({"f:spec":{"f:nodeSelector":{"f:a":{}}}})"),
            R"({"spec":{"nodeSelector":{"a":"1"}}})");
}

TEST(WithParents, HoldsDeclaredMembersOnly) {
  EXPECT_EQ(
      write_fields_v1(with_parents(
          pods(),
          set_of(
              R"({"f:metadata":{"f:labels":{"f:a":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{"f:image":{}}}}})"))),
      R"({"f:metadata":{".":{},"f:labels":{".":{},"f:a":{}}},"f:spec":{".":{},"f:containers":{".":{},"k:{\"name\":\"c\"}":{"f:image":{}}}}})");
}

/// Merging what an object says of itself changes nothing, and its fields are what it adds to
/// nothing.
TEST(Merge, IsIdempotent) {
  for (
      const char* text :
      {R"({"metadata":{"name":"p","labels":{"a":"1"},"finalizers":["x/a","x/b"]},"spec":{"containers":[{"name":"c","image":"i"},{"name":"d"}]}})",
       R"({"spec":{"volumes":[{"name":"v","emptyDir":{}}],"affinity":{"nodeAffinity":{}}}})"}) {
    EXPECT_EQ(merged(text, text), text);
    const FieldSet all = field_set_of(pods(), value(text)).value_or(FieldSet());
    FieldSet added = compare(pods(), value("{}"), value(text)).added;
    FieldSet missing = all;
    missing.subtract(added);
    EXPECT_EQ(missing.paths(), std::vector<std::string>());
  }
}

}  // namespace
}  // namespace insula::api
