#include "api/quantity.h"

#include <gtest/gtest.h>

namespace insula::api {
namespace {

Quantity quantity(std::string_view text) {
  auto parsed = Quantity::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed.value_or(Quantity::of(-1));
}

TEST(Quantity, WritesTheCanonicalForm) {
  const std::pair<const char*, const char*> cases[] = {
      {"0", "0"},
      {"100m", "100m"},
      {"1000m", "1"},
      {"0.5", "500m"},
      {"1.5Gi", "1536Mi"},
      {"1024Mi", "1Gi"},
      {"1Ki", "1Ki"},
      {"1000", "1k"},
      {"1500", "1500"},
      {"2048", "2048"},
      {"1e3", "1e3"},
      {"1E3", "1e3"},
      {"12e-1", "1200e-3"},
      {"1E", "1E"},
      {"1000E", "1000E"},
      {"0.5Ki", "512"},
      {"-1.5", "-1500m"},
      {"+1", "1"},
      {"1n", "1n"},
      {"0.1n", "1n"},
      {".5", "500m"},
      {"5.", "5"},
      {"0.0000000001", "1n"},
      {"100u", "100u"},
      {"0Gi", "0"},
      {"-4Mi", "-4Mi"},
      {"1.0001Ki", "1024102400u"},
      {"9223372036854775807", "9223372036854775807"},
      {"00001", "1"},
      {"1e-100", "1e-9"},
  };
  for (const auto& [text, canonical] : cases)
    EXPECT_EQ(quantity(text).text(), canonical) << text;
}

TEST(Quantity, RefusesWhatIsNotAQuantity) {
  for (const char* text : {"", "-", ".", "1.2.3", "Gi", "1gi", "1K", "1 Gi", " 1", "1e", "1e1.5",
                           "0x10", "1Gii", "1mm", "--1", "1e+-3"}) {
    EXPECT_FALSE(Quantity::parse(text).has_value()) << text;
  }
  EXPECT_EQ(Quantity::parse("1gi").error().message(),
            "quantities must match the regular expression "
            "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

TEST(Quantity, ComparesByValueAcrossNotations) {
  EXPECT_EQ(quantity("1"), quantity("1000m"));
  EXPECT_EQ(quantity("1Ki"), quantity("1024"));
  EXPECT_LT(quantity("1G"), quantity("1Gi"));
  EXPECT_LT(quantity("-1"), quantity("1n"));
}

TEST(Quantity, AddsAndSubtractsExactlyAndKeepsTheNotation) {
  EXPECT_EQ((quantity("1Gi") + quantity("512Mi")).text(), "1536Mi");
  EXPECT_EQ((quantity("1") - quantity("100m")).text(), "900m");
  EXPECT_EQ((Quantity() + quantity("4Gi")).text(), "4Gi");
  EXPECT_EQ((quantity("250m") * 8).text(), "2");
  Quantity sum;
  for (int i = 0; i < 10; ++i)
    sum += quantity("0.1");
  EXPECT_EQ(sum, Quantity::of(1));
}

TEST(Quantity, StaysAtItsLimitInsteadOfOverflowing) {
  const Quantity huge = quantity("99999999999999999999999999999999999999999999999999E");
  EXPECT_EQ(huge + huge, huge);
  EXPECT_EQ(huge * -2, Quantity() - huge);
  EXPECT_EQ(huge.text(), "100000000000E");
  EXPECT_EQ(huge.value(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(quantity("1e99999999999999999999"), huge);
}

TEST(Quantity, ReadsItsOwnTextWhateverTheSize) {
  for (const char* text :
       {"99999999999999991.5Gi", "102399999999999991296Mi", "1.0000000000000000000000000001Ei",
        "9000000000062.5Ki", "99999999999999999999999999999",
        "0.00000000000000000000000000000001Ei"}) {
    EXPECT_EQ(quantity(quantity(text).text()), quantity(text)) << text;
  }
  EXPECT_EQ(quantity("1.0000000000000000000000000001Ei") - quantity("1Ei"), quantity("1n"));
}

TEST(Quantity, RoundsUpToWholeUnits) {
  EXPECT_EQ(quantity("1500m").value(), 2);
  EXPECT_EQ(quantity("-1500m").value(), -2);
  EXPECT_EQ(quantity("1.0001").milli_value(), 1001);
  EXPECT_EQ(quantity("2Gi").value(), 2147483648);
}

}  // namespace
}  // namespace insula::api
