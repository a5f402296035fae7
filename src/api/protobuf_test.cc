#include "api/protobuf.h"

#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/gen/coordination_v1.h"
#include "api/gen/core_v1.h"
#include "api/gen/discovery_v1.h"
#include "api/gen/meta_v1.h"
#include "api/gen/networking_v1.h"

namespace insula::api {
namespace {

using namespace std::string_view_literals;

std::string bytes(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const auto part : parts)
    out += part;
  return out;
}

template <class T>
std::string error_of(std::string_view message) {
  const auto decoded = decode_protobuf<T>(message);
  return decoded ? "no error" : decoded.error().message();
}

TEST(Protobuf, ReadsTheBodyOfKubectlCreateNamespace) {
  // As kubectl 1.35 sends it: empty strings and empty messages are written out.
  const std::string body =
      bytes({"k8s\0"sv, "\x0a\x0f\x0a\x02v1\x12\x09Namespace"sv, "\x12\x1a"sv,
             "\x0a\x12\x0a\x02t1\x12\x00\x1a\x00\"\x00*\x00\x32\x00\x38\x00\x42\x00"sv,
             "\x12\x00\x1a\x02\x0a\x00"sv, "\x1a\x00\"\x00"sv});
  const auto name_space = decode_protobuf<Namespace>(body);
  ASSERT_TRUE(name_space.has_value()) << name_space.error().message();
  Namespace expected;
  expected.metadata.name = "t1";
  EXPECT_EQ(*name_space, expected);
  const auto envelope = read_protobuf_envelope(body);
  ASSERT_TRUE(envelope.has_value());
  EXPECT_EQ(envelope->api_version, "v1");
  EXPECT_EQ(envelope->kind, "Namespace");
}

TEST(Protobuf, ReadsEveryScalarAndContainer) {
  const auto pod = decode_json<Pod>(
      R"({"metadata":{"name":"p","labels":{"a":"1","b":""},"generation":-5,"creationTimestamp":"2026-11-23T20:36:33Z",
    "deletionTimestamp":"1969-12-31T23:59:59Z","ownerReferences":[{"apiVersion":"v1","kind":"K","name":"n","uid":"u","controller":false}],
    "managedFields":[{"manager":"m","fieldsV1":{"f:x":{}}}]},
    "spec":{"volumes":[{"name":"v","emptyDir":{"sizeLimit":"1Gi"}},{"name":"w","hostPath":{"path":"/x"}}],"containers":[{"name":"c","ports":[{"containerPort":-1}],
    "resources":{"limits":{"cpu":"250m"}},"readinessProbe":{"httpGet":{"port":"web"},"periodSeconds":3},"livenessProbe":{"tcpSocket":{"port":80}},
    "env":[{"name":"E","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}]}],"terminationGracePeriodSeconds":0,"hostNetwork":true}})",
      Strictness::kStrict);
  ASSERT_TRUE(pod.has_value()) << pod.error().message();
  const auto again = decode_protobuf<Pod>(encode_protobuf(*pod));
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(encode_json(*again), encode_json(*pod));

  Lease lease;
  lease.spec.renew_time = MicroTime{-1};
  lease.spec.holder_identity = "";
  EXPECT_EQ(decode_protobuf<Lease>(encode_protobuf(lease)).value(), lease);
  Secret secret;
  secret.data["k"] = "\0\xff"sv;
  EXPECT_EQ(decode_protobuf<Secret>(encode_protobuf(secret)).value(), secret);
}

TEST(Protobuf, WritesTheWireFormOfAKnownMessage) {
  Namespace name_space;
  name_space.metadata.name = "t1";
  EXPECT_EQ(encode_protobuf(name_space),
            bytes({"k8s\0"sv, "\x0a\x0f\x0a\x02v1\x12\x09Namespace"sv,
                   "\x12\x0a\x0a\x04\x0a\x02t1\x12\x00\x1a\x00"sv, "\x1a\x00\"\x00"sv}));
}

TEST(Protobuf, SkipsFieldsItDoesNotKnow) {
  ObjectMeta meta;
  ASSERT_TRUE(decode_protobuf_message(type_of<ObjectMeta>(), &meta,
                                      "\xf8\x07\x01\xfa\x07\x03zzz\x0a\x01n"sv)
                  .has_value());
  EXPECT_EQ(meta.name, "n");
}

TEST(Protobuf, RefusesBrokenAndForeignMessages) {
  EXPECT_EQ(
      error_of<Namespace>("{}"),
      "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
  Pod pod;
  EXPECT_EQ(error_of<Namespace>(encode_protobuf(pod)),
            "Pod in version \"v1\" cannot be handled as a Namespace: converting (v1.Pod) to "
            "(core.Namespace): unknown conversion");
  const std::string good = encode_protobuf(
      decode_json<Pod>(R"({"metadata":{"name":"p"},"spec":{"hostname":"h"}})").value());
  // Cut after the type the envelope is whole, and its object empty.
  constexpr std::size_t kAfterType = 15;
  for (std::size_t size = 5; size + 4 < good.size(); ++size) {
    EXPECT_EQ(decode_protobuf<Pod>(good.substr(0, size)).has_value(), size == kAfterType) << size;
  }

  ObjectMeta meta;
  const TypeInfo& type = type_of<ObjectMeta>();
  for (const auto message : {"\x0a\x05n"sv, "\x08\x01"sv, "\x0a\x01\xff"sv, "\x0b"sv, "\x02\x00"sv,
                             "\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv,
                             "\x42\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"sv}) {
    EXPECT_FALSE(decode_protobuf_message(type, &meta, message).has_value());
  }
}

TEST(Protobuf, BoundsTheMemoryOfManySmallElements) {
  std::string message;
  for (int i = 0; i < 500'000; ++i)
    message += "\x12\x00"sv;
  PodSpec spec;
  const auto decoded = decode_protobuf_message(type_of<PodSpec>(), &spec, message);
  ASSERT_FALSE(decoded.has_value());
  EXPECT_EQ(decoded.error().code(), ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace insula::api
