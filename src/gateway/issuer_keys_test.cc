#include "gateway/issuer_keys.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/deadline.h"
#include "gateway/credentials.h"
#include "gateway/refresh_schedule.h"
#include "gateway/snapshot.h"
#include "gateway/testing/issuer.h"
#include "jose/testing/signing_key.h"
#include "testing/fake_clock.h"
#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

Error refusal(const Result<Principal>& principal) {
  return principal ? Error(ErrorCode::kInternal, "accepted") : principal.error();
}

/// A clock of its own, moved by the test; the loop's wait for the network is real.
class IssuerKeysTest : public ::testing::Test {
 protected:
  IssuerKeysTest() { start(); }

  void start() {
    keys_.reset();
    keys_ = std::make_unique<IssuerKeys>(IssuerKeysOptions{.directory = directory()}, loop_,
                                         random_, registry_, Log());
  }

  [[nodiscard]] std::filesystem::path directory() const { return directory_ / "issuer-keys"; }

  /// The issuer's answer from here on.
  void publish(std::initializer_list<std::string> jwks) {
    std::string text;
    for (const std::string& jwk : jwks)
      text += (text.empty() ? "" : ",") + jwk;
    server_.set_answer([text](const http::Request&) {
      return json_response(R"({"keys":[)" + text + "]}", {{"Cache-Control", "max-age=600"}});
    });
  }

  void fail_to_answer() {
    server_.set_answer(
        [](const http::Request&) { return http::make_response(500, "text/plain", "x"); });
  }

  /// What the gateway knows; fills the configuration anew.
  std::shared_ptr<const Snapshot> snapshot() {
    keys_->changed().reset();
    keys_->fill(config_);
    return builder_.build(config_);
  }

  /// Runs the loop until the server has been asked `times` times in all and its answers were taken.
  void until_asked(std::size_t times) { run_until_complete(loop_, wait_until_asked(times)); }

  Task<> wait_until_asked(std::size_t times) {
    // Real time: the loop's own stands still.
    const SteadyTime end = system_clock().now() + 20s;
    while (server_.asked_for().size() < times || fetches() < times) {
      if (system_clock().now() > end) {
        ADD_FAILURE() << "asked " << server_.asked_for().size() << " times only";
        co_return;
      }
      co_await yield();
    }
  }

  /// Everything that is ready runs, and nothing is asked.
  void settle() {
    run_until_complete(loop_, []() -> Task<> {
      for (int i = 0; i < 100; ++i)
        co_await yield();
    }());
  }

  std::size_t fetches(std::string_view outcome = "") {
    std::size_t sum = 0;
    for (const std::string_view one : {"changed", "unchanged", "failed"}) {
      if (outcome.empty() || outcome == one) {
        sum += registry_
                   .counter("insula_gateway_issuer_key_fetches_total", "",
                            {{"outcome", std::string(one)}})
                   .value();
      }
    }
    return sum;
  }

  void advance(std::chrono::nanoseconds by) {
    clock_.advance(by);
    // The loop looks at its clock again when it is woken.
    settle();
  }

  Result<Principal> authenticate_with(const Snapshot& snapshot, const std::string& token) {
    const std::string text =
        "GET /x HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + token + "\r\n\r\n";
    http::RequestHead head;
    EXPECT_EQ(http::parse_request(text, 0, {}, head), http::ParseStatus::kComplete);
    return authenticate(head, snapshot, *snapshot.find("t"), cache_, clock_.wall());
  }

