#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/quantity.h"
#include "base/check.h"

/// The canonical text of a quantity is a quantity of the same value, and arithmetic stays in
/// bounds.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto quantity = insula::api::Quantity::parse(text);
  if (!quantity) return 0;
  const auto again = insula::api::Quantity::parse(quantity->text());
  INSULA_CHECK(again.has_value() && *again == *quantity, quantity->text());
  const auto sum = *quantity + *quantity;
  INSULA_CHECK(sum.is_negative() == quantity->is_negative());
  INSULA_CHECK((sum * -3).is_negative() != quantity->is_negative() || quantity->is_zero());
  INSULA_CHECK((*quantity - *quantity).is_zero());
  (void)quantity->value();
  (void)quantity->milli_value();
  return 0;
}
