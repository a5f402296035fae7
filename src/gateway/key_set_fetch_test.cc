#include "gateway/key_set_fetch.h"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/deadline.h"
#include "gateway/testing/issuer.h"
#include "net/tls.h"
#include "testing/certificate.h"

namespace insula::gateway {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string refusal(const Result<KeySetText>& fetched) {
  return fetched ? "fetched" : fetched.error().message();
}

/// kAlreadyExists, which nothing here fails with, for what was fetched.
ErrorCode code_of(const Result<KeySetText>& fetched) {
  return fetched ? ErrorCode::kAlreadyExists : fetched.error().code();
}

class KeySetFetchTest : public ::testing::Test {
 protected:
  Result<KeySetText> fetch(KeySource source, std::chrono::nanoseconds patience = 10s) {
    std::optional<Result<KeySetText>> result;
    run_until_complete(loop_, keep(std::move(source), patience, result));
    return *std::move(result);
  }

  Task<> keep(KeySource source,
              std::chrono::nanoseconds patience,
              std::optional<Result<KeySetText>>& result) {
    result.emplace(co_await fetch_key_set(pool_, std::move(source), loop_.now() + patience));
  }

  static std::shared_ptr<net::TlsContext> tls(const testing::Certificate& certificate) {
    net::TlsServerOptions options;
    options.certificate_chain = certificate.pem;
    options.private_key = certificate.key;
    return net::TlsContext::server(options).value();
  }

  Loop loop_;
  BlockingPool pool_{1};
};

TEST_F(KeySetFetchTest, ReadsTheSetAndHowLongItIsFresh) {
  IssuerServer server(loop_, [](const http::Request& request) {
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(request.headers.get("Accept"), "application/json");
    EXPECT_FALSE(request.headers.contains("Authorization"));
    return json_response("the set", {{"Cache-Control", "public, max-age=300"}});
  });
  const auto fetched = fetch({.issuer = "i", .jwks_uri = server.url("/keys?v=1")});
  ASSERT_TRUE(fetched) << fetched.error().message();
  EXPECT_EQ(fetched->text, "the set");
  EXPECT_EQ(fetched->fresh, 300s);
  EXPECT_THAT(server.asked_for(), ElementsAre("/keys?v=1"));
}

TEST_F(KeySetFetchTest, AsksTheDiscoveryDocumentOfAnIssuerThatNamesNoUrl) {
  std::string issuer;
  std::string jwks_uri;
  IssuerServer server(loop_, [&](const http::Request& request) {
    if (request.target == "/keys") return json_response("the set");
    return json_response(R"({"issuer":")" + issuer + R"(","jwks_uri":")" + jwks_uri + "\"}");
  });
  const std::string realm = server.url("/realms/x");
  issuer = realm;
  jwks_uri = server.url("/keys");
  const auto fetched = fetch({.issuer = realm});
  ASSERT_TRUE(fetched) << fetched.error().message();
  EXPECT_EQ(fetched->text, "the set");
  EXPECT_THAT(server.asked_for(),
              ElementsAre("/realms/x/.well-known/openid-configuration", "/keys"));
  // The slash at its end is the issuer's own, and not doubled.
  issuer = realm + "/";
  EXPECT_TRUE(fetch({.issuer = issuer}));
  EXPECT_EQ(server.asked_for()[2], "/realms/x/.well-known/openid-configuration");
  // Somebody else's document.
  EXPECT_THAT(refusal(fetch({.issuer = realm})), HasSubstr("another issuer"));
  issuer = realm;
  jwks_uri = "";
  EXPECT_THAT(refusal(fetch({.issuer = realm})), HasSubstr("no jwks_uri"));
  jwks_uri = "http://192.0.2.1/keys";
  EXPECT_THAT(refusal(fetch({.issuer = realm})), HasSubstr("over https"));
  jwks_uri = "file:///etc/passwd";
  EXPECT_FALSE(fetch({.issuer = realm}));
}

TEST_F(KeySetFetchTest, AnswersThatAreNoneAreErrorsThatHoldNothingOfThem) {
  http::Response answer;
  IssuerServer server(loop_, [&](const http::Request&) { return answer; });
  for (const int status : {201, 204, 301, 302, 307, 308, 400, 401, 404, 500, 503}) {
    answer = http::make_response(status, "text/plain", status == 204 ? "" : "confidential");
    answer.headers.add("Location", server.url("/elsewhere"));
    const auto fetched = fetch({.issuer = "i", .jwks_uri = server.url("/keys")});
    ASSERT_FALSE(fetched) << status;
    EXPECT_EQ(fetched.error().code(), ErrorCode::kUpstream);
    EXPECT_THAT(fetched.error().message(), HasSubstr(std::to_string(status)));
    EXPECT_THAT(fetched.error().message(), Not(HasSubstr("confidential")));
  }
  EXPECT_THAT(server.asked_for(), Not(::testing::Contains("/elsewhere")));
  answer = json_response(std::string(kKeyDocumentBytesMax + 1, ' '));
  EXPECT_EQ(code_of(fetch({.issuer = "i", .jwks_uri = server.url("/keys")})), ErrorCode::kTooLarge);
  answer = json_response("confidential");
  const auto discovered = fetch({.issuer = server.url("")});
  ASSERT_FALSE(discovered);
  EXPECT_THAT(discovered.error().message(), Not(HasSubstr("confidential")));
}

