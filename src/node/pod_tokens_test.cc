#include "node/pod_tokens.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/gen/authentication_v1.h"
#include "async/loop.h"
#include "client/client.h"
#include "testing/fake_clock.h"

namespace insula::node {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::Pair;

/// Answers token requests, remembers them, and knows nothing else.
class TokenApi final : public client::Client {
 public:
  explicit TokenApi(const Clock& clock) : clock_(clock) {}

  Task<Result<std::string>> create(client::Target target,
                                   std::string object,
                                   client::WriteOptions /*options*/) override {
    EXPECT_EQ(target.path(), "/api/v1/namespaces/team/serviceaccounts/bot/token");
    if (away) co_return fail(ErrorCode::kUnavailable, "away");
    api::TokenRequest request = api::decode_json<api::TokenRequest>(object).value();
    request.status.token = fmt::format("token-{}", asked.size());
    request.status.expiration_timestamp =
        api::Time::from(clock_.wall() + seconds(*request.spec.expiration_seconds));
    asked.push_back(request.spec);
    co_return api::encode_json(request);
  }

  Task<Result<std::string>> get(client::Target /*target*/) override { co_return refused(); }

  Task<Result<std::string>> list(client::Target /*target*/,
                                 client::ListOptions /*options*/) override {
    co_return refused();
  }

  Task<Result<std::unique_ptr<client::WatchStream>>> watch(
      client::Target /*target*/, client::WatchOptions /*options*/) override {
    co_return refused();
  }

  Task<Result<std::string>> update(client::Target /*target*/,
                                   std::string /*object*/,
                                   client::WriteOptions /*options*/) override {
    co_return refused();
  }

  Task<Result<std::string>> patch(client::Target /*target*/,
                                  client::PatchType /*type*/,
                                  std::string /*body*/,
                                  client::WriteOptions /*options*/) override {
    co_return refused();
  }

  Task<Result<std::string>> remove(client::Target /*target*/,
                                   client::DeleteOptions /*options*/) override {
    co_return refused();
  }

  Task<Result<std::string>> remove_collection(client::Target /*target*/,
                                              client::DeleteOptions /*options*/,
                                              client::ListOptions /*select*/) override {
    co_return refused();
  }

  bool away = false;
  std::vector<api::TokenRequestSpec> asked;

 private:
  static std::unexpected<Error> refused() { return fail(ErrorCode::kForbidden, "not asked for"); }

  const Clock& clock_;
};

class PodTokensTest : public ::testing::Test {
 protected:
  PodTokensTest() {
    pod_.metadata.name = "p";
    pod_.metadata.namespace_ = "team";
    pod_.metadata.uid = "uid-1";
    pod_.spec.service_account_name = "bot";
    api::Volume& volume = pod_.spec.volumes.emplace_back();
    volume.name = "v";
    auto& token = volume.volume_source.projected.emplace().sources.emplace_back();
    token.service_account_token.emplace().expiration_seconds = 1000;
  }

  Result<TokenTexts> current() {
    std::optional<Result<TokenTexts>> out;
    auto keep = [&]() -> Task<> { out.emplace(co_await tokens_.current(pod_, clock_.wall())); };
    run_until_complete(loop_, keep());
    return *std::move(out);
  }

  insula::testing::FakeClock clock_;
  Loop loop_;
  TokenApi api_{clock_};
  PodTokens tokens_{api_};
  api::Pod pod_;
};

TEST_F(PodTokensTest, AreBoundToThePod) {
  EXPECT_THAT(current().value(), ElementsAre(Pair(TokenWanted{"", 1000}, "token-0")));
  const api::TokenRequestSpec& asked = api_.asked.at(0);
  EXPECT_TRUE(asked.audiences.empty());
  EXPECT_EQ(asked.bound_object_ref->kind, "Pod");
  EXPECT_EQ(asked.bound_object_ref->name, "p");
  EXPECT_EQ(asked.bound_object_ref->uid, "uid-1");
}

TEST_F(PodTokensTest, AreRenewedAfterFourFifthsOfTheirLife) {
  ASSERT_TRUE(current());
  clock_.advance(seconds(799));
  EXPECT_THAT(current().value(), ElementsAre(Pair(TokenWanted{"", 1000}, "token-0")));
  clock_.advance(seconds(1));
  EXPECT_THAT(current().value(), ElementsAre(Pair(TokenWanted{"", 1000}, "token-1")));
}

TEST_F(PodTokensTest, AreUsedToTheirEndWhileTheyCannotBeRenewed) {
  ASSERT_TRUE(current());
  api_.away = true;
  clock_.advance(seconds(999));
  EXPECT_TRUE(current());
  clock_.advance(seconds(1));
  EXPECT_EQ(current().error().code(), ErrorCode::kUnavailable);
}

TEST_F(PodTokensTest, AreOneForEachAudience) {
  auto& more = pod_.spec.volumes[0].volume_source.projected->sources.emplace_back();
  more.service_account_token.emplace().audience = "vault";
  EXPECT_THAT(current().value(), ElementsAre(Pair(TokenWanted{"", 1000}, "token-0"),
                                             Pair(TokenWanted{"vault", 3600}, "token-1")));
  EXPECT_THAT(api_.asked.at(1).audiences, ElementsAre("vault"));
}

TEST(ApiEndpoint, IsWhereThePodReachesIt) {
  const auto at = [](const char* address, bool own_network) {
    const ApiEndpoint found = api_endpoint(address, own_network, "192.0.2.7").value();
    return found.host + "|" + found.port;
  };
  EXPECT_EQ(at("127.0.0.1:6443", false), "127.0.0.1|6443");
  EXPECT_EQ(at("127.0.0.1:6443", true), "|");
  EXPECT_EQ(at("[::1]:6443", true), "|");
  EXPECT_EQ(at("0.0.0.0:6443", true), "192.0.2.7|6443");
  EXPECT_EQ(at("0.0.0.0:6443", false), "127.0.0.1|6443");
  EXPECT_EQ(at("192.0.2.9:1", true), "192.0.2.9|1");
  EXPECT_FALSE(api_endpoint("", true, ""));
}

}  // namespace
}  // namespace insula::node
