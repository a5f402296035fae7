#include "apiserver/refusals.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_custom_resources.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kMaps = "/api/v1/namespaces/a/configmaps";
constexpr const char* kMap = "/api/v1/namespaces/a/configmaps/x";
constexpr const char* kDeployment = "/apis/apps/v1/namespaces/a/deployments/d";
constexpr const char* kLeases = "/apis/coordination.k8s.io/v1/namespaces/";

class RefusalsTest : public CustomResourcesTest {
 protected:
  void SetUp() override {
    CustomResourcesTest::SetUp();
    post(kMaps, R"({"metadata":{"name":"x"},"data":{"k":"1"}})");
    post("/apis/apps/v1/namespaces/a/deployments",
         R"({"metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":)"
         R"({"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})");
  }

  /// `409 Conflict: <message>`, and what its details are about.
  static std::string told(const http::Response& answer) {
    const json::Value status = TestServer::parsed(answer);
    json::Value details = status["details"];
    if (json::Object* members = details.as_object()) members->erase("causes");
    return fmt::format("{} {}: {} {}", answer.status, status["reason"].text(),
                       status["message"].text(), json::write(details));
  }

  std::string refused(const std::string& method, const std::string& path, std::string body) {
    const bool patch = method == "PATCH";
    return told(server.send(method, path, std::move(body),
                            patch ? "application/merge-patch+json" : "application/json"));
  }

  std::string applied(const std::string& path, std::string configuration) {
    return told(server.send("PATCH", path + "?fieldManager=t", std::move(configuration),
                            "application/apply-patch+yaml"));
  }

  std::string accepting(const std::string& path, const std::string& types) {
    http::Request request = server.request("GET", path);
    request.headers.set("Accept", types);
    const http::Response answer = server.send(std::move(request));
    return answer.status == 200 ? "200" : told(answer);
  }
};

TEST_F(RefusalsTest, ScalesAreOfTheObjectOfTheUrl) {
  const std::string scale = std::string(kDeployment) + "/scale";
  const std::string other =
      "400 BadRequest: the name of the object (e) does not match the name on the URL (d) null";
  EXPECT_EQ(refused("PUT", scale, R"({"metadata":{"name":"e"},"spec":{"replicas":1}})"), other);
  EXPECT_EQ(refused("PATCH", scale, R"({"metadata":{"name":"e"}})"), other);
  EXPECT_EQ(refused("PUT", scale, R"({"spec":{"replicas":1}})"),
            "400 BadRequest: the name of the object (d based on URL) was undeterminable: name must "
            "be provided null");
  EXPECT_THAT(refused("PUT", scale, R"({"metadata":{"name":"d","namespace":"b"}})"),
              StartsWith("400 BadRequest: the namespace of the provided object does not match"));
  EXPECT_THAT(
      refused("PATCH", scale, R"({"metadata":{"uid":"zz"}})"),
      ::testing::AllOf(StartsWith(R"(409 Conflict: Operation cannot be fulfilled on )"
                                  R"(deployments/scale.apps "d": Precondition failed: UID)"),
                       HasSubstr(R"({"name":"d","group":"apps","kind":"deployments/scale"})")));
  EXPECT_THAT(refused("PUT", scale, R"({"metadata":{"name":"d","uid":"zz"}})"),
              StartsWith(R"(409 Conflict: Operation cannot be fulfilled on deployments.apps "d": )"
                         R"(Precondition failed: UID in precondition: zz, )"));
  EXPECT_EQ(server.send("PUT", scale, R"({"metadata":{"name":"d"},"spec":{"replicas":3}})").status,
            200);
}

TEST_F(RefusalsTest, AUidIsKeptByPatchesAndAskedForByUpdates) {
  const std::string immutable =
      R"(422 Invalid: ConfigMap "x" is invalid: metadata.uid: Invalid value: "zz": field is )"
      R"(immutable {"name":"x","kind":"ConfigMap"})";
  EXPECT_EQ(refused("PATCH", kMap, R"({"metadata":{"uid":"zz"}})"), immutable);
  EXPECT_EQ(applied(kMap, R"({apiVersion: v1, kind: ConfigMap, metadata: {name: x, uid: zz}})"),
            immutable);
  EXPECT_THAT(refused("PUT", kMap, R"({"metadata":{"name":"x","uid":"zz"}})"),
              ::testing::AllOf(StartsWith("409 Conflict: Operation cannot be fulfilled on "
                                          "configmaps \"x\": Precondition failed: UID in"),
                               HasSubstr(R"({"name":"x","kind":"configmaps"})")));
  EXPECT_THAT(refused("PATCH", kMap, R"({"metadata":{"uid":null}})"), StartsWith("200 "));
  EXPECT_THAT(
      applied(std::string(kMaps) + "/none",
              "{apiVersion: v1, kind: ConfigMap, metadata: {name: none, uid: zz}}"),
      StartsWith(R"(409 Conflict: Operation cannot be fulfilled on configmaps "none": uid mis)"));
}

