#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "json/value.h"
#include "llm/usage.h"

namespace insula::gateway {

/// Costs are counted in nano-units, billionths of the currency's unit. A price of up to three
/// decimals for a million tokens is a whole number of them for each token; what a request costs at
/// a finer price is rounded once.
///
/// Prices are kept in micro-units for a million tokens, which are pico-units for one.
inline constexpr std::int64_t kMicrosPerUnit = 1'000'000;
inline constexpr std::int64_t kPriceMax = 1'000'000 * kMicrosPerUnit;

/// What a million tokens of a model cost, by kind, in micro-units.
struct ModelPrice {
  std::int64_t prompt = 0;
  /// Of the prompt's tokens that came from the model's cache.
  std::int64_t cached = 0;
  std::int64_t completion = 0;

  bool operator==(const ModelPrice&) const = default;
};

/// What all models cost, in one currency.
struct PriceList {
  static constexpr std::size_t kModelsMax = 1000;
  /// The price of models that have none of their own.
  static constexpr std::string_view kAnyModel = "*";

  std::string currency;  // ISO 4217: three capital letters; empty: there is no list
  std::map<std::string, ModelPrice, std::less<>> models;

  /// Null for a model without a price.
  [[nodiscard]] const ModelPrice* find(std::string_view model) const;

  /// All zero for a model without a price.
  [[nodiscard]] const ModelPrice& of(std::string_view model) const;

  bool operator==(const PriceList&) const = default;
};

inline constexpr std::string_view kCurrencyDefault = "USD";

/// In nano-units, rounded half up. Requires: prices up to kPriceMax. Does not overflow for what
/// llm::parse_usage() believes, and saturates beyond.
[[nodiscard]] std::int64_t cost_of(const ModelPrice& price, const llm::Usage& usage);

/// The text of the ConfigMap entry: YAML with `currency` and `models`, by name or `*`, each with
/// `prompt` and `completion` and maybe `cached` (that of the prompt when it is left out), in units
/// of the currency for a million tokens.
///
/// Errors: kInvalid, with the place and what would be right; kBadRequest when it is no YAML.
[[nodiscard]] Result<PriceList> parse_prices(std::string_view yaml);
/// As parse_prices() reads it.
[[nodiscard]] std::string write_prices(const PriceList& prices);

/// The same as JSON values, for the snapshot on disk.
[[nodiscard]] Result<PriceList> prices_from_json(const json::Value& value);
[[nodiscard]] json::Value to_json_value(const PriceList& prices);

/// `0.15` as micro-units. Errors: kInvalid for what is no price: 0 to a million, up to six
/// decimals.
[[nodiscard]] Result<std::int64_t> parse_price(std::string_view text);

/// Micro-units as `0.15`; nano-units as `0.000123456`. Without zeros at the end.
[[nodiscard]] std::string price_text(std::int64_t micros);
[[nodiscard]] std::string cost_text(std::int64_t nanos);

[[nodiscard]] bool is_currency(std::string_view text);

}  // namespace insula::gateway
