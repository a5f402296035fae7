#include "gateway/prices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kList = R"(
currency: TWD
models:
  "*": {prompt: 0.15, cached: 0.075, completion: 0.60}
  small: {prompt: 0.01875, completion: 1}
)";

TEST(Prices, AreReadFromYamlAndWrittenBackAlike) {
  const PriceList prices = parse_prices(kList).value();
  EXPECT_EQ(prices.currency, "TWD");
  EXPECT_EQ(prices.of("any"), (ModelPrice{150'000, 75'000, 600'000}));
  EXPECT_EQ(prices.of("small"), (ModelPrice{18'750, 18'750, 1'000'000}));
  EXPECT_EQ(parse_prices(write_prices(prices)).value(), prices);
  EXPECT_EQ(prices_from_json(to_json_value(prices)).value(), prices);
  EXPECT_EQ(PriceList{}.of("any"), ModelPrice{});
  EXPECT_EQ(parse_prices("models: {}").value().currency, kCurrencyDefault);
}

TEST(Prices, EveryPriceOfSixDecimalsSurvivesTheWayThroughYaml) {
  for (const std::int64_t micros : {std::int64_t{0}, std::int64_t{1}, std::int64_t{123'456},
                                    std::int64_t{999'999'999'999}, kPriceMax}) {
    const PriceList prices{.currency = "USD", .models = {{"m", {micros, micros, micros}}}};
    EXPECT_EQ(parse_prices(write_prices(prices)).value(), prices) << micros;
    EXPECT_EQ(parse_price(price_text(micros)).value(), micros);
  }
}

TEST(Prices, WhatIsWrongIsNamedWithItsPlace) {
  const std::vector<std::pair<std::string_view, std::string_view>> wrong = {
      {"7", "must have currency and models"},
      {"currency: dollars", "three capital letters"},
      {"prices: {}", "\"prices\" is none of currency and models"},
      {"models: []", "models: must be a map"},
      {"models: {m: 0.15}", "models[\"m\"]: must have prompt and completion"},
      {"models: {m: {prompt: 1}}", "models[\"m\"]: has no completion"},
      {"models: {m: {completion: 1}}", "models[\"m\"]: has no prompt"},
      {"models: {m: {prompt: 1, completion: 1, output: 1}}", "\"output\" is none of"},
      {"models: {m: {prompt: -1, completion: 1}}", "models[\"m\"].prompt: -1 is not between"},
      {"models: {m: {prompt: 1000001, completion: 1}}", "is not between 0 and 1000000"},
      {"models: {m: {prompt: '0.15', completion: 1}}", "must be a number such as 0.15"},
      {"models: {m: {prompt: 0.0000001, completion: 1}}", "more than 6 decimals"},
      {"models: {'': {prompt: 1, completion: 1}}", "a name must have 1 to 256 bytes"},
      {"models: {m: {prompt: 1", "line"}};
  for (const auto& [yaml, message] : wrong) {
    const auto prices = parse_prices(yaml);
    ASSERT_FALSE(prices) << yaml;
    EXPECT_THAT(prices.error().message(), HasSubstr(message)) << yaml;
  }
  for (const std::string_view text : {"", ".", "-1", "1e3", "0.1234567", "1000001", "1,5", "0x1"})
    EXPECT_FALSE(parse_price(text)) << text;
}

TEST(Prices, ACostIsExactForThreeDecimalsAndElseRoundedOnce) {
  const ModelPrice price{150'000, 75'000, 600'000};
  const llm::Usage usage{
      .prompt_tokens = 1'000'001, .completion_tokens = 3, .cached_tokens = 400'000};
  // 600001 x 150 + 400000 x 75 + 3 x 600 nano-units.
  EXPECT_EQ(cost_of(price, usage), 90'000'150 + 30'000'000 + 1'800);
  EXPECT_EQ(cost_text(cost_of(price, usage)), "0.12000195");
  EXPECT_EQ(cost_of({499, 0, 0}, {.prompt_tokens = 1}), 0);
  EXPECT_EQ(cost_of({500, 0, 0}, {.prompt_tokens = 1}), 1);
  const llm::Usage most{.prompt_tokens = llm::kTokensMax, .completion_tokens = llm::kTokensMax};
  EXPECT_EQ(cost_text(cost_of({kPriceMax, kPriceMax, kPriceMax}, most)), "200000000");
  const llm::Usage absurd{.prompt_tokens = INT64_MAX, .completion_tokens = INT64_MAX};
  EXPECT_EQ(cost_of({kPriceMax, kPriceMax, kPriceMax}, absurd), INT64_MAX);
}

TEST(Prices, NumbersAreWrittenWithoutNeedlessZeros) {
  EXPECT_EQ(cost_text(0), "0");
  EXPECT_EQ(cost_text(1), "0.000000001");
  EXPECT_EQ(cost_text(-1'500'000'000), "-1.5");
  EXPECT_EQ(cost_text(INT64_MAX), "9223372036.854775807");
  EXPECT_EQ(price_text(600'000), "0.6");
}

}  // namespace
}  // namespace insula::gateway
