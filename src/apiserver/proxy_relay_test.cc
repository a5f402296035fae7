#include "apiserver/proxy_relay.h"

#include <array>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/bootstrap_policy.h"
#include "apiserver/test_server.h"
#include "async/event.h"
#include "testing/certificate.h"

namespace insula::apiserver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kAddress = "10.77.0.9";
const std::string kNamespace = "/api/v1/namespaces/a";
const std::string kPod = kNamespace + "/pods/x/proxy";

/// What listens in a pod: it notes what it is asked and answers by path.
class FakePod final : public http::Handler {
 public:
  Task<> handle(http::Exchange& exchange) override {
    seen.push_back(exchange.request());
    const std::string_view path = exchange.request().path();
    if (path == "/slow") co_return co_await talk_slowly(exchange);
    if (path == "/socket") co_return co_await repeat(exchange);
    if (path == "/hang") {
      co_await exchange.client_gone();
      left = true;
      co_return;
    }
    if (path == "/deaf") {
      http::Response refusal = http::make_response(413, "text/plain", "too much");
      (void)co_await exchange.respond(std::move(refusal));
      co_return;
    }
    body = co_await exchange.body(64uz << 20U);
    http::Response response = answer;
    (void)co_await exchange.respond(std::move(response));
  }

  std::vector<http::Request> seen;
  Result<std::string> body = std::string();
  http::Response answer = http::make_response(200, "text/plain", "hello");
  /// Of /slow: the second piece is sent then.
  Event go_on;
  bool left = false;

 private:
  Task<> talk_slowly(http::Exchange& exchange) {
    http::Headers headers{{"Content-Type", "text/event-stream"}};
    (void)co_await exchange.start(200, std::move(headers));
    (void)co_await exchange.write("one");
    co_await go_on.wait();
    (void)co_await exchange.write("two");
    (void)co_await exchange.finish();
  }

  static Task<> repeat(http::Exchange& exchange) {
    http::Headers headers{{"Upgrade", "websocket"}};
    auto stream = co_await exchange.upgrade(std::move(headers));
    if (!stream) co_return;
    std::array<char, 256> buffer{};
    while (true) {
      const auto read = co_await (*stream)->read(buffer);
      if (!read || *read == 0) break;
      const auto written = co_await (*stream)->write(std::string_view(buffer.data(), *read));
      if (!written) break;
    }
  }
};

/// A namespace `a` with a pod `x` that has an address, in a network in which every address is the
/// fake pod's.
class ProxyRelayTest : public ::testing::Test {
 protected:
  ProxyRelayTest() {
    ApiServerOptions options = options_of(system_user());
    server = std::make_unique<TestServer>(std::move(options));
    listen({});
    make("/api/v1/namespaces", "metadata: {name: a}");
    make_pod("x", "[{name: c, image: i}]");
    set_status("x", running(kAddress));
  }

  ApiServerOptions options_of(User user) {
    ApiServerOptions options;
    options.plain_user = std::move(user);
    options.dial = [this](net::Address address, Deadline deadline) {
      dialed.push_back(address.text());
      return net::dial(pod_address, deadline);
    };
    return options;
  }

  void listen(http::ServerOptions options) {
    auto listener = *net::Listener::bind(server->loop, *net::Address::parse("127.0.0.1:0"));
    pod_address = listener->address();
    pod_server = std::make_unique<http::Server>(pod, options);
    pod_server->serve(std::move(listener));
  }

  void make(const std::string& target, const std::string& yaml) const {
    const auto made = server->send("POST", target, yaml, "application/yaml");
    ASSERT_EQ(made.status, 201) << yaml << made.body;
  }

  void make_pod(std::string_view name, std::string_view containers) const {
    make(kNamespace + "/pods",
         fmt::format("metadata: {{name: {}}}\nspec: {{containers: {}}}", name, containers));
  }

  static std::string running(std::string_view ip) {
    return fmt::format(R"("phase":"Running","podIP":"{0}","podIPs":[{{"ip":"{0}"}}])", ip);
  }

  void set_status(std::string_view name, const std::string& status) const {
    const auto set =
        server->send("PATCH", fmt::format("{}/pods/{}/status", kNamespace, name),
                     fmt::format(R"({{"status":{{{}}}}})", status), "application/merge-patch+json");
    ASSERT_EQ(set.status, 200) << set.body;
  }

