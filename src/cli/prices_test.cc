#include "cli/prices.h"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gen/core_v1.h"
#include "api/platform_objects.h"
#include "async/loop.h"
#include "client/testing/fake_api.h"
#include "client/typed.h"
#include "testing/fake_clock.h"

namespace insula::cli {
namespace {

using ::testing::HasSubstr;

class PriceCommands : public ::testing::Test {
 protected:
  void SetUp() override {
    api::Namespace system;
    system.metadata.name = api::kSystemNamespace;
    ASSERT_TRUE(wait(client::create(api_, system)));
  }

  template <class T>
  Result<T> wait(Task<Result<T>> task) {
    std::optional<Result<T>> out;
    run_until_complete(loop_, [](Task<Result<T>> t, std::optional<Result<T>>& slot) -> Task<> {
      slot.emplace(co_await std::move(t));
    }(std::move(task), out));
    return *std::move(out);
  }

  Result<> set(std::string model, PriceOrder order) {
    order.model = std::move(model);
    return wait(set_price(api_, std::move(order)));
  }

  [[nodiscard]] std::string stored() {
    const auto map =
        wait(client::get<api::ConfigMap>(api_, api::kSystemNamespace, api::kModelPrices));
    return map ? map->data.at(api::kModelPricesEntry) : map.error().message();
  }

  testing::FakeClock clock_;
  Loop loop_;
  client::testing::FakeApi api_{clock_};
};

TEST_F(PriceCommands, SetListAndRemoveWriteTheConfigMap) {
  EXPECT_EQ(wait(list_prices(api_)).value(), gateway::PriceList{});
  ASSERT_TRUE(set("*", {.prompt = "0.15", .cached = "0.075", .completion = "0.60"}));
  ASSERT_TRUE(set("small", {.prompt = "0.01", .completion = "0.02"}));
  const gateway::PriceList prices = wait(list_prices(api_)).value();
  EXPECT_EQ(prices.currency, "USD");
  EXPECT_EQ(prices.of("large"), (gateway::ModelPrice{150'000, 75'000, 600'000}));
  EXPECT_EQ(prices.of("small"), (gateway::ModelPrice{10'000, 10'000, 20'000}));
  EXPECT_THAT(stored(), HasSubstr("currency: USD"));
  ASSERT_TRUE(wait(remove_price(api_, "small")));
  EXPECT_EQ(wait(list_prices(api_))->of("small").prompt, 150'000);
  EXPECT_EQ(wait(remove_price(api_, "small")).error().code(), ErrorCode::kNotFound);
}

TEST_F(PriceCommands, AllPricesAreInOneCurrency) {
  ASSERT_TRUE(set("m", {.prompt = "1", .completion = "2", .currency = "TWD"}));
  ASSERT_TRUE(set("m", {.prompt = "1", .completion = "2", .currency = "EUR"}));
  ASSERT_TRUE(set("n", {.prompt = "1", .completion = "2"}));
  EXPECT_EQ(wait(list_prices(api_))->currency, "EUR");
  const auto refused = set("m", {.prompt = "1", .completion = "2", .currency = "USD"});
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalid);
  EXPECT_THAT(refused.error().message(), HasSubstr("the other prices are in EUR"));
}

TEST_F(PriceCommands, WhatIsWrongIsNamedAndChangesNothing) {
  ASSERT_TRUE(set("m", {.prompt = "1", .completion = "2"}));
  const std::string before = stored();
  for (const auto& [order, flag] : std::vector<std::pair<PriceOrder, const char*>>{
           {{.prompt = "free", .completion = "1"}, "--prompt: \"free\""},
           {{.prompt = "1", .cached = "-1", .completion = "1"}, "--cached: \"-1\""},
           {{.prompt = "1", .completion = "0.0000001"}, "--completion: \"0.0000001\""},
           {{.prompt = "1", .completion = "1", .currency = "dollars"},
            "--currency: \"dollars\""}}) {
    const auto refused = set("m", order);
    ASSERT_FALSE(refused) << flag;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalid);
    EXPECT_THAT(refused.error().message(), HasSubstr(flag));
  }
  EXPECT_EQ(stored(), before);
}

TEST_F(PriceCommands, AListThatCannotBeUnderstoodIsNotWrittenOver) {
  api::ConfigMap broken;
  broken.metadata.name = api::kModelPrices;
  broken.metadata.namespace_ = api::kSystemNamespace;
  broken.data[api::kModelPricesEntry] = "models: [";
  ASSERT_TRUE(wait(client::create(api_, broken)));
  EXPECT_THAT(set("m", {.prompt = "1", .completion = "2"}).error().message(),
              HasSubstr("ConfigMap insula-system/model-prices, prices.yaml"));
  EXPECT_EQ(stored(), "models: [");
}

}  // namespace
}  // namespace insula::cli
