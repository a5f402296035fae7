#include "api/codec.h"

#include <gtest/gtest.h>

#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"
#include "api/gen/meta_v1.h"
#include "api/gen/rbac_v1.h"

namespace insula::api {
namespace {

template <class T>
std::string error_of(std::string_view text, Strictness strictness = Strictness::kStrict) {
  const auto decoded = decode_json<T>(text, strictness);
  return decoded ? "no error" : decoded.error().message();
}

constexpr std::string_view kPod =
    R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"default","creationTimestamp":"2026-11-23T20:36:33Z",)"
    R"("labels":{"app":"web","tier":"front"}},"spec":{"volumes":[{"name":"data","emptyDir":{}}],"containers":[{"name":"main","image":"nginx",)"
    R"("ports":[{"containerPort":80}],"resources":{"limits":{"cpu":"500m","memory":"1Gi"}},"livenessProbe":{"httpGet":{"path":"/","port":"http"}}}],)"
    R"("terminationGracePeriodSeconds":0},"status":{}})";

TEST(JsonCodec, WritesBackWhatItReads) {
  const auto pod = decode_json<Pod>(kPod, Strictness::kStrict);
  ASSERT_TRUE(pod.has_value()) << pod.error().message();
  EXPECT_EQ(pod->metadata.labels.at("tier"), "front");
  EXPECT_EQ(pod->spec.containers[0].resources.limits.at("memory").value(), 1 << 30);
  EXPECT_EQ(pod->spec.containers[0].liveness_probe->handler.http_get->port, IntOrString("http"));
  EXPECT_TRUE(pod->spec.volumes[0].volume_source.empty_dir.has_value());
  EXPECT_EQ(pod->spec.termination_grace_period_seconds, 0);
  EXPECT_EQ(encode_json(*pod), kPod);
  EXPECT_EQ(decode_json<Pod>(encode_json(*pod)).value(), *pod);
}

TEST(JsonCodec, LeavesOutWhatIsEmptyUnlessGoWritesIt) {
  EXPECT_EQ(encode_json(Pod()), R"({"apiVersion":"v1","kind":"Pod","metadata":{},)"
                                R"("spec":{"containers":null},"status":{}})");
  EXPECT_EQ(encode_json(Service()),
            R"({"apiVersion":"v1","kind":"Service","metadata":{},"spec":{},)"
            R"("status":{"loadBalancer":{}}})");
  EXPECT_EQ(encode_json(Event()),
            R"({"apiVersion":"v1","kind":"Event","metadata":{},"involvedObject":{},"source":{},)"
            R"("firstTimestamp":null,"lastTimestamp":null,"eventTime":null,)"
            R"("reportingComponent":"","reportingInstance":""})");
  EXPECT_EQ(encode_json(ObjectMeta()), "{}");
  Condition condition;
  condition.type = "Ready";
  EXPECT_EQ(encode_json(condition),
            R"({"type":"Ready","status":"","lastTransitionTime":null,"reason":"","message":""})");
}

TEST(JsonCodec, CanonicalisesQuantities) {
  const auto pod = decode_json<Container>(
      R"({"name":"a","resources":{"requests":{"cpu":0.5,"memory":"1024Mi"}}})");
  ASSERT_TRUE(pod.has_value());
  EXPECT_EQ(encode_json(*pod),
            R"({"name":"a","resources":{"requests":{"cpu":"500m","memory":"1Gi"}}})");
}

TEST(JsonCodec, CarriesBytesAsBase64) {
  const auto secret = decode_json<Secret>(R"({"data":{"a":"AAH/","b":""}})");
  ASSERT_TRUE(secret.has_value());
  EXPECT_EQ(secret->data.at("a"), std::string("\0\1\xff", 3));
  EXPECT_EQ(encode_json(*secret),
            R"({"apiVersion":"v1","kind":"Secret","metadata":{},"data":{"a":"AAH/","b":""}})");
  EXPECT_EQ(error_of<Secret>(R"({"data":{"a":"A*=="}})"),
            "Secret in version \"v1\" cannot be handled as a Secret: data.a: illegal base64 data "
            "at input byte 1");
}

TEST(JsonCodec, StrictNamesEveryUnknownAndRepeatedField) {
  constexpr std::string_view kText =
      R"({"kind":"Pod","spec":{"foo":1,"containers":[{"name":"a"},{"nam":"b"}],"hostname":"x","hostname":"y"},"extra":{}})";
  EXPECT_EQ(error_of<Pod>(kText),
            "Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: unknown "
            "field \"spec.foo\", "
            "unknown field \"spec.containers[1].nam\", unknown field \"extra\", duplicate field "
            "\"spec.hostname\"");
  DecodeReport report;
  const auto pod = decode_json<Pod>(kText, Strictness::kWarn, &report);
  ASSERT_TRUE(pod.has_value());
  EXPECT_EQ(report.warnings.size(), 4U);
  EXPECT_EQ(report.warnings[0], "unknown field \"spec.foo\"");
  EXPECT_EQ(pod->spec.hostname, "y");
  report.warnings.clear();
  EXPECT_TRUE(decode_json<Pod>(kText, Strictness::kIgnore, &report).has_value());
  EXPECT_TRUE(report.warnings.empty());
}

TEST(JsonCodec, BoundsTheProblemsItNames) {
  std::string text = "{";
  for (int i = 0; i < 1000; ++i)
    text += (i > 0 ? ",\"x" : "\"x") + std::to_string(i) + "\":1";
  DecodeReport report;
  ASSERT_TRUE(decode_json<Pod>(text + "}", Strictness::kWarn, &report).has_value());
  EXPECT_EQ(report.warnings.size(), kStrictProblemsMax);
}

TEST(JsonCodec, NamesThePathOfAValueOfTheWrongType) {
  const std::string prefix = "Deployment in version \"v1\" cannot be handled as a Deployment: ";
  EXPECT_EQ(error_of<Deployment>(R"({"spec":{"replicas":"3"}})"),
            prefix +
                "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas "
                "of type int32");
  EXPECT_EQ(error_of<Deployment>(R"({"spec":{"replicas":1.5}})"),
            prefix +
                "json: cannot unmarshal number 1.5 into Go struct field "
                "DeploymentSpec.spec.replicas of type int32");
  EXPECT_EQ(error_of<Deployment>(R"({"spec":{"replicas":3000000000}})"),
            prefix +
                "json: cannot unmarshal number 3000000000 into Go struct field "
                "DeploymentSpec.spec.replicas of type int32");
  EXPECT_EQ(error_of<Deployment>(R"({"spec":{"template":{"spec":{"containers":{}}}}})"),
            prefix +
                "json: cannot unmarshal object into Go struct field "
                "PodSpec.spec.template.spec.containers of type []v1.Container");
  EXPECT_EQ(error_of<Deployment>(R"({"metadata":{"labels":{"a":1}}})"),
            prefix +
                "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of "
                "type string");
  EXPECT_EQ(error_of<Deployment>(R"({"spec":[]})"),
            prefix +
                "json: cannot unmarshal array into Go struct field Deployment.spec of type "
                "v1.DeploymentSpec");
  EXPECT_EQ(error_of<Container>(R"({"resources":{"limits":{"cpu":"1gi"}}})"),
            "resources.limits.cpu: quantities must match the regular expression "
            "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

TEST(JsonCodec, ChecksTypeMetaWhereItIsGiven) {
  EXPECT_EQ(error_of<Pod>(R"({"apiVersion":"v2","kind":"Pod"})"),
            "Pod in version \"v2\" cannot be handled as a Pod: no kind \"Pod\" is registered for "
            "version \"v2\"");
  EXPECT_EQ(error_of<Pod>(R"({"apiVersion":"v1beta1"})"),
            "the API version in the data (v1beta1) does not match the expected API version (v1)");
  EXPECT_EQ(error_of<Pod>(R"({"apiVersion":"v1","kind":"Service"})"),
            "Service in version \"v1\" cannot be handled as a Pod: converting (v1.Service) to "
            "(core.Pod): unknown conversion");
  EXPECT_EQ(error_of<ClusterRole>(R"({"apiVersion":"v1","kind":"Foo"})"),
            "Foo in version \"v1\" cannot be handled as a ClusterRole: no kind \"Foo\" is "
            "registered for version \"v1\"");
  EXPECT_EQ(error_of<DeleteOptions>(R"({"apiVersion":"v1","kind":"Pod"})"),
            "no kind \"Pod\" is registered for version \"v1\"");
  EXPECT_EQ(
      error_of<DeleteOptions>(
          R"({"apiVersion":"policy/v1","kind":"DeleteOptions","propagationPolicy":"Orphan"})"),
      "no error");
  EXPECT_EQ(error_of<ObjectMeta>(R"({"kind":"Pod"})"),
            "strict decoding error: unknown field \"kind\"");
}

TEST(JsonCodec, TakesNullAsAbsent) {
  const auto pod = decode_json<Pod>(
      R"({"metadata":{"labels":null,"deletionTimestamp":null,"creationTimestamp":null},"spec":{"containers":null}})",
      Strictness::kStrict);
  ASSERT_TRUE(pod.has_value());
  EXPECT_EQ(*pod, Pod());
}

TEST(JsonCodec, SaysWhereATextIsNoJson) {
  EXPECT_EQ(error_of<Pod>("{\"a\""),
            "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; "
            "json parse error: unexpected end of JSON input (line 1, column 5) ({\"a\")");
  EXPECT_EQ(error_of<Pod>("[]"),
            "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; "
            "json parse error: json: cannot unmarshal array into Go value of type struct { "
            "APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string "
            "\"json:\\\"kind,omitempty\\\"\" } (5b5d)");
  EXPECT_EQ(error_of<Pod>(R"({"kind":3})"),
            "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; "
            "json parse error: json: cannot unmarshal number into Go struct field .kind of type "
            "string ({\"kind\":3})");
  EXPECT_EQ(error_of<DeleteOptions>("{"),
            "couldn't get version/kind; json parse error: unexpected end of JSON input (line 1, "
            "column 2)");
  EXPECT_EQ(error_of<Pod>("null"), "no error");
}

TEST(Base64, RefusesWrongPaddingAndStrayBytes) {
  EXPECT_EQ(base64_decode("AA==").value(), std::string(1, '\0'));
  EXPECT_EQ(base64_decode("QUJD\nREVG\n").value(), "ABCDEF");
  for (const char* text : {"A", "AA", "AAA", "A===", "AA=A", "====", "AA==AA==", "AAA=A", "A A="})
    EXPECT_FALSE(base64_decode(text).has_value()) << text;
  for (const char* text : {"", "a", "ab", "abc", "abcd"})
    EXPECT_EQ(base64_decode(base64_encode(text)).value(), text);
}

}  // namespace
}  // namespace insula::api
