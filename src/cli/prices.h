#pragma once

#include <optional>
#include <string>

#include "async/task.h"
#include "base/error.h"
#include "client/client.h"
#include "gateway/prices.h"

namespace insula::cli {

/// Which price is wanted, as texts such as `0.15`.
struct PriceOrder {
  std::string model;  // or gateway::PriceList::kAnyModel
  std::string prompt;
  std::string cached;  // empty: that of the prompt
  std::string completion;
  std::string
      currency;  // empty: that of the list, or gateway::kCurrencyDefault for the first price
};

/// The prices that the platform's ConfigMap says; none when there is none. Errors: kInvalid when it
/// cannot be understood.
Task<Result<gateway::PriceList>> list_prices(client::Client& client);

/// Sets the price of a model, and makes the ConfigMap when there is none. Errors: kInvalid for what
/// is no price, for another currency than that of the others, and as list_prices().
Task<Result<>> set_price(client::Client& client, PriceOrder order);

/// Errors: kNotFound when the model has none of its own.
Task<Result<>> remove_price(client::Client& client, std::string model);

}  // namespace insula::cli