TEST_F(RefusalsTest, AnUpdateMakesObjectsOfSomeKinds) {
  const std::string leases = std::string(kLeases) + "a/leases/";
  const auto made = server.send("PUT", leases + "l", R"({"metadata":{"name":"l"}})");
  EXPECT_EQ(made.status, 201);
  EXPECT_NE(server.parsed(made)["metadata"]["uid"].text(), "");
  EXPECT_EQ(refused("PUT", leases + "l", R"({"metadata":{"name":"l"}})"),
            R"(422 Invalid: leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: )"
            R"(Invalid value: 0: must be specified for an update )"
            R"({"name":"l","group":"coordination.k8s.io","kind":"leases"})");
  EXPECT_EQ(
      server.send("PUT", leases + "m", R"({"metadata":{"name":"m","resourceVersion":"7"}})").status,
      201);
  EXPECT_THAT(refused("PUT", leases + "n", R"({"metadata":{"name":"n","uid":"zz"}})"),
              StartsWith("409 Conflict: "));
  EXPECT_THAT(refused("PUT", leases + "n", R"({"metadata":{"name":"m"}})"),
              StartsWith("400 BadRequest: the name of the object (m) does not match"));
  EXPECT_EQ(refused("PUT", std::string(kLeases) + "none/leases/n", R"({"metadata":{"name":"n"}})"),
            R"(404 NotFound: namespaces "none" not found {"name":"none","kind":"namespaces"})");
  EXPECT_EQ(refused("PUT", std::string(kMaps) + "/n", R"({"metadata":{"name":"n"}})"),
            R"(404 NotFound: configmaps "n" not found {"name":"n","kind":"configmaps"})");
}

TEST_F(RefusalsTest, AnUpdateMakesNothingForWhoMayNotCreate) {
  server.allow(
      "ann", "a",
      R"({"apiGroups":["coordination.k8s.io"],"resources":["leases"],"verbs":["update"]})");
  http::Request request =
      server.request("PUT", std::string(kLeases) + "a/leases/l", R"({"metadata":{"name":"l"}})");
  request.headers.set("Impersonate-User", "ann");
  EXPECT_THAT(
      told(server.send(std::move(request))),
      StartsWith(R"(403 Forbidden: leases.coordination.k8s.io "l" is forbidden: User "ann" )"
                 R"(cannot create resource "leases" in API group )"));
}

TEST_F(RefusalsTest, FailedPreconditionsNameTheObject) {
  const std::string failed =
      R"(409 Conflict: Operation cannot be fulfilled on ConfigMap "x": the UID in the precondition)";
  const char* options = R"({"preconditions":{"uid":"zz"}})";
  EXPECT_THAT(
      refused("DELETE", kMap, options),
      ::testing::AllOf(StartsWith(failed), HasSubstr(R"({"name":"x","kind":"ConfigMap"})")));
  EXPECT_THAT(
      refused("DELETE", kMaps, options),
      ::testing::AllOf(StartsWith(failed), HasSubstr(R"({"name":"x","kind":"ConfigMap"})")));
  EXPECT_THAT(refused("DELETE", kDeployment, options),
              HasSubstr(R"({"name":"d","group":"apps","kind":"Deployment"})"));
}

TEST_F(RefusalsTest, FieldsThatCannotBeSelectedBy) {
  const auto by = [&](const std::string& path, const std::string& field) {
    return refused("GET", fmt::format("{}?fieldSelector={}%3Dx", path, field), "");
  };
  EXPECT_EQ(by("/apis/batch/v1/jobs", "foo"),
            R"(400 BadRequest: field label "foo" not supported for Job null)");
  EXPECT_EQ(by("/api/v1/pods", "foo"), "400 BadRequest: field label not supported: foo null");
  for (const char* volumes : {"persistentvolumes", "persistentvolumeclaims"})
    EXPECT_EQ(by(std::string("/api/v1/") + volumes, "name"),
              R"(400 BadRequest: "name" is not a known field selector: only "metadata.name", )"
              R"("metadata.namespace" null)");
}

