#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "async/task_group.h"
#include "gateway/limit_store.h"
#include "gateway/testing/model_limit_store.h"
#include "gateway/testing/test_gateway.h"
#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;

/// The store that all gateways of a test have.
struct CommonStore {
  ModelLimitStore rules;
  bool is_away = false;
};

class CommonStoreClient final : public LimitStore {
 public:
  explicit CommonStoreClient(CommonStore& store) : store_(store) {}

  Task<Result<StoreAnswer>> exchange(StoreCall call) override {
    co_await yield();
    if (store_.is_away) co_return fail(ErrorCode::kUpstream, "the store is away");
    co_return store_.rules.apply(call);
  }

 private:
  CommonStore& store_;
};

/// The test's gateway, and another one for the same tenants.
class GatewaySharedTest : public GatewayTest {
 public:
  GatewaySharedTest() {
    store_.rules.say_fresh();
    settings_.limit_store = [this] { return std::make_unique<CommonStoreClient>(store_); };
    other_listener_ = net::Listener::bind(loop_, any_port()).value();
  }

  ~GatewaySharedTest() override { other_.reset(); }

  void start_both(const Model& model) {
    start({model.address});
    settings_.directory = other_directory_.path();
    other_ = Gateway::create(settings_, system_clock(), other_registry_, {}).value();
    ASSERT_TRUE(wait(other_->apply(config_)));
    ASSERT_TRUE(other_->serve(other_listener_->fd()));
  }

  http::Response send_to(const net::Address& address, std::string_view body) {
    http::Request request{"POST", "/alpha/v1/chat/completions", bearer(credential_),
                          std::string(body)};
    return wait(client_.send({address, "gateway", false}, std::move(request),
                             loop_.now() + std::chrono::seconds(20)))
        .value();
  }

  /// Sends to one after the other until both refuse. Returns how many were served.
  int use_up(std::string_view body) {
    int served = 0;
    for (int refused = 0; refused < 2;) {
      for (const net::Address& address : {address_, other_listener_->address()}) {
        auto response = send_to(address, body);
        // Until each knows of the other nothing is lent.
        while (response.status == 503)
          response = send_to(address, body);
        served += response.status == 200 ? 1 : 0;
        refused = response.status == 200 ? 0 : refused + 1;
        last_ = std::move(response);
      }
    }
    return served;
  }

  void be_member(std::string_view member) {
    const auto signer = jose::JwsSigner::from_private_pem(keys_.private_pem).value();
    credential_ = mint_token(signer,
                             {.tenant = "alpha",
                              .tenant_uid = config_.tenants[0].uid,
                              .subject = std::string(member)},
                             system_clock().wall())
                      .value();
  }

  CommonStore store_;
  std::string credential_ = key_of("alphaalpha");
  insula::testing::TempDir other_directory_;
  MetricsRegistry other_registry_;
  std::unique_ptr<net::Listener> other_listener_;
  std::unique_ptr<Gateway> other_;
  http::Response last_;
};

TEST_F(GatewaySharedTest, TwoGatewaysServeALimitOfRequestsTogether) {
  Model model(loop_);
  config_.tenants[0].limits.requests_per_hour = 20;
  start_both(model);
  EXPECT_EQ(use_up(kChat), 20);
  EXPECT_EQ(last_.status, 429);
  EXPECT_THAT(last_.body, HasSubstr("rate limit of 20 requests per hour is reached"));
  EXPECT_THAT(last_.body, HasSubstr(R"("code":"rate_limit_exceeded")"));
}

TEST_F(GatewaySharedTest, AFailureAfterTheStoreWasAskedIsTheUpstreams) {
  config_.tenants[0].limits.requests_per_hour = 20;
  {
    const Model gone(loop_);
    start_both(gone);
  }
  http::Response response = send_to(address_, kChat);
  // Until each knows of the other nothing is lent.
  while (response.status == 503)
    response = send_to(address_, kChat);
  EXPECT_EQ(response.status, 502);
  EXPECT_THAT(response.body, HasSubstr(R"("code":"upstream_failed")"));
}

TEST_F(GatewaySharedTest, TwoGatewaysServeALimitOfTokensTogether) {
  Model model(loop_);
  // A request of kStream reserves 29 tokens and uses 8.
  config_.tenants[0].limits.tokens_per_minute = 100;
  start_both(model);
  const int served = use_up(kStream);
  EXPECT_LE(served * 8, 100);
  EXPECT_GE(served * 8 + 29, 100);
  EXPECT_EQ(last_.status, 429);
}

