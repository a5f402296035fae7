#include "api/custom/definition.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/any_kind.h"
#include "api/custom/published.h"
#include "api/custom/schema_node.h"
#include "api/gen/insula_v1alpha1.h"
#include "api/test_objects.h"

namespace insula::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A definition with this schema for its only version, and other members in flow style.
std::string definition(const std::string& schema,
                       const std::string& version_members = "",
                       const std::string& spec_members = "") {
  return R"(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec: {group: example.com, scope: Namespaced, names: {plural: widgets, kind: Widget})" +
         spec_members + R"(, versions: [{name: v1, served: true, storage: true)" + version_members +
         ", schema: {openAPIV3Schema: " + schema + "}}]}";
}

/// A definition whose spec has one property `p`.
std::string with_property(const std::string& property) {
  return definition("{type: object, properties: {p: " + property + "}}");
}

constexpr const char* kAny = "{type: object, x-kubernetes-preserve-unknown-fields: true}";
const std::string kRoot = "spec.validation.openAPIV3Schema";

struct Case {
  std::string yaml;
  std::string wrong;
};

TEST(Definition, TakesWhatOperatorsWrite) {
  EXPECT_THAT(wrong(definition(kAny)), IsEmpty());
  EXPECT_THAT(wrong(with_property("{anyOf: [{type: integer}, {type: string}], "
                                  "x-kubernetes-int-or-string: true, pattern: '^[0-9]+$'}")),
              IsEmpty());
  EXPECT_THAT(wrong(with_property("{type: object, properties: {a: {type: string}}, "
                                  "oneOf: [{required: [a]}, {required: [b]}]}")),
              IsEmpty());
  EXPECT_THAT(wrong(with_property("{type: array, x-kubernetes-list-type: map, "
                                  "x-kubernetes-list-map-keys: [name], items: {type: object, "
                                  "required: [name], properties: {name: {type: string}}}}")),
              IsEmpty());
  EXPECT_THAT(wrong(with_property("{type: object, properties: {a: {type: string, default: x}}, "
                                  "default: {}}")),
              IsEmpty());
}

