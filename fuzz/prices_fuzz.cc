// The price list that an administrator writes into a ConfigMap: what is understood is written back
// alike, and costs nothing below zero.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gateway/prices.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace insula;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto price = gateway::parse_price(input); price) {
    if (gateway::parse_price(gateway::price_text(*price)).value() != *price) __builtin_trap();
  }
  const auto prices = gateway::parse_prices(input);
  if (!prices) return 0;
  const auto again = gateway::parse_prices(gateway::write_prices(*prices));
  if (!again || *again != *prices) __builtin_trap();
  const llm::Usage usage{
      .prompt_tokens = llm::kTokensMax, .completion_tokens = llm::kTokensMax, .cached_tokens = 1};
  for (const auto& [model, price] : prices->models) {
    if (gateway::cost_of(price, usage) < 0 || prices->of(model) != price) __builtin_trap();
  }
  return 0;
}
