#include "gateway/prices.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/number.h"
#include "json/yaml.h"

namespace insula::gateway {
namespace {

constexpr int kPriceDecimals = 6;
constexpr int kCostDecimals = 9;
constexpr std::size_t kModelNameBytesMax = 256;

using Wide = __int128;

std::unexpected<Error> wrong(std::string_view where, std::string_view what) {
  return fail(ErrorCode::kInvalid, fmt::format("{}: {}", where, what));
}

std::unexpected<Error> no_price(std::string_view text) {
  return fail(ErrorCode::kInvalid,
              fmt::format("\"{}\" is no price for a million tokens: a number from 0 to {}, with up "
                          "to {} decimals, such as 0.15",
                          text, kPriceMax / kMicrosPerUnit, kPriceDecimals));
}

/// A decimal number scaled by 10^decimals, without zeros behind its last digit.
std::string decimal_text(std::int64_t scaled, int decimals) {
  std::int64_t unit = 1;
  for (int i = 0; i < decimals; ++i)
    unit *= 10;
  const bool negative = scaled < 0;
  const std::uint64_t size =
      negative ? 0 - static_cast<std::uint64_t>(scaled) : static_cast<std::uint64_t>(scaled);
  const auto whole = size / static_cast<std::uint64_t>(unit);
  const auto fraction = size % static_cast<std::uint64_t>(unit);
  std::string text = fmt::format("{}{}", negative ? "-" : "", whole);
  if (fraction == 0) return text;
  text += fmt::format(".{:0{}}", fraction, decimals);
  text.erase(text.find_last_not_of('0') + 1);
  return text;
}

Result<std::int64_t> price_in(const json::Value& value, const std::string& where) {
  const auto number = value.as_double();
  if (!number) return wrong(where, "must be a number such as 0.15");
  constexpr std::int64_t kUnitsMax = kPriceMax / kMicrosPerUnit;
  if (!(*number >= 0 && *number <= static_cast<double>(kUnitsMax)))
    return wrong(where, fmt::format("{} is not between 0 and {}", *number, kUnitsMax));
  const double micros = *number * static_cast<double>(kMicrosPerUnit);
  const double rounded = std::round(micros);
  // A number of six decimals is off by less than this once it is binary.
  if (std::abs(micros - rounded) > 1e-3)
    return wrong(where, fmt::format("{} has more than {} decimals", *number, kPriceDecimals));
  return static_cast<std::int64_t>(rounded);
}

Result<ModelPrice> model_price(const json::Value& value, const std::string& where) {
  constexpr std::array<std::pair<std::string_view, std::int64_t ModelPrice::*>, 3> kKinds = {
      {{"prompt", &ModelPrice::prompt},
       {"cached", &ModelPrice::cached},
       {"completion", &ModelPrice::completion}}};
  const json::Object* members = value.as_object();
  if (members == nullptr) return wrong(where, "must have prompt and completion, and maybe cached");
  ModelPrice price;
  for (const auto& [key, given] : *members) {
    const auto kind = std::ranges::find(kKinds, key, [](const auto& each) { return each.first; });
    if (kind == kKinds.end())
      return wrong(where, fmt::format("\"{}\" is none of prompt, cached and completion", key));
    INSULA_TRY(price.*kind->second, price_in(given, fmt::format("{}.{}", where, key)));
  }
  for (const char* needed : {"prompt", "completion"}) {
    if (!members->contains(needed)) return wrong(where, fmt::format("has no {}", needed));
  }
  if (!members->contains("cached")) price.cached = price.prompt;
  return price;
}

Result<> read_models(PriceList& prices, const json::Value& value) {
  const json::Object* models = value.as_object();
  if (models == nullptr) return wrong("models", "must be a map from names of models, or \"*\"");
  if (models->size() > PriceList::kModelsMax)
    return wrong("models", fmt::format("has {} models; at most {} may have a price", models->size(),
                                       PriceList::kModelsMax));
  for (const auto& [name, price] : *models) {
    if (name.empty() || name.size() > kModelNameBytesMax)
      return wrong("models", fmt::format("a name must have 1 to {} bytes", kModelNameBytesMax));
    INSULA_TRY(prices.models[name], model_price(price, fmt::format("models[\"{}\"]", name)));
  }
  return {};
}

}  // namespace

const ModelPrice* PriceList::find(std::string_view model) const {
  auto found = models.find(model);
  if (found == models.end()) found = models.find(kAnyModel);
  return found == models.end() ? nullptr : &found->second;
}

const ModelPrice& PriceList::of(std::string_view model) const {
  static constexpr ModelPrice kFree;
  const ModelPrice* price = find(model);
  return price == nullptr ? kFree : *price;
}

std::int64_t cost_of(const ModelPrice& price, const llm::Usage& usage) {
  constexpr Wide kPicosPerNano = 1000;
  const Wide fresh = Wide(usage.prompt_tokens) - usage.cached_tokens;
  const Wide picos = fresh * price.prompt + Wide(usage.cached_tokens) * price.cached +
                     Wide(usage.completion_tokens) * price.completion;
  const Wide nanos = (picos + kPicosPerNano / 2) / kPicosPerNano;
  return static_cast<std::int64_t>(std::clamp<Wide>(nanos, 0, INT64_MAX));
}

bool is_currency(std::string_view text) {
  return text.size() == 3 && std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

Result<PriceList> prices_from_json(const json::Value& value) {
  const json::Object* members = value.as_object();
  if (members == nullptr) return wrong("prices", "must have currency and models");
  PriceList prices{.currency = std::string(kCurrencyDefault), .models = {}};
  for (const auto& [key, given] : *members) {
    if (key == "currency") {
      if (!is_currency(given.text()))
        return wrong("currency", "must be three capital letters of ISO 4217, such as USD");
      prices.currency = given.text();
    } else if (key == "models") {
      INSULA_TRY_VOID(read_models(prices, given));
    } else {
      return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is none of currency and models", key));
    }
  }
  return prices;
}

json::Value to_json_value(const PriceList& prices) {
  const auto units = [](std::int64_t micros) {
    return static_cast<double>(micros) / static_cast<double>(kMicrosPerUnit);
  };
  json::Object models;
  for (const auto& [name, price] : prices.models) {
    models[name] = json::Object{{"prompt", units(price.prompt)},
                                {"cached", units(price.cached)},
                                {"completion", units(price.completion)}};
  }
  return json::Object{{"currency", prices.currency}, {"models", std::move(models)}};
}

Result<PriceList> parse_prices(std::string_view yaml) {
  INSULA_TRY(const json::Value value, json::parse_yaml_document(yaml));
  return prices_from_json(value);
}

std::string write_prices(const PriceList& prices) {
  return json::write_yaml(to_json_value(prices));
}

Result<std::int64_t> parse_price(std::string_view text) {
  const std::size_t point = text.find('.');
  const std::string_view fraction = point == text.npos ? "0" : text.substr(point + 1);
  const auto whole = parse_whole<std::uint32_t>(text.substr(0, point));
  const auto part = parse_whole<std::uint32_t>(fraction);
  if (!whole || !part || fraction.size() > kPriceDecimals) return no_price(text);
  std::int64_t micros = *part;
  for (std::size_t digits = fraction.size(); digits < kPriceDecimals; ++digits)
    micros *= 10;
  micros += *whole * kMicrosPerUnit;
  if (micros > kPriceMax) return no_price(text);
  return micros;
}

std::string price_text(std::int64_t micros) {
  return decimal_text(micros, kPriceDecimals);
}

std::string cost_text(std::int64_t nanos) {
  return decimal_text(nanos, kCostDecimals);
}

}  // namespace insula::gateway