TEST(Definition, RefusesSchemasThatAreNotStructural) {
  const std::string p = kRoot + ".properties[p]";
  const Case cases[] = {
      {definition("{}"), kRoot + ".type: Required value: must not be empty at the root"},
      {definition("{type: string}"),
       kRoot + ".type: Invalid value: \"string\": must be object at the root"},
      {with_property("{}"),
       p + ".type: Required value: must not be empty for specified object fields"},
      {with_property("{type: text}"),
       p + ".type: Unsupported value: \"text\": supported values: \"array\", \"boolean\", "
           "\"integer\", \"number\", \"object\", \"string\""},
      {with_property("{type: array}"), p + ".items: Required value: must be specified"},
      {with_property("{type: array, items: {}}"),
       p + ".items.type: Required value: must not be empty for specified array items"},
      {with_property("{type: object, $ref: '#/x'}"), p + ".$ref: Forbidden: $ref is not supported"},
      {with_property("{type: string, pattern: '('}"),
       p + ".pattern: Invalid value: \"(\": must be a valid regular expression, but isn't: "
           "missing ): ("},
      {with_property("{type: object, properties: {a: {type: string}}, additionalProperties: "
                     "{type: string}}"),
       p + ".additionalProperties: Forbidden: additionalProperties and properties are mutual "
           "exclusive"},
      {with_property("{type: string, anyOf: [{type: string}]}"),
       p + ".anyOf[0].type: Forbidden: must be empty to be structural"},
      {with_property("{type: string, not: {default: a}}"),
       p + ".not.default: Forbidden: must be undefined to be structural"},
      {with_property("{type: array, uniqueItems: true, items: {type: string}}"),
       p + ".uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime "
           "complexity becomes quadratic"},
      {with_property("{type: object, x-kubernetes-preserve-unknown-fields: false}"),
       p + ".x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or "
           "undefined"},
      {with_property("{type: string, x-kubernetes-list-type: set}"),
       p + ".type: Invalid value: \"string\": must be array if x-kubernetes-list-type is "
           "specified"},
      {with_property("{type: array, x-kubernetes-list-type: map, items: {type: object}}"),
       p + ".x-kubernetes-list-map-keys: Required value: must not be empty if "
           "x-kubernetes-list-type is map"},
      {with_property("{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [a], "
                     "items: {type: object, properties: {a: {type: string}}}}"),
       p + ".items.properties[a].default: Required value: this property is in "
           "x-kubernetes-list-map-keys, so it must have a default or be a required property"},
      {with_property("{type: string, x-kubernetes-embedded-resource: true, "
                     "x-kubernetes-preserve-unknown-fields: true}"),
       p + ".type: Invalid value: \"string\": must be object if x-kubernetes-embedded-resource is "
           "true"},
      {with_property("{type: integer, default: many}"),
       p + ".default: Invalid value: \"many\": Invalid value: \"string\": " + p +
           ".default in body must be of type integer: \"string\""},
      {with_property("{type: object, properties: {a: {type: string}}, default: {b: 1}}"),
       p + ".default: Invalid value: {\"b\":1}: must not have unknown fields"},
      {definition("{type: object, properties: {metadata: {type: object, properties: "
                  "{labels: {type: object}}}}}"),
       kRoot + ".properties[metadata]: Forbidden: must not specify anything other than name and "
               "generateName, but metadata is implicitly specified"},
      {with_property("{type: string, x-kubernetes-validations: [{rule: 'self.size() > '}]}"),
       p + ".x-kubernetes-validations[0].rule: Invalid value: {\"Rule\":\"self.size() \\u003e \","
           "\"Message\":\"\",\"MessageExpression\":\"\",\"Reason\":null,\"FieldPath\":\"\","
           "\"OptionalOldSelf\":null}: compilation failed: ERROR"},
      {with_property("{type: string, x-kubernetes-validations: [{rule: 'self'}]}"),
       "\"OptionalOldSelf\":null}: cel expression must evaluate to a bool"},
      {with_property("{type: array, maxItems: 9, items: {type: string, maxLength: 9, "
                     "x-kubernetes-validations: "
                     "[{rule: 'self == oldSelf'}]}}"),
       p +
           ".items.x-kubernetes-validations[0].rule: Invalid value: \"self == oldSelf\": oldSelf "
           "cannot be used on the uncorrelatable portion of the schema within " +
           p + ".items"},
  };
  for (const Case& one : cases) {
    const std::vector<std::string> all = wrong(one.yaml);
    ASSERT_EQ(all.size(), 1U) << one.yaml << ::testing::PrintToString(all);
    EXPECT_THAT(all[0], HasSubstr(one.wrong)) << one.yaml;
  }
}

TEST(Definition, BoundsTheDepthOfSchemas) {
  const TestObject made = created(definition(kAny));
  auto& schema =
      made.as<CustomResourceDefinition>().spec.versions[0].schema->open_apiv3_schema.text;
  const auto causes = [&](std::size_t levels) {
    schema = R"({"type":"string"})";
    for (std::size_t i = 0; i < levels; ++i)
      schema = R"({"type":"array","items":)" + schema + "}";
    schema = R"({"type":"object","properties":{"p":)" + schema + "}}";
    return causes_of(check_create(*made.kind, made.object.get()));
  };
  EXPECT_THAT(causes(kSchemaDepthMax - 2), IsEmpty());
  EXPECT_THAT(causes(kSchemaDepthMax - 1),
              ElementsAre(HasSubstr("Forbidden: a schema may be at most 100 deep")));
}

