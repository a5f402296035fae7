#include "apiserver/server_metrics.h"

#include <array>
#include <chrono>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"
#include "testing/fake_clock.h"

namespace insula::apiserver {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kMaps = "/api/v1/namespaces/a/configmaps";

class ServerMetricsTest : public ::testing::Test {
 protected:
  ServerMetricsTest() {
    server_.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
    server_.send("POST", kMaps, R"({"metadata":{"name":"x"},"data":{"k":"v"}})");
  }

  std::string exposed() { return server_.send("GET", "/metrics").body; }

  TestServer server_;
};

TEST_F(ServerMetricsTest, CountTheEventsOfWatchesAndTheirSizes) {
  const auto watched = server_.send("GET", std::string(kMaps) + "?watch=1&timeoutSeconds=-1");
  ASSERT_THAT(watched.body, HasSubstr("ADDED"));
  const std::string text = exposed();
  const std::string labels = R"({group="",version="v1",resource="configmaps")";
  EXPECT_THAT(text, HasSubstr("apiserver_watch_events_total" + labels + "} 1\n"));
  EXPECT_THAT(text, HasSubstr("apiserver_watch_events_sizes_bucket" + labels + R"(,le="1024"} 1)"));
  EXPECT_THAT(text, HasSubstr("apiserver_watch_events_sizes_bucket" + labels + R"(,le="131072"})"));
  EXPECT_THAT(text, HasSubstr(fmt::format("apiserver_watch_events_sizes_sum{}}} {}\n", labels,
                                          watched.body.size())));
}

TEST_F(ServerMetricsTest, MeasureWhatReadsAreSent) {
  const std::size_t one = server_.send("GET", std::string(kMaps) + "/x").body.size();
  const std::size_t list = server_.send("GET", kMaps).body.size();
  server_.send("GET", "/api/v1/configmaps");
  const std::string text = exposed();
  const auto labels = [](std::string_view verb, std::string_view scope) {
    return fmt::format(R"({{verb="{}",group="",version="v1",resource="configmaps",subresource="",)"
                       R"(scope="{}",component="apiserver")",
                       verb, scope);
  };
  EXPECT_THAT(text, HasSubstr(fmt::format("apiserver_response_sizes_sum{}}} {}\n",
                                          labels("GET", "resource"), one)));
  EXPECT_THAT(text, HasSubstr(fmt::format("apiserver_response_sizes_sum{}}} {}\n",
                                          labels("LIST", "namespace"), list)));
  EXPECT_THAT(text, HasSubstr(fmt::format("apiserver_response_sizes_count{}}} 1\n",
                                          labels("LIST", "cluster"))));
  EXPECT_THAT(text, HasSubstr(fmt::format("apiserver_response_sizes_bucket{},le=\"1000\"}} 1\n",
                                          labels("GET", "resource"))));
  EXPECT_THAT(text, Not(HasSubstr("apiserver_response_sizes_sum{verb=\"POST\"")));
  const std::size_t watched =
      server_.send("GET", std::string(kMaps) + "?watch=1&timeoutSeconds=-1").body.size();
  EXPECT_THAT(exposed(), HasSubstr(fmt::format("apiserver_response_sizes_sum{}}} {}\n",
                                               labels("WATCH", "namespace"), watched)));
}

TEST_F(ServerMetricsTest, CountRequestsAsKubernetesDoes) {
  const std::string map = std::string(kMaps) + "/x";
  server_.send("PUT", map, R"({"metadata":{"name":"x"}})");
  const auto patch = [&](std::string_view type, std::string_view query, std::string body) {
    auto request = server_.request("PATCH", fmt::format("{}{}", map, query));
    request.headers.set("Content-Type", std::string(type));
    request.headers.set("User-Agent", "kube-scheduler/v1");
    request.body = std::move(body);
    return server_.send(request).status;
  };
  EXPECT_EQ(patch("application/merge-patch+json", "?dryRun=All", "{}"), 200);
  EXPECT_EQ(patch("application/apply-patch+yaml", "?fieldManager=m",
                  R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}})"),
            200);
  server_.send("GET", std::string(kMaps) + "?watch=1&timeoutSeconds=-1");
  server_.send("GET", "/api/v1/namespaces/a/nothings/x");
  server_.send("DELETE", map);
  server_.send("DELETE", kMaps);
  const std::string text = exposed();
  const auto counted = [](std::string_view verb, std::string_view dry_run, std::string_view scope,
                          int code, std::string_view client = "") {
    return HasSubstr(fmt::format(
        R"(apiserver_request_total{{verb="{}",dry_run="{}",group="",version="v1",)"
        R"(resource="configmaps",subresource="",scope="{}",component="apiserver",code="{}",)"
        "system_client=\"{}\"}} 1\n",
        verb, dry_run, scope, code, client));
  };
  EXPECT_THAT(text, counted("POST", "", "resource", 201));
  EXPECT_THAT(text, counted("PUT", "", "resource", 200));
  EXPECT_THAT(text, counted("PATCH", "All", "resource", 200, "kube-scheduler"));
  EXPECT_THAT(text, counted("APPLY", "", "resource", 200, "kube-scheduler"));
  EXPECT_THAT(text, counted("WATCH", "", "namespace", 200));
  EXPECT_THAT(text, counted("DELETE", "", "resource", 200));
  EXPECT_THAT(text, counted("DELETE", "", "namespace", 200));
  EXPECT_THAT(text, HasSubstr(R"(verb="GET",dry_run="",group="",version="",resource="other")"));
}

