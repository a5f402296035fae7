#include "apiserver/api_server.h"

#include <array>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/discovery.h"
#include "api/openapi_v2.h"
#include "apiserver/bootstrap_policy.h"
#include "apiserver/test_server.h"
#include "json/write.h"

namespace insula::apiserver {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kMaps = "/api/v1/namespaces/a/configmaps";

std::string config_map(std::string_view name, std::string_view value, std::string_view extra = "") {
  return fmt::format(
      R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{}"{}}},"data":{{"k":"{}"}}}})",
      name, extra, value);
}

class ApiServerTest : public ::testing::Test {
 protected:
  void SetUp() override { make_namespace("a"); }

  void make_namespace(const std::string& name) {
    const auto made =
        server.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":")" + name + R"("}})");
    ASSERT_EQ(made.status, 201) << made.body;
  }

 public:
  TestServer server;
};

TEST_F(ApiServerTest, CreatesAndReadsAnObject) {
  const auto created = server.send("POST", kMaps, config_map("m", "v"));
  ASSERT_EQ(created.status, 201) << created.body;
  const json::Value object = server.parsed(created);
  EXPECT_EQ(object["kind"].text(), "ConfigMap");
  EXPECT_EQ(object["metadata"]["namespace"].text(), "a");
  EXPECT_EQ(object["metadata"]["uid"].text().size(), 36U);
  EXPECT_NE(object["metadata"]["resourceVersion"].text(), "");
  EXPECT_THAT(std::string(object["metadata"]["creationTimestamp"].text()), StartsWith("20"));
  EXPECT_EQ(server.send("GET", std::string(kMaps) + "/m").body, created.body);
}

TEST_F(ApiServerTest, AnswersInKubernetesWordsWhenThereIsNothing) {
  const auto answer = server.send("GET", std::string(kMaps) + "/m");
  EXPECT_EQ(answer.status, 404);
  const json::Value status = server.parsed(answer);
  EXPECT_EQ(status["kind"].text(), "Status");
  EXPECT_EQ(status["reason"].text(), "NotFound");
  EXPECT_EQ(status["message"].text(), "configmaps \"m\" not found");
  EXPECT_EQ(status["details"]["kind"].text(), "configmaps");
  EXPECT_EQ(status["details"]["name"].text(), "m");
}

TEST_F(ApiServerTest, RefusesASecondObjectOfTheSameName) {
  server.send("POST", kMaps, config_map("m", "v"));
  const auto answer = server.send("POST", kMaps, config_map("m", "v"));
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(server.parsed(answer)["reason"].text(), "AlreadyExists");
  EXPECT_EQ(server.parsed(answer)["message"].text(), "configmaps \"m\" already exists");
}

TEST_F(ApiServerTest, NamesTheObjectThatCannotBeMade) {
  const auto refused = server.send("POST", "/api/v1/namespaces/a/pods",
                                   R"({"metadata":{"name":"p"},"spec":{"containers":[]}})");
  EXPECT_EQ(refused.status, 422);
  const auto status = server.parsed(refused);
  EXPECT_EQ(status["message"].text(), "Pod \"p\" is invalid: spec.containers: Required value");
  EXPECT_EQ(status["details"]["name"].text(), "p");
  EXPECT_EQ(status["details"]["kind"].text(), "Pod");
}

TEST_F(ApiServerTest, RefusesAnUpdateOfAnOldVersion) {
  const auto first = server.parsed(server.send("POST", kMaps, config_map("m", "1")));
  const std::string version(first["metadata"]["resourceVersion"].text());
  const std::string url = std::string(kMaps) + "/m";
  EXPECT_EQ(server.send("PUT", url, config_map("m", "2")).status, 200);
  const auto answer = server.send(
      "PUT", url, config_map("m", "3", fmt::format(R"(,"resourceVersion":"{}")", version)));
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(server.parsed(answer)["message"].text(),
            "Operation cannot be fulfilled on configmaps \"m\": the object has been modified; "
            "please apply your "
            "changes to the latest version and try again");
}