TEST(Definition, RefusesNamesAndVersionsThatCannotBe) {
  const Case cases[] = {
      {definition(kAny, ", additionalPrinterColumns: [{name: A, type: text, jsonPath: .a}]"),
       "spec.additionalPrinterColumns[0].type: Invalid value: \"text\": must be one of "
       "boolean,date,integer,number,string"},
      {definition(kAny, ", additionalPrinterColumns: [{name: A, type: string, jsonPath: spec}]"),
       "spec.additionalPrinterColumns[0].JSONPath: Invalid value: \"spec\": must be a simple json "
       "path "
       "starting with ."},
      {definition(kAny,
                  ", subresources: {scale: {specReplicasPath: .a, statusReplicasPath: "
                  ".status.a}}"),
       "spec.subresources.scale.specReplicasPath: Invalid value: \".a\": should be a "
       "json path under .spec"},
      {definition(kAny,
                  ", subresources: {scale: {specReplicasPath: '.spec.l[0]', statusReplicasPath: "
                  ".status.a, labelSelectorPath: foo}}"),
       "spec.subresources.scale.labelSelectorPath: Invalid value: \"foo\": must be a simple json "
       "path starting with ."},
      {definition(kAny, ", selectableFields: [{jsonPath: .spec.a}]"),
       "spec.selectableFields[0].jsonPath: Invalid value: \".spec.a\": is an invalid path: does "
       "not "
       "refer to a valid field"},
      {definition("{type: object, properties: {o: {type: object}}}",
                  ", selectableFields: [{jsonPath: .o}]"),
       "spec.selectableFields[0].jsonPath: Invalid value: \".o\": must point to a field of type "
       "string, boolean or integer. Enum string fields and strings with formats are allowed."},
      {definition("{type: object, properties: {a: {type: string}}}",
                  ", selectableFields: [{jsonPath: '.a[0]'}]"),
       "spec.selectableFields[0].jsonPath: Invalid value: \".a[0]\": is an invalid path: array "
       "notation is not allowed"},
      {definition(kAny, ", deprecationWarning: old"),
       "spec.versions[0].deprecationWarning: Invalid value: \"old\": can only be set for "
       "deprecated versions"},
      {definition(kAny, "", ", preserveUnknownFields: true"),
       "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set "
       "x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"},
      {definition(kAny, "", ", conversion: {strategy: Webhook}"),
       "spec.conversion.webhookClientConfig: Required value: required when strategy is set to "
       "Webhook"},
  };
  for (const Case& one : cases)
    EXPECT_THAT(wrong(one.yaml), ElementsAre(one.wrong)) << one.yaml;
}

TEST(Definition, NamesPartsOfOneVersionWhereVersionsDiffer) {
  const std::string first =
      ", additionalPrinterColumns: [{name: A, type: string, jsonPath: ''}], schema: "
      "{openAPIV3Schema: {type: object}}}, {name: v2, served: true, storage: false";
  EXPECT_THAT(wrong(definition(kAny, first)),
              ElementsAre("spec.versions[0].additionalPrinterColumns[0].JSONPath: Required value"));
}

TEST(Definition, SelectsByMembersThatNoPropertyNames) {
  EXPECT_THAT(
      wrong(definition("{type: object, properties: {m: {type: object, additionalProperties: "
                       "{type: string}}}}",
                       ", selectableFields: [{jsonPath: .m.a}]")),
      IsEmpty());
}

TEST(Definition, NamesAllThatIsWrongWithAnEmptyOne) {
  EXPECT_THAT(
      wrong("{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition}"),
      ElementsAre("metadata.name: Invalid value: \"x\": must be spec.names.plural+\".\"+spec.group",
                  "spec.group: Required value", "spec.scope: Required value",
                  "spec.versions: Required value", "spec.names.plural: Required value",
                  "spec.names.singular: Required value", "spec.names.kind: Required value",
                  "spec.names.listKind: Required value",
                  "status.storedVersions: Invalid value: must have at least one stored version"));
}