  /// A ready endpoint of the Service s for its port of this name.
  void make_slice(const std::string& name,
                  const std::string& port,
                  const std::string& endpoint) const {
    make("/apis/discovery.k8s.io/v1/namespaces/a/endpointslices",
         fmt::format("metadata: {{name: {}, labels: {{kubernetes.io/service-name: s}}}}\n"
                     "addressType: IPv4\nports: [{}]\nendpoints: [{}]",
                     name, port, endpoint));
  }

  http::Response get(const std::string& target) const { return server->send("GET", target); }

  static std::string message(const http::Response& response) {
    return std::string(TestServer::parsed(response)["message"].text());
  }

 public:
  net::Address pod_address;
  std::vector<std::string> dialed;
  FakePod pod;
  std::unique_ptr<TestServer> server;
  std::unique_ptr<http::Server> pod_server;
};

TEST_F(ProxyRelayTest, PassesARequestOnAndTheAnswerBack) {
  pod.answer = http::make_response(418, "text/plain", "short and stout");
  pod.answer.headers.set("X-Of-Pod", "yes");
  auto request = server->request("POST", kPod + "/pot/a%20b/?size=2&x=%2F", "leaves", "text/tea");
  request.headers.set("X-Of-Client", "yes");
  const auto answer = server->send(std::move(request));
  EXPECT_EQ(answer.status, 418);
  EXPECT_EQ(answer.body, "short and stout");
  EXPECT_EQ(answer.headers.get("X-Of-Pod"), "yes");
  EXPECT_EQ(answer.headers.get("Content-Length"), "15");
  EXPECT_THAT(dialed, ElementsAre("10.77.0.9:80"));
  ASSERT_EQ(pod.seen.size(), 1U);
  const http::Request& seen = pod.seen.front();
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/pot/a%20b/?size=2&x=%2F");
  EXPECT_EQ(pod.body.value(), "leaves");
  EXPECT_EQ(seen.headers.get("Content-Type"), "text/tea");
  EXPECT_EQ(seen.headers.get("X-Of-Client"), "yes");
  EXPECT_EQ(seen.headers.get("Host"), server->origin.host);
  EXPECT_EQ(seen.headers.get("X-Forwarded-Uri"), kPod + "/pot/a%20b/");
  EXPECT_EQ(seen.headers.get("X-Forwarded-For"), "127.0.0.1");
}

TEST_F(ProxyRelayTest, EveryMethodIsPassedOn) {
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    const auto answer = server->send(method, kPod + "/a");
    EXPECT_EQ(answer.status, 200) << method << answer.body;
    EXPECT_EQ(answer.body, method == std::string_view("HEAD") ? "" : "hello");
    EXPECT_EQ(answer.headers.get("Content-Length"), "5") << method;
    EXPECT_EQ(pod.seen.back().method, method);
  }
  EXPECT_EQ(server->send("TRACE", kPod + "/a").status, 405);
}

TEST_F(ProxyRelayTest, NothingThatProvesWhoTheCallerIsReachesThePod) {
  ASSERT_TRUE(server->run(reconcile_policy(*server->registry)));
  auto request = server->request("GET", kPod + "/a");
  request.headers = {
      {"Authorization", "Bearer secret-1"},
      {"Proxy-Authorization", "Basic secret-2"},
      {"Impersonate-User", "secret-3"},
      {"Impersonate-Group", "system:masters"},
      {"Impersonate-Extra-Secret-4", "x"},
      {"X-Remote-User", "secret-5"},
      {"X-Remote-Group", "secret-6"},
      {"X-Remote-Extra-Secret-7", "x"},
      {"Sec-WebSocket-Protocol", "chat, base64url.bearer.authorization.k8s.io.secret-8,superchat"},
      {"X-Forwarded-For", "192.0.2.1"},
      {"X-Forwarded-Uri", "secret-9"},
      {"Cookie", "of=the-page"}};
  EXPECT_EQ(server->send(std::move(request)).status, 200);
  ASSERT_EQ(pod.seen.size(), 1U);
  const http::Headers& seen = pod.seen.front().headers;
  for (const auto& [name, value] : seen) {
    const std::string line = fmt::format("{}: {}", name, value);
    for (const char* word : {"ecret", "mpersonate", "emote", "asters"})
      EXPECT_FALSE(line.contains(word)) << line;
  }
  EXPECT_EQ(seen.get("Sec-WebSocket-Protocol"), "chat, superchat");
  EXPECT_EQ(seen.get("X-Forwarded-For"), "192.0.2.1, 127.0.0.1");
  EXPECT_EQ(seen.get("Cookie"), "of=the-page");
}