TEST_F(ApiServerTest, LeavesAnObjectAloneThatAnUpdateDoesNotChange) {
  server.send("POST", kMaps, config_map("m", "1"));
  const std::string url = std::string(kMaps) + "/m";
  const auto before = server.send("GET", url);
  EXPECT_EQ(server.send("PUT", url, config_map("m", "1")).body, before.body);
}

TEST_F(ApiServerTest, PatchesInThreeWays) {
  server.send("POST", kMaps, config_map("m", "1"));
  const std::string url = std::string(kMaps) + "/m";
  const auto merged =
      server.send("PATCH", url, R"({"data":{"x":"2"}})", "application/merge-patch+json");
  EXPECT_EQ(server.parsed(merged)["data"]["x"].text(), "2") << merged.body;
  const auto patched =
      server.send("PATCH", url, R"([{"op":"replace","path":"/data/k","value":"3"}])",
                  "application/json-patch+json");
  EXPECT_EQ(server.parsed(patched)["data"]["k"].text(), "3") << patched.body;
  const auto strategic =
      server.send("PATCH", url, R"({"data":{"x":null}})", "application/strategic-merge-patch+json");
  EXPECT_TRUE(server.parsed(strategic)["data"]["x"].is_null()) << strategic.body;
  EXPECT_EQ(server.send("PATCH", url, "{}", "text/plain").status, 415);
}

TEST_F(ApiServerTest, IndentsWhatPeopleRead) {
  server.send("POST", kMaps, config_map("m", "1"));
  const auto read = [&](std::string_view query, std::string_view agent) {
    auto request = server.request("GET", fmt::format("{}/m{}", kMaps, query));
    request.headers.set("User-Agent", std::string(agent));
    return server.send(request).body;
  };
  const std::string indented = read("?pretty=true", "kubectl/v1.36");
  EXPECT_THAT(indented, StartsWith("{\n  \""));
  EXPECT_EQ(read("", "curl/8.0"), indented);
  EXPECT_EQ(read("?pretty", "Wget/1.2"), indented);
  const std::string plain = read("", "kubectl/v1.36");
  EXPECT_THAT(plain, StartsWith("{\""));
  EXPECT_EQ(read("?pretty=0", "curl/8.0"), plain);
}

TEST_F(ApiServerTest, WarnsOfEndpoints) {
  for (const char* query : {"", "?watch=1&timeoutSeconds=-1"}) {
    const auto answer = server.send("GET", fmt::format("/api/v1/namespaces/a/endpoints{}", query));
    EXPECT_EQ(answer.headers.get("Warning"),
              "299 - \"v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 "
              "EndpointSlice\"");
  }
  EXPECT_EQ(server.send("GET", kMaps).headers.get("Warning"), "");
}

TEST_F(ApiServerTest, SaysWhichVersionsItIsCompatibleWith) {
  const json::Value version = server.parsed(server.send("GET", "/version"));
  EXPECT_EQ(version["emulationMinor"].text(), version["minor"].text());
  EXPECT_EQ(version["minCompatibilityMinor"].text(), "35");
}

