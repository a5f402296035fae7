#include "apiserver/documents.h"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/openapi_v2.h"
#include "apiserver/test_custom_resources.h"

namespace insula::apiserver {
namespace {

using ::testing::MatchesRegex;

constexpr const char* kAggregated =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

class DocumentsTest : public CustomResourcesTest {
 protected:
  http::Response read(const std::string& path,
                      const std::string& accept,
                      const std::string& known = {},
                      const char* method = "GET") {
    http::Request request = server.request(method, path);
    if (!accept.empty()) request.headers.set("Accept", accept);
    if (!known.empty()) request.headers.set("If-None-Match", known);
    return server.send(std::move(request));
  }

  static std::string etag(const http::Response& answer) {
    return std::string(answer.headers.get("ETag"));
  }
};

TEST_F(DocumentsTest, AreNotSentToThoseWhoHaveThem) {
  const std::pair<std::string, std::string> documents[] = {
      {"/openapi/v2", ""},
      {"/openapi/v2", std::string(api::kOpenApiV2ProtobufAccept)},
      {"/openapi/v3/apis/apps/v1", ""},
      {"/api", kAggregated},
      {"/apis", kAggregated}};
  for (const auto& [path, accept] : documents) {
    const auto first = read(path, accept);
    ASSERT_EQ(first.status, 200) << path;
    EXPECT_THAT(etag(first), MatchesRegex("\"[0-9A-F]{128}\"")) << path;
    EXPECT_TRUE(first.headers.has_token("Vary", "Accept") ||
                std::ranges::any_of(first.headers,
                                    [](const auto& header) {
                                      return header.name == "Vary" && header.value == "Accept";
                                    }))
        << path;
    const std::string name = etag(first);
    for (const std::string& known : {name, "W/" + name, "\"x\", " + name, std::string("*")}) {
      const auto second = read(path, accept, known);
      EXPECT_EQ(second.status, 304) << path << known;
      EXPECT_EQ(second.body, "") << path;
      EXPECT_EQ(etag(second), name) << path;
    }
    EXPECT_EQ(read(path, accept, "\"x\"").body, first.body) << path;
    EXPECT_EQ(read(path, accept, name, "HEAD").status, 304) << path;
  }
  EXPECT_EQ(read("/apis", kAggregated).headers.get("Cache-Control"), "public");
  EXPECT_EQ(read("/openapi/v2", "").headers.get("Cache-Control"), "no-cache, private");
}

TEST_F(DocumentsTest, HaveAnotherNameInAnotherFormAndAfterTheKindsHaveChanged) {
  const std::string json = etag(read("/openapi/v2", ""));
  EXPECT_NE(json, etag(read("/openapi/v2", std::string(api::kOpenApiV2ProtobufAccept))));
  const std::string groups = etag(read("/apis", kAggregated));
  EXPECT_NE(groups, etag(read("/api", kAggregated)));
  json::Value another = definition({version("v1", true, schema())});
  another["metadata"]["name"] = "gadgets.example.com";
  another["spec"]["names"] = json::Object{{"plural", "gadgets"}, {"kind", "Gadget"}};
  ASSERT_EQ(post(kDefinitions, json::write(another)).status, 201);
  EXPECT_EQ(read("/openapi/v2", "", json).status, 200);
  const auto changed = read("/apis", kAggregated, groups);
  EXPECT_EQ(changed.status, 200);
  EXPECT_TRUE(changed.body.contains("gadgets"));
}

TEST_F(DocumentsTest, ThatAreMadeForEachHaveNone) {
  for (const char* path : {"/apis", "/api", "/apis/apps", "/apis/apps/v1", "/openapi/v3", "/"})
    EXPECT_EQ(etag(read(path, "")), "") << path;
}

TEST_F(DocumentsTest, AreKeptForGoodByTheHashInTheirUrl) {
  const std::string path = "/openapi/v3/apis/example.com/v1";
  const auto index = server.parsed(server.send("GET", "/openapi/v3"));
  const std::string url(index["paths"]["apis/example.com/v1"]["serverRelativeURL"].text());
  const auto kept = read(url, "");
  EXPECT_EQ(kept.status, 200);
  EXPECT_EQ(kept.headers.get("Cache-Control"), "public, immutable");
  EXPECT_THAT(std::string(kept.headers.get("Expires")),
              MatchesRegex("[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT"));
  EXPECT_EQ(read(url, "", etag(kept)).status, 304);
  EXPECT_EQ(read(path, "").headers.get("Cache-Control"), "no-cache, private");

  const auto moved = read(path + "?hash=ABC", "");
  EXPECT_EQ(moved.status, 301);
  EXPECT_EQ(moved.headers.get("Location"), url);
  EXPECT_EQ(moved.headers.get("Cache-Control"), "no-cache, private");
  EXPECT_EQ(read("/openapi/v3/apis/nobody/v1?hash=ABC", "").status, 404);
}

}  // namespace
}  // namespace insula::apiserver