TEST_F(ProxyRelayTest, HeadersOfThePodsConnectionAndItsWordOnOriginsStayBehind) {
  pod.answer.headers.add("Access-Control-Allow-Origin", "*");
  pod.answer.headers.add("Access-Control-Allow-Credentials", "true");
  pod.answer.headers.add("Keep-Alive", "timeout=5");
  pod.answer.headers.add("Set-Cookie", "a=b");
  const auto answer = get(kPod + "/a");
  EXPECT_EQ(answer.status, 200);
  for (const char* gone :
       {"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Keep-Alive"})
    EXPECT_FALSE(answer.headers.contains(gone)) << gone;
  EXPECT_EQ(answer.headers.get("Set-Cookie"), "a=b");
}

TEST_F(ProxyRelayTest, AnAnswerIsPassedOnAsItComes) {
  auto read = [](TestServer& server, Event& go_on) -> Task<std::string> {
    auto request = server.request("GET", kPod + "/slow");
    auto opened = co_await server.client.open(server.origin, std::move(request), server.deadline());
    if (!opened) co_return opened.error().message();
    std::array<char, 64> buffer{};
    const auto first = co_await (*opened)->read(buffer, server.deadline());
    if (!first) co_return first.error().message();
    std::string out = std::string(buffer.data(), *first) + "|";
    go_on.set();
    const auto rest = co_await (*opened)->read_all(64, server.deadline());
    co_return out + rest.value_or("failed");
  };
  EXPECT_EQ(server->run(read(*server, pod.go_on)), "one|two");
}

TEST_F(ProxyRelayTest, LargeBodiesAreNotBuffered) {
  std::string body(16uz << 20U, 'x');
  body.back() = 'y';
  pod.answer.body = body;
  const auto answer = server->send("PUT", kPod + "/a", body, "application/octet-stream");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(pod.body.value() == body);
  EXPECT_TRUE(answer.body == body);
  EXPECT_EQ(pod.seen.front().headers.get("Content-Length"), std::to_string(body.size()));
}

TEST_F(ProxyRelayTest, AnAnswerThatComesBeforeTheBodyHasEndedIsGiven) {
  const std::string body(4uz << 20U, 'x');
  EXPECT_EQ(server->send("PUT", kPod + "/deaf", body, "application/octet-stream").status, 413);
}

