#include "cli/prices.h"

#include <functional>
#include <utility>

#include <fmt/format.h>

#include "api/gen/core_v1.h"
#include "api/platform_objects.h"
#include "client/typed.h"
#include "gateway/platform_config.h"

namespace insula::cli {
namespace {

constexpr std::size_t kModelNameBytesMax = 256;

Result<std::int64_t> price_of(const char* flag, const std::string& text) {
  auto price = gateway::parse_price(text);
  if (!price) return std::unexpected(std::move(price).error().in(flag));
  return price;
}

Result<gateway::ModelPrice> model_price(const PriceOrder& order) {
  gateway::ModelPrice price;
  INSULA_TRY(price.prompt, price_of("--prompt", order.prompt));
  price.cached = price.prompt;
  if (!order.cached.empty()) {
    INSULA_TRY(price.cached, price_of("--cached", order.cached));
  }
  INSULA_TRY(price.completion, price_of("--completion", order.completion));
  return price;
}

Result<> put_price(gateway::PriceList& prices, const PriceOrder& order) {
  INSULA_TRY(const gateway::ModelPrice price, model_price(order));
  if (order.model.size() > kModelNameBytesMax) {
    return fail(ErrorCode::kInvalid,
                fmt::format("a model's name has at most {} bytes", kModelNameBytesMax));
  }
  if (!order.currency.empty() && !gateway::is_currency(order.currency)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("--currency: \"{}\" is not three capital letters of ISO 4217, such as "
                            "USD",
                            order.currency));
  }
  const bool has_others = prices.models.size() > (prices.models.contains(order.model) ? 1U : 0U);
  if (!order.currency.empty() && has_others && order.currency != prices.currency) {
    return fail(ErrorCode::kInvalid,
                fmt::format("--currency: the other prices are in {}, and all must be in one "
                            "currency",
                            prices.currency));
  }
  if (!order.currency.empty()) prices.currency = order.currency;
  if (prices.currency.empty()) prices.currency = gateway::kCurrencyDefault;
  prices.models[order.model] = price;
  if (prices.models.size() <= gateway::PriceList::kModelsMax) return {};
  return fail(ErrorCode::kInvalid, fmt::format("{} models have a price, the most there may be",
                                               gateway::PriceList::kModelsMax));
}

/// The ConfigMap; nothing when there is none.
Task<Result<std::optional<api::ConfigMap>>> stored(client::Client& client) {
  auto found =
      co_await client::get<api::ConfigMap>(client, api::kSystemNamespace, api::kModelPrices);
  if (!found && found.error().code() == ErrorCode::kNotFound) co_return std::nullopt;
  if (!found) co_return std::unexpected(std::move(found).error());
  co_return *std::move(found);
}

/// Reads the prices, changes and writes them, again when somebody else wrote in between.
Task<Result<>> change_prices(client::Client& client,
                             std::function<Result<>(gateway::PriceList&)> change) {
  for (int attempt = 0;; ++attempt) {
    INSULA_CO_TRY(auto object, co_await stored(client));
    INSULA_CO_TRY(gateway::PriceList prices, gateway::price_list(object ? &*object : nullptr));
    INSULA_CO_TRY_VOID(change(prices));
    const bool made = object.has_value();
    api::ConfigMap next = object.value_or(api::ConfigMap{});
    next.metadata.name = api::kModelPrices;
    next.metadata.namespace_ = api::kSystemNamespace;
    next.data[api::kModelPricesEntry] = gateway::write_prices(prices);
    auto written = made ? co_await client::update(client, std::move(next))
                        : co_await client::create(client, std::move(next));
    if (written) co_return Result<>{};
    const ErrorCode code = written.error().code();
    const bool again = code == ErrorCode::kConflict || code == ErrorCode::kAlreadyExists;
    if (!again || attempt >= client::kConflictRetriesMax)
      co_return std::unexpected(std::move(written).error());
  }
}

}  // namespace

Task<Result<gateway::PriceList>> list_prices(client::Client& client) {
  INSULA_CO_TRY(const auto object, co_await stored(client));
  co_return gateway::price_list(object ? &*object : nullptr);
}

Task<Result<>> set_price(client::Client& client, PriceOrder order) {
  const auto put = [order = std::move(order)](gateway::PriceList& prices) {
    return put_price(prices, order);
  };
  co_return co_await change_prices(client, put);
}

Task<Result<>> remove_price(client::Client& client, std::string model) {
  const auto take = [model = std::move(model)](gateway::PriceList& prices) -> Result<> {
    if (prices.models.erase(model) > 0) return {};
    return fail(ErrorCode::kNotFound, fmt::format("model \"{}\" has no price of its own", model));
  };
  co_return co_await change_prices(client, take);
}

}  // namespace insula::cli