TEST_F(ApiServerTest, SaysWhyAServiceCannotHaveAnAddress) {
  const auto message = [&](std::string_view ip) {
    const auto answer = server.send(
        "POST", "/api/v1/namespaces/a/services",
        fmt::format(
            R"({{"metadata":{{"name":"s"}},"spec":{{"clusterIP":"{}","ports":[{{"port":80}}]}}}})",
            ip));
    EXPECT_EQ(answer.status, 422);
    return std::string(server.parsed(answer)["message"].text());
  };
  EXPECT_EQ(message("1.2.3.4"),
            "Service \"s\" is invalid: spec.clusterIPs: Invalid value: [\"1.2.3.4\"]: failed to "
            "allocate IP 1.2.3.4: the provided network does not match the current range");
  EXPECT_EQ(message("x"),
            "Service \"s\" is invalid: spec.clusterIPs[0]: Invalid value: \"x\": must be a valid "
            "IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
}

TEST_F(ApiServerTest, ShowsScalesAsTables) {
  const auto made = server.send(
      "POST", "/apis/apps/v1/namespaces/a/deployments",
      R"({"metadata":{"name":"d"},"spec":{"replicas":3,"selector":{"matchLabels":{"a":"b"}},)"
      R"("template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c",)"
      R"("image":"i"}]}}}})");
  ASSERT_EQ(made.status, 201) << made.body;
  auto request = server.request("GET", "/apis/apps/v1/namespaces/a/deployments/d/scale");
  request.headers.set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
  const std::string table = server.send(request).body;
  for (const char* column : {"Name", "Desired", "Available", "Age"})
    EXPECT_THAT(table, HasSubstr(fmt::format(R"("name":"{}")", column)));
  EXPECT_THAT(table, HasSubstr(R"("cells":["d",3,0,)"));
}

TEST_F(ApiServerTest, SaysOfWhatIsInvalidTheKindAsWhichItIsStored) {
  const auto refused = server.send("POST", "/apis/events.k8s.io/v1/namespaces/a/events",
                                   R"({"metadata":{"name":"e"},"regarding":{"namespace":"a"}})");
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.body, HasSubstr(R"("details":{"name":"e","kind":"Event","causes")"));
  EXPECT_THAT(refused.body, HasSubstr(R"("field":"eventTime")"));
}

