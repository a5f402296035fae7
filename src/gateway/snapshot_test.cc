#include "gateway/snapshot.h"

#include <fstream>
#include <set>

#include <gtest/gtest.h>

#include "gateway/credentials.h"
#include "jose/base64url.h"
#include "testing/fake_clock.h"
#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;

class SnapshotTest : public ::testing::Test {
 protected:
  std::shared_ptr<const Snapshot> build(const std::string& tenant, std::int64_t limit = 1000) {
    GatewayConfig config;
    config.tenants.push_back({.name = tenant,
                              .service_host = "",
                              .endpoints = {},
                              .limits = {.requests_per_hour = limit},
                              .issuers = {}});
    return builder_.build(config);
  }

  [[nodiscard]] std::filesystem::path ring_of(const std::string& tenant) const {
    return directory_ / (tenant + ".ring");
  }

  void set_last_write(const std::string& tenant, std::chrono::nanoseconds ago) {
    std::filesystem::last_write_time(
        ring_of(tenant), std::filesystem::file_time_type::clock::from_sys(clock_.wall() - ago));
  }

  testing::TempDir directory_;
  testing::FakeClock clock_;
  MetricsRegistry registry_;
  SnapshotBuilder builder_{directory_.path(), clock_, registry_, {}};
};

TEST_F(SnapshotTest, SnapshotsOfOneTenantShareItsWindow) {
  const auto first = build("a");
  const auto second = build("a");
  EXPECT_EQ(first->find("a")->limits.requests, second->find("a")->limits.requests);
}

TEST_F(SnapshotTest, ATenantsWindowGoesWithTheLastSnapshotThatKnowsIt) {
  auto snapshot = build("a");
  const std::weak_ptr<RequestLimiter> window = snapshot->find("a")->limits.requests;
  snapshot = build("b");
  EXPECT_TRUE(window.expired());
}

TEST_F(SnapshotTest, AnAdmissionIsRememberedWhileItsTenantIsAway) {
  build("a")->find("a")->limits.requests->admit(1);
  build("b");
  EXPECT_FALSE(build("a")->find("a")->limits.requests->admit(1).admitted);
}

TEST_F(SnapshotTest, ATokensScopeIsItsTenantsAloneAndLastsAsLongAsItsIssuers) {
  const IssuerConfig issuer{.issuer = "i", .audiences = {"a"}, .public_keys = {}, .secrets = {}};
  GatewayConfig config;
  for (const char* name : {"a", "b"}) {
    config.tenants.push_back(
        {.name = name, .service_host = "", .endpoints = {}, .issuers = {issuer}});
  }
  const auto scope = [&](const char* name) {
    return builder_.build(config)->find(name)->auth_scope;
  };
  const std::uint64_t first = scope("a");
  EXPECT_NE(scope("b"), first);
  config.tenants[0].endpoints = {"10.0.0.1:1"};
  EXPECT_EQ(scope("a"), first);
  config.tenants[0].issuers[0].secrets = {"secret"};
  const std::uint64_t second = scope("a");
  EXPECT_NE(second, first);
  config.tenants[0].issuers[0].secrets.clear();
  const std::uint64_t third = scope("a");
  EXPECT_GT(third, second);
  config.builtin_keys = {"key"};
  EXPECT_GT(scope("a"), third);
}

TEST_F(SnapshotTest, ACachedTokenOpensItsOwnTenantEvenIfTwoScopesWereEqual) {
  const jose::JwsKeyPair keys = jose::generate_ed25519_keys().value();
  const JwtIssuer issuer{"i", {"a"}, {jose::JwsKey::from_public_pem(keys.public_pem).value()}};
  const std::string claims =
      R"({"iss":"i","aud":"a","exp":)" +
      std::to_string((clock_.wall() + 1h).time_since_epoch() / std::chrono::seconds(1)) + "}";
  std::string token =
      jose::base64url_encode(R"({"alg":"EdDSA"})") + "." + jose::base64url_encode(claims);
  token += "." + jose::base64url_encode(
                     jose::JwsSigner::from_private_pem(keys.private_pem)->sign(token).value());
  Snapshot snapshot;
  snapshot.tenants["att"] = {.name = "att", .issuers = {issuer}, .auth_scope = 7};
  snapshot.tenants["vic"] = {.name = "vic", .auth_scope = 7};
  const std::string text =
      "GET /x HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + token + "\r\n\r\n";
  http::RequestHead head;
  ASSERT_EQ(http::parse_request(text, 0, {}, head), http::ParseStatus::kComplete);
  TokenCache cache;
  EXPECT_TRUE(authenticate(head, snapshot, *snapshot.find("att"), cache, clock_.wall()));
  EXPECT_TRUE(authenticate(head, snapshot, *snapshot.find("att"), cache, clock_.wall()));
  EXPECT_FALSE(authenticate(head, snapshot, *snapshot.find("vic"), cache, clock_.wall()));
}