  [[nodiscard]] std::string token(const jose::SigningKey& key, std::string_view kid) const {
    return key.token("ES256", fmt::format(R"({{"alg":"ES256","kid":"{}"}})", kid),
                     R"({"iss":"https://idp.example","aud":"llm","exp":1e12})");
  }

  testing::TempDir directory_;
  testing::FakeClock clock_;
  Loop loop_{clock_};
  SeededRandom random_{1};
  MetricsRegistry registry_;
  SnapshotBuilder builder_{directory_.path(), clock_, registry_, {}};
  TokenCache cache_;
  IssuerServer server_{loop_, [](const http::Request&) { return http::Response(); }};
  GatewayConfig config_ = [&] {
    GatewayConfig config;
    config.tenants.push_back({.name = "t", .service_host = "", .endpoints = {}});
    config.tenants[0].issuers.push_back(
        {.issuer = "https://idp.example",
         .audiences = {"llm"},
         .public_keys = {},
         .secrets = {},
         .algorithms = {"ES256"},
         .key_source =
             KeySource{.issuer = "https://idp.example", .jwks_uri = server_.url("/keys")}});
    return config;
  }();
  jose::SigningKey first_{"P-256"};
  jose::SigningKey second_{"P-256"};
  std::unique_ptr<IssuerKeys> keys_;
};

TEST_F(IssuerKeysTest, ATokenOpensItsTenantOnceItsIssuersKeysAreThere) {
  publish({first_.jwk(R"("kid":"1",)")});
  const auto early = authenticate_with(*snapshot(), token(first_, "1"));
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(early.error().message(), HasSubstr("could not be fetched yet"));
  until_asked(1);
  EXPECT_TRUE(keys_->changed().is_set());
  EXPECT_TRUE(authenticate_with(*snapshot(), token(first_, "1")));
  EXPECT_FALSE(authenticate_with(*snapshot(), token(second_, "1")));
}

TEST_F(IssuerKeysTest, KeysAreRefreshedBeforeTheyCeaseToBeFreshAndNotBefore) {
  publish({first_.jwk(R"("kid":"1",)")});
  snapshot();
  until_asked(1);
  advance(539s);
  EXPECT_EQ(server_.asked_for().size(), 1U);
  clock_.advance(61s);
  until_asked(2);
  EXPECT_EQ(fetches("unchanged"), 1U);
  const std::uint64_t scope = snapshot()->find("t")->auth_scope;
  EXPECT_EQ(snapshot()->find("t")->auth_scope, scope);
}

TEST_F(IssuerKeysTest, ARotatedOutKeyOpensNothingAnyMoreAlsoFromTheCache) {
  publish({first_.jwk(R"("kid":"1",)"), second_.jwk(R"("kid":"2",)")});
  snapshot();
  until_asked(1);
  const auto before = snapshot();
  EXPECT_TRUE(authenticate_with(*before, token(first_, "1")));
  EXPECT_TRUE(authenticate_with(*before, token(first_, "1")));  // Cached by now.
  publish({second_.jwk(R"("kid":"2",)")});
  clock_.advance(600s);
  until_asked(2);
  const auto after = snapshot();
  EXPECT_NE(after->find("t")->auth_scope, before->find("t")->auth_scope);
  EXPECT_FALSE(authenticate_with(*after, token(first_, "1")));
  EXPECT_TRUE(authenticate_with(*after, token(second_, "2")));
}

TEST_F(IssuerKeysTest, AnUnknownKidFetchesOnceAndAFloodOfThemNotMore) {
  publish({first_.jwk(R"("kid":"1",)")});
  snapshot();
  until_asked(1);
  const auto known = snapshot();
  clock_.advance(20s);
  publish({first_.jwk(R"("kid":"1",)"), second_.jwk(R"("kid":"2",)")});
  const auto refused = authenticate_with(*known, token(second_, "2"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnauthenticated);
  EXPECT_THAT(refused.error().message(), HasSubstr("try again in a few seconds"));
  until_asked(2);
  // The refusal was cached under the old keys only.
  EXPECT_TRUE(authenticate_with(*snapshot(), token(second_, "2")));
  for (int i = 0; i < 1000; ++i)
    EXPECT_FALSE(authenticate_with(*snapshot(), token(second_, std::to_string(i + 100))));
  advance(9s);
  EXPECT_EQ(server_.asked_for().size(), 2U);
  clock_.advance(1s);
  until_asked(3);
  advance(300s);
  EXPECT_EQ(server_.asked_for().size(), 3U);
}

TEST_F(IssuerKeysTest, AKnownKidWithABadSignatureFetchesNothing) {
  publish({first_.jwk(R"("kid":"1",)")});
  snapshot();
  until_asked(1);
  const auto known = snapshot();
  advance(20s);
  EXPECT_FALSE(authenticate_with(*known, token(second_, "1")));
  settle();
  advance(60s);
  EXPECT_EQ(server_.asked_for().size(), 1U);
}

TEST_F(IssuerKeysTest, KeysServeOnWhileTheIssuerIsDownAndTheRefusalOfOthersSaysSo) {
  publish({first_.jwk(R"("kid":"1",)")});
  snapshot();
  until_asked(1);
  fail_to_answer();
  clock_.advance(600s);
  until_asked(2);
  EXPECT_EQ(fetches("failed"), 1U);
  EXPECT_TRUE(authenticate_with(*snapshot(), token(first_, "1")));
  EXPECT_THAT(refusal(authenticate_with(*snapshot(), token(second_, "2"))).message(),
              HasSubstr("could not be fetched again"));
  // A day after they should have been fetched they are dropped.
  clock_.advance(kKeysStaleMax - 1min);
  until_asked(3);
  EXPECT_TRUE(authenticate_with(*snapshot(), token(first_, "1")));
  clock_.advance(10min);
  until_asked(4);
  EXPECT_TRUE(keys_->changed().is_set());
  EXPECT_EQ(refusal(authenticate_with(*snapshot(), token(first_, "1"))).code(),
            ErrorCode::kUnavailable);
  publish({first_.jwk(R"("kid":"1",)")});
  clock_.advance(10min);
  until_asked(5);
  EXPECT_TRUE(authenticate_with(*snapshot(), token(first_, "1")));
}

TEST_F(IssuerKeysTest, ASetThatNobodyShouldTrustLeavesTheOneBefore) {
  publish({first_.jwk(R"("kid":"1",)")});
  snapshot();
  until_asked(1);
  publish({second_.jwk(R"("kid":"1","d":"AAAA",)")});
  clock_.advance(600s);
  until_asked(2);
  EXPECT_EQ(fetches("failed"), 1U);
  EXPECT_TRUE(authenticate_with(*snapshot(), token(first_, "1")));
}

TEST_F(IssuerKeysTest, ARestartWhileTheIssuerIsDownServesFromDisk) {
  publish({first_.jwk(R"("kid":"1",)")});
  snapshot();
  until_asked(1);
  fail_to_answer();
  start();
  EXPECT_TRUE(authenticate_with(*snapshot(), token(first_, "1")));
  // Fetched a moment ago: no need to ask again before they cease to be fresh.
  advance(500s);
  EXPECT_EQ(server_.asked_for().size(), 1U);
  for (const auto& entry : std::filesystem::directory_iterator(directory())) {
    EXPECT_EQ(entry.status().permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
}

TEST_F(IssuerKeysTest, WhatIsOnDiskIsUsedForItsSourceAndForADayOnly) {
  publish({first_.jwk(R"("kid":"1",)")});
  snapshot();
  until_asked(1);
  fail_to_answer();
  config_.tenants[0].issuers[0].key_source->ca = "another CA";
  start();
  EXPECT_FALSE(authenticate_with(*snapshot(), token(first_, "1")));
  config_.tenants[0].issuers[0].key_source->ca = std::nullopt;
  start();
  EXPECT_TRUE(authenticate_with(*snapshot(), token(first_, "1")));
  clock_.advance(600s + kKeysStaleMax);
  start();
  EXPECT_FALSE(authenticate_with(*snapshot(), token(first_, "1")));
}

TEST_F(IssuerKeysTest, ADamagedFileIsIgnored) {
  publish({first_.jwk(R"("kid":"1",)")});
  snapshot();
  until_asked(1);
  for (const std::string_view text : {"", "{", "{}", R"({"format":9})"}) {
    for (const auto& entry : std::filesystem::directory_iterator(directory()))
      std::ofstream(entry.path()) << text;
    start();
    EXPECT_EQ(refusal(authenticate_with(*snapshot(), token(first_, "1"))).code(),
              ErrorCode::kUnavailable)
        << text;
  }
}

TEST_F(IssuerKeysTest, OnlyTheAlgorithmsThatTheTenantNamesCount) {
  publish({first_.jwk(R"("kid":"1",)")});
  config_.tenants[0].issuers[0].algorithms = {"RS256", "ES384"};
  snapshot();
  until_asked(1);
  EXPECT_FALSE(authenticate_with(*snapshot(), token(first_, "1")));
  config_.tenants[0].issuers[0].algorithms = {"RS256", "ES256"};
  EXPECT_TRUE(authenticate_with(*snapshot(), token(first_, "1")));
}

TEST_F(IssuerKeysTest, TenantsThatNameOneSourceShareItAndAnotherCaIsAnotherSource) {
  publish({first_.jwk(R"("kid":"1",)")});
  config_.tenants.push_back(config_.tenants[0]);
  config_.tenants[1].name = "u";
  snapshot();
  until_asked(1);
  settle();
  EXPECT_EQ(server_.asked_for().size(), 1U);
  snapshot();
  EXPECT_EQ(config_.tenants[0].issuers[0].fetched, config_.tenants[1].issuers[0].fetched);
  config_.tenants[1].issuers[0].key_source->ca = "";
  snapshot();
  EXPECT_TRUE(config_.tenants[0].issuers[0].fetched->set);
  EXPECT_FALSE(config_.tenants[1].issuers[0].fetched->set);
}

TEST_F(IssuerKeysTest, ASourceThatNobodyNamesIsNotAskedAnyMore) {
  publish({first_.jwk(R"("kid":"1",)")});
  const GatewayConfig config = config_;
  snapshot();
  until_asked(1);
  config_.tenants[0].issuers.clear();
  snapshot();
  advance(2h);
  EXPECT_EQ(server_.asked_for().size(), 1U);
  // Its file is kept for a while: it may be back.
  fail_to_answer();
  config_ = config;
  EXPECT_TRUE(authenticate_with(*snapshot(), token(first_, "1")));
}

TEST_F(IssuerKeysTest, SourcesBeyondTheBoundAreNotFollowed) {
  TenantConfig& tenant = config_.tenants[0];
  tenant.issuers.clear();
  for (std::size_t i = 0; i <= kKeySourcesMax; ++i) {
    // No CA to trust: nothing is asked.
    const std::string issuer = fmt::format("https://{:04}.example", i);
    tenant.issuers.push_back({.issuer = issuer,
                              .audiences = {"llm"},
                              .public_keys = {},
                              .secrets = {},
                              .algorithms = {},
                              .key_source = KeySource{.issuer = issuer, .jwks_uri = "", .ca = ""}});
  }
  keys_->fill(config_);
  EXPECT_NE(tenant.issuers.front().fetched, nullptr);
  EXPECT_EQ(tenant.issuers.back().fetched, nullptr);
}

TEST_F(IssuerKeysTest, MetricsSayHowManyKeysThereAreAndHowOld) {
  publish({first_.jwk(R"("kid":"1",)"), second_.jwk(R"("kid":"2",)")});
  snapshot();
  EXPECT_THAT(registry_.expose(),
              HasSubstr("insula_gateway_issuer_keys{issuer=\"https://idp.example\"} 0"));
  EXPECT_THAT(registry_.expose(), Not(HasSubstr("keys_age_seconds{")));
  until_asked(1);
  clock_.advance(90s);
  EXPECT_THAT(registry_.expose(),
              HasSubstr("insula_gateway_issuer_keys{issuer=\"https://idp.example\"} 2"));
  EXPECT_THAT(
      registry_.expose(),
      HasSubstr("insula_gateway_issuer_keys_age_seconds{issuer=\"https://idp.example\"} 90"));
}

}  // namespace
}  // namespace insula::gateway