TEST_F(GatewaySharedTest, TwoGatewaysServeABudgetTogetherAndGoOnWithItAfterAStart) {
  Model model(loop_);
  config_.tenants[0].limits.budget.tokens_per_day = 100;
  start_both(model);
  const int served = use_up(kStream);
  EXPECT_LE(served * 8, 100);
  EXPECT_GE(served * 8 + 29, 100);
  EXPECT_THAT(last_.body, HasSubstr("budget of 100 tokens per day"));
  gateway_.reset();
  start({model.address});
  auto response = send_to(address_, kStream);
  while (response.status == 503)
    response = send_to(address_, kStream);
  EXPECT_EQ(response.status, 429);
}

TEST_F(GatewaySharedTest, RequestsAtOnceAreCountedOverBothGateways) {
  Model model(loop_);
  config_.tenants[0].limits.concurrent_requests = 3;
  start_both(model);
  int served = 0;
  // Each gives its place back; if one did not, fewer would be served.
  for (int i = 0; i < 12; ++i) {
    auto response = send_to(i % 2 == 0 ? address_ : other_listener_->address(), kChat);
    while (response.status == 503)
      response = send_to(i % 2 == 0 ? address_ : other_listener_->address(), kChat);
    served += response.status == 200 ? 1 : 0;
  }
  EXPECT_EQ(served, 12);
}

TEST_F(GatewaySharedTest, TwoGatewaysHoldEachMemberToItsLimitsTogether) {
  Model model(loop_);
  config_.tenants[0].member_limits.requests_per_hour = 12;
  config_.tenants[0].members = {{"bob", {.budget = {.tokens_per_day = 80}}}};
  start_both(model);
  be_member("ann");
  EXPECT_EQ(use_up(kChat), 12);
  EXPECT_EQ(last_.status, 429);
  EXPECT_THAT(last_.body, HasSubstr("this member's rate limit of 12 requests per hour is reached"));
  // A request of kStream reserves 29 tokens and uses 8.
  be_member("bob");
  const int served = use_up(kStream);
  EXPECT_LE(served * 8, 80);
  EXPECT_GE(served * 8 + 29, 80);
  EXPECT_THAT(last_.body, HasSubstr("this member's budget of 80 tokens per day"));
  // The next process says what it has used before anything is lent.
  gateway_.reset();
  start({model.address});
  for (const char* member : {"ann", "bob"}) {
    be_member(member);
    auto response = send_to(address_, kStream);
    while (response.status == 503)
      response = send_to(address_, kStream);
    EXPECT_EQ(response.status, 429) << member;
  }
}

TEST_F(GatewaySharedTest, ATenantThatIsMadeAnewHasBudgetsOfItsOwn) {
  Model model(loop_);
  config_.tenants[0].uid = "former";
  config_.tenants[0].limits.budget.tokens_per_day = 60;
  config_.tenants[0].member_limits.budget.tokens_per_day = 40;
  start_both(model);
  be_member("ann");
  const int members = use_up(kStream);
  EXPECT_THAT(last_.body, HasSubstr("this member's budget"));
  credential_ = key_of("alphaalpha");
  EXPECT_GT(use_up(kStream), 0);
  EXPECT_THAT(last_.body, HasSubstr("the tenant's budget"));
  config_.tenants[0].uid = "latter";
  apply();
  ASSERT_TRUE(wait(other_->apply(config_)));
  be_member("ann");
  EXPECT_EQ(use_up(kStream), members);
  EXPECT_THAT(last_.body, HasSubstr("this member's budget"));
  credential_ = key_of("alphaalpha");
  EXPECT_GT(use_up(kStream), 0);
}

TEST_F(GatewaySharedTest, WithoutTheStoreWhatIsHeldIsServedAndThenTheReasonIsSaid) {
  Model model(loop_);
  config_.tenants[0].limits.requests_per_hour = 1000;
  config_.tenants[1].limits.requests_per_hour = std::nullopt;
  start_both(model);
  while (send_to(address_, kChat).status == 503) {
  }
  store_.is_away = true;
  auto response = send_to(address_, kChat);
  for (int i = 0; i < 1000 && response.status == 200; ++i)
    response = send_to(address_, kChat);
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body, HasSubstr(R"("code":"limits_unavailable")"));
  EXPECT_THAT(response.body, HasSubstr("the store of limits cannot be reached"));
  EXPECT_EQ(response.headers.get("Retry-After"), "1");
  EXPECT_THAT(registry_.expose(), HasSubstr("insula_gateway_limit_store_away 1"));
  // Who has no limits is served.
  EXPECT_EQ(send("POST", "/beta/v1/chat/completions", bearer(key_of("betabetabe")), kChat).status,
            200);
  store_.is_away = false;
  while (response.status == 503)
    response = send_to(address_, kChat);
  EXPECT_EQ(response.status, 200);
}

}  // namespace
}  // namespace insula::gateway
