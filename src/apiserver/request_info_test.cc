#include "apiserver/request_info.h"

#include <utility>

#include <gtest/gtest.h>

namespace insula::apiserver {
namespace {

struct Case {
  const char* method;
  const char* target;
  const char* verb;
  const char* group;
  const char* name_space;
  const char* resource;
  const char* name;
  const char* subresource;
};

TEST(RequestInfo, ReadsResourcePaths) {
  const Case cases[] = {
      {"GET", "/api/v1/namespaces", "list", "", "", "namespaces", "", ""},
      {"GET", "/api/v1/namespaces/a", "get", "", "a", "namespaces", "a", ""},
      {"PUT", "/api/v1/namespaces/a/finalize", "update", "", "a", "namespaces", "a", "finalize"},
      {"GET", "/api/v1/namespaces/a/pods?watch=true", "watch", "", "a", "pods", "", ""},
      {"GET", "/api/v1/namespaces/a/pods?watch=false", "list", "", "a", "pods", "", ""},
      {"POST", "/api/v1/namespaces/a/pods/x/binding", "create", "", "a", "pods", "x", "binding"},
      {"DELETE", "/api/v1/namespaces/a/pods", "deletecollection", "", "a", "pods", "", ""},
      {"DELETE", "/apis/apps/v1/namespaces/a/deployments/web", "delete", "apps", "a", "deployments",
       "web", ""},
      {"PATCH", "/apis/apps/v1/namespaces/a/deployments/web/scale", "patch", "apps", "a",
       "deployments", "web", "scale"},
      {"GET", "/apis/insula.dev/v1alpha1/tenants/", "list", "insula.dev", "", "tenants", "", ""},
      {"GET", "/api/v1/namespaces/a/pods/https:x:web/proxy/a/b?watch=1", "get", "", "a", "pods",
       "https:x:web", "proxy"},
      {"HEAD", "/api/v1/namespaces/a/services/x/proxy", "get", "", "a", "services", "x", "proxy"},
      {"DELETE", "/api/v1/namespaces/a/pods/x/proxy/", "delete", "", "a", "pods", "x", "proxy"},
      {"OPTIONS", "/api/v1/namespaces/a/pods/x/proxy/a", "", "", "a", "pods", "x", "proxy"},
      {"GET", "/api/v1/watch/pods", "watch", "", "", "pods", "", ""},
      {"GET", "/api/v1/watch/namespaces", "watch", "", "", "namespaces", "", ""},
      {"GET", "/api/v1/watch/namespaces/a", "watch", "", "a", "namespaces", "a", ""},
      {"POST", "/api/v1/watch/namespaces/a/pods", "watch", "", "a", "pods", "", ""},
      {"DELETE", "/apis/apps/v1/watch/namespaces/a/deployments/web", "watch", "apps", "a",
       "deployments", "web", ""},
      {"GET", "/api/v1/watch/namespaces/a/pods/x/log?watch=0", "watch", "", "a", "pods", "x",
       "log"},
      {"GET", "/api/v1/watch", "list", "", "", "watch", "", ""},
      {"GET", "/api/v1/nodes/a%3Ab", "get", "", "", "nodes", "a:b", ""},
  };
  for (const Case& c : cases) {
    const auto info = parse_request_info(c.method, c.target);
    ASSERT_TRUE(info) << c.target;
    EXPECT_TRUE(info->is_resource) << c.target;
    EXPECT_EQ(info->verb, c.verb) << c.target;
    EXPECT_EQ(info->group, c.group) << c.target;
    EXPECT_EQ(info->name_space, c.name_space) << c.target;
    EXPECT_EQ(info->resource, c.resource) << c.target;
    EXPECT_EQ(info->name, c.name) << c.target;
    EXPECT_EQ(info->subresource, c.subresource) << c.target;
  }
}

TEST(RequestInfo, LeavesOtherPathsAlone) {
  for (const char* target :
       {"/", "/api", "/apis/apps/v1", "/api/v1", "/version", "/openapi/v3/api/v1?hash=x"}) {
    const auto info = parse_request_info("GET", target);
    ASSERT_TRUE(info) << target;
    EXPECT_FALSE(info->is_resource) << target;
    EXPECT_EQ(info->verb, "get");
  }
}

TEST(RequestInfo, KnowsNoNamespaceInsideANamespace) {
  for (const char* target : {"/api/v1/namespaces/a/namespaces/b", "/api/v1/namespaces/a/namespaces",
                             "/api/v1/watch/namespaces/a/namespaces/b"}) {
    const auto info = parse_request_info("GET", target);
    ASSERT_FALSE(info) << target;
    EXPECT_EQ(info.error().code(), ErrorCode::kNotFound);
  }
}

TEST(RequestInfo, KnowsNoOtherMethods) {
  for (const auto& [method, target] : {std::pair{"OPTIONS", "/api/v1/namespaces/a/pods/x"},
                                       {"OPTIONS", "/api/v1/namespaces/a/pods/x/log"},
                                       {"TRACE", "/api/v1/namespaces/a/pods/x/proxy/"},
                                       {"CONNECT", "/api/v1/namespaces/a/pods/x/proxy/"}}) {
    const auto info = parse_request_info(method, target);
    ASSERT_FALSE(info) << method << target;
    EXPECT_EQ(info.error().code(), ErrorCode::kMethodNotAllowed);
  }
}

TEST(RequestInfo, RefusesAmbiguousPaths) {
  for (const char* target : {"/api/v1/namespaces/../nodes", "/api/v1/namespaces/a%2Fb/pods",
                             "/api/v1//pods", "/api/v1/pods/%zz"})
    EXPECT_FALSE(parse_request_info("GET", target)) << target;
}

}  // namespace
}  // namespace insula::apiserver
