#include "api/patch.h"

#include <gtest/gtest.h>

#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::api {
namespace {

json::Value read(std::string_view text) {
  auto value = json::parse(text);
  EXPECT_TRUE(value.has_value()) << text;
  return value ? *std::move(value) : json::Value();
}

/// The result as text, or `CODE message`.
std::string shown(Result<json::Value> result) {
  if (!result)
    return std::to_string(http_status(result.error().code())) + " " + result.error().message();
  return json::write(*result);
}

std::string json_patch(std::string_view document, std::string_view patch) {
  return shown(apply_json_patch(read(document), read(patch)));
}

std::string strategic(const TypeInfo& type, std::string_view document, std::string_view patch) {
  return shown(apply_strategic_merge_patch(type, read(document), read(patch)));
}

std::string pod_spec(std::string_view document, std::string_view patch) {
  return strategic(type_of<PodSpec>(), document, patch);
}

TEST(JsonPatch, FollowsTheExamplesOfRfc6902) {
  struct Case {
    const char *document, *patch, *expected;
  };

  const Case cases[] = {
      {R"({"foo":"bar"})", R"([{"op":"add","path":"/baz","value":"qux"}])",
       R"({"foo":"bar","baz":"qux"})"},
      {R"({"foo":["bar","baz"]})", R"([{"op":"add","path":"/foo/1","value":"qux"}])",
       R"({"foo":["bar","qux","baz"]})"},
      {R"({"baz":"qux","foo":"bar"})", R"([{"op":"remove","path":"/baz"}])", R"({"foo":"bar"})"},
      {R"({"foo":["bar","qux","baz"]})", R"([{"op":"remove","path":"/foo/1"}])",
       R"({"foo":["bar","baz"]})"},
      {R"({"baz":"qux"})", R"([{"op":"replace","path":"/baz","value":"boo"}])", R"({"baz":"boo"})"},
      {R"({"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}})",
       R"([{"op":"move","from":"/foo/waldo","path":"/qux/thud"}])",
       R"({"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}})"},
      {R"({"foo":["all","grass","cows","eat"]})",
       R"([{"op":"move","from":"/foo/1","path":"/foo/3"}])",
       R"({"foo":["all","cows","eat","grass"]})"},
      {R"({"foo":["bar"]})", R"([{"op":"add","path":"/foo/-","value":["abc","def"]}])",
       R"({"foo":["bar",["abc","def"]]})"},
      {R"({"a":1})",
       R"([{"op":"test","path":"/b","value":null},{"op":"add","path":"/b","value":2}])",
       R"({"a":1,"b":2})"},
      {R"({"/":9,"~1":10})", R"([{"op":"test","path":"/~01","value":10}])", R"({"/":9,"~1":10})"},
      {R"({"a":{"b":1}})",
       R"([{"op":"copy","from":"/a","path":"/c"},{"op":"test","path":"/c","value":{"b":1.0}}])",
       R"({"a":{"b":1},"c":{"b":1}})"},
      {R"({"a":1})", R"([{"op":"add","path":"","value":{"b":2}}])", R"({"b":2})"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(json_patch(c.document, c.patch), c.expected) << c.patch;
}

TEST(JsonPatch, TellsPatchesThatDoNotApplyFromTextsThatAreNone) {
  EXPECT_EQ(json_patch(R"({"a":1})", R"([{"op":"test","path":"/a","value":2}])"),
            "422 test operation does not apply: /a: the value differs");
  EXPECT_EQ(json_patch(R"({"a":1})", R"([{"op":"replace","path":"/b","value":2}])"),
            "422 replace operation does not apply: /b: missing value");
  EXPECT_EQ(json_patch(R"({"a":1})", R"([{"op":"remove","path":"/b"}])"),
            "422 remove operation does not apply: /b: nonexistent key");
  EXPECT_EQ(json_patch(R"({"a":[1]})", R"([{"op":"add","path":"/a/2","value":2}])"),
            "422 add operation does not apply: /a/2: invalid index");
  EXPECT_EQ(json_patch(R"({"a":{"b":1}})", R"([{"op":"move","from":"/a","path":"/a/b"}])"),
            "422 move operation does not apply: /a/b: into itself");
  EXPECT_EQ(json_patch("{}", R"({"op":"add"})"), "400 a JSON patch is an array of operations");
  EXPECT_EQ(json_patch("{}", R"([{"op":"ad","path":"/a","value":1}])"),
            "400 unknown JSON patch operation \"ad\"");
  EXPECT_EQ(json_patch("{}", R"([{"op":"add","path":"/a"}])"),
            "400 JSON patch operation add needs value");
  EXPECT_EQ(json_patch("{}", R"([{"op":"copy","path":"/a"}])"),
            "400 JSON patch operation copy needs from");
}