TEST_F(ProxyRelayTest, BodiesInChunksArriveInChunks) {
  auto talk = [](TestServer& server) -> Task<std::string> {
    auto stream = co_await net::dial(server.origin.address, server.deadline());
    if (!stream) co_return "no connection";
    const std::string head = "POST " + kPod +
                             "/a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                             "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    const auto sent = co_await (*stream)->write(head);
    std::string got;
    std::array<char, 4096> buffer{};
    bool body_sent = false;
    while (sent) {
      const auto read = co_await (*stream)->read(buffer);
      if (!read || *read == 0) break;
      got.append(buffer.data(), *read);
      if (std::exchange(body_sent, true)) continue;
      const auto more = co_await (*stream)->write("3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
      if (!more) break;
    }
    co_return got;
  };
  const std::string got = server->run(talk(*server));
  EXPECT_TRUE(got.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")) << got;
  EXPECT_EQ(pod.body.value(), "abcdefg");
  EXPECT_TRUE(pod.seen.front().headers.has_token("Transfer-Encoding", "chunked"));
  EXPECT_FALSE(pod.seen.front().headers.contains("Expect"));
}

TEST_F(ProxyRelayTest, TheConnectionToThePodEndsWithTheClients) {
  auto leave = [](TestServer& server, FakePod& pod) -> Task<bool> {
    auto stream = co_await net::dial(server.origin.address, server.deadline());
    if (!stream) co_return false;
    const std::string head = "GET " + kPod + "/hang HTTP/1.1\r\nHost: h\r\n\r\n";
    const auto sent = co_await (*stream)->write(head);
    while (sent && pod.seen.empty())
      co_await yield();
    stream->reset();
    const Deadline deadline = server.deadline();
    while (!pod.left && server.loop.now() < deadline)
      co_await yield();
    co_return pod.left;
  };
  EXPECT_TRUE(server->run(leave(*server, pod)));
}

TEST_F(ProxyRelayTest, APathWithoutASlashLeadsToTheOneWithIt) {
  for (const char* method : {"GET", "HEAD"}) {
    const auto answer = server->send(method, kPod + "?a=b");
    EXPECT_EQ(answer.status, 301);
    EXPECT_EQ(answer.headers.get("Location"), kPod + "/?a=b");
  }
  EXPECT_TRUE(pod.seen.empty());
  EXPECT_EQ(server->send("POST", kPod + "?a=b").status, 200);
  EXPECT_EQ(pod.seen.back().target, "/?a=b");
  EXPECT_EQ(get(kPod + "/").status, 200);
  EXPECT_EQ(pod.seen.back().target, "/");
}

TEST_F(ProxyRelayTest, RedirectsAndLinksLeadThroughTheProxy) {
  pod.answer.status = 302;
  pod.answer.headers.set("Location", "/login?next=/");
  EXPECT_EQ(get(kPod + "/a").headers.get("Location"), kPod + "/login?next=/");
  pod.answer.headers.set("Location", "http://10.77.0.9:80/b");
  EXPECT_EQ(get(kPod + "/a").headers.get("Location"), kPod + "/b");
  pod.answer.headers.set("Location", "https://example.com/b");
  EXPECT_EQ(get(kPod + "/a").headers.get("Location"), "https://example.com/b");
  pod.answer = http::make_response(200, "text/html; charset=utf-8", R"(<a href="/x">x</a>)");
  EXPECT_EQ(get(kPod + "/a").body, fmt::format(R"(<a href="{}/x">x</a>)", kPod));
  pod.answer.headers.set("Content-Type", "text/plain");
  EXPECT_EQ(get(kPod + "/a").body, R"(<a href="/x">x</a>)");
}

TEST_F(ProxyRelayTest, AWebSocketIsJoinedInBothDirections) {
  auto request = server->request("GET", kPod + "/socket");
  request.headers.set("Upgrade", "websocket");
  auto upgraded =
      server->run(server->client.upgrade(server->origin, std::move(request), server->deadline()));
  ASSERT_TRUE(upgraded) << upgraded.error().message();
  ASSERT_EQ(upgraded->response.status, 101);
  EXPECT_EQ(upgraded->response.headers.get("Upgrade"), "websocket");
  EXPECT_EQ(server->run(say_and_hear(*upgraded->stream, "hello")), "hello");
}

TEST_F(ProxyRelayTest, ThePortIsThatOfTheNameOrNumberOrTheFirstThereIs) {
  make_pod("y",
           "[{name: c, image: i}, {name: d, image: i, ports: [{containerPort: 8080}, "
           "{name: web, containerPort: 8081}]}]");
  set_status("y", running("10.77.0.10"));
  for (const auto& [name, address] : {std::pair{"x", "10.77.0.9:80"},
                                      {"x:8000", "10.77.0.9:8000"},
                                      {"http:x:", "10.77.0.9:80"},
                                      {"y", "10.77.0.10:8080"},
                                      {"y:web", "10.77.0.10:8081"},
                                      {"http:y:web", "10.77.0.10:8081"},
                                      {"%79%3Aweb", "10.77.0.10:8081"}}) {
    EXPECT_EQ(get(fmt::format("{}/pods/{}/proxy/p", kNamespace, name)).status, 200) << name;
    EXPECT_EQ(dialed.back(), address) << name;
    EXPECT_EQ(pod.seen.back().target, "/p");
  }
  const auto answer = get(kNamespace + "/pods/y:nothing/proxy/");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(message(answer), HasSubstr("lookup tcp/nothing: unknown port"));
}

TEST_F(ProxyRelayTest, HttpsIsSpokenWithPodsWhoeverSignedTheirCertificate) {
  const testing::Certificate certificate = testing::make_certificate({});
  http::ServerOptions options;
  options.tls = net::TlsContext::server(
                    {.certificate_chain = certificate.pem, .private_key = certificate.key})
                    .value();
  listen(std::move(options));
  EXPECT_EQ(get(kNamespace + "/pods/https:x:443/proxy/a").body, "hello");
  EXPECT_EQ(dialed.back(), "10.77.0.9:443");
  EXPECT_EQ(get(kPod + "/a").status, 503);
}

TEST_F(ProxyRelayTest, SaysWhyAPodIsNotReached) {
  const auto refusal = [&](std::string_view name, int status) {
    const auto answer = get(fmt::format("{}/pods/{}/proxy/", kNamespace, name));
    EXPECT_EQ(answer.status, status) << name << answer.body;
    return message(answer);
  };
  EXPECT_EQ(refusal("nobody", 404), "pods \"nobody\" not found");
  for (const char* name : {"x:1:2", "ftp:x:21", "a:b:c:d", ":80", "::"})
    EXPECT_THAT(refusal(name, 400), HasSubstr(fmt::format("invalid pod request \"{}\"", name)));
  make_pod("new", "[{name: c, image: i}]");
  EXPECT_EQ(refusal("new", 400), "address not allowed");
  for (const char* address : {"127.0.0.1", "169.254.169.254", "224.0.0.1", "0.0.0.0", "::1",
                              "fe80::1", "::ffff:127.0.0.1", "255.255.255.255"}) {
    set_status("x", running(address));
    EXPECT_EQ(refusal("x", 400), "address not allowed") << address;
  }
  set_status("x", R"("phase":"Failed","podIP":"10.77.0.9")");
  EXPECT_THAT(refusal("x", 503), HasSubstr("pod \"x\" has ended (Failed)"));
  EXPECT_TRUE(dialed.empty());
  set_status("x", running(kAddress));
  pod_server.reset();
  EXPECT_THAT(refusal("x", 503), HasSubstr("error trying to reach service: "));
}

TEST_F(ProxyRelayTest, WhoMakesAPodDoesNotSayWhereItIs) {
  make(kNamespace + "/pods",
       "metadata: {name: liar}\nspec: {containers: [{name: c, image: i}]}\n"
       "status: {phase: Running, podIP: 10.77.0.9, podIPs: [{ip: 10.77.0.9}]}");
  EXPECT_EQ(get(kNamespace + "/pods/liar/proxy/").status, 400);
  const auto patched =
      server->send("PATCH", kNamespace + "/pods/liar", R"({"status":{"podIP":"10.77.0.9"}})",
                   "application/merge-patch+json");
  EXPECT_EQ(patched.status, 200);
  EXPECT_EQ(get(kNamespace + "/pods/liar/proxy/").status, 400);
  EXPECT_TRUE(dialed.empty());
}

TEST_F(ProxyRelayTest, AServiceIsReachedAtOneOfItsReadyPodsByChance) {
  make(kNamespace + "/services",
       "metadata: {name: s}\nspec: {ports: [{name: web, port: 80, targetPort: 8080}, {name: tls, "
       "port: 443}]}");
  std::string endpoints;
  for (const char* name : {"p1", "p2", "p3"}) {
    const std::string address = fmt::format("10.77.1.{}", name[1]);
    make_pod(name, "[{name: c, image: i}]");
    set_status(name, running(address));
    endpoints += fmt::format(
        "{{addresses: [{}], targetRef: {{kind: Pod, namespace: a, name: {}}}}},", address, name);
  }
  make_slice("s1", "{name: web, port: 8080}", endpoints);
  make_slice("s2", "{name: tls, port: 8443}",
             "{addresses: [10.77.0.9], targetRef: {kind: Pod, namespace: a, name: x}, "
             "conditions: {ready: false}}");
  const std::string service = kNamespace + "/services/";
  for (int i = 0; i < 60; ++i)
    EXPECT_EQ(get(service + (i % 2 == 0 ? "s:web" : "http:s:80") + "/proxy/a").status, 200);
  EXPECT_EQ(std::set<std::string>(dialed.begin(), dialed.end()).size(), 3U);
  EXPECT_EQ(pod.seen.back().headers.get("X-Forwarded-Uri"), service + "http:s:80/proxy/a");
  for (const auto& [name, why] :
       {std::pair{"s:tls", "no endpoints available for service \"s:tls\""},
        {"s", "no endpoints available for service \"s\""},
        {"s:81", "no service port 81 found for service \"s\""},
        {"s:other", "no endpoints available for service \"s:other\""}}) {
    const auto answer = get(service + name + "/proxy/");
    EXPECT_EQ(answer.status, 503) << name;
    EXPECT_EQ(message(answer), why);
  }
  EXPECT_EQ(message(get(service + "t/proxy/")), "services \"t\" not found");
}

TEST_F(ProxyRelayTest, AnEndpointThatIsNoPodOfTheNamespaceIsNotReached) {
  make("/api/v1/namespaces", "metadata: {name: b}");
  make(kNamespace + "/services", "metadata: {name: s}\nspec: {ports: [{port: 80}]}");
  const auto with = [](const char* address, const char* more) {
    return fmt::format("{{addresses: [{}]{}}}", address, more);
  };
  make_slice("s1", "{port: 80}", with("10.77.0.9", ""));
  make_slice("s2", "{port: 80}",
             with("10.77.0.9", ", targetRef: {kind: Pod, namespace: b, name: x}"));
  make_slice("s3", "{port: 80}",
             with("10.77.0.8", ", targetRef: {kind: Pod, namespace: a, name: x}"));
  make_slice("s4", "{port: 80}",
             with("10.77.0.9", ", targetRef: {kind: Node, namespace: a, name: x}"));
  EXPECT_EQ(get(kNamespace + "/services/s/proxy/").status, 503);
  EXPECT_TRUE(dialed.empty());
}

TEST_F(ProxyRelayTest, RequestsOfOneTenantAreBounded) {
  ASSERT_TRUE(server->run(reconcile_policy(*server->registry)));
  make("/apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings",
       "metadata: {name: ann}\nroleRef: {kind: ClusterRole, name: edit}\n"
       "subjects: [{kind: User, name: ann}]");
  ApiServerOptions options = options_of({"ann", {"system:authenticated", "insula:tenant:t"}});
  options.streams.per_tenant = 1;
  MetricsRegistry metrics;
  ApiServer api(*server->registry, metrics, Log(), std::move(options));
  http::Server bounded(api, http::ServerOptions{});
  auto listener = *net::Listener::bind(server->loop, *net::Address::parse("127.0.0.1:0"));
  server->origin = *http::Origin::parse("http://" + listener->address().text());
  bounded.serve(std::move(listener));
  auto opened = server->run(server->client.open(
      server->origin, server->request("GET", kPod + "/slow"), server->deadline()));
  ASSERT_TRUE(opened);
  EXPECT_EQ(get(kPod + "/a").status, 429);
  pod.go_on.set();
  EXPECT_EQ(server->run((*opened)->read_all(64, server->deadline())).value(), "onetwo");
  EXPECT_EQ(get(kPod + "/a").status, 200);
  EXPECT_EQ(server->send("OPTIONS", kPod + "/a").status, 403) << "a right to all verbs only";
}

TEST_F(ProxyRelayTest, AdmissionIsAskedBeforeThePodIs) {
  const std::string group = "/apis/admissionregistration.k8s.io/v1/";
  make(group + "validatingadmissionpolicies", R"(
metadata: {name: p}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CONNECT], resources: [pods/proxy]}
  validations: [{expression: "object.path != '/admin/x'", reason: Forbidden}])");
  make(group + "validatingadmissionpolicybindings",
       "metadata: {name: b}\nspec: {policyName: p, validationActions: [Deny]}");
  EXPECT_EQ(get(kPod + "/admin/y").status, 200);
  EXPECT_EQ(pod.seen.size(), 1U);
  for (const char* path : {"/admin/x", "/admin/%78", "/admin/x/?a=b"}) {
    const auto answer = get(kPod + path);
    EXPECT_EQ(answer.status, 403) << path << answer.body;
    EXPECT_THAT(message(answer), HasSubstr("failed expression: object.path != '/admin/x'"));
  }
  EXPECT_EQ(pod.seen.size(), 1U);
}

TEST_F(ProxyRelayTest, IsCountedAsAConnection) {
  EXPECT_EQ(get(kPod + "/a").status, 200);
  const std::string exposed = get("/metrics").body;
  EXPECT_THAT(exposed, HasSubstr(R"(subresource="proxy")"));
  EXPECT_THAT(exposed, HasSubstr(R"(verb="CONNECT")"));
}

}  // namespace
}  // namespace insula::apiserver