TEST_F(ApiServerTest, DeletesAndSaysWhat) {
  const auto made = server.parsed(server.send("POST", kMaps, config_map("m", "1")));
  const auto answer =
      server.send("DELETE", std::string(kMaps) + "/m", R"({"propagationPolicy":"Background"})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(server.parsed(answer)["status"].text(), "Success");
  EXPECT_EQ(server.parsed(answer)["details"]["uid"].text(), made["metadata"]["uid"].text());
  EXPECT_EQ(server.send("GET", std::string(kMaps) + "/m").status, 404);
}

TEST_F(ApiServerTest, HonoursPreconditionsOfADelete) {
  server.send("POST", kMaps, config_map("m", "1"));
  const auto answer =
      server.send("DELETE", std::string(kMaps) + "/m", R"({"preconditions":{"uid":"other"}})");
  EXPECT_EQ(answer.status, 409);
  const json::Value status = server.parsed(answer);
  EXPECT_THAT(status["message"].text(),
              AllOf(StartsWith("Operation cannot be fulfilled on ConfigMap \"m\": the UID in the "
                               "precondition (other) does not match the UID in record ("),
                    EndsWith("). The object might have been deleted and then recreated")));
  EXPECT_EQ(json::write(status["details"]), R"({"name":"m","kind":"ConfigMap"})");
  const auto older = server.send("DELETE", std::string(kMaps) + "/m?resourceVersion=1");
  EXPECT_THAT(server.parsed(older)["message"].text(),
              AllOf(HasSubstr("the ResourceVersion in the precondition (1) does not match the "
                              "ResourceVersion in record ("),
                    EndsWith("). The object might have been modified")));
  EXPECT_EQ(server.send("DELETE", std::string(kMaps) + "?uid=other").status, 409);
  EXPECT_EQ(server.send("GET", std::string(kMaps) + "/m").status, 200);
}

TEST_F(ApiServerTest, SaysThatANamespaceIsMissing) {
  const std::string url = "/api/v1/namespaces/none/configmaps";
  auto apply = server.request("PATCH", url + "/m?fieldManager=x",
                              R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"}})",
                              "application/apply-patch+yaml");
  for (const auto& answer :
       {server.send("POST", url, R"({"metadata":{"name":"m"}})"), server.send(std::move(apply))}) {
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(json::write(server.parsed(answer)["details"]),
              R"({"name":"none","kind":"namespaces"})");
  }
}

TEST_F(ApiServerTest, PathsThatLeadNowhereAreToldApart) {
  for (const char* path : {"/nope", "/apis/nope", "/apis/nope/v1", "/apis/nope/v1/foos",
                           "/apis/nope/v1/namespaces/a/foos/x", "/openapi"}) {
    for (const char* method : {"GET", "POST", "DELETE"}) {
      const auto answer = server.send(method, path);
      EXPECT_EQ(answer.status, 404) << method << path;
      EXPECT_EQ(answer.headers.get("Content-Type"), "text/plain; charset=utf-8") << path;
      EXPECT_EQ(answer.body, "404 page not found\n") << path;
    }
  }
  for (const char* path : {"/api/v2", "/api/v2/pods", "/apis/apps/v9", "/apis/apps/v1/foos",
                           "/api/v1/namespaces/a/nope/x", "/api/v1/namespaces/a/pods/x/nope",
                           "/api/v1/configmaps/m", "/api/v1/namespaces/a/nodes"}) {
    for (const char* method : {"GET", "POST", "DELETE"}) {
      const auto answer = server.send(method, path);
      EXPECT_EQ(answer.status, 404) << method << path;
      EXPECT_EQ(json::write(server.parsed(answer)["details"]), "{}") << method << path;
    }
  }
}

TEST_F(ApiServerTest, MethodsThatAPathDoesNotTakeAreRefused) {
  server.send("POST", kMaps, config_map("m", "1"));
  const std::string url = std::string(kMaps) + "/m";
  const std::pair<const char*, std::string> cases[] = {
      {"POST", url},       {"OPTIONS", url}, {"PUT", kMaps}, {"POST", "/api/v1/configmaps"},
      {"POST", "/api/v1"}, {"HEAD", url},    {"HEAD", kMaps}};
  for (const auto& [method, path] : cases) {
    const auto answer = server.send(method, path);
    EXPECT_EQ(answer.status, 405) << method << path;
    if (method == std::string_view("HEAD")) continue;
    EXPECT_EQ(json::write(server.parsed(answer)["details"]), "{}") << method << path;
  }
  EXPECT_EQ(server.send("HEAD", "/livez").status, 200);
}

TEST_F(ApiServerTest, KeepsAnObjectWithFinalizersUntilTheyAreGone) {
  server.send("POST", kMaps, config_map("m", "1", R"(,"finalizers":["example.com/x"])"));
  const std::string url = std::string(kMaps) + "/m";
  EXPECT_EQ(server.send("DELETE", url).status, 200);
  const auto held = server.parsed(server.send("GET", url));
  EXPECT_NE(held["metadata"]["deletionTimestamp"].text(), "");
  const auto freed = server.send("PATCH", url, R"({"metadata":{"finalizers":null}})",
                                 "application/merge-patch+json");
  EXPECT_EQ(freed.status, 200) << freed.body;
  EXPECT_EQ(server.send("GET", url).status, 404);
}

TEST_F(ApiServerTest, ListsInPagesOfOneState) {
  for (const char* name : {"c", "a", "b"})
    server.send("POST", kMaps, config_map(name, "1"));
  const auto first = server.parsed(server.send("GET", std::string(kMaps) + "?limit=2"));
  EXPECT_EQ(first["kind"].text(), "ConfigMapList");
  ASSERT_EQ(first["items"].as_array()->size(), 2U);
  EXPECT_EQ(first["metadata"]["remainingItemCount"].as_int64(), 1);
  server.send("POST", kMaps, config_map("d", "1"));
  const auto rest =
      server.parsed(server.send("GET", std::string(kMaps) + "?limit=2&continue=" +
                                           std::string(first["metadata"]["continue"].text())));
  ASSERT_EQ(rest["items"].as_array()->size(), 1U);
  EXPECT_EQ((*rest["items"].as_array())[0]["metadata"]["name"].text(), "c");
  EXPECT_EQ(rest["metadata"]["resourceVersion"].text(),
            first["metadata"]["resourceVersion"].text());
}

TEST_F(ApiServerTest, OffersToGoOnInTheNewestStateWhenTheOldOneIsGone) {
  for (const char* name : {"a", "b", "c"})
    server.send("POST", kMaps, config_map(name, "1"));
  // A store that was restarted with nothing left of its history.
  server.disk->floor = 1'000'000;
  server.disk->reserved = 1'000'000;
  auto later = *store::Store::open(std::make_unique<store::MemoryJournal>(server.disk), {});
  Registry registry(*later, server.loop.clock(), server.random);
  MetricsRegistry metrics;
  ApiServerOptions options;
  options.plain_user = system_user();
  ApiServer api(registry, metrics, Log(), std::move(options));
  http::Server restarted(api, http::ServerOptions{});
  auto listener = *net::Listener::bind(server.loop, *net::Address::parse("127.0.0.1:0"));
  server.origin = *http::Origin::parse("http://" + listener->address().text());
  restarted.serve(std::move(listener));

  const auto expired =
      server.send("GET", std::string(kMaps) + "?limit=1&continue=5:configmaps/a/a");
  ASSERT_EQ(expired.status, 410) << expired.body;
  const json::Value status = server.parsed(expired);
  EXPECT_EQ(status["reason"].text(), "Expired");
  EXPECT_THAT(std::string(status["message"].text()), HasSubstr("results in an inconsistent list"));
  const auto rest = server.parsed(server.send(
      "GET",
      std::string(kMaps) + "?continue=" + std::string(status["metadata"]["continue"].text())));
  ASSERT_EQ(rest["items"].as_array()->size(), 2U);
  EXPECT_EQ((*rest["items"].as_array())[0]["metadata"]["name"].text(), "b");
}

TEST_F(ApiServerTest, WritesTablesInTheVersionAskedFor) {
  server.send("POST", kMaps, config_map("m", "1"));
  for (const std::string version : {"v1", "v1beta1"}) {
    for (const std::string form : {"Table", "PartialObjectMetadataList"}) {
      auto request = server.request("GET", kMaps);
      request.headers.set("Accept",
                          fmt::format("application/json;as={};g=meta.k8s.io;v={}", form, version));
      const json::Value answer = server.parsed(server.send(std::move(request)));
      EXPECT_EQ(answer["kind"].text(), form);
      EXPECT_EQ(answer["apiVersion"].text(), "meta.k8s.io/" + version);
    }
  }
}

TEST_F(ApiServerTest, SelectsByLabelAndField) {
  server.send("POST", kMaps, config_map("x", "1", R"(,"labels":{"app":"web"})"));
  server.send("POST", kMaps, config_map("y", "1", R"(,"labels":{"app":"db"})"));
  const auto by_label =
      server.parsed(server.send("GET", std::string(kMaps) + "?labelSelector=app%3Dweb"));
  ASSERT_EQ(by_label["items"].as_array()->size(), 1U);
  const auto by_field =
      server.parsed(server.send("GET", std::string(kMaps) + "?fieldSelector=metadata.name%3Dy"));
  ASSERT_EQ(by_field["items"].as_array()->size(), 1U);
  const auto unknown = server.send("GET", std::string(kMaps) + "?fieldSelector=spec.x%3Dy");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(
      server.parsed(unknown)["message"].text(),
      R"("spec.x" is not a known field selector: only "metadata.name", "metadata.namespace")");
  EXPECT_THAT(server.send("GET", "/api/v1/pods?fieldSelector=spec.x%3Dy").body,
              HasSubstr("field label not supported: spec.x"));
}

TEST_F(ApiServerTest, RunsADryRunWithoutATrace) {
  const auto answer = server.send("POST", std::string(kMaps) + "?dryRun=All", config_map("m", "1"));
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(server.send("GET", std::string(kMaps) + "/m").status, 404);
  // It can be sent again as it came.
  EXPECT_TRUE(server.parsed(answer)["metadata"]["resourceVersion"].is_null());
  EXPECT_EQ(server.send("POST", kMaps, answer.body).status, 201);
}

TEST_F(ApiServerTest, ADryRunOfAChangeHasTheVersionThatIsThere) {
  const auto made = server.parsed(server.send("POST", kMaps, config_map("m", "1")));
  const std::string url = std::string(kMaps) + "/m";
  const auto tried = server.send("PUT", url + "?dryRun=All", config_map("m", "2"));
  EXPECT_EQ(server.parsed(tried)["metadata"]["resourceVersion"].text(),
            made["metadata"]["resourceVersion"].text());
  EXPECT_EQ(server.send("PUT", url, tried.body).status, 200);
}

TEST_F(ApiServerTest, MakesNamesFromGenerateName) {
  const auto made =
      server.parsed(server.send("POST", kMaps, R"({"metadata":{"generateName":"web-"}})"));
  EXPECT_THAT(std::string(made["metadata"]["name"].text()),
              ::testing::MatchesRegex("web-[a-z0-9]{5}"));
}

TEST_F(ApiServerTest, RefusesUnknownFieldsWhenStrict) {
  const std::string body = R"({"metadata":{"name":"m"},"data":{},"bogus":1})";
  const auto strict = server.send("POST", std::string(kMaps) + "?fieldValidation=Strict", body);
  EXPECT_EQ(strict.status, 400);
  EXPECT_THAT(strict.body, HasSubstr(R"(strict decoding error: unknown field \"bogus\")"));
  const auto warned = server.send("POST", kMaps, body);
  EXPECT_EQ(warned.status, 201);
  EXPECT_EQ(warned.headers.get("Warning"), R"(299 - "unknown field \"bogus\"")");
}

TEST_F(ApiServerTest, RefusesNewContentInANamespaceThatIsGoneOrGoing) {
  const auto missing =
      server.send("POST", "/api/v1/namespaces/nowhere/configmaps", config_map("m", "1"));
  EXPECT_EQ(missing.status, 404);
  EXPECT_THAT(missing.body, HasSubstr(R"(namespaces \"nowhere\" not found)"));
  EXPECT_EQ(server.send("DELETE", "/api/v1/namespaces/a").status, 200);
  const auto going = server.send("POST", kMaps, config_map("m", "1"));
  EXPECT_EQ(going.status, 403);
  EXPECT_THAT(
      going.body,
      HasSubstr("unable to create new content in namespace a because it is being terminated"));
  EXPECT_THAT(going.body, HasSubstr("NamespaceTerminating"));
  const auto finalized =
      server.send("PUT", "/api/v1/namespaces/a/finalize", R"({"metadata":{"name":"a"},"spec":{}})");
  EXPECT_EQ(finalized.status, 200) << finalized.body;
  EXPECT_EQ(server.send("GET", "/api/v1/namespaces/a").status, 404);
}

TEST_F(ApiServerTest, KeepsTheNamespacesThatEveryClusterNeeds) {
  make_namespace("default");
  const auto answer = server.send("DELETE", "/api/v1/namespaces/default");
  EXPECT_EQ(answer.status, 403);
  EXPECT_THAT(
      answer.body,
      HasSubstr(R"(namespaces \"default\" is forbidden: this namespace may not be deleted)"));
}

TEST_F(ApiServerTest, SaysInReadyzAndMetricsThatItIsReadOnly) {
  EXPECT_THAT(server.send("GET", "/metrics").body,
              HasSubstr("apiserver_storage_objects{resource=\"namespaces\"} 1"));
  server.disk->failure =
      Error(ErrorCode::kInsufficientStorage, "write to state.db: the disk is full");
  const auto refused = server.send("POST", kMaps, config_map("m", "1"));
  EXPECT_EQ(refused.status, 507);
  EXPECT_THAT(refused.body, HasSubstr("the disk is full"));
  EXPECT_EQ(server.send("GET", "/readyz").status, 500);
  EXPECT_THAT(server.send("GET", "/readyz?exclude=controllers").body,
              HasSubstr("[-]storage failed: the store is read-only: write to state.db: the "
                        "disk is full"));
  EXPECT_THAT(server.send("GET", "/metrics").body, HasSubstr("insula_store_read_only 1"));
  EXPECT_EQ(server.send("GET", kMaps).status, 200);
}

TEST_F(ApiServerTest, AnswersTablesAndPartialMetadata) {
  server.send("POST", kMaps, config_map("m", "1"));
  auto request = server.request("GET", kMaps);
  request.headers.set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
  const auto table = server.parsed(server.send(request));
  EXPECT_EQ(table["kind"].text(), "Table");
  EXPECT_EQ((*table["columnDefinitions"].as_array())[0]["name"].text(), "Name");
  const json::Value& row = (*table["rows"].as_array())[0];
  EXPECT_EQ((*row["cells"].as_array())[0].text(), "m");
  EXPECT_EQ(row["object"]["kind"].text(), "PartialObjectMetadata");
  request.headers.set("Accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io");
  EXPECT_EQ(server.parsed(server.send(request))["kind"].text(), "PartialObjectMetadataList");
  request.headers.set("Accept", "application/xml");
  EXPECT_EQ(server.send(request).status, 406);
}

TEST_F(ApiServerTest, WritesLeasesToTheDiskExceptThoseOfNodes) {
  server.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"kube-node-lease"}})");
  const int before = server.disk->commits;
  const auto lease = [this](const std::string& name_space) {
    return server
        .send("POST", "/apis/coordination.k8s.io/v1/namespaces/" + name_space + "/leases",
              R"({"metadata":{"name":"l"},"spec":{}})")
        .status;
  };
  EXPECT_EQ(lease("kube-node-lease"), 201);
  EXPECT_EQ(server.disk->commits, before);
  EXPECT_EQ(lease("a"), 201);
  EXPECT_EQ(server.disk->commits, before + 1);
}