TEST(Definition, WantsApprovalForKubernetesOwnGroups) {
  const std::string protected_group = R"(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.x.k8s.io}
spec: {group: x.k8s.io, scope: Cluster, names: {plural: widgets, kind: Widget}, versions: [
  {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}
)";
  EXPECT_THAT(wrong(protected_group),
              ElementsAre("metadata.annotations[api-approved.kubernetes.io]: Required value: "
                          "protected groups must have approval annotation "
                          "\"api-approved.kubernetes.io\", see "
                          "https://github.com/kubernetes/enhancements/pull/1111"));
}

TEST(Definition, KeepsWhatObjectsAreStoredBy) {
  const std::string before = definition(kAny);
  std::string renamed = before;
  renamed.replace(renamed.find("name: v1,"), 9, "name: v2,");
  EXPECT_THAT(wrong_change(before, renamed),
              ElementsAre(HasSubstr("status.storedVersions[0]: Invalid value: \"v1\": missing from "
                                    "spec.versions; v1 was previously a storage version")));
}

TEST(Definition, LetsTheStatusSayWhatIsStored) {
  const TestObject made = created(definition(kAny));
  CustomResourceDefinition next = made.as<CustomResourceDefinition>();
  next.status.stored_versions = {"v0"};
  EXPECT_THAT(causes_of(check_update(*made.kind, &next, made.object.get(), "status")), IsEmpty());
}

TEST(Definition, StaysRightWithWhatItHasAlready) {
  const std::string wrong_rule =
      with_property("{type: string, x-kubernetes-validations: [{rule: 'self.size() > '}]}");
  EXPECT_FALSE(wrong(wrong_rule).empty());
  EXPECT_THAT(wrong_change(wrong_rule, wrong_rule), IsEmpty());
  const TestObject made = created(definition(kAny));
  auto& before = made.as<CustomResourceDefinition>();
  before.metadata.finalizers = {kCustomResourceCleanup};
  CustomResourceDefinition next = before;
  next.metadata.labels["a"] = "b";
  EXPECT_THAT(causes_of(check_update(*made.kind, &next, &before, "")), IsEmpty());
  next.metadata.finalizers.emplace_back("not qualified");
  EXPECT_THAT(causes_of(check_update(*made.kind, &next, &before, "")), SizeIs(1));
}

TEST(Definition, WarnsOfVersionsThatNobodyConverts) {
  const TestObject made = created(definition(
      kAny, "",
      ", conversion: {strategy: Webhook, webhook: {conversionReviewVersions: [v1], clientConfig: "
      "{url: 'https://example.com'}}}"));
  EXPECT_THAT(warnings_of(*made.kind, made.object.get(), nullptr),
              ElementsAre(HasSubstr("conversion webhooks are not called")));
}

TEST(Definition, TellsOfKindsThatAreBuiltIn) {
  CustomResourceDefinition made = published_definition(kind_of<Tenant>());
  prepare_create(kind_of<CustomResourceDefinition>(), &made);
  EXPECT_THAT(causes_of(check_create(kind_of<CustomResourceDefinition>(), &made)), IsEmpty());
  const json::Value schema = schema_value(made.spec.versions[0].schema->open_apiv3_schema.text);
  const json::Value& quota = schema["properties"]["spec"]["properties"]["quota"];
  EXPECT_EQ(quota["properties"]["gpus"]["type"].text(), "integer");
}

TEST(Definition, AcceptsNamesThatNobodyElseHas) {
  CustomResourceDefinition first = created(definition(kAny)).as<CustomResourceDefinition>();
  accept_names(first, {}, Time{1});
  EXPECT_TRUE(is_established(first));
  CustomResourceDefinition second = first;
  second.status = {};
  second.metadata.name = "gadgets.example.com";
  second.spec.names.plural = "gadgets";
  const CustomResourceDefinition* others[] = {&first};
  accept_names(second, others, Time{2});
  EXPECT_FALSE(is_established(second));
  EXPECT_EQ(second.status.conditions[0].reason, "ListKindConflict");
  EXPECT_EQ(second.status.conditions[1].message, "not all names are accepted");
  EXPECT_EQ(second.status.accepted_names.plural, "gadgets");
  EXPECT_EQ(second.status.accepted_names.kind, "");
  second.spec.names.singular = "gadget";
  second.spec.names.kind = "Gadget";
  second.spec.names.list_kind = "GadgetList";
  accept_names(second, others, Time{3});
  EXPECT_TRUE(is_established(second));
  EXPECT_EQ(second.status.conditions[0].last_transition_time, Time{3});
}

}  // namespace
}  // namespace insula::api