TEST(JsonPatch, TellsAFailedTestFromWhatDoesNotApply) {
  const auto is_test = [](std::string_view document, std::string_view patch) {
    const auto out = apply_json_patch(*json::parse(document), *json::parse(patch));
    return !out && is_failed_test(out.error());
  };
  EXPECT_TRUE(is_test(R"({"a":1})", R"([{"op":"test","path":"/a","value":2}])"));
  EXPECT_TRUE(is_test(R"({"a":1})", R"([{"op":"test","path":"/b","value":2}])"));
  EXPECT_FALSE(is_test(R"({"a":1})", R"([{"op":"test","path":"/b/c","value":2}])"));
  EXPECT_FALSE(is_test(R"({"a":1})", R"([{"op":"replace","path":"/b","value":2}])"));
  EXPECT_FALSE(is_test(R"({"a":1})", R"([{"op":"test","path":"/a","value":1}])"));
}

TEST(JsonPatch, BoundsOperationsDepthAndGrowth) {
  json::Array many(kJsonPatchOpsMax + 1, read(R"({"op":"add","path":"/a","value":1})"));
  EXPECT_EQ(shown(apply_json_patch(read("{}"), many)),
            "413 The allowed maximum operations in a JSON patch is 10000, got 10001");

  // Each copy of /a into /a/b makes the document deeper by one.
  json::Array deepening(300, read(R"({"op":"copy","from":"/a","path":"/a/b"})"));
  EXPECT_EQ(shown(apply_json_patch(read(R"({"a":{}})"), deepening)),
            "422 add operation does not apply: /a/b: nested too deep");
  json::Array wide;
  for (int i = 0; i < 40; ++i)
    wide.push_back(read(R"({"op":"copy","from":"/a","path":"/a/-"})"));
  EXPECT_EQ(shown(apply_json_patch(read(R"({"a":[1]})"), wide)),
            "413 the JSON patch copies or moves too much");
  json::Array bulky;
  for (int i = 0; i < 40; ++i)
    bulky.push_back(read(R"({"op":"copy","from":"/a","path":"/b)" + std::to_string(i) + "\"}"));
  EXPECT_EQ(shown(apply_json_patch(json::Object{{"a", std::string(500'000, 'x')}}, bulky)),
            "413 the JSON patch copies or moves too much");
}

TEST(MergePatch, FollowsTheTableOfRfc7386) {
  const char* cases[][3] = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", "{}"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
      {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
      {"[1,2]", R"({"a":"b","c":null})", R"({"a":"b"})"},
      {"{}", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(json::write(apply_merge_patch(read(c[0]), read(c[1]))), c[2]) << c[1];
}

TEST(StrategicMerge, MergesListsByTheirKeyAndPutsThePatchFirst) {
  EXPECT_EQ(
      pod_spec(
          R"({"containers":[{"name":"a","image":"1","args":["x","y"]},{"name":"b","image":"1"}]})",
          R"({"containers":[{"name":"b","image":"2"},{"name":"c","image":"3"}]})"),
      R"({"containers":[{"name":"a","image":"1","args":["x","y"]},{"name":"b","image":"2"},{"name":"c","image":"3"}]})");
  EXPECT_EQ(pod_spec(R"({"containers":[{"name":"a","args":["x","y"]}]})",
                     R"({"containers":[{"name":"a","args":["z"]}]})"),
            R"({"containers":[{"name":"a","args":["z"]}]})");
}

TEST(StrategicMerge, DeletesAndReplacesElementsByDirective) {
  EXPECT_EQ(pod_spec(R"({"containers":[{"name":"a"},{"name":"b"}]})",
                     R"({"containers":[{"$patch":"delete","name":"a"}]})"),
            R"({"containers":[{"name":"b"}]})");
  EXPECT_EQ(pod_spec(R"({"containers":[{"name":"a"},{"name":"b"}]})",
                     R"({"containers":[{"$patch":"replace"},{"name":"c"}]})"),
            R"({"containers":[{"name":"c"}]})");
  EXPECT_EQ(pod_spec(R"({"securityContext":{"runAsUser":1}})",
                     R"({"securityContext":{"$patch":"replace","runAsGroup":2}})"),
            R"({"securityContext":{"runAsGroup":2}})");
  EXPECT_EQ(pod_spec(R"({"containers":[]})", R"({"containers":[{"image":"x"}]})"),
            "400 strategic merge patch: a list element does not contain declared merge key: name");
  EXPECT_EQ(pod_spec("{}", R"({"$patch":"twist"})"),
            "400 strategic merge patch: unknown patch type: twist");
}

TEST(StrategicMerge, FollowsTheElementOrderOfApply) {
  EXPECT_EQ(
      pod_spec(
          R"({"containers":[{"name":"a"},{"name":"server"},{"name":"b"}]})",
          R"({"$setElementOrder/containers":[{"name":"c"},{"name":"b"},{"name":"a"}],"containers":[{"name":"c","image":"i"}]})"),
      R"({"containers":[{"name":"c","image":"i"},{"name":"server"},{"name":"b"},{"name":"a"}]})");
  EXPECT_EQ(
      pod_spec("{}",
               R"({"$setElementOrder/containers":[{"name":"a"}],"containers":[{"name":"b"}]})"),
      "400 strategic merge patch: The order in patch list of containers doesn't match "
      "$setElementOrder list");
}

TEST(StrategicMerge, RetainsOnlyTheKeysNamed) {
  EXPECT_EQ(strategic(type_of<DeploymentSpec>(),
                      R"({"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}})",
                      R"({"strategy":{"$retainKeys":["type"],"type":"Recreate"}})"),
            R"({"strategy":{"type":"Recreate"}})");
  EXPECT_EQ(
      pod_spec(
          R"({"volumes":[{"name":"v","emptyDir":{}}]})",
          R"({"volumes":[{"$retainKeys":["name","hostPath"],"name":"v","hostPath":{"path":"/x"}}]})"),
      R"({"volumes":[{"name":"v","hostPath":{"path":"/x"}}]})");
}

TEST(StrategicMerge, MergesAndDeletesScalarsOfAPrimitiveList) {
  const TypeInfo& meta = type_of<ObjectMeta>();
  EXPECT_EQ(strategic(meta, R"({"finalizers":["a","b"]})", R"({"finalizers":["b","c"]})"),
            R"({"finalizers":["a","b","c"]})");
  EXPECT_EQ(strategic(meta, R"({"finalizers":["a","b","c"]})",
                      R"({"$deleteFromPrimitiveList/finalizers":["b"]})"),
            R"({"finalizers":["a","c"]})");
  EXPECT_EQ(
      strategic(
          meta, R"({"finalizers":["a","b"]})",
          R"({"$deleteFromPrimitiveList/finalizers":["a"],"$setElementOrder/finalizers":["c","b"],"finalizers":["c"]})"),
      R"({"finalizers":["c","b"]})");
}

TEST(StrategicMerge, RemovesByNullAndMergesMapsAndUnknownObjects) {
  EXPECT_EQ(strategic(type_of<ObjectMeta>(), R"({"labels":{"a":"1","b":"2"}})",
                      R"({"labels":{"a":null,"c":"3"}})"),
            R"({"labels":{"b":"2","c":"3"}})");
  EXPECT_EQ(pod_spec(R"({"unknown":{"a":1,"l":[1]}})", R"({"unknown":{"b":2,"l":[2]}})"),
            R"({"unknown":{"a":1,"l":[2],"b":2}})");
  EXPECT_EQ(pod_spec("{}", R"({"affinity":{"nodeAffinity":null,"podAffinity":{}}})"),
            R"({"affinity":{"podAffinity":{}}})");
}

TEST(StrategicMerge, KeysServicePortsByNumber) {
  EXPECT_EQ(
      strategic(type_of<ServiceSpec>(), R"({"ports":[{"port":80,"targetPort":1},{"port":443}]})",
                R"({"ports":[{"port":80,"targetPort":2}]})"),
      R"({"ports":[{"port":80,"targetPort":2},{"port":443}]})");
}

}  // namespace
}  // namespace insula::api