TEST_F(RefusalsTest, MetadataOfAListIsNoMetadataOfAnObject) {
  const auto as = [](const char* form) {
    return fmt::format("application/json;as={};v=v1;g=meta.k8s.io", form);
  };
  const std::string one = as("PartialObjectMetadata");
  const std::string list = as("PartialObjectMetadataList");
  EXPECT_EQ(accepting(kMap, one), "200");
  EXPECT_EQ(accepting(kMaps, list), "200");
  EXPECT_EQ(accepting(kMaps, one),
            "406 NotAcceptable: you requested PartialObjectMetadata, but the requested object is a "
            "list (*core.ConfigMapList) null");
  EXPECT_EQ(accepting(kMap, list),
            "406 NotAcceptable: you requested PartialObjectMetadataList, but the requested object "
            "is not a list (*core.ConfigMap) null");
  EXPECT_EQ(accepting(kWidgets, one),
            "406 NotAcceptable: you requested PartialObjectMetadata, but the requested object is a "
            "list (*unstructured.UnstructuredList) null");
  EXPECT_THAT(accepting(std::string(kMaps) + "/none", list), StartsWith("404 "));
}

TEST_F(RefusalsTest, DocumentsAreGivenInJson) {
  EXPECT_EQ(accepting("/version", "text/html"),
            "406 NotAcceptable: 406: Not Acceptable\n\nAvailable representations: application/json "
            "{}");
  const std::string groups =
      "406 NotAcceptable: only the following media types are accepted: application/json, "
      "application/yaml, application/vnd.kubernetes.protobuf null";
  const std::string resources =
      "406 NotAcceptable: 406: Not Acceptable\n\nAvailable representations: application/json, "
      "application/yaml, application/vnd.kubernetes.protobuf {}";
  for (const char* path : {"/apis", "/apis/apps", "/apis/example.com", "/apis/example.com/v1"})
    EXPECT_EQ(accepting(path, "text/html"), groups) << path;
  for (const char* path : {"/api", "/api/v1", "/apis/apps/v1"})
    EXPECT_EQ(accepting(path, "text/html"), resources) << path;
  for (const char* path : {"/version", "/apis", "/api/v1", "/apis/example.com/v1"}) {
    for (const char* types : {"text/html, */*", "application/json;as=Foo;g=x;v=y", "*/*"})
      EXPECT_EQ(accepting(path, types), "200") << path;
  }
}

TEST_F(RefusalsTest, NothingIsWhereNoCheckIs) {
  EXPECT_EQ(server.send("POST", "/readyz/nope", "{}").status, 404);
  EXPECT_EQ(server.send("POST", "/readyz/ping", "{}").status, 405);
}

TEST_F(RefusalsTest, BodiesThatCannotBeRead) {
  EXPECT_EQ(
      refused("POST", kMaps, R"({"apiVersion":"v1","kind":"Secret"})"),
      R"(400 BadRequest: Secret in version "v1" cannot be handled as a ConfigMap: converting )"
      R"((v1.Secret) to (core.ConfigMap): unknown conversion null)");
  const auto sent = [&](std::string body, const char* type) {
    return told(server.send("POST", kMaps, std::move(body), type));
  };
  EXPECT_THAT(sent("a: [", "application/yaml"),
              ::testing::AllOf(StartsWith("400 BadRequest: the object provided is unrecognized "
                                          "(must be of type ConfigMap): yaml: "),
                               HasSubstr("(613a205b) null")));
  EXPECT_EQ(sent("{}", "application/vnd.kubernetes.protobuf"),
            "400 BadRequest: the object provided is unrecognized (must be of type ConfigMap): "
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 "
            "0] ({}) null");
  EXPECT_EQ(
      sent(std::string("k8s\0\x0a\x0c\x0a\x02v1\x12\x06Secret", 18),
           "application/vnd.kubernetes.protobuf"),
      R"(400 BadRequest: Secret in version "v1" cannot be handled as a ConfigMap: converting )"
      R"((v1.Secret) to (core.ConfigMap): unknown conversion null)");
  EXPECT_EQ(applied(kMap, "{apiVersion: v1, kind: Secret}"),
            "400 BadRequest: invalid object type: /v1, Kind=Secret null");
  EXPECT_EQ(applied(kMap, "{apiVersion: apps/v1, kind: ConfigMap}"),
            "400 BadRequest: invalid object type: apps/v1, Kind=ConfigMap null");
  EXPECT_EQ(applied(kMap, "[]"),
            "400 BadRequest: error decoding YAML: error unmarshaling JSON: while decoding JSON: "
            "json: cannot unmarshal array into Go value of type map[string]interface {} null");
  EXPECT_THAT(refused("PATCH", kMap, "{"),
              StartsWith("400 BadRequest: error decoding patch: unexpected end of JSON input"));
}

}  // namespace
}  // namespace insula::apiserver