TEST_F(ApiServerTest, DeletesNamespacesOneByOneOnly) {
  EXPECT_EQ(server.send("DELETE", "/api/v1/namespaces").status, 405);
  EXPECT_EQ(server.send("GET", "/api/v1/namespaces/a").status, 200);
}

TEST_F(ApiServerTest, LimitsTheBody) {
  const auto answer = server.send("POST", kMaps, config_map("m", std::string(kBodyBytesMax, 'x')));
  EXPECT_EQ(answer.status, 413);
}

TEST_F(ApiServerTest, ServesOpenApiV2InBothForms) {
  const auto json = server.send("GET", "/openapi/v2");
  EXPECT_EQ(json.headers.get("content-type"), "application/json");
  EXPECT_THAT(json.body, HasSubstr(R"("swagger":"2.0")"));
  http::Request request = server.request("GET", "/openapi/v2", "", "");
  request.headers.add("Accept", api::kOpenApiV2ProtobufAccept);
  const auto protobuf = server.send(std::move(request));
  EXPECT_EQ(protobuf.headers.get("content-type"), api::kOpenApiV2Protobuf);
  // Field 1, three bytes: the version.
  EXPECT_TRUE(protobuf.body.starts_with("\x0a\x03\x32.0")) << protobuf.body;
}