TEST_F(ServerMetricsTest, MeasureTheTimeOfRequests) {
  server_.send("GET", std::string(kMaps) + "?dryRun=All");
  const std::string text = exposed();
  const std::string_view rest =
      R"(group="",version="v1",resource="configmaps",subresource="",scope=")";
  EXPECT_THAT(text,
              HasSubstr(fmt::format(R"(apiserver_request_duration_seconds_count{{verb="LIST",)"
                                    R"(dry_run="All",{}namespace",component="apiserver"}} 1)",
                                    rest)));
  EXPECT_THAT(text, HasSubstr(fmt::format(R"(apiserver_request_sli_duration_seconds_count{{)"
                                          R"(verb="POST",{}resource",component="apiserver"}} 1)",
                                          rest)));
  EXPECT_THAT(text, Not(HasSubstr("sli_duration_seconds_count{verb=\"LIST\"")));
  EXPECT_THAT(text, HasSubstr(R"(component="apiserver",le="1.25"} )"));
}

TEST_F(ServerMetricsTest, MeasureBodiesAndDecisions) {
  const std::string text = exposed();
  EXPECT_THAT(text, HasSubstr(R"(apiserver_request_body_size_bytes_count{group="",)"
                              R"(resource="configmaps",verb="create"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(verb="create",le="3050000"} 1)"));
  EXPECT_THAT(text, HasSubstr("authorization_attempts_total{result=\"allowed\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("authorization_attempts_total{result=\"no-opinion\"} 0\n"));
  EXPECT_THAT(text, HasSubstr(R"(apiserver_resource_objects{group="",resource="configmaps"} 1)"));
}

TEST_F(ServerMetricsTest, CountPathsThatAreNoResources) {
  server_.send("GET", "/livez");
  EXPECT_THAT(exposed(), HasSubstr(R"(apiserver_request_total{verb="GET",dry_run="",group="",)"
                                   R"(version="",resource="",subresource="/livez",scope="",)"
                                   R"(component="",code="200",system_client=""} 1)"));
}

TEST_F(ServerMetricsTest, TellLongRequestsApart) {
  auto stream = *server_.run(server_.client.open(
      server_.origin, server_.request("GET", std::string(kMaps) + "?watch=1"), server_.deadline()));
  std::array<char, 4096> buffer{};
  ASSERT_TRUE(server_.run(stream->read(buffer, server_.deadline())));
  const std::string series =
      R"(apiserver_longrunning_requests{verb="WATCH",group="",version="v1",resource="configmaps",)"
      R"(subresource="",scope="namespace",component="apiserver"} )";
  EXPECT_THAT(exposed(), HasSubstr(series + "1\n"));
}

TEST_F(ServerMetricsTest, CountWhoIsKnown) {
  server_.send("GET", kMaps);
  // The fixture made two, and who looks is the fourth.
  const std::string text = exposed();
  EXPECT_THAT(text, HasSubstr("authentication_attempts{result=\"success\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("authenticated_user_requests{username=\"other\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("authenticated_user_requests{username=\"email_id\"} 0\n"));
}

TEST(ServerMetrics, TellWrongCredentialsFromNone) {
  TestServer server{ApiServerOptions()};
  EXPECT_EQ(server.send("GET", kMaps).status, 401);
  auto wrong = server.request("GET", kMaps);
  wrong.headers.set("Authorization", "Bearer none");
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(server.send(wrong).status, 401);
  const std::string text = server.metrics.expose();
  EXPECT_THAT(text, HasSubstr("authentication_attempts{result=\"failure\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("authentication_attempts{result=\"error\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("authentication_attempts{result=\"success\"} 0\n"));
}

TEST(ServerMetrics, CompressNamesAsKubernetesDoes) {
  TestServer server;
  MetricsRegistry registry;
  ServerMetrics metrics(registry, server.registry->kinds(), server.loop.clock());
  for (const char* name : {"kubelet", "ann@example.com", "ann", "system:admin"})
    metrics.authenticated_as(name);
  const std::string text = registry.expose();
  EXPECT_THAT(text, HasSubstr("authenticated_user_requests{username=\"kubelet\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("authenticated_user_requests{username=\"email_id\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("authenticated_user_requests{username=\"other\"} 2\n"));
}

TEST_F(ServerMetricsTest, CountTheRequestInFlightThatAsks) {
  EXPECT_THAT(exposed(),
              HasSubstr("apiserver_current_inflight_requests{request_kind=\"readOnly\"} 1\n"));
}

TEST(ServerMetrics, TellTheMostRequestsInFlight) {
  TestServer server;
  MetricsRegistry registry;
  testing::FakeClock clock;
  ServerMetrics metrics(registry, server.registry->kinds(), clock);
  const auto series = [&](std::string_view kind, int most) {
    return HasSubstr(
        fmt::format("apiserver_current_inflight_requests{{request_kind=\"{}\"}} {}\n", kind, most));
  };
  RequestInfo write;
  write.verb = "create";
  {
    const auto one = metrics.in_flight(write, clock.now());
    const auto two = metrics.in_flight(write, clock.now());
  }
  EXPECT_THAT(registry.expose(), series("mutating", 2));
  EXPECT_THAT(registry.expose(), series("readOnly", 0));
  clock.advance(std::chrono::seconds(3));
  EXPECT_THAT(registry.expose(), series("mutating", 0));
}

TEST(ServerMetrics, TellTheServersOwnTimeApart) {
  TestServer server;
  MetricsRegistry registry;
  testing::FakeClock clock;
  ServerMetrics metrics(registry, server.registry->kinds(), clock);
  const http::Request head = server.request("POST", kMaps);
  const RequestInfo info = *parse_request_info(head.method, head.target);
  metrics.record({.info = info,
                  .head = head,
                  .status = 201,
                  .took = std::chrono::seconds(3),
                  .waited = std::chrono::seconds(2)});
  const std::string labels =
      R"({verb="POST",dry_run="",group="",version="v1",resource="configmaps",subresource="",)"
      R"(scope="resource",component="apiserver"} )";
  EXPECT_THAT(registry.expose(),
              HasSubstr("apiserver_request_duration_seconds_sum" + labels + "3\n"));
  const std::string own =
      R"({verb="POST",group="",version="v1",resource="configmaps",subresource="",)"
      R"(scope="resource",component="apiserver"} )";
  EXPECT_THAT(registry.expose(),
              HasSubstr("apiserver_request_sli_duration_seconds_sum" + own + "1\n"));
}

TEST_F(ServerMetricsTest, NameDeprecatedApisThatAreUsed) {
  EXPECT_THAT(exposed(), Not(HasSubstr("apiserver_requested_deprecated_apis{")));
  server_.send("GET", "/api/v1/namespaces/a/endpoints");
  EXPECT_THAT(exposed(), HasSubstr(R"(apiserver_requested_deprecated_apis{group="",version="v1",)"
                                   R"(resource="endpoints",subresource="",removed_release=""} 1)"));
}

TEST_F(ServerMetricsTest, TimeAdmissionByItsParts) {
  const auto count = [](std::string_view what, std::string_view labels) {
    return fmt::format("apiserver_admission_{}_admission_duration_seconds_count{{{}}}", what,
                       labels);
  };
  const std::string text = exposed();
  EXPECT_THAT(text, HasSubstr(count("controller", R"(name="NamespaceLifecycle",operation="CREATE",)"
                                                  R"(rejected="false",type="admit")") +
                              " 2\n"));
  EXPECT_THAT(text, HasSubstr(R"(type="validate",le="2.5"} )"));
  EXPECT_THAT(
      text,
      HasSubstr(count("step", R"(operation="CREATE",rejected="false",type="validate")") + " 2\n"));
  const std::string refused =
      count("step", R"(operation="CREATE",rejected="true",type="admit")") + " 1\n";
  EXPECT_THAT(text, Not(HasSubstr(refused)));
  server_.send("POST", "/api/v1/namespaces/none/configmaps", R"({"metadata":{"name":"x"}})");
  EXPECT_THAT(exposed(), HasSubstr(refused));
  server_.send("DELETE", kMaps);
  EXPECT_THAT(exposed(), HasSubstr(count("controller",
                                         R"(name="ValidatingAdmissionPolicy",operation="DELETE",)"
                                         R"(rejected="false",type="validate")") +
                                   " 1\n"));
}

}  // namespace
}  // namespace insula::apiserver