TEST_F(SnapshotTest, RemovesTheRingOfAFormerTenantOnceItLimitsNothing) {
  build("a");
  set_last_write("a", 59min);
  build("b");
  EXPECT_TRUE(std::filesystem::exists(ring_of("a")));
  set_last_write("a", 2h);
  build("b");
  EXPECT_FALSE(std::filesystem::exists(ring_of("a")));
  EXPECT_TRUE(std::filesystem::exists(ring_of("b")));
}

TEST_F(SnapshotTest, AKeysWindowsAreItsOwnAndGoOnceItIsGone) {
  GatewayConfig config;
  config.tenants.push_back({.name = "a", .service_host = "", .endpoints = {}, .issuers = {}});
  config.api_keys.push_back(
      {.id = "k", .tenant = "a", .hash = std::string(64, '0'), .limits = {.requests_per_hour = 1}});
  const auto grant = [&](const Snapshot& snapshot) -> const ApiKeyGrant& {
    return snapshot.api_keys.records().find("k")->second.grant;
  };
  auto snapshot = builder_.build(config);
  std::shared_ptr<RequestLimiter> window = grant(*snapshot).limits.requests;
  EXPECT_NE(window, snapshot->find("a")->limits.requests);
  EXPECT_TRUE(window->admit(1).admitted);
  snapshot = builder_.build(config);
  EXPECT_EQ(grant(*snapshot).limits.requests, window);
  EXPECT_TRUE(std::filesystem::exists(ring_of("key.k")));
  config.api_keys.front().limits.requests_per_hour = -1;
  EXPECT_EQ(grant(*builder_.build(config)).limits.most.requests_per_hour, 0);
  config.api_keys.clear();
  snapshot = builder_.build(config);
  set_last_write("key.k", 2h);
  snapshot = builder_.build(config);
  EXPECT_FALSE(std::filesystem::exists(ring_of("key.k")));
}

TEST_F(SnapshotTest, KeysWithMoreWindowsThanFitAreNotServedAndTenantsAre) {
  SnapshotBuilder small(directory_.path(), clock_, registry_, {}, 2);
  GatewayConfig config;
  config.tenants.push_back({.name = "a", .service_host = "", .endpoints = {}, .issuers = {}});
  for (const char* id : {"k", "l"}) {
    config.api_keys.push_back({.id = id,
                               .tenant = "a",
                               .hash = std::string(64, '0'),
                               .limits = {.requests_per_hour = 1}});
  }
  auto snapshot = small.build(config);
  const auto can_be_kept = [&](const char* id) {
    return snapshot->api_keys.records().find(id)->second.grant.limits.can_be_kept();
  };
  EXPECT_TRUE(snapshot->find("a")->limits.can_be_kept());
  EXPECT_TRUE(can_be_kept("k"));
  EXPECT_FALSE(can_be_kept("l"));
  EXPECT_FALSE(std::filesystem::exists(ring_of("key.l")));
  EXPECT_FALSE(snapshot->incomplete);  // Building it again would not help.
  // An expired key gives its place to another.
  config.api_keys[0].expires = api::Time::from(clock_.wall() - 1h).text();
  snapshot = small.build(config);
  EXPECT_TRUE(can_be_kept("l"));
  EXPECT_FALSE(snapshot->incomplete);
  EXPECT_GT(SnapshotBuilder::windows_that_fit(), 1000u);
}