TEST_F(ApiServerTest, ServesDiscoveryVersionAndHealth) {
  EXPECT_THAT(server.send("GET", "/version").body, HasSubstr(R"("gitVersion": "v1.36)"));
  EXPECT_EQ(server.send("GET", "/readyz").body, "ok");
  EXPECT_THAT(server.send("GET", "/readyz?verbose").body, HasSubstr("[+]storage ok\n"));
  EXPECT_EQ(server.send("GET", "/livez/ping").body, "ok");
  EXPECT_EQ(server.send("GET", "/livez/anything").status, 404);
  EXPECT_THAT(server.send("GET", "/api/v1").body, HasSubstr(R"("name":"configmaps")"));
  EXPECT_THAT(server.send("GET", "/apis/apps/v1").body, HasSubstr(R"("name":"deployments/scale")"));
  auto request = server.request("GET", "/apis");
  request.headers.set(
      "Accept",
      "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json");
  const auto answer = server.send(request);
  EXPECT_EQ(answer.headers.get("Content-Type"), api::kAggregatedDiscoveryType);
  EXPECT_THAT(answer.body, HasSubstr(R"("resource":"tenants")"));
  EXPECT_EQ(server.send("GET", "/nothing").status, 404);
  EXPECT_THAT(server.send("GET", "/metrics").body, HasSubstr("apiserver_request_total"));
}

TEST(ApiServer, KnowsNobodyWithoutACertificate) {
  TestServer server{ApiServerOptions{}};
  EXPECT_EQ(server.send("GET", "/readyz").status, 200);
  const auto answer = server.send("GET", "/api/v1/namespaces");
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(server.parsed(answer)["message"].text(), "Unauthorized");
}

TEST(ApiServer, RefusesStrangersInKubernetesWords) {
  TestServer server{User{"eve", {"system:authenticated"}}};
  ASSERT_TRUE(server.run(reconcile_policy(*server.registry)));
  const auto answer = server.send("GET", "/api/v1/namespaces/y/pods");
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(server.parsed(answer)["message"].text(),
            "pods is forbidden: User \"eve\" cannot list resource \"pods\" in API group \"\" in "
            "the namespace \"y\"");
  EXPECT_EQ(server.send("GET", "/metrics").status, 403);
  EXPECT_EQ(server.send("GET", "/apis").status, 200);
}

TEST(Deletion, LeavesTheDependentsOfTheOldestKindsUnlessItSaysOtherwise) {
  TestServer server;
  ASSERT_EQ(server.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})").status, 201);
  const std::string all = "/api/v1/namespaces/a/replicationcontrollers";
  const auto finalizers_after = [&](const std::string& options) {
    server.send("POST", all,
                R"({"metadata":{"generateName":"r"},"spec":{"selector":{"app":"a"},"template":)"
                R"({"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"c",)"
                R"("image":"i"}]}}}})");
    const json::Value items = TestServer::parsed(server.send("GET", all))["items"];
    const json::Value& last = items.as_array()->back();
    const std::string one = all + "/" + std::string(last["metadata"]["name"].text());
    return json::write(
        TestServer::parsed(server.send("DELETE", one, options))["metadata"]["finalizers"]);
  };
  EXPECT_EQ(finalizers_after(""), R"(["orphan"])");
  EXPECT_EQ(finalizers_after(R"({"propagationPolicy":"Foreground"})"), R"(["foregroundDeletion"])");
  EXPECT_EQ(finalizers_after(R"({"propagationPolicy":"Background"})"), "null");
}

TEST(ApiServer, WhoIsInNoNamespaceIsInNoneWhateverIsSaid) {
  TestServer server;
  const std::string url = "/api/v1/nodes";
  const std::string body = R"({"metadata":{"name":"n","namespace":"x"}})";
  const auto made = server.send("POST", url, body);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_TRUE(server.parsed(made)["metadata"]["namespace"].is_null());
  const auto changed = server.send("PUT", url + "/n", body);
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_TRUE(server.parsed(changed)["metadata"]["namespace"].is_null());
  EXPECT_EQ(server
                .send("PATCH", url + "/n", R"({"metadata":{"namespace":"y"}})",
                      "application/merge-patch+json")
                .status,
            200);
}

}  // namespace
}  // namespace insula::apiserver