TEST_F(KeySetFetchTest, TrustsTheGivenCertificatesAndTheNameInTheUrlOnly) {
  const auto certificate = testing::make_certificate({});
  IssuerServer server(
      loop_, [](const http::Request&) { return json_response("the set"); }, tls(certificate));
  const std::string url = server.url("/keys");
  EXPECT_TRUE(fetch({.issuer = "i", .jwks_uri = url, .ca = certificate.pem}));
  EXPECT_THAT(refusal(fetch({.issuer = "i", .jwks_uri = url})), HasSubstr("TLS handshake"));
  EXPECT_THAT(
      refusal(fetch({.issuer = "i", .jwks_uri = url, .ca = testing::make_certificate({}).pem})),
      HasSubstr("TLS handshake"));
  EXPECT_THAT(refusal(fetch({.issuer = "i", .jwks_uri = url, .ca = ""})), HasSubstr("caRef"));
  EXPECT_EQ(code_of(fetch({.issuer = "i", .jwks_uri = url, .ca = "not a certificate"})),
            ErrorCode::kInvalid);
  std::string by_name = url;
  by_name.replace(by_name.find("127.0.0.1"), 9, "localhost");
  EXPECT_THAT(refusal(fetch({.issuer = "i", .jwks_uri = by_name, .ca = certificate.pem})),
              HasSubstr("TLS handshake"));
  EXPECT_EQ(server.asked_for().size(), 1U);
}

TEST_F(KeySetFetchTest, AServerThatStaysSilentIsNotWaitedForForEver) {
  auto listener = net::Listener::bind(loop_, net::Address::parse("127.0.0.1:0").value()).value();
  const auto fetched =
      fetch({.issuer = "i", .jwks_uri = "http://" + listener->address().text() + "/keys"}, 50ms);
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().code(), ErrorCode::kTimeout);
}

TEST(KeyUrl, IsHttpsOrOfThisMachine) {
  for (const char* good :
       {"https://idp.example/keys", "https://10.0.0.1:8443/keys", "HTTPS://idp.example",
        "http://localhost:8080/keys", "http://127.0.0.1/keys", "http://127.1.2.3/keys",
        "http://[::1]:80/k", "http://[::ffff:127.0.0.1]/k"})
    EXPECT_TRUE(parse_key_url(good)) << good;
  for (const char* bad :
       {"http://idp.example/keys", "http://10.0.0.1/keys", "http://169.254.169.254/latest",
        "http://127.0.0.1.evil.example/", "http://0.0.0.0/", "http://[::]/", "http://2130706433/",
        "http://0x7f000001/", "http://user@127.0.0.1/", "https://user:word@idp.example/",
        "file:///etc/passwd", "ftp://idp.example/", "ws://localhost/", "wss://idp.example/",
        "//idp.example/", "idp.example", ""})
    EXPECT_FALSE(parse_key_url(bad)) << bad;
}

TEST(KeyAddress, OfAnotherMachineIsNotThisOneNorLinkLocal) {
  const auto allowed = [](const char* url, const char* address) {
    return check_key_address(http::Url::parse(url).value(), net::Address::ip(address, 443).value())
        .has_value();
  };
  for (const char* good : {"192.0.2.1", "10.1.2.3", "172.16.0.1", "2001:db8::1", "fd00::1"})
    EXPECT_TRUE(allowed("https://idp.example/", good)) << good;
  for (const char* bad : {"127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "0.0.0.0", "0.1.2.3",
                          "::", "169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "224.0.0.1",
                          "255.255.255.255", "240.0.0.1", "ff02::1"})
    EXPECT_FALSE(allowed("https://idp.example/", bad)) << bad;
  EXPECT_TRUE(allowed("https://localhost/", "127.0.0.1"));
  EXPECT_TRUE(allowed("http://127.0.0.1/", "127.0.0.1"));
  EXPECT_TRUE(allowed("http://[::1]/", "::1"));
  EXPECT_FALSE(allowed("http://localhost/", "192.0.2.1"));
  EXPECT_FALSE(allowed("https://169.254.169.254/", "169.254.169.254"));
}

TEST(Freshness, IsWhatCacheControlSays) {
  for (const auto& [value, age, seconds] :
       {std::tuple{"max-age=300", "", 300s}, std::tuple{"public, Max-Age=300, immutable", "", 300s},
        std::tuple{"max-age=\"300\"", "", 300s}, std::tuple{"max-age=300", "100", 200s},
        std::tuple{"max-age=300", "900", 0s}, std::tuple{"max-age=300", "-5", 300s},
        std::tuple{"max-age=300", "x", 300s}, std::tuple{"no-store, max-age=300", "", 0s},
        std::tuple{"no-cache", "", 0s}, std::tuple{"max-age=-1", "", 0s},
        std::tuple{"max-age=soon", "", 0s}, std::tuple{"max-age", "", std::chrono::seconds(10min)},
        std::tuple{"s-maxage=5", "", std::chrono::seconds(10min)},
        std::tuple{"", "", std::chrono::seconds(10min)},
        std::tuple{"max-age=99999999999", "", std::chrono::seconds(std::int64_t{1} << 31U)},
        std::tuple{"max-age=9999999999999999999999", "", 0s}}) {
    http::Headers headers = {{"Cache-Control", value}};
    if (*age != '\0') headers.add("Age", age);
    EXPECT_EQ(freshness_of(headers), seconds) << value << " " << age;
  }
  EXPECT_EQ(freshness_of({}), 10min);
}

}  // namespace
}  // namespace insula::gateway