TEST_F(SnapshotTest, AModelWithLimitsHasWindowsOfItsOwn) {
  GatewayConfig config;
  config.tenants = {{.name = "a",
                     .service_host = "s",
                     .models = {{.name = "Chat-1.5", .limits = {.requests_per_hour = 5}},
                                {.name = "org/chat", .limits = {.requests_per_hour = 5}},
                                {.name = "org/chat#2", .limits = {.requests_per_hour = 5}},
                                {.name = "free"}}}};
  const auto snapshot = builder_.build(config);
  const ModelRoutes& models = snapshot->find("a")->models;
  EXPECT_TRUE(std::filesystem::exists(ring_of("model.a.Chat-1.5")));
  std::set<const RequestLimiter*> windows;
  for (const char* name : {"Chat-1.5", "org/chat", "org/chat#2"}) {
    ASSERT_TRUE(models.find(name)->limits);
    EXPECT_TRUE(models.find(name)->limits->can_be_kept());
    windows.insert(models.find(name)->limits->requests.get());
  }
  EXPECT_EQ(windows.size(), 3);
  EXPECT_FALSE(models.find("free")->limits);
  // The next snapshot goes on with them.
  const auto next = builder_.build(config);
  EXPECT_EQ(next->find("a")->models.find("org/chat")->limits->requests,
            models.find("org/chat")->limits->requests);
}

TEST_F(SnapshotTest, TenantsHaveTheirWindowsBeforeModels) {
  SnapshotBuilder small(directory_.path(), clock_, registry_, {}, 3);
  GatewayConfig config;
  config.tenants = {{.name = "a",
                     .service_host = "s",
                     .models = {{.name = "m", .limits = {.requests_per_hour = 5}},
                                {.name = "n", .limits = {.requests_per_hour = 5}}}},
                    {.name = "b", .service_host = "s"}};
  const auto snapshot = small.build(config);
  EXPECT_TRUE(snapshot->find("b")->limits.can_be_kept());
  EXPECT_TRUE(snapshot->find("a")->models.find("m")->limits->can_be_kept());
  EXPECT_FALSE(snapshot->find("a")->models.find("n")->limits->can_be_kept());
}

TEST_F(SnapshotTest, AKeyWhoseLimitCannotBeKeptIsReported) {
  GatewayConfig config;
  config.api_keys.push_back(
      {.id = "k", .tenant = "a", .hash = std::string(64, '0'), .limits = {.requests_per_hour = 1}});
  std::filesystem::create_directory(ring_of("key.k"));
  const auto snapshot = builder_.build(config);
  EXPECT_TRUE(snapshot->incomplete);
  EXPECT_FALSE(snapshot->api_keys.records().find("k")->second.grant.limits.can_be_kept());
  std::filesystem::remove(ring_of("key.k"));
  EXPECT_FALSE(builder_.build(config)->incomplete);
}

TEST_F(SnapshotTest, AWindowThatCannotGrowServesOnAndGrowsLater) {
  const auto admitted = [](const Snapshot& snapshot) {
    int count = 0;
    while (snapshot.find("a")
               ->limits.requests->admit(snapshot.find("a")->limits.most.requests_per_hour.value())
               .admitted)
      ++count;
    return count;
  };
  const auto small = build("a", 10);
  EXPECT_EQ(admitted(*small), 10);
  const std::filesystem::path in_the_way = ring_of("a").string() + ".new";
  std::filesystem::create_directory(in_the_way);
  auto raised = build("a", 1000);
  ASSERT_NE(raised->find("a"), nullptr);
  EXPECT_EQ(raised->find("a")->limits.requests, small->find("a")->limits.requests);
  EXPECT_EQ(admitted(*raised), 5);  // A ring for 10 has 16 slots, and one of them stays free.
  builder_.flush();
  EXPECT_EQ(admitted(*raised), 0);
  std::filesystem::remove(in_the_way);
  builder_.flush();
  EXPECT_EQ(admitted(*raised), 985);
}

TEST_F(SnapshotTest, ATenantWithoutAWindowIsKnownAllTheSame) {
  const std::filesystem::path in_the_way = ring_of("a").string() + ".new";
  std::filesystem::create_directory(in_the_way);
  const auto without = build("a");
  ASSERT_NE(without->find("a"), nullptr);
  EXPECT_EQ(without->find("a")->limits.requests, nullptr);
  std::filesystem::remove(in_the_way);
  EXPECT_NE(build("a")->find("a")->limits.requests, nullptr);
}

TEST_F(SnapshotTest, LeavesOtherFilesAlone) {
  const std::filesystem::path other = directory_ / "a.ring.damaged";
  std::ofstream(other) << "x";
  std::filesystem::last_write_time(
      other, std::filesystem::file_time_type::clock::from_sys(clock_.wall() - 48h));
  build("b");
  EXPECT_TRUE(std::filesystem::exists(other));
}

}  // namespace
}  // namespace insula::gateway
