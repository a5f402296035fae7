#include "api/expression_functions.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "cel/program.h"

namespace insula::api {
namespace {

/// `true`, `false`, `error: ...`, or the issues of what does not compile.
std::string outcome(std::string_view source) {
  const auto program = cel::Program::compile(source, {expression_functions(), {}});
  if (!program) return program.error().message();
  cel::Budget budget(1000);
  const auto value = program->evaluate({}, budget);
  if (!value) return "error: " + value.error().message();
  return value->is_true() ? "true" : "false";
}

TEST(ExpressionFunctions, KnowQuantities) {
  static constexpr std::string_view kTrue[] = {
      "isQuantity('1.3G') && isQuantity('1.3Gi') && isQuantity('10000k')",
      "!isQuantity('1,3G') && !isQuantity('200K') && !isQuantity('Three') && !isQuantity('Mi')",
      "quantity('1000m') == quantity('1') && quantity('1Gi') != quantity('1G')",
      "type(quantity('1')) == kubernetes.Quantity",
      "quantity('50k').isInteger() && quantity('50k').asInteger() == 50000",
      "!quantity('1m').isInteger() && !quantity('9999999999999999999G').isInteger()",
      "quantity('50k').sub(20000).asApproximateFloat() == 30000.0",
      "sign(quantity('-1')) == -1 && sign(quantity('0')) == 0 && sign(quantity('1m')) == 1",
      "quantity('50k').add(quantity('20k')) == quantity('70k')",
      "quantity('50k').add(20).sub(quantity('100k')).sub(-50000) == quantity('20')",
      "quantity('200M').compareTo(quantity('0.2G')) == 0",
      "quantity('50M').compareTo(quantity('50Mi')) == -1 && "
      "quantity('50Mi').compareTo(quantity('50M')) == 1",
      "quantity('150Mi').isGreaterThan(quantity('100Mi')) && "
      "!quantity('100M').isLessThan(quantity('50M'))",
      // The functions of versions have the same names.
      "semver('1.0.0').isLessThan(semver('1.0.1')) && isIP('::1')",
  };
  for (const std::string_view source : kTrue)
    EXPECT_EQ(outcome(source), "true") << source;
}

TEST(ExpressionFunctions, KnowFormatsByName) {
  static constexpr std::string_view kTrue[] = {
      "!format.dns1123Label().validate('a-b').hasValue()",
      "format.dns1123Label().validate('A').hasValue() && "
      "format.dns1123Label().validate('a.b').value() == ['must not contain dots']",
      "!format.dns1123Subdomain().validate('a.b').hasValue() && "
      "format.dns1035Label().validate('1a').hasValue()",
      "!format.qualifiedName().validate('a.b/C_d').hasValue() && "
      "format.labelValue().validate('-a').hasValue()",
      "!format.dns1123LabelPrefix().validate('a-').hasValue() && "
      "!format.dns1123SubdomainPrefix().validate('a.b-').hasValue() && "
      "!format.dns1035LabelPrefix().validate('a-').hasValue()",
      "format.dns1123Label().validate('a-').hasValue()",
      "!format.uri().validate('https://a/b').hasValue() && format.uri().validate('x').value() == "
      "['parse \"x\": invalid URI for request']",
      "format.uuid().validate('x').value() == ['does not match the UUID format']",
      "!format.uuid().validate('123e4567-e89b-12d3-a456-426614174000').hasValue()",
      "format.byte().validate('!').value() == ['invalid base64'] && "
      "format.date().validate('2020-13-01').value() == ['invalid date'] && "
      "format.datetime().validate('x').value() == ['invalid datetime']",
      "format.named('uri').hasValue() && !format.named('urn').hasValue()",
      "format.named('date').value() == format.date() && format.date() != format.byte()",
  };
  for (const std::string_view source : kTrue)
    EXPECT_EQ(outcome(source), "true") << source;
}

TEST(ExpressionFunctions, TellWhatIsNoQuantity) {
  EXPECT_TRUE(
      outcome("quantity('x') == quantity('1')").starts_with("error: quantities must match"));
  EXPECT_EQ(outcome("quantity('1.5').asInteger() == 1"), "error: cannot convert value to integer");
  EXPECT_TRUE(outcome("quantity('1').isLessThan(1)").find("found no matching overload") !=
              std::string::npos);
}

}  // namespace
}  // namespace insula::api
